//! Logins: who is let in, what is done when a token dies, and the secret id that can be taken out once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nova_hashistack::transport::TokenSource;
use nova_hashistack::vault::{AppRole, LoginMethod, SecretId, VaultLogin};
use nova_hashistack::{HashistackError, VaultClient, VaultConfig};
use nova_test_support::identity::Signer;
use nova_test_support::server::{Vault, VaultLaunch};
use serde_json::json;
use tempfile::TempDir;

use crate::config;

const POLICY: &str = "path \"secret/data/nova/*\" { capabilities = [\"read\"] }";

struct Bed {
    vault: Vault,
    signer: Signer,
    folder: TempDir,
}

/// A client with a login, and the login.
struct LoggedIn {
    client: VaultClient,
    login: Arc<VaultLogin>,
}

impl LoggedIn {
    fn new(vault: &Vault, method: LoginMethod) -> anyhow::Result<Self> {
        let config = config(vault)?;
        let login = Arc::new(VaultLogin::new(&config, method)?);
        let token = TokenSource::Login(Arc::<VaultLogin>::clone(&login));
        Ok(Self { client: VaultClient::new(VaultConfig { token, ..config })?, login })
    }

    /// Reads what the policy allows; there is nothing.
    async fn read(&self) -> Result<(), HashistackError> {
        self.client.kv("secret").read("nova/keys").await.map(drop)
    }

    async fn accessor(&self) -> anyhow::Result<String> {
        Ok(self.client.token().lookup().await?.accessor)
    }
}

impl Bed {
    /// A Vault that lets the proxy in by both methods.
    async fn start() -> anyhow::Result<Self> {
        let (vault, signer) = (VaultLaunch::new().start().await?, Signer::new()?);
        let api = vault.api();
        api.put("/v1/sys/policies/acl/nova-proxy", &json!({ "policy": POLICY })).await?;
        api.post("/v1/sys/auth/jwt-nomad", &json!({ "type": "jwt" })).await?;
        let keys = json!({ "jwt_validation_pubkeys": [signer.public_key()?] });
        api.post("/v1/auth/jwt-nomad/config", &keys).await?;
        let role = json!({
            "role_type": "jwt", "bound_audiences": ["consul.io"], "user_claim": "nomad_job_id",
            "bound_claims": { "nomad_job_id": "nova-proxy" },
            "token_policies": ["nova-proxy"], "token_type": "service", "token_ttl": "60s", "token_max_ttl": "60s",
        });
        api.post("/v1/auth/jwt-nomad/role/nova-proxy", &role).await?;
        api.post("/v1/sys/auth/approle", &json!({ "type": "approle" })).await?;
        let role = json!({ "token_policies": ["nova-proxy"], "token_ttl": "60s", "secret_id_num_uses": 1 });
        api.post("/v1/auth/approle/role/nova-proxy", &role).await?;
        Ok(Self { vault, signer, folder: tempfile::tempdir()? })
    }

    fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn by_jwt(&self, job: &str) -> anyhow::Result<LoggedIn> {
        let file = self.file("jwt", &self.signer.identity("default", job)?)?;
        let method =
            LoginMethod::Jwt { mount: "jwt-nomad".to_owned(), role: Some("nova-proxy".to_owned()), file };
        LoggedIn::new(&self.vault, method)
    }

    async fn by_app_role(&self, secret_id: SecretId) -> anyhow::Result<LoggedIn> {
        let read = self.vault.api().get("/v1/auth/approle/role/nova-proxy/role-id").await?;
        let role_id = read["data"]["role_id"].as_str().unwrap_or_default().to_owned();
        let role = AppRole { mount: "approle".to_owned(), role_id, secret_id };
        LoggedIn::new(&self.vault, LoginMethod::AppRole(role))
    }

