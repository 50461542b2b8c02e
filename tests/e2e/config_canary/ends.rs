//! Ends that nobody has judged: the agent is gone, somebody else was quicker, a person says so.

use std::time::Duration;

use nova_test_support::wait::DEADLINE;

use super::scene::{BASE, SUCCESSION, Scene, good, single, stands};
use crate::figures::show;

/// How long the candidate lives whose agent is killed: long enough for the ring to apply it, and for a test to wait for.
const AGE: &str = "20s";

#[tokio::test]
async fn a_candidate_expires_by_itself_when_the_agent_is_gone() {
    let scene = Scene::start(2).await.unwrap();
    let mut agent = scene.agent("agent-0").await.unwrap();
    let pushed = scene.push(&good(), &["--max-age", AGE, "--wait", "60s"]).await.unwrap();
    assert_eq!(pushed.code, Some(0), "{pushed:?}\n{}", agent.report());
    let place = single(&scene.ring().await.unwrap()).unwrap();
    let instance = &scene.instances[place];
    assert!(instance.serves("tried").await.unwrap());
    agent.kill().unwrap();

    let is_over = |receipt: &serde_json::Value| receipt["candidate"]["refusal"]["kind"] == "expired";
    let receipt = instance.receipt_where("an end by age", is_over).await.unwrap();
    assert_eq!(
        (&receipt["candidate"]["state"], &receipt["candidate"]["ring"]),
        (&"refused".into(), &"canary".into())
    );
    assert_eq!(receipt["config"]["hash"], receipt["candidate"]["base_hash"], "{receipt}");
    assert!(!instance.serves("tried").await.unwrap(), "it is dropped although the key is there");
    assert!(scene.key("config.canary").await.unwrap().is_some());
    assert_eq!(stands(&scene.record().await.unwrap()), "trying", "nobody was left to take it down");
    show(&format!("expiry with the agent gone: dropped after {AGE}, the key still there"));

    let _next = scene.agent("agent-1").await.unwrap();
    let record = scene.record_at("expired", SUCCESSION).await.unwrap();
    assert!(record["phase"]["outcome"]["why"].as_str().unwrap().contains("maximum age"), "{record}");
    assert_eq!(scene.key("config.canary").await.unwrap(), None);
    assert_eq!(scene.key("config").await.unwrap().as_deref(), Some(BASE));
}

#[tokio::test]
async fn a_config_that_somebody_else_has_changed_is_kept_and_the_candidate_goes() {
    let scene = Scene::start(2).await.unwrap();
    let agent = scene.agent("agent-0").await.unwrap();
    let pushed = scene.push(&good(), &["--wait", "60s"]).await.unwrap();
    assert_eq!(pushed.code, Some(0), "{pushed:?}\n{}", agent.report());
    let theirs = format!("{BASE}strict = true\n");
    scene.fleet.put("config", theirs.clone()).await.unwrap();
    let record = scene.record_at("superseded", DEADLINE).await.unwrap();
    assert!(
        record["phase"]["outcome"]["why"].as_str().unwrap().contains("somebody has changed config"),
        "{record}"
    );
    assert_eq!(scene.key("config").await.unwrap(), Some(theirs), "the other's word stands");
    assert_eq!(scene.key("config.canary").await.unwrap(), None);
    scene.is_clean().await.unwrap();
    for instance in &scene.instances {
        assert!(!instance.serves("tried").await.unwrap());
    }
}

#[tokio::test]
async fn a_person_takes_it_away_and_a_second_one_has_to_wait() {
    let scene = Scene::start(2).await.unwrap();
    let agent = scene.agent("agent-0").await.unwrap();
    let pushed = scene.push(&good(), &["--wait", "60s"]).await.unwrap();
    assert_eq!(pushed.code, Some(0), "{pushed:?}\n{}", agent.report());
    let second = scene.push(&format!("{BASE}strict = true\n"), &[]).await.unwrap();
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.stderr.contains("promote or abort it first"), "{second:?}");
    let other = scene.config(&["abort", "--candidate", "00000000"]).await.unwrap();
    assert_eq!(other.code, Some(3), "{other:?}");
    let aborted = scene.config(&["abort", "-r", "wrong model"]).await.unwrap();
    assert_eq!(aborted.code, Some(0), "{aborted:?}");
    assert!(aborted.stdout.contains("aborted it: wrong model"), "{aborted:?}");
    scene.is_clean().await.unwrap();
    assert_eq!(scene.key("config.canary").await.unwrap(), None);
}

#[tokio::test]
async fn without_an_agent_an_order_waits_and_nothing_is_tried() {
    let scene = Scene::start(2).await.unwrap();
    let pushed = scene.push(&good(), &["--wait", "2s"]).await.unwrap();
    assert_eq!(pushed.code, Some(4), "{pushed:?}");
    assert!(pushed.stderr.contains("no agent has taken it in yet"), "{pushed:?}");
    assert_eq!(scene.key("config.canary").await.unwrap(), None);
    let _agent = scene.agent("agent-0").await.unwrap();
    scene.record_at("trying", Duration::from_secs(40)).await.unwrap();
}
