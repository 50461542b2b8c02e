//! A region fails under a steady load, in every way that it can: no request fails, nothing is asked more often than
//! `docs/reference/failover.md` says, and the region comes back without flapping.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use nova_test_support::wire::{Mode, Wire};
use serde_json::{Value, json};

use crate::bed::{Bed, Settings, ask, expect_error, proxy_command};
use crate::case::Cases;
use crate::load::{Connections, Load, tcp};
use crate::regions::{OTHER, clear_faults, set_fault};
use crate::simulator::{REGION, Simulator};

/// Workers of the load, so that many calls are under way at once.
const WORKERS: u64 = 12;

/// The breaker of these tests: `consecutive_failures` and `probes`.
const FAILURES: u64 = 3;
const PROBES: u64 = 2;

/// How the home region fails, and heals.
#[derive(Debug)]
enum Fault {
    /// As `/_sim/faults` takes it.
    Simulated(Value),
    /// The network between swallows what is sent, on open connections and new ones.
    Silent,
    /// Nobody listens at its address, and open connections have been closed.
    Gone,
}

/// A proxy whose home region is behind a wire.
struct Home {
    bed: Bed,
    wire: Option<Wire>,
    address: SocketAddr,
    target: SocketAddr,
}

impl Home {
    async fn start() -> anyhow::Result<Self> {
        // The address has to be known before the configuration is written, and the target only the bed knows.
        let (bed, other) = Bed::with_regions(OTHER, |_| Settings::default()).await?;
        let target = authority(&bed.simulator)?;
        let wire = Wire::to(target).await?;
        let address = wire.address();
        let settings = Settings {
            endpoint: Some(format!("http://{address}")),
            bedrock: format!(
                "failover_regions = [\"{OTHER}\"]\n  endpoints = {{ \"{OTHER}\" = \"{}\" }}\n  residency = \"us\"\n  \
                 spill_on_throttle = true\n  first_byte_timeout = \"1s\"\n  stream_failover_after = \"300ms\"\n  \
                 connect_timeout = \"500ms\"\n  breaker {{\n    consecutive_failures = {FAILURES}\n    \
                 open_for = \"500ms\"\n    open_max = \"1s\"\n    probes = {PROBES}\n  }}",
                other.endpoint
            ),
            ..Settings::default()
        };
        Ok(Self { bed: bed.run_proxy(settings, proxy_command()?).await?, wire: Some(wire), address, target })
    }

    fn load(&self) -> anyhow::Result<Load> {
        let call = self
            .bed
            .call(Method::POST, "/v1/chat/completions")?
            .header("content-type", "application/json")?;
        let address = self.bed.root.strip_prefix("http://").context("a root that is not http")?;
        Ok(Load::begin(usize::try_from(WORKERS)?, &call, &tcp(address), Connections::Kept))
    }

