//! Updates of the proxy under load, each judged by the agent, and what became of the requests meanwhile.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::stack::{Agent, Kind, PROXY, Stack, expect_code, phase};
use super::traffic::{Tally, Traffic};
use crate::figures::show;

/// How long one update may take to its end.
const PATIENCE: Duration = Duration::from_secs(400);

/// Judges quickly, and by errors alone: where other tests run beside, times say nothing, and simulated streams are as fast as the
/// machine is just then.
pub(super) const SHORT_POLICY: &str = r#"
rollout "nova-proxy" {
  interval            = "1s"
  bake_time           = "8s"
  post_promotion_bake = "3s"
  timeout             = "10m"
  check "errors" {
    min_sample = 30
  }
  check "latency" {
    remove = true
  }
  check "first_token" {
    remove = true
  }
  check "output_speed" {
    remove = true
  }
}
"#;

/// Judges quickly, for updates that follow each other.
pub(super) const TEN_POLICY: &str = r#"
rollout "nova-proxy" {
  interval            = "1s"
  bake_time           = "10s"
  post_promotion_bake = "5s"
  timeout             = "10m"
  check "errors" {
    min_sample = 30
  }
  check "latency" {
    maximum_ratio = 1.7
    min_sample    = 60
    failures      = 4
  }
  check "first_token" {
    remove = true
  }
  check "output_speed" {
    remove = true
  }
}
"#;

/// Judges for longer than the version lives that crashes after two minutes.
pub(super) const LONG_POLICY: &str = r#"
rollout "nova-proxy" {
  interval            = "1s"
  bake_time           = "150s"
  post_promotion_bake = "5s"
  timeout             = "10m"
  check "latency" {
    maximum_ratio = 1.7
    failures      = 4
  }
  check "first_token" {
    remove = true
  }
  check "output_speed" {
    remove = true
  }
}
"#;

/// Judges for longer than any test takes.
pub(super) const HELD_POLICY: &str = r#"
rollout "nova-proxy" {
  interval  = "1s"
  bake_time = "1h"
}
"#;

/// Asks a person before the first step and before the promotion, and takes the job back to the version before.
pub(super) const GATED_POLICY: &str = r#"
rollout "nova-proxy" {
  interval            = "1s"
  bake_time           = "5s"
  post_promotion_bake = "3s"
  timeout             = "1h"
  rollback {
    revert = "prior_version"
  }
  check "errors" {
    min_sample = 10
  }
  check "latency" {
    remove = true
  }
  check "first_token" {
    remove = true
  }
  check "output_speed" {
    remove = true
  }
  approval "begin" {
    before = "start"
  }
  approval "sign-off" {}
}
"#;

/// Registers a version of the proxy, and returns the number that Nomad gives it.
pub(super) async fn run(stack: &Stack, version: &str, kind: Kind, strategy: &str) -> anyhow::Result<u64> {
    stack.proxy(version, kind, strategy)?.run(&stack.nomad).await?;
    let job = stack.nomad.api().get(&format!("/v1/job/{PROXY}")).await?;
    job["Version"].as_u64().with_context(|| format!("no Version in {job}"))
}

/// Updates one after the other.
#[derive(Debug)]
pub(super) struct Course {
    stack: Stack,
    agent: Agent,
    traffic: Traffic,
    strategy: &'static str,
    /// The version that is in force.
    stable: String,
}

impl Course {
    /// A first version, callers, and an agent with this policy.
    pub(super) async fn begin(strategy: &'static str, policy: &str) -> anyhow::Result<Self> {
        let stack = Stack::start().await?;
        let agent = stack.agent("agent", policy).await?;
        let stable = "0.1.0".to_owned();
        stack.first(&stable, strategy).await?;
        let traffic = Traffic::begin(&stack.consul.api(), PROXY);
        traffic.more(30).await?;
        show(
            "| version | kind | strategy | outcome | took | requests | at the new version | failed or cut at a bad version | failed or cut by the update |",
        );
        show("|---|---|---|---|---|---|---|---|---|");
        Ok(Self { stack, agent, traffic, strategy, stable })
    }

