//! A leader that is frozen in the middle of a write, and goes on when another one leads: its write is refused by Consul itself.

use std::time::Duration;

use anyhow::Context;
use http::Method;
use nova_test_support::server::{Api, ConsulLaunch};
use nova_test_support::wait::{Look, wait_for};
use rustix::process::Signal;
use serde_json::Value;

use super::gate::{Gate, Transactions};
use super::{Daemon, SUCCESSION};

/// The record that leaders write under their fence.
async fn record(consul: &Api) -> anyhow::Result<Value> {
    let reply = consul.send(Method::GET, "/v1/kv/nova/test/leader-record?raw", "").await?;
    serde_json::from_slice(&reply.body).with_context(|| reply.text())
}

#[tokio::test]
async fn a_leader_that_was_frozen_past_its_time_cannot_write() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let mut gate = Gate::to(consul.address()).await.unwrap();
    let one = Daemon::start("one", gate.address, "").await.unwrap();
    one.leads_within(Duration::from_secs(20)).await.unwrap();
    let two = Daemon::start("two", consul.address(), "").await.unwrap();
    two.follows_within("one", Duration::from_secs(20)).await.unwrap();

    // The write has left the leader, which has looked at its clock before, and is on its way when the leader freezes.
    gate.set(Transactions::Hold);
    let reply = one.ask(Method::POST, "/v1/tasks/leader-record/activate").await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.text());
    gate.holds_one().await;
    one.process.signal(Signal::STOP).unwrap();
    two.leads_within(SUCCESSION).await.unwrap();
    let written = async || {
        let found = record(&consul.api()).await;
        Ok(match found {
            Ok(record) if record["instance"] == "two" => Look::Ready(record),
            other => Look::NotYet(format!("{other:?}")),
        })
    };
    wait_for("the new leader's record", Duration::from_secs(30), written).await.unwrap();

    // It arrives now, under the name of a session that is gone.
    gate.set(Transactions::Pass);
    let answered = async || {
        let answers = gate.answers().concat();
        Ok(if answers.is_empty() { Look::NotYet(()) } else { Look::Ready(answers) })
    };
    let answer = wait_for("Consul's answer", Duration::from_secs(20), answered).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    assert!(answer.contains("session"), "{answer}");
    assert_eq!(record(&consul.api()).await.unwrap()["instance"], "two", "nothing of it was written");

    one.process.signal(Signal::CONT).unwrap();
    let status = one.follows_within("two", Duration::from_secs(30)).await.unwrap();
    assert_eq!(status["lease"], Value::Null);
    assert!(two.status().await.unwrap()["is_leader"] == true, "and the new one leads on");
}
