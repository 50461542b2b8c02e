//! The switch: a program that is killed at its one write has written, or has not.

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::process::Launch;
use nova_test_support::scripted::{ScriptedConsul, Side, Switch};
use nova_test_support::wait::DEADLINE;
use rustix::process::Signal;

use crate::agent::{GOOD, PREFIX};

/// What is in Consul when `nova-agent config push` was killed on this side of its transaction.
async fn keys_after(side: Side) -> anyhow::Result<Vec<String>> {
    let switch = Switch::new();
    let consul = ScriptedConsul::start(switch.clone())?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("good.hcl");
    std::fs::write(&file, GOOD)?;
    switch.arm(1, side);
    let mut push = Launch::new(Program::Agent.path()?)
        .args(["config", "push", "--no-wait"])
        .arg(&file)
        .env("CONSUL_HTTP_ADDR", consul.address().to_string())
        .env("NOVA_KV_PREFIX", PREFIX)
        .env("USER", "ada")
        .start()?;
    let tripped = tokio::time::timeout(DEADLINE, switch.tripped()).await;
    tripped.with_context(|| push.report())?;
    push.signal(Signal::KILL)?;
    push.exited(DEADLINE).await?;
    let calls = switch.calls();
    ensure!(calls.len() == 1 && calls.iter().all(|call| call.starts_with("PUT /v1/txn ")), "{calls:?}");
    ensure!(consul.unknown().is_empty(), "{:?}", consul.unknown());
    Ok(consul.keys())
}

#[tokio::test]
async fn a_program_that_is_killed_before_its_write_has_not_written_and_after_it_has() {
    assert_eq!(keys_after(Side::Before).await.unwrap(), Vec::<String>::new());
    let written = keys_after(Side::After).await.unwrap();
    assert!(written.contains(&format!("{PREFIX}/config")), "{written:?}");
}