    async fn fail(&mut self, fault: &Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Simulated(fault) => set_fault(&self.bed.simulator, fault).await,
            Fault::Silent => {
                self.wire.as_ref().context("no wire")?.set(Mode::Hang);
                Ok(())
            }
            Fault::Gone => {
                let wire = self.wire.take().context("no wire")?;
                wire.set(Mode::Cut);
                drop(wire);
                Ok(())
            }
        }
    }

    async fn heal(&mut self) -> anyhow::Result<()> {
        clear_faults(&self.bed.simulator).await?;
        match &self.wire {
            Some(wire) => wire.set(Mode::Pass),
            None => {
                let (address, target) = (self.address, self.target);
                let wire = wait_for("the address to be free", DEADLINE, async || {
                    Ok(match Wire::at(address, target).await {
                        Ok(wire) => Look::Ready(wire),
                        Err(error) => Look::NotYet(error),
                    })
                });
                self.wire = Some(wire.await?);
            }
        }
        Ok(())
    }

    async fn seen(&self) -> anyhow::Result<Seen> {
        let page = self.bed.metrics_page().await?;
        let attempts = "nova_proxy_upstream_attempts_total{";
        let changes = "nova_proxy_breaker_transitions_total{";
        let answered = "outcome=\"answered\"";
        let home = format!("region=\"{REGION}\"");
        let of_home = |line: &str| line.contains(&home);
        Ok(Seen {
            failed_at_home: sum(&page, attempts, |line| of_home(line) && !line.contains(answered)),
            answered_at_home: sum(&page, attempts, |line| of_home(line) && line.contains(answered)),
            answered_elsewhere: sum(&page, attempts, |line| !of_home(line) && line.contains(answered)),
            failed_elsewhere: sum(&page, attempts, |line| !of_home(line) && !line.contains(answered)),
            opened: sum(&page, changes, |line| of_home(line) && line.contains("to=\"open\"")),
            half_opened: sum(&page, changes, |line| of_home(line) && line.contains("to=\"half_open\"")),
            closed: sum(&page, changes, |line| of_home(line) && line.contains("to=\"closed\"")),
        })
    }

    async fn until(&self, what: &str, accept: impl Fn(&Seen) -> bool) -> anyhow::Result<Seen> {
        wait_for(what, DEADLINE, async || {
            let seen = self.seen().await?;
            Ok(if accept(&seen) { Look::Ready(seen) } else { Look::NotYet(seen) })
        })
        .await
    }
}

/// What the metrics tell.
#[derive(Debug, Clone, Copy)]
struct Seen {
    failed_at_home: u64,
    answered_at_home: u64,
    answered_elsewhere: u64,
    failed_elsewhere: u64,
    opened: u64,
    half_opened: u64,
    closed: u64,
}

