//! The instance in the catalog, from its start to the end of its drain.

use std::time::Duration;

use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::bed::{ask_script, with};
use crate::fleet::{Fleet, Instance, InstanceSettings};

/// An assertion is made every 30 seconds.
const ASSERTED: Duration = Duration::from_secs(60);

async fn services(fleet: &Fleet) -> Value {
    fleet.consul.api().get("/v1/agent/services").await.unwrap()
}

fn registration(state: &'static str) -> impl Fn(&Value) -> bool {
    move |receipt| receipt["consul"]["registration"] == state
}

/// Waits until the agent's services are as wanted.
async fn services_where(fleet: &Fleet, what: &str, accept: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, ASSERTED, async || {
        let services = fleet.consul.api().get("/v1/agent/services").await?;
        Ok(if accept(&services) { Look::Ready(services) } else { Look::NotYet(services) })
    })
    .await
    .unwrap()
}

fn port(instance: &Instance) -> u16 {
    instance.root.rsplit(':').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_instance_is_listed_with_its_version_and_passes_its_check() {
    let fleet = Fleet::start().await.unwrap();
    let settings = InstanceSettings::named("one")
        .with_consul("service {\n    tags = [\"primary\"]\n    check_interval = \"1s\"\n  }");
    let instance = fleet.instance(settings).await.unwrap();
    instance.receipt_where("a registration", registration("registered")).await.unwrap();
    let service = &services(&fleet).await["one"];
    assert_eq!(
        (&service["Service"], &service["Address"]),
        (&json!("nova-proxy"), &json!("127.0.0.1")),
        "{service}"
    );
    assert_eq!(
        (&service["Port"], &service["Tags"]),
        (&json!(port(&instance)), &json!(["primary"])),
        "{service}"
    );
    let meta = &service["Meta"];
    assert_eq!(
        (&meta["instance"], &meta["region"], &meta["ring"]),
        (&json!("one"), &json!("us-east-1"), &json!("stable"))
    );
    assert_eq!((&meta["version"], &meta["metrics_scheme"]), (&json!("0.1.0"), &json!("http")));
    let metrics = format!("127.0.0.1:{}", meta["metrics_port"].as_str().unwrap());
    wait_for("the check to pass", DEADLINE, async || {
        let listed = fleet.consul.api().get("/v1/health/service/nova-proxy?passing").await?;
        Ok(if listed.as_array().is_some_and(|listed| listed.len() == 1) {
            Look::Ready(())
        } else {
            Look::NotYet(listed)
        })
    })
    .await
    .unwrap();
    let page =
        nova_test_support::client::Call::new(http::Method::GET, &format!("http://{metrics}/config/receipt"))
            .unwrap();
    assert_eq!(page.send().await.unwrap().json().unwrap()["instance"], "one", "who lists it can ask it");
    assert!(instance.metric("nova_proxy_consul_registered").await.unwrap() > 0.5);
}

#[tokio::test]
async fn a_drain_begins_with_maintenance_and_ends_with_the_entry_gone() {
    let fleet = Fleet::start().await.unwrap();
    let mut instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    instance.receipt_where("a registration", registration("registered")).await.unwrap();
    let deltas: Vec<String> = (0..600).map(|number| format!("{number} ")).collect();
    let script = ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 100 }));
    let request = with(script, json!({ "stream": true }));
    let call = nova_test_support::client::Call::new(
        http::Method::POST,
        &format!("{}/v1/chat/completions", instance.root),
    )
    .unwrap();
    let mut stream = call
        .header("content-type", "application/json")
        .unwrap()
        .body(request.to_string())
        .stream()
        .await
        .unwrap();
    stream.next().await.unwrap().unwrap();
    instance.process().unwrap().signal(Signal::TERM).unwrap();
    instance.receipt_where("maintenance", registration("maintenance")).await.unwrap();
    let checks = fleet.consul.api().get("/v1/agent/checks").await.unwrap();
    assert_eq!(checks["_service_maintenance:one"]["Status"], "critical", "{checks}");
    assert!(checks["_service_maintenance:one"]["Notes"].as_str().unwrap().contains("drain"), "{checks}");
    drop(stream);
    let status = instance.process().unwrap().exited(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(services(&fleet).await.get("one").is_none());
    // The next process of the same name is no longer in maintenance.
    instance.start().await.unwrap();
    instance.receipt_where("a registration", registration("registered")).await.unwrap();
    let checks = fleet.consul.api().get("/v1/agent/checks").await.unwrap();
    assert!(checks.get("_service_maintenance:one").is_none(), "{checks}");
}

#[tokio::test]
async fn a_drain_waits_for_no_consul_that_is_gone() {
    let mut fleet = Fleet::start().await.unwrap();
    let mut instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    instance.receipt_where("a registration", registration("registered")).await.unwrap();
    fleet.consul.process().signal(Signal::STOP).unwrap();
    // It takes connections and answers nothing, which is the worst that can be.
    assert_eq!(instance.stop().await.unwrap(), Some(0));
    fleet.consul.process().signal(Signal::CONT).unwrap();
}

#[tokio::test]
async fn an_entry_that_was_lost_comes_back_and_goes_when_nomads_stands_for_it() {
    let fleet = Fleet::start().await.unwrap();
    let instance = fleet.instance(InstanceSettings::named("one")).await.unwrap();
    instance.receipt_where("a registration", registration("registered")).await.unwrap();
    fleet.consul.api().put("/v1/agent/service/deregister/one", &Value::Null).await.unwrap();
    services_where(&fleet, "the entry again", |services| services.get("one").is_some()).await;
    let foreign = "_nomad-task-5a4d2f7e-0b1c-4c8e-9d3f-6a7b8c9d0e1f-group-api-nova-proxy-http";
    let service =
        json!({ "ID": foreign, "Name": "nova-proxy", "Address": "127.0.0.1", "Port": port(&instance) });
    fleet.consul.api().put("/v1/agent/service/register", &service).await.unwrap();
    let left = services_where(&fleet, "ours to be gone", |services| services.get("one").is_none()).await;
    assert!(left.get(foreign).is_some(), "{left}");
    let receipt = instance.receipt_where("the other's", registration("by_another")).await.unwrap();
    assert!(receipt["consul"]["registration_error"].as_str().unwrap().contains(foreign), "{receipt}");
    let (is_ready, health) = instance.readiness().await.unwrap();
    assert!(is_ready, "{health}");
}

#[tokio::test]
async fn an_entry_that_an_earlier_process_left_in_maintenance_takes_calls_again() {
    let fleet = Fleet::start().await.unwrap();
    let settings = InstanceSettings::named("one").with_consul("service {\n    check_interval = \"1s\"\n  }");
    let mut instance = fleet.instance(settings).await.unwrap();
    instance.receipt_where("a registration", registration("registered")).await.unwrap();
    let maintenance = "/v1/agent/service/maintenance/one?enable=true&reason=drains";
    fleet.consul.api().put(maintenance, &json!(null)).await.unwrap();
    instance.kill().await.unwrap();
    instance.start().await.unwrap();
    wait_for("the instance to pass", DEADLINE, async || {
        let passing = fleet.consul.api().get("/v1/health/service/nova-proxy?passing").await?;
        let count = passing.as_array().map_or(0, Vec::len);
        Ok(if count == 1 { Look::Ready(()) } else { Look::NotYet(passing) })
    })
    .await
    .unwrap();
}
