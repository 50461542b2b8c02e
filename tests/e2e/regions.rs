//! Two regions, one of which fails: what callers see, what each region is asked, and how the failed one comes back.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};

use crate::bed::{Bed, Settings, ask, ask_script, expect_error, with};
use crate::case::Cases;
use crate::outcome;
use crate::simulator::{REGION, Simulator};

/// The region that stands in for [`REGION`].
pub(crate) const OTHER: &str = "us-west-2";

/// Each way in which a region can fail as a whole, as `/_sim/faults` takes it.
fn faults() -> Vec<(&'static str, Value)> {
    vec![
        ("throttle", json!({ "throttle_every": 1 })),
        ("503", json!({ "error_rate": 1.0 })),
        ("500", json!({ "error_rate": 1.0, "error": { "type": "InternalServerException" } })),
        ("hang", json!({ "hang": true })),
        ("reset", json!({ "reset": true })),
        ("down", json!({ "down": true })),
    ]
}

/// A proxy with both regions, whose breakers open soon and for a short time.
pub(crate) async fn two_regions(bedrock: &str) -> anyhow::Result<(Bed, Simulator)> {
    let (bed, other) = Bed::with_regions(OTHER, |endpoint| Settings {
        bedrock: format!(
            "failover_regions = [\"{OTHER}\"]\n  endpoints = {{ \"{OTHER}\" = \"{endpoint}\" }}\n  residency = \"us\"\n  \
             first_byte_timeout = \"1s\"\n  breaker {{\n    consecutive_failures = 2\n    open_for = \"500ms\"\n    \
             open_max = \"1s\"\n    probes = 2\n  }}\n  {bedrock}"
        ),
        ..Settings::default()
    })
    .await?;
    Ok((bed, other))
}

pub(crate) async fn set_fault(simulator: &Simulator, fault: &Value) -> anyhow::Result<()> {
    let body = json!({ "rules": [fault] }).to_string();
    let call = Call::new(Method::PUT, &format!("{}/_sim/faults", simulator.endpoint))?;
    let reply = call.header("content-type", "application/json")?.body(body).send().await?;
    ensure!(reply.status.is_success(), "PUT /_sim/faults: {} {}", reply.status, reply.text());
    Ok(())
}

pub(crate) async fn clear_faults(simulator: &Simulator) -> anyhow::Result<()> {
    let reply = Call::new(Method::DELETE, &format!("{}/_sim/faults", simulator.endpoint))?.send().await?;
    ensure!(reply.status.is_success(), "DELETE /_sim/faults: {} {}", reply.status, reply.text());
    Ok(())
}

/// How many calls a region has received. The simulator keeps one log of all its regions.
pub(crate) async fn asked(bed: &Bed, region: &str) -> anyhow::Result<usize> {
    let invocations = bed.simulator.invocations().await?;
    Ok(invocations.iter().filter(|invocation| invocation["region"] == region).count())
}

/// A request whose answer is checked, streamed or whole.
async fn served(bed: &Bed, streamed: bool) -> anyhow::Result<()> {
    let request = ask_script(&json!({ "text": "from somewhere" }));
    if streamed {
        let outcome = outcome::read(&bed.stream_to_end(&request).await?)?;
        outcome.finished("stop")?;
        ensure!(outcome.text == "from somewhere", "{outcome:?}");
    } else {
        let body = bed.chat_ok(&request).await?;
        ensure!(body["choices"][0]["message"]["content"] == "from somewhere", "{body}");
    }
    Ok(())
}

/// The value of `nova_proxy_breaker_state` of a region.
async fn breaker_state(bed: &Bed, region: &str) -> anyhow::Result<String> {
    let page = bed.metrics_page().await?;
    let label = format!("region=\"{region}\"");
    let line =
        page.lines().find(|line| line.starts_with("nova_proxy_breaker_state{") && line.contains(&label));
    let value = line.and_then(|line| line.rsplit(' ').next());
    Ok(value.with_context(|| format!("no breaker of {region} in\n{page}"))?.to_owned())
}