/// The sum of the samples of a counter that `accept` takes.
fn sum(page: &str, counter: &str, accept: impl Fn(&str) -> bool) -> u64 {
    let lines = page.lines().filter(|line| line.starts_with(counter) && accept(line));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

fn authority(simulator: &Simulator) -> anyhow::Result<SocketAddr> {
    let address = simulator.endpoint.strip_prefix("http://").context("an endpoint that is not http")?;
    Ok(address.trim_end_matches('/').parse()?)
}

/// One failure under load from its beginning to its end.
async fn fails_and_comes_back(fault: Fault) -> anyhow::Result<()> {
    let mut home = Home::start().await?;
    let load = home.load()?;
    load.more(20).await?;
    let before = home.seen().await?;
    ensure!(before.answered_elsewhere == 0 && before.opened == 0, "before the fault: {before:?}");

    home.fail(&fault).await?;
    // Opened by the load, and again by probes that failed: the fault lasts.
    home.until("the breaker to open twice", |seen| seen.opened >= 2).await?;
    load.more(100).await?;
    let during = home.seen().await?;
    let moved = during.answered_elsewhere - before.answered_elsewhere;
    ensure!(moved >= 100, "{moved} of at least 100 answers came from the other region: {during:?}");

    home.heal().await?;
    let healed = home.until("the breaker to close", |seen| seen.closed == 1).await?;
    load.more(100).await?;
    let after = home.seen().await?;
    ensure!(after.answered_at_home >= healed.answered_at_home + 50, "not back: {healed:?} {after:?}");
    ensure!((after.opened, after.closed) == (healed.opened, 1), "it flaps: {healed:?} {after:?}");
    ensure!(after.half_opened == after.opened, "each opening was probed once: {after:?}");

    let (answered, cut) = load.end_with_cuts().await?;
    // Streams that had begun are told; to ask for them again would be to pay, and perhaps to say, everything twice.
    let cuts_max = if matches!(fault, Fault::Gone) { WORKERS } else { 0 };
    ensure!(u64::try_from(cut)? <= cuts_max, "{cut} streams were cut");
    let answered = u64::try_from(answered + cut)?;
    let end = home.seen().await?;
    // docs/reference/failover.md: the failures that open it, the calls that were under way by then, and the probes.
    let bound = FAILURES + WORKERS + PROBES * end.half_opened;
    ensure!(
        end.failed_at_home <= bound,
        "{} calls failed at home, above {bound}: {end:?}",
        end.failed_at_home
    );
    ensure!(end.failed_elsewhere == 0, "{end:?}");
    let calls = end.answered_at_home + end.answered_elsewhere;
    ensure!(
        calls == answered,
        "{calls} calls were answered for {answered} requests: something was asked twice"
    );
    Ok(())
}

#[tokio::test]
async fn a_region_that_fails_under_load_costs_no_request_and_comes_back_without_flapping() {
    let mut cases = Cases::default();
    for fault in [
        Fault::Simulated(json!({ "throttle_every": 1 })),
        Fault::Simulated(json!({ "error_rate": 1.0 })),
        Fault::Simulated(json!({ "error_rate": 1.0, "error": { "type": "InternalServerException" } })),
        Fault::Simulated(json!({ "hang": true })),
        Fault::Simulated(json!({ "reset": true })),
        Fault::Simulated(json!({ "down": true })),
        Fault::Silent,
        Fault::Gone,
    ] {
        let name = format!("{fault:?}");
        cases.note(name, fails_and_comes_back(fault).await);
    }
    cases.all_hold();
}

/// With its defaults, and a first byte that may take an hour: a stream does not wait for a region that hangs.
#[tokio::test]
async fn a_stream_leaves_a_region_that_hangs_and_an_answer_that_is_not_streamed_waits() {
    let (bed, _other) = Bed::with_regions(OTHER, |endpoint| Settings {
        bedrock: format!(
            "failover_regions = [\"{OTHER}\"]\n  endpoints = {{ \"{OTHER}\" = \"{endpoint}\" }}\n  \
             stream_failover_after = \"200ms\""
        ),
        ..Settings::default()
    })
    .await
    .unwrap();
    set_fault(&bed.simulator, &json!({ "hang": true })).await.unwrap();
    let ended = bed.stream_to_end(&ask("Hello")).await.unwrap();
    crate::outcome::read(&ended).unwrap().finished("stop").unwrap();

    // Nobody can tell a whole answer that takes an hour from one that never comes: it is the region's until its limit.
    let waiting = bed.chat_call(&ask("Hello")).unwrap().send();
    let hanging = bed.simulator.invocation_where("the call that was left", |call| call["region"] == REGION);
    tokio::select! {
        reply = waiting => panic!("answered by a region that hangs: {reply:?}"),
        left = hanging => assert_eq!(left.unwrap()["client_went_away"], true),
    }
}

/// The geography of home is Bedrock's to leave, never this proxy's: a region elsewhere is not asked while all others fail.
#[tokio::test]
async fn a_region_outside_the_residency_gets_no_call_while_all_others_fail() {
    let outside = Wire::to(([127, 0, 0, 1], 9).into()).await.unwrap();
    let (bed, other) = Bed::with_regions(OTHER, |endpoint| Settings {
        bedrock: format!(
            "failover_regions = [\"{OTHER}\", \"eu-central-1\"]\n  endpoints = {{ \"{OTHER}\" = \"{endpoint}\", \
             \"eu-central-1\" = \"http://{}\" }}\n  retry {{\n    max_attempts = 1\n  }}",
            outside.address()
        ),
        ..Settings::default()
    })
    .await
    .unwrap();
    for simulator in [&bed.simulator, &other] {
        set_fault(simulator, &json!({ "error_rate": 1.0 })).await.unwrap();
    }
    for _ in 0..30 {
        expect_error(&bed.chat(&ask("Hello")).await.unwrap(), 503, None).unwrap();
    }
    assert_eq!(outside.accepted(), 0, "a call left the geography");
    let page = bed.metrics_page().await.unwrap();
    assert!(!page.contains("eu-central-1"), "{page}");
}
