//! Secrets, credentials of AWS, certificates, and what is mounted.

use std::collections::BTreeMap;
use std::time::Duration;

use nova_hashistack::vault::aws::StsRequest;
use nova_hashistack::vault::{SigningRequest, VaultState};
use nova_test_support::server::{Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{client, client_with};

fn fields(value: &str) -> BTreeMap<String, SecretString> {
    BTreeMap::from([("pepper".to_owned(), SecretString::from(value))])
}

#[tokio::test]
async fn a_secret_is_read_with_its_version_and_written_only_after_the_one_that_was_seen() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let client = client(&vault).unwrap();
    let kv = client.kv("secret");
    assert!(kv.read("nova/keys").await.unwrap().is_none());
    assert_eq!(kv.current_version("nova/keys").await.unwrap(), None);
    assert_eq!(kv.write("nova/keys", 0, &fields("first")).await.unwrap(), 1);
    assert_eq!(kv.write("nova/keys", 1, &fields("second")).await.unwrap(), 2);
    let late = kv.write("nova/keys", 1, &fields("late")).await.unwrap_err();
    assert!(late.to_string().contains("check-and-set"), "{late}");
    let read = kv.read("nova/keys").await.unwrap().unwrap();
    assert_eq!((read.version, read.fields["pepper"].expose_secret()), (2, "second"));
    assert_eq!(kv.current_version("nova/keys").await.unwrap(), Some(2));
    assert!(!format!("{read:?}").contains("second"), "{read:?}");
}

#[tokio::test]
async fn a_deleted_version_is_no_secret() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let client = client(&vault).unwrap();
    let kv = client.kv("secret");
    kv.write("nova/keys", 0, &fields("first")).await.unwrap();
    let gone = vault.api().send(http::Method::DELETE, "/v1/secret/data/nova/keys", "").await.unwrap();
    assert_eq!(gone.status, 204);
    assert!(kv.read("nova/keys").await.unwrap().is_none());
    assert_eq!(kv.current_version("nova/keys").await.unwrap(), Some(1));
}

/// The engine, whose STS is this one.
pub(crate) async fn mount_aws(vault: &Vault, sts: &Sts) -> anyhow::Result<()> {
    let api = vault.api();
    api.post("/v1/sys/mounts/aws", &json!({ "type": "aws" })).await?;
    let root = json!({
        "access_key": "AKIDVAULT", "secret_key": "secret", "region": "us-east-1",
        "sts_endpoint": format!("http://{}", sts.address()), "sts_region": "us-east-1",
        "iam_endpoint": format!("http://{}", sts.address()),
    });
    api.post("/v1/aws/config/root", &root).await?;
    let role = json!({
        "credential_type": "assumed_role", "role_arns": ["arn:aws:iam::000000000000:role/nova"],
    });
    api.post("/v1/aws/roles/nova-bedrock", &role).await?;
    Ok(())
}

#[tokio::test]
async fn credentials_of_aws_last_as_long_as_sts_says_and_its_refusal_is_told() {
    let sts = Sts::start(Duration::from_secs(90)).await.unwrap();
    let vault = VaultLaunch::new().start().await.unwrap();
    mount_aws(&vault, &sts).await.unwrap();
    let client = client(&vault).unwrap();
    let request = StsRequest { role_session_name: Some("nova-1".to_owned()), ..StsRequest::default() };
    let given = client.aws("aws").credentials("nova-bedrock", &request).await.unwrap();
    assert_eq!(given.access_key, "ASIANOVA000000000001");
    assert_eq!(given.session_token.as_ref().unwrap().expose_secret(), "session-token-000000000001");
    let lifetime = given.lifetime.unwrap();
    assert!(lifetime > Duration::from_secs(80) && lifetime <= Duration::from_secs(90), "{lifetime:?}");
    assert!(sts.asked().iter().any(|form| form.contains("RoleSessionName=nova-1")), "{:?}", sts.asked());
    assert!(!format!("{given:?}").contains("secret-access-key"), "{given:?}");
    sts.refuse(true);
    let refused = client.aws("aws").credentials("nova-bedrock", &request).await.unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
}

#[tokio::test]
async fn a_request_for_a_key_of_ours_is_signed_by_the_rules_of_the_role() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let api = vault.api();
    api.post("/v1/sys/mounts/pki", &json!({ "type": "pki" })).await.unwrap();
    let root = json!({ "common_name": "nova root", "ttl": "24h" });
    api.post("/v1/pki/root/generate/internal", &root).await.unwrap();
    let role = json!({
        "allowed_domains": ["nova.example"], "allow_bare_domains": true, "max_ttl": "2m", "key_type": "any",
    });
    api.post("/v1/pki/roles/nova-proxy", &role).await.unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["nova.example".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "nova.example");
    let csr = params.serialize_request(&key).unwrap().pem().unwrap();
    let client = client(&vault).unwrap();
    let request = SigningRequest { csr, common_name: "nova.example".to_owned(), ..SigningRequest::default() };
    let signed = client.pki("pki").sign("nova-proxy", &request).await.unwrap();
    let now = jiff::Timestamp::now().as_second();
    assert!((now + 60..=now + 121).contains(&signed.expiration), "{} at {now}", signed.expiration);
    assert_eq!(signed.chain().matches("BEGIN CERTIFICATE").count(), 1 + signed.ca_chain.len());
    // The name in the request itself is what counts, unless the role says otherwise (`use_csr_common_name`).
    params.distinguished_name.push(DnType::CommonName, "other.example");
    let other = params.serialize_request(&key).unwrap().pem().unwrap();
    let other = SigningRequest { csr: other, ..request.clone() };
    let refused = client.pki("pki").sign("nova-proxy", &other).await.unwrap_err();
    assert!(refused.to_string().contains("not allowed by this role"), "{refused}");
    let gone = client.pki("pki").sign("nova-other", &request).await.unwrap_err();
    assert!(gone.to_string().contains("unknown role"), "{gone}");
}

#[tokio::test]
async fn what_is_mounted_is_asked_and_a_token_that_may_not_use_it_is_refused() {
    let vault = VaultLaunch::new().start().await.unwrap();
    let mount = client(&vault).unwrap().mount("secret").await.unwrap();
    assert_eq!((mount.engine.as_str(), mount.kv_version()), ("kv", 2));
    let stranger =
        vault.token_for("nothing", "path \"auth/token/lookup-self\" { capabilities = [\"read\"] }");
    let stranger = client_with(&vault, &stranger.await.unwrap()).unwrap();
    assert!(stranger.mount("secret").await.unwrap_err().is_permission_denied());
}

#[tokio::test]
async fn a_sealed_server_tells_its_state_and_what_else_is_asked_fails_as_sealed() {
    let mut vault = VaultLaunch::new().with_data().start().await.unwrap();
    let client = client(&vault).unwrap();
    let health = client.health().await.unwrap();
    assert_eq!(health.state, VaultState::Active);
    assert!((jiff::Timestamp::now().as_second() - health.server_time_utc).abs() < 60, "{health:?}");
    vault.seal().await.unwrap();
    assert_eq!(client.health().await.unwrap().state, VaultState::Sealed);
    let refused = client.kv("secret").read("nova/keys").await.unwrap_err();
    assert!(refused.is_sealed() && refused.is_transient(), "{refused}");
    vault.unseal().await.unwrap();
    assert!(client.kv("secret").read("nova/keys").await.unwrap().is_none());
}
