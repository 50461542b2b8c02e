//! Agents that are killed at every step of a candidate, while the transaction of that step is on its way: the next one goes on.

use std::time::Duration;

use anyhow::Context;

use super::scene::{Agent, BASE, Callers, SUCCESSION, Scene, bad, good, stands};
use crate::figures::show;
use crate::rollouts::held::HeldWay;

/// How long a step may take to come, with an election before it and a sample that begins anew.
const PATIENCE: Duration = Duration::from_secs(120);

/// A candidate through these steps, at each of which the leader is killed.
async fn through(text: &str, steps: &[&str]) -> anyhow::Result<Scene> {
    let scene = Scene::start(3).await?;
    let way = HeldWay::to(scene.fleet.consul.address()).await?;
    let mut agent: Agent = scene.agent_by("agent-0", &way.address()).await?;
    let callers = Callers::begin(&scene, Duration::from_millis(50))?;
    let first = steps.first().context("there are steps")?;
    way.hold(&word(first));
    let pushed = scene.push(text, &["--no-wait"]).await?;
    anyhow::ensure!(pushed.code == Some(0), "{pushed:?}");
    let mut held = 0;
    for (place, step) in steps.iter().enumerate() {
        let waited = way.holds_more_than(held, PATIENCE).await;
        waited.with_context(|| format!("{step}: {}", agent.report()))?;
        agent.kill()?;
        way.release();
        held = way.count();
        show(&format!("the agent was killed with the transaction of {step} on its way"));
        if let Some(next) = steps.get(place + 1) {
            way.hold(&word(next));
        }
        agent = scene.agent_by(&format!("agent-{}", place + 1), &way.address()).await?;
    }
    let last = steps.last().context("there are steps")?;
    scene.record_at(last, SUCCESSION).await?;
    drop(callers);
    // What was on its way has arrived, and the agent that came after it has nothing more to do.
    scene.is_clean().await?;
    let record = scene.record().await?;
    anyhow::ensure!(stands(&record) == *last, "{record}");
    anyhow::ensure!(scene.key("config.canary").await?.is_none(), "the candidate is left behind");
    Ok(scene)
}

/// What the record of this step has in it.
fn word(step: &str) -> String {
    match step {
        "waiting" | "trying" => format!("\"phase\":{{\"name\":\"{step}\""),
        end => format!("\"outcome\":{{\"kind\":\"{end}\""),
    }
}

#[tokio::test]
#[ignore = "takes minutes: ./tests/run full config-canary"]
async fn a_good_candidate_is_promoted_by_the_fourth_agent() {
    let scene = through(&good(), &["waiting", "trying", "promoted"]).await.unwrap();
    assert_eq!(scene.key("config").await.unwrap().as_deref(), Some(good().as_str()));
    let history = scene.config(&["history", "--json"]).await.unwrap();
    let listed: serde_json::Value = serde_json::from_str(&history.stdout).unwrap();
    assert_eq!(
        listed["records"].as_array().unwrap().len(),
        2,
        "what was found, and the promotion once: {listed}"
    );
}

#[tokio::test]
#[ignore = "takes minutes: ./tests/run full config-canary"]
async fn a_bad_candidate_is_taken_away_by_the_fourth_agent() {
    let scene = through(&bad(), &["waiting", "trying", "failed"]).await.unwrap();
    assert_eq!(scene.key("config").await.unwrap().as_deref(), Some(BASE));
}
