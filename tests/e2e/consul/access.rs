//! Tokens and policies: what Consul refuses, and what it leaves out without a word.

use std::path::Path;

use nova_test_support::identity::Signer;
use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};

use crate::fleet::{Fleet, InstanceSettings, in_sync, model};
use crate::workload_identity::{METHOD, admit, delete_token, tokens_of_logins};

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
    delete_token(&fleet.consul, own["AccessorID"].as_str().unwrap()).await.unwrap();
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

/// The lines of the `consul` block for a login with the JWT in this file.
fn login(jwt: &Path) -> String {
    format!("login {{\n    auth_method = \"{METHOD}\"\n    jwt_file = {jwt:?}\n  }}")
}

fn in_sync_and_registered(receipt: &Value) -> bool {
    in_sync(receipt) && receipt["consul"]["registration"] == "registered"
}

#[tokio::test]
async fn a_login_goes_on_when_its_token_is_deleted_and_ends_with_the_process() {
    let fleet = Fleet::with(ConsulLaunch::new().with_acls()).await.unwrap();
    fleet.put("config", model("before")).await.unwrap();
    let signer = Signer::new().unwrap();
    admit(&fleet.consul, &signer, READS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let jwt = folder.path().join("jwt");
    std::fs::write(&jwt, signer.identity("default", "nova-proxy").unwrap()).unwrap();
    let mut instance =
        fleet.instance(InstanceSettings::named("one").with_consul(&login(&jwt))).await.unwrap();
    instance.receipt_where("documents and registration", in_sync_and_registered).await.unwrap();
    let first = tokens_of_logins(&fleet.consul).await.unwrap();
    assert_eq!(first.len(), 1, "one login serves the watch and the registration: {first:?}");

    delete_token(&fleet.consul, &first[0]).await.unwrap();
    fleet.put("config", model("after")).await.unwrap();
    wait_for("the change to be served", DEADLINE, async || {
        Ok(if instance.serves("after").await? { Look::Ready(()) } else { Look::NotYet("before") })
    })
    .await
    .unwrap();
    instance.receipt_where("the same state with another token", in_sync_and_registered).await.unwrap();
    let second = tokens_of_logins(&fleet.consul).await.unwrap();
    assert!(second.len() == 1 && second != first, "{first:?} and then {second:?}");
    let log = instance.process().unwrap().stderr().unwrap();
    assert!(!log.contains(std::fs::read_to_string(&jwt).unwrap().as_str()), "a JWT is no text for the log");

    assert_eq!(instance.stop().await.unwrap(), Some(0));
    assert_eq!(tokens_of_logins(&fleet.consul).await.unwrap(), [""; 0]);
    let listed = fleet.consul.api().get("/v1/catalog/service/nova-proxy").await.unwrap();
    assert_eq!(listed, json!([]), "deregistered before the logout");
}

#[tokio::test]
async fn a_jwt_that_is_absent_or_of_a_stranger_keeps_no_proxy_from_starting() {
    let fleet = Fleet::with(ConsulLaunch::new().with_acls()).await.unwrap();
    fleet.put("config", model("of-consul")).await.unwrap();
    let signer = Signer::new().unwrap();
    admit(&fleet.consul, &signer, READS).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let jwt = folder.path().join("jwt");
    let settings = InstanceSettings::named("one").with_consul(&login(&jwt)).with_rest(&model("of-the-file"));
    let instance = fleet.instance(settings).await.unwrap();
    let told = |part: &str| {
        let part = part.to_owned();
        move |receipt: &Value| receipt["consul"]["error"].as_str().is_some_and(|error| error.contains(&part))
    };
    instance.receipt_where("the absent file", told(jwt.to_str().unwrap())).await.unwrap();
    assert!(instance.readiness().await.unwrap().0 && instance.serves("of-the-file").await.unwrap());

    std::fs::write(&jwt, Signer::new().unwrap().identity("default", "nova-proxy").unwrap()).unwrap();
    let denied = instance.receipt_where("the stranger", told("renew the file")).await.unwrap();
    assert_eq!(denied["consul"]["state"], "denied", "{denied}");

    std::fs::write(&jwt, signer.identity("default", "another-job").unwrap()).unwrap();
    let denied = instance.receipt_where("the other job", told("no binding rule")).await.unwrap();
    assert_eq!(denied["consul"]["state"], "denied", "{denied}");

    std::fs::write(&jwt, signer.identity("default", "nova-proxy").unwrap()).unwrap();
    instance.receipt_where("documents and registration", in_sync_and_registered).await.unwrap();
    assert!(instance.serves("of-consul").await.unwrap());
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
