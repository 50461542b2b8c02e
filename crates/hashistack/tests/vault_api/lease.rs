//! Leases: made longer, ended, and those that can be neither.

use std::time::Duration;

use nova_hashistack::vault::aws::StsRequest;
use nova_test_support::server::{Consul, ConsulLaunch, Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use serde_json::json;

use crate::client;
use crate::engines::mount_aws;

/// Mounts the engine that makes tokens of this Consul, which have leases that can be renewed.
async fn mount_consul(vault: &Vault, consul: &Consul) -> anyhow::Result<()> {
    let (vault, consul) = (vault.api(), consul.api());
    let rules = json!({ "Name": "reader", "Rules": "key_prefix \"\" { policy = \"read\" }" });
    consul.put("/v1/acl/policy", &rules).await?;
    vault.post("/v1/sys/mounts/consul", &json!({ "type": "consul" })).await?;
    let access = json!({ "address": consul.address().to_string(), "token": consul.token() });
    vault.post("/v1/consul/config/access", &access).await?;
    let role = json!({ "consul_policies": ["reader"], "ttl": "60s", "max_ttl": "300s" });
    vault.post("/v1/consul/roles/reader", &role).await.map(drop)
}

#[tokio::test]
async fn a_lease_is_renewed_as_far_as_it_may_be_and_what_it_is_of_ends_with_it() {
    let (vault, consul) =
        tokio::try_join!(VaultLaunch::new().start(), ConsulLaunch::new().with_acls().start()).unwrap();
    mount_consul(&vault, &consul).await.unwrap();
    let made = vault.api().get("/v1/consul/creds/reader").await.unwrap();
    let (id, token) = (made["lease_id"].as_str().unwrap(), made["data"]["token"].as_str().unwrap());
    let client = client(&vault).unwrap();
    let leases = client.leases();

    let found = leases.lookup(id).await.unwrap();
    assert!(found.renewable && found.id == id, "{found:?}");
    assert!(found.remaining().unwrap() <= Duration::from_secs(60), "{found:?}");
    let longer = leases.renew(id, Duration::from_secs(120)).await.unwrap().unwrap();
    assert_eq!(longer, Duration::from_secs(120));
    let longest = leases.renew(id, Duration::from_secs(3600)).await.unwrap().unwrap();
    assert!(longest <= Duration::from_secs(300), "{longest:?}");

    let reader = consul.api().with_token(token);
    assert!(reader.get("/v1/acl/token/self").await.is_ok());
    leases.revoke(id).await.unwrap();
    assert!(reader.get("/v1/acl/token/self").await.is_err());
    let gone = leases.lookup(id).await.unwrap_err();
    assert!(gone.to_string().contains("invalid lease"), "{gone}");
}

#[tokio::test]
async fn a_lease_of_sts_is_told_to_be_none_that_can_be_renewed() {
    let sts = Sts::start(Duration::from_secs(900)).await.unwrap();
    let vault = VaultLaunch::new().start().await.unwrap();
    mount_aws(&vault, &sts).await.unwrap();
    let client = client(&vault).unwrap();
    let given = client.aws("aws").credentials("nova-bedrock", &StsRequest::default()).await.unwrap();
    let id = given.lease_id.unwrap();
    let found = client.leases().lookup(&id).await.unwrap();
    assert!(!found.renewable, "{found:?}");
    let refused = client.leases().renew(&id, Duration::from_secs(60)).await.unwrap_err();
    assert!(refused.is_not_renewable() && !refused.is_transient(), "{refused}");
}
