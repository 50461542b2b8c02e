//! Tokens and policies: what Consul refuses, and what it leaves out without a word.

use nova_test_support::server::ConsulLaunch;
use serde_json::{Value, json};

use crate::fleet::{Fleet, InstanceSettings, in_sync, model};

const READS: &str =
    "key_prefix \"nova/test/config\" { policy = \"read\" }\nservice \"nova-proxy\" { policy = \"write\" }\n";

fn state(state: &'static str) -> impl Fn(&Value) -> bool {
    move |receipt| receipt["consul"]["state"] == state
}

#[tokio::test]
async fn a_token_that_is_deleted_changes_the_state_alone_and_its_successor_in_the_file_is_taken() {
    let fleet = Fleet::with(ConsulLaunch::new().with_acls()).await.unwrap();
    fleet.put("config", model("before")).await.unwrap();
    let token = fleet.consul.token_for("first", READS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, &token).unwrap();
    let settings = InstanceSettings::named("one").with_consul(&format!("token_file = {file:?}"));
    let mut instance = fleet.instance(settings).await.unwrap();
    instance
        .receipt_where("documents and registration", |receipt| {
            in_sync(receipt) && receipt["consul"]["registration"] == "registered"
        })
        .await
        .unwrap();

    let api = fleet.consul.api();
    let own = api.with_token(&token).get("/v1/acl/token/self").await.unwrap();
    let accessor = own["AccessorID"].as_str().unwrap();
    let gone = api.send(http::Method::DELETE, &format!("/v1/acl/token/{accessor}"), "").await.unwrap();
    assert_eq!(gone.status, 200, "{}", gone.text());
    // A blocking query that waits already is not ended by it; the next change is what the token may not see.
    fleet.put("config", model("after")).await.unwrap();
    let denied = instance.receipt_where("the refusal of the token", state("denied")).await.unwrap();
    assert!(
        denied["consul"]["error"].as_str().is_some_and(|error| error.contains("ACL not found")),
        "{denied}"
    );
    assert!(instance.serves("before").await.unwrap());
    assert!(
        !instance.process().unwrap().stderr().unwrap().contains(&token),
        "a token is no text for the log"
    );
    assert!(!denied.to_string().contains(&token));

    std::fs::write(&file, fleet.consul.token_for("second", READS).await.unwrap()).unwrap();
    instance.receipt_where("the change", in_sync).await.unwrap();
    assert!(instance.serves("after").await.unwrap());
}

#[tokio::test]
async fn without_a_policy_the_documents_look_empty_and_what_is_in_force_stays() {
    let fleet = Fleet::with(ConsulLaunch::new().with_acls()).await.unwrap();
    fleet.put("config", model("of-consul")).await.unwrap();
    let instance =
        fleet.instance(InstanceSettings::named("one").with_rest(&model("of-the-file"))).await.unwrap();
    let receipt = instance.receipt_where("nothing to be seen", state("empty")).await.unwrap();
    assert_eq!(receipt["config"]["source"], "files");
    assert!(
        receipt["consul"]["error"].as_str().is_some_and(|error| error.contains("key_prefix")),
        "{receipt}"
    );
    let (is_ready, health) = instance.readiness().await.unwrap();
    assert!(is_ready, "{health}");
    assert!(instance.serves("of-the-file").await.unwrap() && !instance.serves("of-consul").await.unwrap());
    // Nobody may register either, and that is told as well.
    let failed = |receipt: &Value| receipt["consul"]["registration"] == "failed";
    let receipt = instance.receipt_where("the refused registration", failed).await.unwrap();
    assert!(receipt["consul"]["registration_error"].is_string(), "{receipt}");
}

#[tokio::test]
async fn a_policy_for_some_documents_alone_applies_none() {
    let fleet = Fleet::with(ConsulLaunch::new().with_acls()).await.unwrap();
    fleet.put("config", model("of-consul")).await.unwrap();
    fleet.put("config.d/limits", "limits {\n  concurrency = 2\n}\n").await.unwrap();
    let rules = "key_prefix \"nova/test/config\" { policy = \"read\" }\nkey_prefix \"nova/test/config.d/\" { policy = \"deny\" }\n";
    let token = fleet.consul.token_for("half", rules).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, token).unwrap();
    let settings = InstanceSettings::named("one")
        .with_consul(&format!("token_file = {file:?}\n  service {{\n    register = false\n  }}"));
    let instance = fleet.instance(settings).await.unwrap();
    let receipt = instance.receipt_where("the filter", state("filtered")).await.unwrap();
    assert_eq!(
        (&receipt["config"]["source"], &receipt["consul"]["registration"]),
        (&json!("files"), &json!("off"))
    );
    assert!(!instance.serves("of-consul").await.unwrap());
}