#[tokio::test]
async fn every_request_is_served_by_the_other_region() {
    let (bed, _other) = two_regions("spill_on_throttle = true").await.unwrap();
    let mut cases = Cases::default();
    for (name, fault) in faults() {
        let result = async {
            set_fault(&bed.simulator, &fault).await?;
            let before = asked(&bed, OTHER).await?;
            for round in 0..8 {
                served(&bed, round % 2 == 0).await.with_context(|| format!("request {round}"))?;
            }
            let answered = asked(&bed, OTHER).await? - before;
            ensure!(answered == 8, "the other region was called {answered} times for 8 requests");
            let state = breaker_state(&bed, REGION).await?;
            ensure!(state != "0", "the breaker is closed although every call has failed");
            clear_faults(&bed.simulator).await?;
            comes_back(&bed).await
        };
        cases.note(name, result.await);
    }
    cases.all_hold();
}

/// Requests close the home region's breaker again, after which all of them go there and none fails.
async fn comes_back(bed: &Bed) -> anyhow::Result<()> {
    wait_for("the breaker to close", Duration::from_secs(20), async || {
        served(bed, false).await?;
        let state = breaker_state(bed, REGION).await?;
        Ok(if state == "0" { Look::Ready(()) } else { Look::NotYet(state) })
    })
    .await?;
    let before = asked(bed, REGION).await?;
    for round in 0..10 {
        served(bed, round % 2 == 0).await?;
        let state = breaker_state(bed, REGION).await?;
        ensure!(state == "0", "the breaker flaps: {state} after {round} requests");
    }
    let at_home = asked(bed, REGION).await? - before;
    ensure!(at_home == 10, "{at_home} of 10 requests went home after the recovery");
    Ok(())
}

#[tokio::test]
async fn nothing_is_asked_again_after_the_first_byte() {
    let (bed, _other) = two_regions("").await.unwrap();
    let mut cases = Cases::default();
    for script in [
        json!({ "deltas": ["a", "b", "c"], "error": { "type": "ServiceUnavailableException", "after_events": 3 } }),
        json!({ "deltas": ["a", "b", "c"], "disconnect_after_events": 3 }),
        json!({ "deltas": ["a", "b", "c"], "end_after_events": 3 }),
    ] {
        let result = async {
            let before = asked(&bed, OTHER).await? + asked(&bed, REGION).await?;
            let outcome = outcome::read(&bed.stream_to_end(&ask_script(&script)).await?)?;
            outcome.error()?;
            let calls = asked(&bed, OTHER).await? + asked(&bed, REGION).await? - before;
            ensure!(calls == 1, "{calls} calls");
            Ok(())
        };
        cases.note(&script, result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn what_the_request_is_at_fault_for_stays_where_it_was() {
    let (bed, _other) = two_regions("").await.unwrap();
    let mut cases = Cases::default();
    for (exception, status) in [
        ("ValidationException", 400),
        ("AccessDeniedException", 403),
        ("ServiceQuotaExceededException", 429),
        ("ModelErrorException", 424),
        ("ThrottlingException", 429),
    ] {
        for streamed in [false, true] {
            let result = async {
                let request = with(
                    ask_script(&json!({ "error": { "type": exception } })),
                    json!({ "stream": streamed }),
                );
                expect_error(&bed.chat(&request).await?, status, None)?;
                let calls = asked(&bed, OTHER).await?;
                ensure!(calls == 0, "the other region was called {calls} times");
                Ok(())
            };
            cases.note(format!("{exception}, streamed: {streamed}"), result.await);
        }
    }
    cases.all_hold();
}

#[tokio::test]
async fn when_both_regions_fail_the_caller_is_told_and_the_first_to_recover_serves() {
    let (bed, other) = two_regions("retry {\n    max_attempts = 1\n  }").await.unwrap();
    for simulator in [&bed.simulator, &other] {
        set_fault(simulator, &json!({ "error_rate": 1.0 })).await.unwrap();
    }
    for _ in 0..4 {
        expect_error(&bed.chat(&ask("Hello")).await.unwrap(), 503, None).unwrap();
    }
    // Both breakers are open now, and a request is not refused for that.
    clear_faults(&other).await.unwrap();
    served(&bed, false).await.unwrap();
    clear_faults(&bed.simulator).await.unwrap();
    comes_back(&bed).await.unwrap();
}