    /// A file with a wrapping token around a secret id of this role.
    async fn wrapped(&self, role: &str) -> anyhow::Result<PathBuf> {
        let path = format!("/v1/auth/approle/role/{role}/secret-id");
        let call = self.vault.api().call(http::Method::POST, &path)?.header("x-vault-wrap-ttl", "60s")?;
        let wrapped = call.send().await?.json()?;
        let token = wrapped["wrap_info"]["token"].as_str();
        self.file("wrapped", token.ok_or_else(|| anyhow::anyhow!("no wrap_info in {wrapped}"))?)
    }

    async fn revoke(&self, accessor: &str) -> anyhow::Result<()> {
        let body = json!({ "accessor": accessor });
        self.vault.api().post("/v1/auth/token/revoke-accessor", &body).await.map(drop)
    }
}

fn wrapped(file: &Path) -> SecretId {
    SecretId::Wrapped { file: file.to_owned(), role: "nova-proxy".to_owned() }
}

/// Lets so many seconds pass for us; Vault's own clock runs on.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn the_identity_of_the_job_is_let_in_and_another_job_is_told_what_is_wrong() {
    let bed = Bed::start().await.unwrap();
    bed.by_jwt("nova-proxy").unwrap().read().await.unwrap();
    let refused = bed.by_jwt("somebody-else").unwrap().read().await.unwrap_err();
    let refusal = refused.refusal().unwrap().to_string();
    assert!(refusal.contains("nomad_job_id") && !refused.is_transient(), "{refusal}");
}

#[tokio::test]
async fn a_token_that_is_revoked_is_replaced_within_the_call() {
    let bed = Bed::start().await.unwrap();
    let proxy = bed.by_jwt("nova-proxy").unwrap();
    proxy.read().await.unwrap();
    let first = proxy.accessor().await.unwrap();
    bed.revoke(&first).await.unwrap();
    pass(1).await;
    proxy.read().await.unwrap();
    assert_ne!(proxy.accessor().await.unwrap(), first);
}

#[tokio::test]
async fn a_policy_that_is_missing_is_no_reason_for_another_login() {
    let bed = Bed::start().await.unwrap();
    let proxy = bed.by_jwt("nova-proxy").unwrap();
    let before = proxy.accessor().await.unwrap();
    pass(1).await;
    let refused = proxy.client.kv("secret").read("other/keys").await.unwrap_err();
    assert!(refused.is_permission_denied(), "{refused}");
    assert_eq!(proxy.accessor().await.unwrap(), before);
}

#[tokio::test]
async fn the_next_token_is_there_before_the_last_one_ends_and_that_one_stays_good() {
    let bed = Bed::start().await.unwrap();
    let proxy = bed.by_jwt("nova-proxy").unwrap();
    let first = proxy.accessor().await.unwrap();
    pass(39).await;
    proxy.login.keep().await.unwrap();
    assert_eq!(proxy.accessor().await.unwrap(), first);
    pass(2).await;
    proxy.login.keep().await.unwrap();
    assert_ne!(proxy.accessor().await.unwrap(), first);
    let body = json!({ "accessor": first });
    bed.vault.api().post("/v1/auth/token/lookup-accessor", &body).await.unwrap();
}

#[tokio::test]
async fn a_login_that_fails_leaves_a_token_that_can_be_renewed_in_force() {
    let bed = Bed::start().await.unwrap();
    let proxy = bed.by_jwt("nova-proxy").unwrap();
    let first = proxy.accessor().await.unwrap();
    bed.file("jwt", &bed.signer.identity_until("default", "nova-proxy", -600).unwrap()).unwrap();
    pass(41).await;
    proxy.login.keep().await.unwrap();
    assert_eq!(proxy.accessor().await.unwrap(), first);
    // The renewal covers up that the file is of no use any more, until it cannot.
    let fault = proxy.login.fault().unwrap();
    assert!(fault.to_string().contains("renew the file"), "{fault}");
    bed.file("jwt", &bed.signer.identity("default", "nova-proxy").unwrap()).unwrap();
    pass(41).await;
    proxy.login.keep().await.unwrap();
    assert_ne!(proxy.accessor().await.unwrap(), first);
    assert!(proxy.login.fault().is_none());
}

