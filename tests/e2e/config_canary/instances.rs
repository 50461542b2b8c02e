//! What instances make of a candidate by themselves, without any agent: a test writes the key by hand.

use serde_json::{Value, json};

use super::scene::{Scene, good};

/// The value of a candidate as an agent writes it.
fn candidate(base: u64, ring: &[&str], config: &str, max_age_ms: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let begun_at_ms = u64::try_from(now.as_millis()).unwrap();
    json!({
        "format": 1, "id": format!("by-hand-{}", config.len()), "base_index": base, "share_percent": 50, "ring": ring,
        "begun_at_ms": begun_at_ms, "max_age_ms": max_age_ms, "config": config, "a_later_member": true,
    })
    .to_string()
}

const HOUR: u64 = 3_600_000;

fn state(wanted: &'static str) -> impl Fn(&Value) -> bool {
    move |receipt| receipt["candidate"]["state"] == wanted
}

fn refused(kind: &'static str) -> impl Fn(&Value) -> bool {
    move |receipt| receipt["candidate"]["refusal"]["kind"] == kind
}

/// The modify index of `config` that an instance runs.
async fn base(scene: &Scene) -> u64 {
    let receipt = scene.instances[0].receipt().await.unwrap();
    receipt["config"]["documents"][0]["modify_index"].as_u64().unwrap()
}

#[tokio::test]
async fn the_ring_applies_it_the_others_do_not_and_its_end_brings_config_back() {
    let scene = Scene::start(2).await.unwrap();
    let [ours, other] = &scene.instances[..] else { panic!("two were started") };
    let before = ours.receipt().await.unwrap();
    // Each has a folder of its own, and so a hash of its own.
    let before_there = other.receipt().await.unwrap();
    assert!(
        before.as_object().unwrap().contains_key("candidate") && before["candidate"].is_null(),
        "{before}"
    );
    let value = candidate(base(&scene).await, &["proxy-0"], &good(), HOUR);
    scene.fleet.put("config.canary", value).await.unwrap();
    let told = ours.receipt_where("the candidate", state("applied")).await.unwrap();
    assert_eq!((&told["candidate"]["ring"], &told["candidate"]["refusal"]), (&json!("canary"), &Value::Null));
    assert_eq!(told["candidate"]["base_hash"], before["config"]["hash"], "{told}");
    assert_ne!(told["config"]["hash"], before["config"]["hash"], "{told}");
    assert_eq!(
        told["config"]["documents"], before["config"]["documents"],
        "the documents beneath it are the same"
    );
    let beside = other.receipt_where("the candidate of others", state("not_mine")).await.unwrap();
    assert_eq!(
        (&beside["candidate"]["ring"], &beside["config"]["hash"]),
        (&json!("stable"), &before_there["config"]["hash"])
    );
    assert!(ours.serves("tried").await.unwrap() && !other.serves("tried").await.unwrap());
    assert!(ours.metric("nova_proxy_config_candidate").await.unwrap() > 0.5);
    assert!(other.metric("nova_proxy_config_candidate").await.unwrap() < 0.5);

    // A fragment counts beneath the candidate as it does beneath `config`.
    scene
        .fleet
        .put("config.d/more", "model \"more\" { target = \"us.amazon.nova-lite-v1:0\" }")
        .await
        .unwrap();
    ours.receipt_where("the fragment", |receipt| {
        receipt["config"]["documents"].as_array().is_some_and(|all| all.len() == 2)
    })
    .await
    .unwrap();
    assert!(ours.serves("more").await.unwrap() && ours.serves("tried").await.unwrap());

    scene.fleet.delete("config.canary").await.unwrap();
    ours.receipt_where("no candidate", |receipt| receipt["candidate"].is_null()).await.unwrap();
    assert!(ours.serves("more").await.unwrap() && !ours.serves("tried").await.unwrap());
}

