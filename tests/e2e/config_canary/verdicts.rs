//! A bad candidate under load touches its ring's share of the requests and is taken away; a good one becomes the configuration of all.

use std::time::Duration;

use nova_test_support::wait::{DEADLINE, Look, wait_for};

use super::scene::{BASE, Callers, ELECTION, Scene, bad, good, single, stands};
use crate::figures::show;

/// How many instances there are; a fifth of them is one.
const INSTANCES: usize = 5;

/// A request to each instance every fifth of a second: what a debug build on a busy machine answers with ease.
const EVERY: Duration = Duration::from_millis(40);

/// How long a candidate may take to its end here.
const VERDICT: Duration = Duration::from_secs(90);

async fn in_ring(scene: &Scene) -> anyhow::Result<usize> {
    let ring = wait_for("the ring", DEADLINE, async || {
        let ring = scene.ring().await?;
        Ok(if ring.is_empty() { Look::NotYet(ring) } else { Look::Ready(ring) })
    });
    single(&ring.await?)
}

#[tokio::test]
async fn a_bad_candidate_touches_its_share_and_is_taken_away_with_the_numbers() {
    let scene = Scene::start(INSTANCES).await.unwrap();
    let agent = scene.agent("agent-0").await.unwrap();
    let callers = Callers::begin(&scene, EVERY).unwrap();
    callers.sent(100).await.unwrap();
    let pushed = scene.push(&bad(), &["--share", "20%", "--wait", "60s"]).await.unwrap();
    assert_eq!(pushed.code, Some(0), "{pushed:?}\n{}", agent.report());
    assert!(pushed.stdout.contains("is tried by 1 of 5 instances"), "{pushed:?}");
    let place = in_ring(&scene).await.unwrap();

    // The candidate is in force: what is kept for the next start, and what Consul holds, is `config`.
    let kept = scene.instances[place].data_dir().join("last-known-good.json");
    let text = std::fs::read_to_string(kept).unwrap();
    assert!(text.contains("nova-lite") && !text.contains("nova-micro"), "{text}");

    let record = scene.record_at("failed", VERDICT).await.unwrap_or_else(|error| {
        panic!("{error:#}\n{}", agent.report());
    });
    let why = record["phase"]["outcome"]["why"].as_str().unwrap();
    assert!(why.starts_with("errors: ") && why.contains('%'), "{why}");
    scene.is_clean().await.unwrap();
    assert_eq!(scene.key("config.canary").await.unwrap(), None);
    assert_eq!(scene.key("config").await.unwrap().as_deref(), Some(BASE));
    let counts = callers.end();
    let (all, touched) = counts
        .iter()
        .fold((0, 0), |(all, touched), one| (all + one.total(), touched + one.throttled + one.other));
    let elsewhere: usize = counts
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != place)
        .map(|(_, one)| one.total() - one.answered)
        .sum();
    show(&format!(
        "bad candidate: {touched} of {all} requests touched, {:.1} % beside a share of 20 %, none of them elsewhere; taken away for {why}",
        100.0 * touched as f64 / all as f64
    ));
    assert_eq!(elsewhere, 0, "{counts:?}");
    assert!(touched > 0 && touched * INSTANCES <= all, "{touched} of {all}");

    let status = scene.config(&["status"]).await.unwrap();
    assert!(status.stdout.contains("was taken away (failed): errors: "), "{status:?}");
    assert!(status.stdout.contains("fail errors: "), "{status:?}");
    let again = scene.push(&bad(), &["--no-wait"]).await.unwrap();
    assert_eq!(again.code, Some(0), "the next one can be tried: {again:?}");
}

#[tokio::test]
async fn a_good_candidate_is_promoted_and_stands_in_the_history() {
    let scene = Scene::start(INSTANCES).await.unwrap();
    let agent = scene.agent("agent-0").await.unwrap();
    let callers = Callers::begin(&scene, EVERY).unwrap();
    let pushed = scene.push(&good(), &["--share", "20%", "--follow", "--json"]).await.unwrap();
    assert_eq!(pushed.code, Some(0), "{pushed:?}\n{}", agent.report());
    let told: serde_json::Value = serde_json::from_str(&pushed.stdout).unwrap();
    assert_eq!(
        (&told["outcome"], stands(&told["record"])),
        (&serde_json::json!("promoted"), "promoted"),
        "{told}"
    );
    assert_eq!(scene.key("config").await.unwrap().as_deref(), Some(good().as_str()));
    assert_eq!(scene.key("config.canary").await.unwrap(), None);
    scene.is_clean().await.unwrap();
    for instance in &scene.instances {
        assert!(instance.serves("tried").await.unwrap());
    }
    let counts = callers.end();
    let failed: usize = counts.iter().map(|one| one.total() - one.answered).sum();
    let all: usize = counts.iter().map(|one| one.total()).sum();
    show(&format!("good candidate: promoted, {failed} of {all} requests failed"));
    assert_eq!(failed, 0, "{counts:?}");
    let history = scene.config(&["history", "2", "--json"]).await.unwrap();
    let record: serde_json::Value = serde_json::from_str(&history.stdout).unwrap();
    assert_eq!(record["documents"]["config"], good(), "{record}");
    let message = record["message"].as_str().unwrap();
    assert!(
        message.starts_with("try it (candidate ") && message.ends_with("promoted by nova-agent)"),
        "{message}"
    );
}

#[tokio::test]
async fn one_instance_alone_is_spared_and_promoted_by_a_person_only() {
    let scene = Scene::start(1).await.unwrap();
    let _agent = scene.agent("agent-0").await.unwrap();
    let callers = Callers::begin(&scene, Duration::from_millis(50)).unwrap();
    let pushed = scene.push(&good(), &["--wait", "60s"]).await.unwrap();
    assert_eq!(pushed.code, Some(0), "{pushed:?}");
    let waits = wait_for("the bake to be over", ELECTION, async || {
        let record = scene.record().await?;
        let waiting = record["waiting_for"].as_str().unwrap_or_default().to_owned();
        Ok(if waiting.contains("a person's word") { Look::Ready(record) } else { Look::NotYet(record) })
    });
    let record = waits.await.unwrap();
    assert!(record["waiting_for"].as_str().unwrap().contains("nothing to compare with"), "{record}");
    let receipt = scene.instances[0].receipt().await.unwrap();
    assert_eq!(receipt["candidate"]["state"], "not_mine", "never all: {receipt}");
    // It stays so for as long as a comparison would have taken several times over.
    callers.sent(400).await.unwrap();
    assert_eq!(stands(&scene.record().await.unwrap()), "trying");
    assert_eq!(scene.key("config").await.unwrap().as_deref(), Some(BASE));
    let promoted = scene.config(&["promote", "-r", "tried elsewhere"]).await.unwrap();
    assert_eq!(promoted.code, Some(0), "{promoted:?}");
    let record = scene.record_at("promoted", DEADLINE).await.unwrap();
    assert!(record["phase"]["outcome"]["by"].as_str().unwrap().starts_with("ada@"), "{record}");
    assert_eq!(scene.key("config").await.unwrap().as_deref(), Some(good().as_str()));
    let late = scene.config(&["abort"]).await.unwrap();
    assert_eq!(late.code, Some(1), "{late:?}");
    assert!(late.stderr.contains("no candidate is on its way"), "{late:?}");
}
