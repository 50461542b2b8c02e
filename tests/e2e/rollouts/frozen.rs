//! A leader that is frozen in mid-write until somebody else leads: what it had sent is refused, and it does not go on.

use anyhow::Context;
use rustix::process::Signal;
use serde_json::Value;

use super::held::HeldWay;
use super::stack::{Kind, PROXY, Stack};
use super::updates::{HELD_POLICY, run};
use crate::jobs::rollout::ROLLOUT;

#[tokio::test]
async fn what_a_frozen_leader_had_sent_is_refused_when_somebody_else_leads() {
    let stack = Stack::start().await.unwrap();
    let way = HeldWay::to(stack.consul.address()).await.unwrap();
    let one = stack.agent_by("one", HELD_POLICY, &way.address()).await.unwrap();
    one.leads().await.unwrap();
    let other = stack.agent("other", HELD_POLICY).await.unwrap();
    stack.first("0.1.0", "canary").await.unwrap();
    let version = run(&stack, "0.1.1", Kind::Good, "canary").await.unwrap();
    let is_baking =
        |record: &Value| record["canary"]["job_version"] == version && record["phase"]["name"] == "baking";
    let before = one.record_where(PROXY, "a canary that is judged", ROLLOUT, is_baking).await.unwrap();

    // Somebody pauses it. The record that says so is on its way when the leader is frozen.
    way.hold("\"paused\":{");
    let paused = one.rollout(&["pause", PROXY, "-r", "the first word"]).await.unwrap();
    assert_eq!(paused.code, Some(0), "{paused:?}");
    way.holds_more_than(0, ROLLOUT).await.unwrap();
    one.signal(Signal::STOP).unwrap();
    other.leads().await.unwrap();
    let epoch = before["epoch"].as_u64().context("an epoch").unwrap();
    let goes_on = |record: &Value| record["epoch"].as_u64() > Some(epoch);
    other.record_where(PROXY, "a record of the next leader", ROLLOUT, goes_on).await.unwrap();
    let aborted = other.rollout(&["abort", PROXY, "-r", "the last word"]).await.unwrap();
    assert_eq!(aborted.code, Some(0), "{aborted:?}");
    let is_over = |record: &Value| super::stack::phase(record) == "rolled_back";
    let after = other.record_where(PROXY, "the rollback", ROLLOUT, is_over).await.unwrap();

    way.release();
    let answers = way.answers().await.unwrap();
    assert!(!answers.is_empty() && answers.iter().all(|line| line.contains(" 409 ")), "{answers:?}");
    one.signal(Signal::CONT).unwrap();
    // It finds out, and asks as one of those who follow.
    let now = one.record_where(PROXY, "the record as the others see it", ROLLOUT, is_over).await.unwrap();
    assert_eq!(now["transitions"], after["transitions"], "the frozen leader has written after all");
    let (status, agent) = one.get("/v1/agent").await.unwrap();
    assert_eq!((status, &agent["is_leader"]), (200, &Value::Bool(false)), "{agent}");
    other.leads().await.unwrap();
}
