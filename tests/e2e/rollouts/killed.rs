//! Agents that are killed once in every phase, after its record was written and before anything was done about it: the next one
//! goes on, and the rollout ends as it should.

use std::time::Duration;

use anyhow::{Context, bail};
use nova_test_support::wait::{Look, wait_for};
use serde_json::Value;

use super::held::HeldWay;
use super::stack::{Agent, Kind, PREFIX, PROXY, Stack, phase};
use super::traffic::Traffic;
use super::updates::{GATED_POLICY, run};
use crate::figures::show;

/// How long a phase may take to come, with an election before it: a session that nobody renews lives for twice its ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two agents, each with a way to Consul on which its writes can be held up.
struct Pair {
    agents: [Agent; 2],
    ways: [HeldWay; 2],
    /// How many writes each has held up before the present phase.
    held: [usize; 2],
    started: usize,
}

impl Pair {
    async fn start(stack: &Stack) -> anyhow::Result<Self> {
        let ways = [HeldWay::to(stack.consul.address()).await?, HeldWay::to(stack.consul.address()).await?];
        let [one, other] = &ways;
        let agents = [
            stack.agent_by("agent-0", GATED_POLICY, &one.address()).await?,
            stack.agent_by("agent-1", GATED_POLICY, &other.address()).await?,
        ];
        Ok(Self { agents, ways, held: [0, 0], started: 2 })
    }

    /// Holds up writes of a record of this phase from now on.
    fn hold(&self, phase: &str) {
        self.ways.iter().for_each(|way| way.hold(&word(phase)));
    }

    /// Kills the agent that has sent a write that is held up, as soon as there is one; the write arrives all the same. Then the next
    /// phase is held up.
    async fn kill_at(&mut self, stack: &Stack, phase: &str, next: Option<&str>) -> anyhow::Result<()> {
        let what = format!("a write of {phase}");
        let waited = wait_for(&what, PATIENCE, async || {
            let place = (0..2).find(|place| self.ways[*place].count() > self.held[*place]);
            Ok(place.map_or_else(|| Look::NotYet(phase.to_owned()), Look::Ready))
        });
        let place = match waited.await {
            Ok(place) => place,
            Err(error) => {
                let reports = self.agents.each_ref().map(Agent::report).join("\n");
                return Err(error.context(reports));
            }
        };
        self.agents[place].kill()?;
        self.ways.iter().for_each(HeldWay::release);
        self.held = self.ways.each_ref().map(HeldWay::count);
        if let Some(next) = next {
            self.hold(next);
        }
        self.started += 1;
        let (name, way) = (format!("agent-{}", self.started), self.ways[place].address());
        self.agents[place] = stack.agent_by(&name, GATED_POLICY, &way).await?;
        Ok(())
    }

    /// Any of the two answers for both.
    fn agent(&self) -> &Agent {
        let [one, _] = &self.agents;
        one
    }

    /// Gives a command, to whoever leads as soon as somebody does.
    async fn command(&self, verb: &str) -> anyhow::Result<()> {
        wait_for(&format!("{verb} to be taken"), PATIENCE, async || {
            for agent in &self.agents {
                let finished = agent.rollout(&[verb, PROXY, "-r", "part of the trial"]).await?;
                if finished.code == Some(0) {
                    return Ok(Look::Ready(()));
                }
                if finished.code == Some(3) {
                    bail!("{finished:?}");
                }
            }
            Ok(Look::NotYet("nobody leads"))
        })
        .await
    }
}

/// What a record of this phase has in it; phases of a rollback are its stages.
fn word(phase: &str) -> String {
    let stages = ["traffic_away", "failing", "verifying", "reverting", "promoting_revert"];
    if stages.contains(&phase) {
        format!("\"stage\":{{\"name\":\"{phase}\"")
    } else {
        format!("\"phase\":{{\"name\":\"{phase}\"")
    }
}

async fn ends(pair: &Pair, version: u64, outcome: &str) -> anyhow::Result<Value> {
    let is_over =
        |record: &Value| record["canary"]["job_version"] == version && record["phase"]["name"] == "ended";
    let record = pair.agent().record_where(PROXY, "the end", Duration::from_secs(120), is_over).await?;
    anyhow::ensure!(phase(&record) == outcome, "expected {outcome}: {record}");
    Ok(record)
}

/// A rollout through these phases, in each of which the leader is killed. What stands behind a phase is commanded when it is reached.
async fn through(
    stack: &Stack,
    pair: &mut Pair,
    (version, strategy): (&str, &str),
    course: &[(&str, Option<&str>)],
    outcome: &str,
) -> anyhow::Result<()> {
    pair.hold(course.first().context("a course has phases")?.0);
    let number = run(stack, version, Kind::Good, strategy).await?;
    for (place, (phase, command)) in course.iter().enumerate() {
        let next = course.get(place + 1).map(|(next, _)| *next);
        pair.kill_at(stack, phase, next).await.with_context(|| format!("{version}: {phase}"))?;
        show(&format!("{version}: the leader was killed at {phase}"));
        if let Some(verb) = command {
            pair.command(verb).await?;
        }
    }
    let record = ends(pair, number, outcome).await?;
    let epochs: std::collections::BTreeSet<u64> = record["transitions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["epoch"].as_u64())
        .collect();
    show(&format!("{version}: {outcome}, decided by {} leaders; records below {PREFIX}", epochs.len()));
    Ok(())
}

#[tokio::test]
#[ignore = "takes minutes: ./tests/run full rollouts-killed"]
async fn agents_killed_in_every_phase_are_followed_by_others_that_go_on() {
    let stack = Stack::start().await.unwrap();
    stack.first("0.1.0", "canary").await.unwrap();
    let mut pair = Pair::start(&stack).await.unwrap();
    let traffic = Traffic::begin(&stack.consul.api(), PROXY);
    let promoted = [
        ("awaiting_canaries", None),
        ("awaiting_start", Some("approve")),
        ("stepping", None),
        ("baking", None),
        ("awaiting_approval", Some("approve")),
        ("promoting", None),
        ("awaiting_success", None),
        ("post_promotion_bake", None),
    ];
    through(&stack, &mut pair, ("0.1.1", "canary"), &promoted, "promoted").await.unwrap();
    stack.catalog_has("0.1.1", 3).await.unwrap();

    let rolled_back = [
        ("awaiting_start", Some("abort")),
        ("traffic_away", None),
        ("failing", None),
        ("verifying", None),
        ("reverting", None),
        ("promoting_revert", None),
    ];
    through(&stack, &mut pair, ("0.1.2", "canary"), &rolled_back, "rolled_back").await.unwrap();
    stack.catalog_has("0.1.1", 3).await.unwrap();

    // Without canaries Nomad replaces instances by itself.
    let replaced = [("replacing", None), ("post_promotion_bake", None)];
    through(&stack, &mut pair, ("0.1.3", "rolling"), &replaced, "promoted").await.unwrap();
    stack.catalog_has("0.1.3", 3).await.unwrap();
    let taken_back =
        [("replacing", Some("abort")), ("failing", None), ("verifying", None), ("reverting", None)];
    through(&stack, &mut pair, ("0.1.4", "rolling"), &taken_back, "rolled_back").await.unwrap();
    stack.catalog_has("0.1.3", 3).await.unwrap();

    let tally = traffic.end().await.unwrap();
    let all = tally.beside("nobody");
    assert_eq!((all.failed, all.cut, tally.of("nobody").total()), (0, 0, 0), "{tally}");
    show(&format!("{} requests, 0 failed, 0 cut", all.total()));
}
