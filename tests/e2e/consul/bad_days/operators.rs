//! Two operators who push at the same time.

use anyhow::ensure;
use http::Method;
use nova_test_support::binary::{Program, workspace_root};
use nova_test_support::process::{Launch, Process};
use nova_test_support::wait::{DEADLINE, Look, wait_until};
use rustix::process::Signal;

use super::scene::{Scene, house};
use crate::fleet::PREFIX;
use crate::scripted_instance::{Script, ScriptedInstance};

/// Each has read what the other is going to replace. One is written whole, the other not at all.
pub(super) async fn push_at_once(scene: &mut Scene) -> anyhow::Result<()> {
    let path = workspace_root().join("jobs/policies/consul/operator.hcl");
    let rules = std::fs::read_to_string(path)?.replace("nova/default", PREFIX);
    let token = scene.fleet.consul.token_for("operator", &rules).await?;
    // One of the instances does not answer: a push waits for it between its read and its write.
    let script = Script { is_silent: true, version: "0.1.0".to_owned(), ..Script::default() };
    let api = scene.fleet.consul.api();
    let silent = ScriptedInstance::start(&api, "nova-proxy", "silent", PREFIX, script).await?;

    let first = begin(scene, "first", &token)?;
    has_asked(&silent, 1).await?;
    // Until the other one has read as well.
    first.signal(Signal::STOP)?;
    let second = begin(scene, "second", &token)?;
    has_asked(&silent, 2).await?;
    first.signal(Signal::CONT)?;

    let mut pushes = [("first", first), ("second", second)];
    let lost = loser(&mut pushes).await?;
    silent.deregister().await?;
    for (name, push) in &mut pushes {
        let status = push.exited(DEADLINE).await?;
        let expected = if *name == lost { 3 } else { 0 };
        ensure!(status.code() == Some(expected), "{name}: {status}\n{}", push.report());
    }
    let won = if lost == "first" { "second" } else { "first" };
    scene.serves_soon(won).await?;
    ensure!(!scene.instance.serves(lost).await?, "the push that lost is in force");
    let history = api.send(Method::GET, &format!("/v1/kv/{PREFIX}/history/?keys"), "").await?.json()?;
    // What was there before, by an unknown author, and what was pushed.
    ensure!(history.as_array().is_some_and(|records| records.len() == 2), "{history}");
    Ok(())
}

fn begin(scene: &Scene, name: &str, token: &str) -> anyhow::Result<Process> {
    let file = scene.folder.path().join(format!("{name}.hcl"));
    std::fs::write(&file, house(name))?;
    Launch::new(Program::Agent.path()?)
        .args(["config", "push", "--wait", "10m", "--author", name])
        .arg(file)
        .env("CONSUL_HTTP_ADDR", scene.fleet.consul.address().to_string())
        .env("CONSUL_HTTP_TOKEN", token)
        .env("NOVA_KV_PREFIX", PREFIX)
        .start()
}

async fn has_asked(silent: &ScriptedInstance, times: usize) -> anyhow::Result<()> {
    silent.was_asked(times, "/config/receipt").await
}

/// Waits for the first of them to end.
async fn loser(pushes: &mut [(&'static str, Process); 2]) -> anyhow::Result<&'static str> {
    wait_until("one of two pushes to end", DEADLINE, || {
        for (name, push) in pushes.iter_mut() {
            if !push.is_running()? {
                return Ok(Look::Ready(*name));
            }
        }
        Ok(Look::NotYet(pushes.iter().map(|(_, push)| push.report()).collect::<String>()))
    })
    .await
}
