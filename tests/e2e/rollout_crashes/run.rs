//! One run: a rollout, an agent that is killed at one call, another one that takes over, and the judgment of what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use nova_test_support::process::Process;
use nova_test_support::scripted::Side;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::scenario::{How, NEW, NEWER, Scenario};
use super::scene::{PATIENCE, Scene};

/// How often the record is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// How many instances run in the end.
const INSTANCES: usize = 2;

/// What a run was.
#[derive(Debug)]
pub(super) struct Ran {
    /// The call at which the agent was killed, if the rollout came to it.
    pub(super) killed_at: Option<String>,
    /// The calls that were counted, of both agents, without ids.
    pub(super) calls: Vec<String>,
}

/// Runs a scenario, and kills the agent at the call of this number.
///
/// # Errors
/// When the rollout does not end, or not as it has to.
pub(super) async fn run(scenario: &Scenario, number: usize, side: Side) -> anyhow::Result<Ran> {
    let scene = Scene::set(scenario).await?;
    scene.nomad.behaves(NEW, scenario.how.behavior());
    scene.switch.arm(number, side);
    let mut agents = vec![scene.agent("first").await?];
    scene.deploy(NEW)?;
    let ended = to_the_end(&scene, scenario, &mut agents).await;
    let judged = match ended {
        Ok(()) => judge(&scene, scenario).await,
        Err(error) => Err(error),
    };
    let calls = scene.switch.calls();
    match judged {
        Ok(()) => {
            let calls: Vec<String> = calls.iter().map(|call| without_ids(call)).collect();
            let killed_at = calls.get(number - 1).filter(|_| scene.switch.is_tripped()).cloned();
            Ok(Ran { killed_at, calls })
        }
        // What is wrong first: the rest is long.
        Err(error) => Err(anyhow!(
            "{error:#}\ncalls {calls:#?}\nNomad did {:#?}\ndeployments {:#?}\nthe record {:#}\nthe agents {}",
            scene.nomad.acts(),
            scene.deployments(),
            scene.record().ok().flatten().unwrap_or_default(),
            agents.iter().map(Process::report).collect::<Vec<_>>().join("\n"),
        )),
    }
}

/// Follows the rollout, and puts another agent in the place of one that is to end.
async fn to_the_end(scene: &Scene, scenario: &Scenario, agents: &mut Vec<Process>) -> anyhow::Result<()> {
    let until = Instant::now() + PATIENCE;
    let (mut is_killed, mut is_superseded) = (false, false);
    let last = if scenario.is_superseded { NEWER } else { NEW };
    loop {
        if scene.switch.is_tripped() && !is_killed {
            is_killed = true;
            let first = agents.last_mut().context("an agent was started")?;
            scene.kill(first).await?;
            agents.push(scene.agent("second").await?);
        }
        let agent = agents.last_mut().context("an agent was started")?;
        ensure!(agent.is_running()?, "the agent has ended by itself");
        let record = scene.record()?.unwrap_or_default();
        if scenario.is_superseded && !is_superseded && is_judged(&record) {
            is_superseded = true;
            scene.deploy(NEWER)?;
        }
        // What is held has to be let go first.
        let is_held = scene.switch.is_tripped() && !is_killed;
        if !is_held && is_settled(scene, &record, last) {
            return Ok(());
        }
        if Instant::now() >= until {
            bail!("the rollout did not end within {PATIENCE:?}");
        }
        sleep(INTERVAL).await;
    }
}

/// A call without the ids in its path, which differ from run to run.
fn without_ids(call: &str) -> String {
    let is_id = |part: &str| part.len() == 36 && part.matches('-').count() == 4;
    let parts: Vec<&str> = call.split('/').map(|part| if is_id(part) { "…" } else { part }).collect();
    parts.join("/")
}

fn phase(record: &Value) -> &str {
    record["phase"]["name"].as_str().unwrap_or_default()
}

fn is_judged(record: &Value) -> bool {
    phase(record) == "baking"
}

/// Whether the rollout of this version has ended, in the record with nothing left to do, and in Nomad.
fn is_settled(scene: &Scene, record: &Value, version: &str) -> bool {
    let deployed = scene.deployments();
    let own = deployed.iter().find(|found| found.version == version);
    let is_of_version = own.is_some_and(|found| record["deployment_id"] == found.id.as_str());
    let is_at_rest =
        deployed.iter().all(|found| matches!(found.status.as_str(), "successful" | "failed" | "cancelled"));
    let is_done = record["intents"].as_array().is_none_or(Vec::is_empty);
    is_of_version
        && phase(record) == "ended"
        && is_done
        && is_at_rest
        && scene.running().values().sum::<usize>() == INSTANCES
}

/// By Nomad's own account.
async fn judge(scene: &Scene, scenario: &Scenario) -> anyhow::Result<()> {
    scene.all_was_known()?;
    let running = scene.running();
    let expected = BTreeMap::from([(scenario.runs.to_owned(), INSTANCES)]);
    ensure!(running == expected, "{running:?} run, and not {expected:?}");
    let record = scene.record()?.context("there is no record")?;
    let outcome = record["phase"]["outcome"]["name"].as_str().unwrap_or_default();
    ensure!(outcome == scenario.outcome, "it ended as {outcome:?}, and not as {:?}", scenario.outcome);
    let deployed = scene.deployments();
    if scenario.how == How::Errs {
        let promoted = deployed.iter().find(|found| found.version == NEW && found.is_promoted);
        ensure!(promoted.is_none(), "a bad version was promoted: {promoted:?}");
    }
    let shares = scene.shares().await?.unwrap_or_default();
    let strays: Vec<_> = shares.iter().filter(|filter| !filter.contains(scenario.runs)).collect();
    ensure!(strays.is_empty(), "requests are sent to {strays:?}");
    nothing_twice(&scene.nomad.acts())?;
    let versions = deployed.last().map_or(0, |found| found.job_version);
    ensure!(versions <= scenario.most_versions(), "the job has come to version {versions}");
    Ok(())
}

/// Every decision was carried out once: who takes over looks before it acts.
fn nothing_twice(acts: &[String]) -> anyhow::Result<()> {
    let mut seen = BTreeMap::<&str, usize>::new();
    for act in acts.iter().filter(|act| !act.starts_with("register ") && !act.starts_with("tag ")) {
        *seen.entry(act).or_default() += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    ensure!(twice.is_empty(), "done more than once: {twice:?}");
    Ok(())
}