#[tokio::test]
async fn a_wrapped_secret_id_is_taken_out_once_and_its_token_is_renewed_from_then_on() {
    let bed = Bed::start().await.unwrap();
    let file = bed.wrapped("nova-proxy").await.unwrap();
    let proxy = bed.by_app_role(wrapped(&file)).await.unwrap();
    proxy.read().await.unwrap();
    let first = proxy.accessor().await.unwrap();
    pass(41).await;
    proxy.login.keep().await.unwrap();
    assert_eq!(proxy.accessor().await.unwrap(), first);
    let second = bed.by_app_role(wrapped(&file)).await.unwrap().read().await.unwrap_err();
    assert!(second.is_wrapping_token_spent(), "{second:?}");
    // A new one is taken before the token ends, not after.
    bed.wrapped("nova-proxy").await.unwrap();
    pass(41).await;
    proxy.login.keep().await.unwrap();
    assert_ne!(proxy.accessor().await.unwrap(), first);
}

#[tokio::test]
async fn after_the_end_of_its_token_a_new_wrapping_token_in_the_file_is_taken() {
    let bed = Bed::start().await.unwrap();
    let proxy = bed.by_app_role(wrapped(&bed.wrapped("nova-proxy").await.unwrap())).await.unwrap();
    proxy.read().await.unwrap();
    bed.revoke(&proxy.accessor().await.unwrap()).await.unwrap();
    pass(1).await;
    assert_asks_for_a_new_one(&proxy.read().await.unwrap_err());
    bed.wrapped("nova-proxy").await.unwrap();
    pass(1).await;
    proxy.read().await.unwrap();
}

/// The used token is not shown to Vault again, whose record would have it as an attempt of somebody who stole it.
fn assert_asks_for_a_new_one(refused: &HashistackError) {
    let told = match refused {
        HashistackError::Token(nova_hashistack::TokenError::Login(reason)) => reason.to_string(),
        other => other.to_string(),
    };
    assert!(told.contains("put a new one there"), "{told}");
}

#[tokio::test]
async fn a_task_that_keeps_a_dead_token_asks_for_a_new_wrapping_token_and_takes_it() {
    let bed = Bed::start().await.unwrap();
    let proxy = bed.by_app_role(wrapped(&bed.wrapped("nova-proxy").await.unwrap())).await.unwrap();
    proxy.read().await.unwrap();
    bed.revoke(&proxy.accessor().await.unwrap()).await.unwrap();
    pass(41).await;
    let refused = proxy.login.keep().await.unwrap_err();
    assert_asks_for_a_new_one(&refused.into());
    bed.wrapped("nova-proxy").await.unwrap();
    pass(2).await;
    proxy.login.keep().await.unwrap();
    proxy.read().await.unwrap();
}

#[tokio::test]
async fn a_wrapping_token_around_something_else_is_not_used() {
    let bed = Bed::start().await.unwrap();
    let other = json!({ "token_policies": ["default"] });
    bed.vault.api().post("/v1/auth/approle/role/other", &other).await.unwrap();
    let file = bed.wrapped("other").await.unwrap();
    let refused = bed.by_app_role(wrapped(&file)).await.unwrap().read().await.unwrap_err();
    let HashistackError::Token(nova_hashistack::TokenError::Login(reason)) = refused else {
        panic!("a login that failed")
    };
    assert!(reason.to_string().contains("role/other/secret-id"), "{reason}");
}

#[tokio::test]
async fn a_logout_revokes_the_token() {
    let bed = Bed::start().await.unwrap();
    let proxy = bed.by_jwt("nova-proxy").unwrap();
    let accessor = proxy.accessor().await.unwrap();
    proxy.login.logout().await.unwrap();
    let body = json!({ "accessor": accessor });
    assert!(bed.vault.api().post("/v1/auth/token/lookup-accessor", &body).await.is_err());
    assert!(proxy.read().await.is_err());
}
