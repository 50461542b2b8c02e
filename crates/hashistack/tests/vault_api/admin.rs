//! What a set-up reads and writes.

use std::collections::BTreeMap;

use nova_hashistack::vault::NewMount;
use nova_test_support::server::VaultLaunch;
use serde_json::{Map, Value, json};

use crate::{client, client_with};

fn mount(kind: &str, options: &[(&str, &str)]) -> NewMount {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    NewMount { kind: kind.to_owned(), description: "of a test".to_owned(), options }
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[tokio::test]
async fn engines_and_auth_methods_are_listed_as_they_were_mounted_and_mounted_once() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let client = client(&vault).unwrap();
    let admin = client.admin();
    admin.enable_engine("team/kv", &mount("kv", &[("version", "2")])).await.unwrap();
    let again = admin.enable_engine("team/kv", &mount("kv", &[])).await.unwrap_err();
    assert!(again.to_string().contains("already in use"), "{again}");
    let found = &admin.engines().await.unwrap()["team/kv"];
    assert_eq!((found.kind.as_str(), found.description.as_str()), ("kv", "of a test"));
    assert_eq!(found.options, Some(BTreeMap::from([("version".to_owned(), "2".to_owned())])));
    admin.limit_leases("team/kv", "87600h").await.unwrap();
    admin.enable_auth_method("jwt-nomad", &mount("jwt", &[])).await.unwrap();
    assert_eq!(admin.auth_methods().await.unwrap()["jwt-nomad"].kind, "jwt");
}

#[tokio::test]
async fn policies_and_what_has_a_path_are_read_as_they_were_written() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let client = client(&vault).unwrap();
    let admin = client.admin();
    assert_eq!(admin.policy("nova").await.unwrap(), None);
    let text = "path \"secret/*\" { capabilities = [\"read\"] }";
    admin.put_policy("nova", text).await.unwrap();
    assert_eq!(admin.policy("nova").await.unwrap().as_deref(), Some(text));
    let wrong = admin.put_policy("nova", "path").await.unwrap_err();
    assert!(wrong.refusal().is_some_and(|refusal| refusal.status == 400), "{wrong}");
    admin.enable_engine("transit", &mount("transit", &[])).await.unwrap();
    assert_eq!(admin.read("transit/keys/nova").await.unwrap(), None);
    admin.write("transit/keys/nova", &fields(json!({ "type": "ed25519" }))).await.unwrap();
    assert_eq!(admin.read("transit/keys/nova").await.unwrap().unwrap()["type"], "ed25519");
    assert_eq!(admin.read("nowhere/at/all").await.unwrap(), None);
}

#[tokio::test]
async fn a_token_that_may_ask_is_told_what_it_may_do() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let rules = "path \"sys/mounts\" { capabilities = [\"read\"] }
                 path \"sys/capabilities-self\" { capabilities = [\"update\"] }";
    let reader = client_with(&vault, &vault.token_for("reader", rules).await.unwrap()).unwrap();
    for paths in [&["sys/mounts"][..], &["sys/mounts", "sys/mounts/kv"]] {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let told = reader.admin().capabilities(&paths).await.unwrap();
        assert_eq!(told.len(), paths.len(), "{told:?}");
        assert_eq!(told["sys/mounts"], ["read"]);
    }
    let mute = vault.token_for("mute", "path \"sys/mounts\" { capabilities = [\"read\"] }").await.unwrap();
    let refused = client_with(&vault, &mute).unwrap().admin().capabilities(&["sys/mounts".to_owned()]).await;
    assert!(refused.unwrap_err().is_permission_denied());
}
