//! A candidate and a rollout are never tried at the same time: the rollout comes first.

use std::time::Duration;

use nova_test_support::wait::{Look, wait_for};

use super::scene::{Scene, good, single};

/// The record of a rollout. That this version cannot read it is no reason to think that it has ended.
const UNDER_WAY: &str = r#"{"format":99,"phase":{"name":"baking"}}"#;

const ROLLOUT: &str = "rollouts/default/nova-proxy";

#[tokio::test]
async fn it_waits_while_a_rollout_runs_and_makes_way_for_one_that_begins() {
    let scene = Scene::start(2).await.unwrap();
    let agent = scene.agent("agent-0").await.unwrap();
    scene.fleet.put(ROLLOUT, UNDER_WAY).await.unwrap();
    let pushed = scene.push(&good(), &["--wait", "15s"]).await.unwrap();
    assert_eq!(pushed.code, Some(4), "{pushed:?}\n{}", agent.report());
    assert!(pushed.stdout.contains("waits for the end of a rollout: default/nova-proxy"), "{pushed:?}");
    assert_eq!(scene.key("config.canary").await.unwrap(), None);

    scene.fleet.delete(ROLLOUT).await.unwrap();
    scene.record_at("trying", Duration::from_secs(30)).await.unwrap();
    let ring = wait_for("the ring", Duration::from_secs(30), async || {
        let ring = scene.ring().await?;
        Ok(if ring.is_empty() { Look::NotYet(ring) } else { Look::Ready(ring) })
    });
    let first = single(&ring.await.unwrap()).unwrap();

    scene.fleet.put(ROLLOUT, UNDER_WAY).await.unwrap();
    let record = scene.record_at("waiting", Duration::from_secs(30)).await.unwrap();
    let why = record["transitions"].as_array().unwrap().last().unwrap()["why"].to_string();
    assert!(why.contains("a rollout has begun: default/nova-proxy"), "{why}");
    scene.is_clean().await.unwrap();
    assert_eq!(scene.key("config.canary").await.unwrap(), None);

    scene.fleet.delete(ROLLOUT).await.unwrap();
    scene.record_at("trying", Duration::from_secs(30)).await.unwrap();
    let second = wait_for("the ring", Duration::from_secs(30), async || {
        let ring = scene.ring().await?;
        Ok(if ring.is_empty() { Look::NotYet(ring) } else { Look::Ready(ring) })
    });
    assert_eq!(single(&second.await.unwrap()).unwrap(), first, "the lowest hashes are the lowest ones again");
}
