//! Consul is gone, comes back, or has lost everything: what is in force stays, and what comes later is applied.

use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};

use super::callers::Callers;
use crate::figures::show;
use crate::fleet::{Fleet, InstanceSettings, caught_up, has_kept, in_sync, kept, model};
use crate::official_load::OfficialLoads;

fn state(state: &'static str) -> impl Fn(&Value) -> bool {
    move |receipt| receipt["consul"]["state"] == state
}

#[tokio::test]
async fn consul_is_killed_and_comes_back_and_no_request_notices() {
    let mut fleet = Fleet::with(ConsulLaunch::new().with_data()).await.unwrap();
    fleet.put("config", model("before")).await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    let load = Callers::start(&instance, "before").unwrap();
    fleet.consul.kill().await.unwrap();
    load.goes_on().await.unwrap();
    let receipt = instance.receipt_where("no Consul", state("unreachable")).await.unwrap();
    assert!(receipt["consul"]["error"].as_str().is_some_and(|error| !error.is_empty()), "{receipt}");
    assert_eq!(receipt["config"]["source"], "consul", "{receipt}");
    let (is_ready, health) = instance.readiness().await.unwrap();
    assert!(is_ready && health["consul"]["state"] == "unreachable", "{health}");
    assert!(instance.metric("nova_proxy_consul_up").await.unwrap() < 0.5);
    fleet.consul.restart().await.unwrap();
    instance.receipt_where("Consul again", in_sync).await.unwrap();
    fleet.put("config", format!("{}{}", model("before"), model("after"))).await.unwrap();
    wait_for("the change", DEADLINE, async || {
        Ok(if instance.serves("after").await? { Look::Ready(()) } else { Look::NotYet("not served") })
    })
    .await
    .unwrap();
    load.goes_on().await.unwrap();
    load.finish().await.unwrap();
}

#[tokio::test]
async fn lost_data_changes_nothing_and_what_is_written_next_counts_although_its_index_is_smaller() {
    let mut fleet = Fleet::with(ConsulLaunch::new().with_data()).await.unwrap();
    fleet.put("config", model("before")).await.unwrap();
    // The index is raised, so that the one after the loss is smaller for certain.
    for round in 0..60 {
        fleet.put("elsewhere", format!("{round}")).await.unwrap();
    }
    fleet.put("config.d/late", "strict = true\n").await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    let before = instance.receipt_where("both documents", in_sync).await.unwrap();
    fleet.consul.restart_without_data().await.unwrap();
    let empty = instance.receipt_where("the loss", state("empty")).await.unwrap();
    assert_eq!(empty["config"]["hash"], before["config"]["hash"]);
    assert!(instance.serves("before").await.unwrap());
    fleet.put("config", model("after")).await.unwrap();
    let after = instance
        .receipt_where("the new document", |receipt| {
            in_sync(receipt) && receipt["config"]["hash"] != before["config"]["hash"]
        })
        .await
        .unwrap();
    assert!(
        after["config"]["applied_index"].as_u64() < before["config"]["applied_index"].as_u64(),
        "{before} {after}"
    );
    assert!(instance.serves("after").await.unwrap() && !instance.serves("before").await.unwrap());
}

#[tokio::test]
async fn a_start_without_consul_has_the_last_known_good_and_follows_when_it_is_back() {
    let mut fleet = Fleet::with(ConsulLaunch::new().with_data()).await.unwrap();
    fleet.put("config", model("good")).await.unwrap();
    let mut instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    kept(&instance).await.unwrap();
    // What was refused is never kept.
    fleet.put("config", "nonsense = 1\n").await.unwrap();
    instance.receipt_where("a refusal", |receipt| !receipt["refusal"].is_null()).await.unwrap();
    fleet.consul.kill().await.unwrap();
    instance.kill().await.unwrap();
    instance.start().await.unwrap();
    assert!(instance.serves("good").await.unwrap());
    let receipt = instance.receipt().await.unwrap();
    assert_eq!(
        (&receipt["config"]["source"], &receipt["consul"]["state"]),
        (&json!("last_known_good"), &json!("unreachable"))
    );
    let (is_ready, health) = instance.readiness().await.unwrap();
    assert!(is_ready, "{health}");
    fleet.consul.restart().await.unwrap();
    instance.receipt_where("the refusal again", |receipt| !receipt["refusal"].is_null()).await.unwrap();
    assert!(instance.serves("good").await.unwrap());
    fleet.put("config", model("mended")).await.unwrap();
    instance.receipt_where("the mended document", in_sync).await.unwrap();
    assert!(instance.serves("mended").await.unwrap());
}

#[tokio::test]
async fn a_start_with_a_bad_document_has_the_last_known_good_and_says_why() {
    let fleet = Fleet::start().await.unwrap();
    fleet.put("config", model("good")).await.unwrap();
    let mut instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    kept(&instance).await.unwrap();
    fleet.put("config", "nonsense = 1\n").await.unwrap();
    instance.kill().await.unwrap();
    instance.start().await.unwrap();
    let receipt = instance.receipt().await.unwrap();
    assert_eq!(receipt["config"]["source"], "last_known_good", "{receipt}");
    assert_eq!(receipt["refusal"]["faults"][0]["file"], "nova/test/config", "{receipt}");
    assert!(instance.serves("good").await.unwrap());
}

