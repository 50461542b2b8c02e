//! What Prometheus reads: the names, the counts, and nothing that belongs to callers.

use std::time::Duration;

use anyhow::ensure;
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};

use crate::bed::{Bed, ask, ask_script, with};
use crate::case::Cases;

/// The sum of all series of a name whose labels contain every one of these `name="value"` pairs.
fn sum(page: &str, name: &str, labels: &[&str]) -> f64 {
    page.lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .filter(|line| labels.iter().all(|label| line.contains(label)))
        .filter_map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()))
        .sum()
}

/// Waits until a series has a value: what is counted after an answer may come a moment after it.
pub(crate) async fn counted(bed: &Bed, name: &str, labels: &[&str], expected: f64) -> anyhow::Result<()> {
    wait_for(&format!("{name}{labels:?} = {expected}"), Duration::from_secs(10), async || {
        let page = bed.metrics_page().await?;
        let value = sum(&page, name, labels);
        let is_it = (value - expected).abs() < 1e-9;
        let series: Vec<_> = page.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
        Ok(if is_it { Look::Ready(()) } else { Look::NotYet(series) })
    })
    .await
}

#[tokio::test]
async fn requests_tokens_and_ends_are_counted() {
    let bed = Bed::start().await.unwrap();
    let usage = json!({ "inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 3 });
    let request = ask_script(&json!({ "text": "ok", "usage": usage }));
    bed.chat_ok(&request).await.unwrap();
    bed.stream_to_end(&request).await.unwrap();
    bed.chat(&ask_script(&json!({ "error": { "type": "ValidationException" } }))).await.unwrap();
    bed.stream_to_end(&ask_script(&json!({ "deltas": ["a", "b", "c"], "end_after_events": 3 })))
        .await
        .unwrap();
    bed.chat_ok(&with(ask("Hello"), json!({ "seed": 7 }))).await.unwrap();
    let mut cases = Cases::default();
    for (name, labels, expected) in [
        ("nova_proxy_requests_total", vec!["status=\"400\""], 1.0),
        ("nova_proxy_tokens_total", vec!["direction=\"cache_read\""], 8.0),
        ("nova_proxy_tokens_total", vec!["direction=\"cache_write\""], 6.0),
        ("nova_proxy_dropped_params_total", vec!["param=\"seed\""], 1.0),
        ("nova_proxy_streams_broken_total", vec![], 1.0),
        ("nova_proxy_requests_in_flight", vec![], 0.0),
        ("nova_proxy_time_to_first_token_seconds_count", vec![], 2.0),
    ] {
        cases.note(format!("{name}{labels:?}"), counted(&bed, name, &labels, expected).await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn every_metric_of_the_reference_is_described() {
    let bed = Bed::start().await.unwrap();
    bed.stream_to_end(&ask("Hello")).await.unwrap();
    bed.chat_ok(&ask("Hello")).await.unwrap();
    let page = bed.metrics_page().await.unwrap();
    let mut cases = Cases::default();
    for name in [
        "nova_proxy_requests_total",
        "nova_proxy_request_duration_seconds",
        "nova_proxy_time_to_first_token_seconds",
        "nova_proxy_output_tokens_per_second",
        "nova_proxy_tokens_total",
        "nova_proxy_stop_reasons_total",
        "nova_proxy_upstream_attempts_total",
        "nova_proxy_requests_in_flight",
        "nova_proxy_connections_open",
        "nova_proxy_config_info",
    ] {
        let typed = page.contains(&format!("# TYPE {name} "));
        let helped = page.contains(&format!("# HELP {name} "));
        let result =
            if typed && helped { Ok(()) } else { Err(anyhow::anyhow!("TYPE: {typed}, HELP: {helped}")) };
        cases.note(name, result);
    }
    cases.all_hold();
    let series: Vec<_> = page.lines().filter(|line| line.starts_with("nova_proxy_")).collect();
    assert!(series.iter().all(|line| line.contains("version=\"") && line.contains("ring=\"")), "{page}");
}

#[tokio::test]
async fn callers_cannot_write_into_metrics() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for number in 0..200 {
        let model = format!("secret-model-{number}");
        let result = async {
            let reply = bed
                .chat(&with(ask("a secret prompt"), json!({ "model": model, "made-up-parameter": 1 })))
                .await?;
            ensure!(reply.status == 404, "{} {}", reply.status, reply.text());
            Ok(())
        };
        cases.note(&model, result.await);
    }
    cases.all_hold();
    bed.chat_ok(&ask("a secret prompt")).await.unwrap();
    let page = bed.metrics_page().await.unwrap();
    for word in ["secret-model", "secret prompt", "made-up-parameter", bed.key.as_str()] {
        assert!(!page.contains(word), "{word:?} is in the metrics:\n{page}");
    }
}

#[tokio::test]
async fn prompts_and_keys_are_not_in_the_log() {
    let mut bed = Bed::with(crate::bed::Settings {
        rest: "log {\n  level = \"debug\"\n}".to_owned(),
        ..Default::default()
    })
    .await
    .unwrap();
    "sk-do-not-log-me".clone_into(&mut bed.key);
    let request = ask_script(&json!({ "text": "the confidential answer" }));
    let request = with(request, json!({ "user": Value::Null }));
    bed.chat_ok(&request).await.unwrap();
    bed.chat(&ask("the confidential question [[sim {\"error\":{\"type\":\"ValidationException\"}}]]"))
        .await
        .unwrap();
    let proxy = bed.own_proxy().unwrap();
    let log = format!("{}{}", proxy.stdout().unwrap(), proxy.stderr().unwrap());
    for word in ["confidential", "sk-do-not-log-me", crate::simulator::SECRET_ACCESS_KEY] {
        assert!(!log.contains(word), "{word:?} is in the log:\n{log}");
    }
}
