//! `nova-agent setup consul`.

use anyhow::{Context, ensure};
use nova_test_support::server::{Consul, ConsulLaunch, Nomad, NomadLaunch};
use serde_json::{Value, json};

use super::{Desk, PENDING, is_set_up_once, jwks, those};
use crate::consul_policies::workload::follow_the_guide;

async fn servers() -> anyhow::Result<(Consul, Nomad)> {
    tokio::try_join!(ConsulLaunch::new().with_acls().start(), NomadLaunch::new().start())
}

/// What has this name in a list, which has to be there once.
async fn named(consul: &Consul, list: &str, name: &str) -> anyhow::Result<Value> {
    let all = consul.api().get(&format!("/v1/acl/{list}")).await?;
    let found: Vec<Value> =
        all.as_array().into_iter().flatten().filter(|one| one["Name"] == name).cloned().collect();
    ensure!(found.len() == 1, "{name} in {all}");
    found.into_iter().next().context("counted")
}

/// Writes other rules into a policy, with this description.
async fn rewrite(consul: &Consul, name: &str, description: &str) -> anyhow::Result<()> {
    let id = named(consul, "policies", name).await?["ID"].clone();
    let id = id.as_str().context("an id")?;
    let rules = "key_prefix \"\" { policy = \"write\" }";
    let policy = json!({ "Name": name, "Description": description, "Rules": rules });
    consul.api().put(&format!("/v1/acl/policy/{id}"), &policy).await.map(drop)
}

#[tokio::test]
async fn consul_is_set_up_once_and_what_was_changed_by_hand_is_shown_and_mended() {
    let (consul, nomad) = servers().await.unwrap();
    let desk = Desk::of_consul(&consul, &nomad);
    is_set_up_once(&desk).await.unwrap();
    let before = named(&consul, "policies", "nova-proxy").await.unwrap();
    let description = before["Description"].as_str().unwrap();
    rewrite(&consul, "nova-proxy", description).await.unwrap();
    let shown = desk.run(&[]).await.unwrap();
    assert_eq!(shown.code, Some(PENDING), "{shown:?}");
    assert!(shown.stdout.contains("~ policy/nova-proxy"), "{shown:?}");
    assert!(shown.stdout.contains("-key_prefix \"\" { policy = \"write\" }"), "{shown:?}");
    let done = desk.apply().await.unwrap();
    assert_eq!(those(&done, "change"), ["policy/nova-proxy"]);
    let after = named(&consul, "policies", "nova-proxy").await.unwrap();
    assert_eq!((&after["Hash"], &after["ID"]), (&before["Hash"], &before["ID"]));
}

#[tokio::test]
async fn what_others_have_in_consul_stops_everything_until_it_is_named() {
    let (consul, nomad) = servers().await.unwrap();
    let api = consul.api();
    let foreign =
        json!({ "Name": "nova-operator", "Description": "of the platform", "Rules": "acl = \"read\"" });
    api.put("/v1/acl/policy", &foreign).await.unwrap();
    let desk = Desk::of_consul(&consul, &nomad);
    let refused = desk.run(&["--apply"]).await.unwrap();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.contains("--overwrite policy/nova-operator"), "{refused:?}");
    assert!(refused.stderr.contains("nothing was written"), "{refused:?}");
    let policies = api.get("/v1/acl/policies").await.unwrap();
    let ours = policies
        .as_array()
        .unwrap()
        .iter()
        .filter(|policy| policy["Name"].as_str().unwrap().starts_with("nova-"));
    assert_eq!(ours.count(), 1, "{policies}");
    let wrong = desk.run(&["--apply", "--overwrite", "policy/nova"]).await.unwrap();
    assert!(wrong.code == Some(1) && wrong.stderr.contains("names nothing of the plan"), "{wrong:?}");
    let overwriting = desk.with(&["--overwrite", "policy/nova-operator"]);
    assert_eq!(those(&overwriting.apply().await.unwrap(), "change"), ["policy/nova-operator"]);
    // From now on it is this command's.
    assert_eq!(desk.plan().await.unwrap().0, 0);

    // A second way to the role is a way around the first.
    let rule = json!({
        "AuthMethod": "nova-workloads", "BindType": "role", "BindName": "nova-proxy", "Selector": "",
    });
    api.put("/v1/acl/binding-rule", &rule).await.unwrap();
    let (code, told) = desk.plan().await.unwrap();
    assert_eq!((code, those(&told, "leave")), (1, vec!["binding-rule/nova-proxy".to_owned()]), "{told}");
    assert!(told.to_string().contains("consul acl binding-rule list"), "{told}");
}

#[tokio::test]
async fn after_the_guide_by_hand_there_is_nothing_to_set_up_in_consul() {
    let (consul, nomad) = servers().await.unwrap();
    follow_the_guide(&consul, ("JWKSURL", json!(jwks(&nomad)))).await.unwrap();
    let (code, told) = Desk::of_consul(&consul, &nomad).plan().await.unwrap();
    assert_eq!(code, 0, "{told:#}");
}

#[tokio::test]
async fn a_token_that_may_not_set_consul_up_is_told_what_it_needs() {
    let (consul, nomad) = servers().await.unwrap();
    let desk = Desk::of_consul(&consul, &nomad);
    let reader = consul.token_for("reader", "acl = \"read\"").await.unwrap();
    let reader = desk.as_bearer(Some(&reader));
    assert_eq!(reader.plan().await.unwrap().0, PENDING);
    for desk in [reader, desk.as_bearer(None)] {
        let refused = desk.run(&["--apply"]).await.unwrap();
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains("acl = \"write\""), "{refused:?}");
    }
    let names: Vec<Value> = consul.api().get("/v1/acl/policies").await.unwrap().as_array().unwrap().clone();
    assert!(names.iter().all(|policy| policy["Name"] != "nova-proxy"), "{names:?}");
    let open = ConsulLaunch::new().start().await.unwrap();
    let refused = Desk::of_consul(&open, &nomad).run(&[]).await.unwrap();
    assert!(refused.code == Some(1) && refused.stderr.contains("no access control"), "{refused:?}");
}