#[tokio::test]
async fn a_first_start_without_consul_or_with_a_bad_document_has_the_files_alone() {
    let mut fleet = Fleet::with(ConsulLaunch::new().with_data()).await.unwrap();
    fleet.put("config", "nonsense = 1\n").await.unwrap();
    let settings = |name| InstanceSettings::named(name).with_rest(&model("of-the-file"));
    let bad = fleet.instance(settings("bad")).await.unwrap();
    let receipt = bad.receipt().await.unwrap();
    assert_eq!(receipt["config"]["source"], "files", "{receipt}");
    assert!(!receipt["refusal"].is_null() && bad.serves("of-the-file").await.unwrap(), "{receipt}");
    fleet.consul.kill().await.unwrap();
    let gone = fleet.instance(settings("gone")).await.unwrap();
    assert!(gone.serves("of-the-file").await.unwrap());
    assert_eq!(gone.receipt().await.unwrap()["config"]["source"], "files");
}

#[tokio::test]
async fn damaged_documents_are_passed_over_and_said_to_be() {
    let mut fleet = Fleet::start().await.unwrap();
    fleet.put("config", model("good")).await.unwrap();
    let mut instance =
        fleet.instance(InstanceSettings::named("one").with_rest(&model("of-the-file"))).await.unwrap();
    kept(&instance).await.unwrap();
    fleet.consul.kill().await.unwrap();
    instance.kill().await.unwrap();
    let file = instance.data_dir().join("last-known-good.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("nova-lite", "nova-pro!")).unwrap();
    instance.start().await.unwrap();
    assert!(instance.serves("of-the-file").await.unwrap() && !instance.serves("good").await.unwrap());
    let says_so = |line: &str| line.contains("damaged");
    instance.process().unwrap().line_where("a warning", DEADLINE, says_so).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_kept_is_applied_all_the_same_and_kept_when_it_can_be() {
    let fleet = Fleet::start().await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    std::fs::remove_dir(instance.data_dir()).unwrap();
    fleet.put("config", model("of-consul")).await.unwrap();
    let told = |receipt: &Value| in_sync(receipt) && receipt["config"]["not_kept"].is_string();
    instance.receipt_where("that it is not kept", told).await.unwrap();
    assert!(instance.serves("of-consul").await.unwrap() && !has_kept(&instance.data_dir()));
    std::fs::create_dir(instance.data_dir()).unwrap();
    kept(&instance).await.unwrap();
    instance
        .receipt_where("that it is kept", |receipt| receipt["config"]["not_kept"].is_null())
        .await
        .unwrap();
}

#[tokio::test]
async fn official_clients_notice_no_loss_of_consul_nor_of_its_data() {
    let mut fleet = Fleet::with(ConsulLaunch::new().with_data()).await.unwrap();
    let (house, later) = (model("house"), format!("{}{}", model("house"), model("later")));
    fleet.put("config", house.clone()).await.unwrap();
    let mut instances = Vec::new();
    for name in ["one", "two", "three"] {
        instances.push(fleet.instance(InstanceSettings::named(name)).await.unwrap());
    }
    let mut restarted = fleet.instance(InstanceSettings::named("restarted")).await.unwrap();
    kept(&restarted).await.unwrap();
    let roots: Vec<&str> = instances.iter().map(|instance| instance.root.as_str()).collect();
    let load = OfficialLoads::begin("house", &roots).await.unwrap();
    let everywhere = async |what: &str, accept: &dyn Fn(&Value) -> bool| {
        for instance in &instances {
            instance.receipt_where(what, accept).await.unwrap();
        }
        load.go_on().await.unwrap();
    };

    // Gone for so long that each has asked in vain more than once.
    fleet.consul.kill().await.unwrap();
    everywhere("no Consul", &state("unreachable")).await;
    for instance in &instances {
        wait_for("several questions without an answer", DEADLINE, async || {
            let errors = instance.metric("nova_proxy_consul_watch_errors_total").await?;
            Ok(if errors > 2.5 { Look::Ready(()) } else { Look::NotYet(errors) })
        })
        .await
        .unwrap();
    }
    restarted.kill().await.unwrap();
    restarted.start().await.unwrap();
    assert_eq!(restarted.receipt().await.unwrap()["config"]["source"], "last_known_good");
    assert!(restarted.serves("house").await.unwrap());
    load.go_on().await.unwrap();

    fleet.consul.restart().await.unwrap();
    everywhere("Consul again", &in_sync).await;
    restarted.receipt_where("Consul again", in_sync).await.unwrap();

    fleet.consul.restart_without_data().await.unwrap();
    everywhere("the loss of its data", &state("empty")).await;
    // Nothing to be had from Consul is no reason to forget what was good.
    restarted.kill().await.unwrap();
    restarted.start().await.unwrap();
    let receipt = restarted.receipt_where("an empty Consul", state("empty")).await.unwrap();
    assert_eq!(receipt["config"]["source"], "last_known_good", "{receipt}");
    assert!(restarted.serves("house").await.unwrap());

    fleet.put("config", later).await.unwrap();
    everywhere("new documents", &caught_up).await;
    restarted.receipt_where("new documents", caught_up).await.unwrap();
    for instance in instances.iter().chain([&restarted]) {
        assert!(instance.serves("later").await.unwrap());
    }
    load.go_on().await.unwrap();
    let answered = load.end().await.unwrap();
    show(&format!(
        "Consul killed, restarted, and robbed of its data: {answered} requests of official clients answered, 0 failed"
    ));
    assert!(answered > 200, "{answered} requests in all that time are no load");
}