    /// The share that a new version can have of the requests before it is promoted, in percent: that of its instances.
    fn share(&self) -> f64 {
        if self.strategy == "canary" { 25.0 } else { 50.0 }
    }

    /// Brings a version out, and judges what came of it.
    pub(super) async fn update(&mut self, version: &str, kind: Kind) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        let before = self.traffic.tally();
        let number = run(&self.stack, version, kind, self.strategy).await?;
        let number = number.to_string();
        let wait = ["wait", PROXY, "--for", "done", "--job-version", &number, "--timeout", "380s", "--json"];
        let finished = self.agent.rollout_within(PATIENCE, &wait).await?;
        let took = begun.elapsed();
        let told: Value = serde_json::from_str(&finished.stdout)
            .with_context(|| format!("{finished:?}\n{}", self.agent.report()))?;
        let result = async {
            expect_code(&finished, if kind == Kind::Good { 0 } else { 1 })?;
            let record = self.agent.get(&format!("/v1/rollouts/default/{PROXY}")).await?.1;
            let outcome = phase(&record).to_owned();
            let expected = if kind == Kind::Good { "promoted" } else { "rolled_back" };
            ensure!(outcome == expected, "expected {expected}, got {outcome}: {record}");
            is_the_reason(kind, &told)?;
            if kind == Kind::Good {
                version.clone_into(&mut self.stable);
            }
            self.stack.catalog_has(&self.stable, 3).await?;
            self.traffic.more(30).await?;
            let share = self.traffic.tally().since(&before).percent(version);
            // Callers keep connections to what has left the catalog: what fails there is this version's, not the next update's.
            self.stack.others_have_ended().await?;
            Ok((outcome, share))
        };
        let (outcome, share) =
            result.await.with_context(|| format!("{version} {kind:?}: {told}\n{}", self.agent.report()))?;
        let tally = self.traffic.tally().since(&before);
        self.judge((version, kind), &outcome, (took, share), &tally)
    }

    fn judge(
        &self,
        (version, kind): (&str, Kind),
        outcome: &str,
        (took, percent): (Duration, f64),
        tally: &Tally,
    ) -> anyhow::Result<()> {
        let (own, others) = (tally.of(version), tally.beside(version));
        let is_good = kind == Kind::Good;
        let by_update = others.failed + others.cut + if is_good { own.failed + own.cut } else { 0 };
        let by_version = if is_good { 0 } else { own.failed + own.cut };
        show(&format!(
            "| {version} | {kind:?} | {} | {outcome} | {:.0} s | {} | {} ({percent:.1} %) | {by_version} | {by_update} |",
            self.strategy,
            took.as_secs_f64(),
            own.total() + others.total(),
            own.total(),
        ));
        ensure!(
            by_update == 0,
            "{by_update} requests failed or were cut by the update to {version}:\n{tally}"
        );
        ensure!(own.total() > 0, "no request went to {version}:\n{tally}");
        ensure!(
            is_good || percent <= self.share(),
            "{version} had {percent:.1} % of the requests, and its share is {} %:\n{tally}",
            self.share()
        );
        Ok(())
    }

    /// Ends the load, and returns how many requests there were in all.
    pub(super) async fn end(self) -> anyhow::Result<usize> {
        let tally = self.traffic.end().await?;
        let all = tally.beside("nobody");
        ensure!(tally.of("nobody").total() == 0, "there was nobody to ask at times:\n{tally}");
        show(&format!("{} requests in all", all.total()));
        Ok(all.total())
    }
}

/// Whether a bad version was stopped for what is bad about it.
fn is_the_reason(kind: Kind, told: &Value) -> anyhow::Result<()> {
    let why = told["why"].as_str().unwrap_or_default();
    let words: &[&str] = match kind {
        Kind::Good => return Ok(()),
        Kind::Failing => &["errors"],
        Kind::Slow => &["latency", "first_token"],
        Kind::Crashing(_) => &["restart", "unreachable", "ready", "healthy"],
    };
    ensure!(words.iter().any(|word| why.contains(word)), "none of {words:?} in {why:?}");
    Ok(())
}
