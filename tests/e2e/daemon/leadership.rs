//! One of two agents leads, and what becomes of leadership when it is killed, stops, or loses its key.

use std::time::{Duration, Instant};

use http::Method;
use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{Look, wait_for};
use rustix::process::Signal;

use super::{Daemon, LOCK_DELAY, SUCCESSION, TTL};
use crate::figures::show;

/// How long a first election may take on a busy machine.
const ELECTION: Duration = Duration::from_secs(20);

#[tokio::test]
async fn one_of_two_leads_and_the_other_takes_over_when_it_is_killed() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let one = Daemon::start("one", consul.address(), "").await.unwrap();
    let first = one.leads_within(ELECTION).await.unwrap();
    let two = Daemon::start("two", consul.address(), "").await.unwrap();
    let follower = two.follows_within("one", ELECTION).await.unwrap();
    assert_eq!(follower["lease"], serde_json::Value::Null);

    one.process.signal(Signal::KILL).unwrap();
    let second = two.leads_within(SUCCESSION).await.unwrap();
    let epoch = |status: &serde_json::Value| status["lease"]["epoch"].as_u64().unwrap();
    assert!(epoch(&second) > epoch(&first), "{first} {second}");
}

#[tokio::test]
async fn a_leader_that_is_told_to_stop_hands_over_at_once() {
    // A session that is left to end would be waited for three times as long.
    let consul = ConsulLaunch::new().start().await.unwrap();
    let mut one = Daemon::start("one", consul.address(), "").await.unwrap();
    one.leads_within(ELECTION).await.unwrap();
    let two = Daemon::start("two", consul.address(), "").await.unwrap();
    two.follows_within("one", ELECTION).await.unwrap();

    let told = Instant::now();
    one.process.signal(Signal::TERM).unwrap();
    two.leads_within(TTL - LOCK_DELAY).await.unwrap();
    show(&format!("leadership was handed over in {:?}", told.elapsed()));
    let ended = one.process.exited(Duration::from_secs(20)).await.unwrap();
    assert_eq!(ended.code(), Some(0), "{}", one.process.report());
    let sessions = consul.api().get("/v1/session/list").await.unwrap();
    assert_eq!(
        sessions.as_array().unwrap().len(),
        1,
        "the session of the first one is destroyed: {sessions}"
    );
}

#[tokio::test]
async fn the_leaders_tasks_are_known_to_those_that_do_not_lead() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let one = Daemon::start("one", consul.address(), "").await.unwrap();
    one.leads_within(ELECTION).await.unwrap();
    let two = Daemon::start("two", consul.address(), "").await.unwrap();
    let look = async || {
        let status = two.status().await?;
        let is_there = status["leader_record"]["instance"] == "one";
        Ok(if is_there { Look::Ready(status) } else { Look::NotYet(status) })
    };
    wait_for("the leader's record", ELECTION, look).await.unwrap();
    let reply = two.ask(Method::POST, "/v1/tasks/leader-record/activate").await.unwrap();
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(reply.text().contains("one leads, and has no address"), "{}", reply.text());
}

#[tokio::test]
async fn a_key_that_is_deleted_by_hand_ends_leadership_and_begins_another_one() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let one = Daemon::start("one", consul.address(), "").await.unwrap();
    let first = one.leads_within(ELECTION).await.unwrap();
    let reply = consul.api().send(Method::DELETE, "/v1/kv/nova/test/leader", "").await.unwrap();
    assert_eq!(reply.status, 200);
    let look = async || {
        let status = one.status().await?;
        let is_new = status["is_leader"] == true && status["leader"]["since"] != first["leader"]["since"];
        Ok(if is_new { Look::Ready(status) } else { Look::NotYet(status) })
    };
    wait_for("another leadership", SUCCESSION, look).await.unwrap();
}