#[tokio::test]
async fn what_must_not_be_applied_is_refused_with_the_reason_and_config_serves_on() {
    let scene = Scene::start(1).await.unwrap();
    let ours = &scene.instances[0];
    let index = base(&scene).await;
    let ring = ["proxy-0"];
    for (kind, value) in [
        ("invalid", candidate(index, &ring, "limits {\n  concurrency = 0\n}\n", HOUR)),
        ("other_base", candidate(index + 1, &ring, &good(), HOUR)),
        ("unreadable", "model \"x\" { target = \"y\" }".to_owned()),
        ("unreadable", json!({ "format": 2, "text": "later" }).to_string()),
        ("expired", candidate(index, &ring, &format!("{}# late\n", good()), 1)),
    ] {
        scene.fleet.put("config.canary", value).await.unwrap();
        let told = ours.receipt_where(kind, refused(kind)).await.unwrap();
        assert_eq!(told["candidate"]["state"], "refused", "{told}");
        assert!(!told["candidate"]["refusal"]["problem"].as_str().unwrap().is_empty(), "{told}");
        assert!(told["refusal"].is_null() && told["consul"]["state"] == "in_sync", "config is well: {told}");
        if kind == "invalid" {
            let fault = &told["candidate"]["refusal"]["faults"][0];
            assert_eq!(
                (&fault["file"], &fault["line"]),
                (&json!("nova/test/config.canary"), &json!(2)),
                "{told}"
            );
        }
        assert!(ours.serves("steady").await.unwrap() && !ours.serves("tried").await.unwrap(), "{kind}");
    }
    // A bootstrap field is as far from a candidate as from any document.
    scene
        .fleet
        .put("config.canary", candidate(index, &ring, "listen = \"127.0.0.1:1\"", HOUR))
        .await
        .unwrap();
    let told = ours.receipt_where("a refusal of listen", refused("invalid")).await;
    let told = told.unwrap();
    assert_eq!(told["candidate"]["state"], "refused", "{told}");
}

#[tokio::test]
async fn it_is_never_kept_for_a_start_and_a_start_finds_it_again() {
    let mut scene = Scene::start(1).await.unwrap();
    let value = candidate(base(&scene).await, &["proxy-0"], &good(), HOUR);
    scene.fleet.put("config.canary", value).await.unwrap();
    scene.instances[0].receipt_where("the candidate", state("applied")).await.unwrap();
    let kept = std::fs::read_to_string(scene.instances[0].data_dir().join("last-known-good.json")).unwrap();
    assert!(kept.contains("steady") && !kept.contains("tried"), "{kept}");

    scene.instances[0].kill().await.unwrap();
    scene.instances[0].start().await.unwrap();
    scene.instances[0].receipt_where("the candidate again", state("applied")).await.unwrap();
    assert!(scene.instances[0].serves("tried").await.unwrap());

    // Started where Consul is gone it comes up with what was kept.
    scene.instances[0].kill().await.unwrap();
    scene.fleet.consul.kill().await.unwrap();
    scene.instances[0].start().await.unwrap();
    let receipt = scene.instances[0].receipt().await.unwrap();
    assert_eq!(
        (&receipt["config"]["source"], &receipt["candidate"]),
        (&json!("last_known_good"), &Value::Null)
    );
    assert!(
        scene.instances[0].serves("steady").await.unwrap()
            && !scene.instances[0].serves("tried").await.unwrap()
    );
}

#[tokio::test]
async fn an_instance_on_which_consul_is_lost_drops_it_at_its_age_all_the_same() {
    let mut scene = Scene::start(1).await.unwrap();
    let value = candidate(base(&scene).await, &["proxy-0"], &good(), 8_000);
    scene.fleet.put("config.canary", value).await.unwrap();
    scene.instances[0].receipt_where("the candidate", state("applied")).await.unwrap();
    scene.fleet.consul.kill().await.unwrap();
    scene.instances[0].receipt_where("its end", refused("expired")).await.unwrap();
    assert!(
        scene.instances[0].serves("steady").await.unwrap()
            && !scene.instances[0].serves("tried").await.unwrap()
    );
}
