//! Access control against a real Consul: what a set-up writes, logins by JWT, and what is told of identities that are refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use nova_hashistack::consul::acl::admin::{BindingRule, JwtAuthMethod, JwtKeys, NewToken, Policy, Role};
use nova_hashistack::consul::{Consistency, ConsulLogin};
use nova_hashistack::transport::TokenSource;
use nova_hashistack::{ConsulClient, ConsulConfig, HashistackError, TokenError};
use nova_test_support::identity::Signer;
use nova_test_support::server::{Consul, ConsulLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use secrecy::SecretString;
use tempfile::TempDir;

const METHOD: &str = "nova-workloads";
const MINUTE: Duration = Duration::from_secs(60);

fn config(consul: &Consul) -> anyhow::Result<ConsulConfig> {
    Ok(ConsulConfig::new(format!("http://{}", consul.address()).parse()?))
}

fn client(consul: &Consul, token: &str) -> anyhow::Result<ConsulClient> {
    let token = TokenSource::Fixed(SecretString::from(token));
    Ok(ConsulClient::new(ConsulConfig { token, ..config(consul)? })?)
}

fn operator(consul: &Consul) -> anyhow::Result<ConsulClient> {
    client(consul, consul.api().token().context("access control is on")?)
}

fn policy(rules: &str) -> Policy {
    Policy { name: "proxy".to_owned(), description: "reads".to_owned(), rules: rules.to_owned() }
}

/// A set-up as a command does it: identities of one job get a role.
async fn set_up(operator: &ConsulClient, signer: &Signer, rules: &str) -> anyhow::Result<()> {
    let acl = operator.acl();
    let admin = acl.admin();
    admin.put_policy(&policy(rules)).await?;
    let role = Role {
        name: "proxy".to_owned(),
        description: "of the proxies".to_owned(),
        policies: vec!["proxy".to_owned()],
    };
    admin.put_role(&role).await?;
    let method = JwtAuthMethod {
        name: METHOD.to_owned(),
        description: "identities of Nomad's workloads".to_owned(),
        max_token_ttl: MINUTE,
        keys: JwtKeys::Pem(vec![signer.public_key()?]),
        algorithms: Vec::new(),
        bound_audiences: vec!["consul.io".to_owned()],
        claim_mappings: BTreeMap::from([("nomad_job_id".to_owned(), "nomad_job_id".to_owned())]),
    };
    admin.put_auth_method(&method).await?;
    let rule = BindingRule {
        auth_method: METHOD.to_owned(),
        description: "the proxies".to_owned(),
        selector: r#"value.nomad_job_id == "nova-proxy""#.to_owned(),
        role: "proxy".to_owned(),
    };
    admin.put_binding_rule(&rule).await?;
    Ok(())
}

const READS: &str = r#"key_prefix "nova/" { policy = "read" }"#;

/// A process that logs in with the JWT in its folder.
struct Workload {
    folder: TempDir,
    login: Arc<ConsulLogin>,
    client: ConsulClient,
}

impl Workload {
    fn new(consul: &Consul, jwt: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut config = config(consul)?;
        let login = Arc::new(ConsulLogin::new(&config, METHOD, folder.path().join("jwt"))?);
        config.token = TokenSource::Login(Arc::<ConsulLogin>::clone(&login));
        let workload = Self { folder, login, client: ConsulClient::new(config)? };
        workload.write(jwt)?;
        Ok(workload)
    }

    fn write(&self, jwt: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.folder.path().join("jwt"), jwt)?)
    }

    async fn read(&self) -> Result<usize, HashistackError> {
        let listed = self.client.kv().list("nova/", Consistency::Stale).await?;
        Ok(listed.value.len())
    }
}

#[tokio::test]
async fn a_set_up_that_is_made_twice_is_made_once_and_one_that_is_made_otherwise_counts() -> anyhow::Result<()>
{
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let operator = operator(&consul)?;
    operator.kv().put("nova/config", "x").await?;
    let signer = Signer::new()?;
    set_up(&operator, &signer, r#"key_prefix "other/" { policy = "read" }"#).await?;
    set_up(&operator, &signer, READS).await?;
    for list in ["roles", "auth-methods", "binding-rules"] {
        let all = consul.api().get(&format!("/v1/acl/{list}")).await?;
        assert_eq!(all.as_array().map(Vec::len), Some(1), "{list}: {all}");
    }
    let acl = operator.acl();
    let admin = acl.admin();
    let stored = admin.policy("proxy").await?.context("a policy")?;
    assert_eq!((stored.rules.as_str(), stored.description.as_str()), (READS, "reads"));
    assert_eq!(admin.policy("nobody's").await?, None);
    let role = admin.role("proxy").await?.context("a role")?;
    assert_eq!(role.policies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["proxy"]);
    let method = admin.auth_method(METHOD).await?.context("an auth method")?;
    assert_eq!((method.kind.as_str(), method.token_locality.as_str()), ("jwt", "local"));
    assert_eq!(method.config["BoundAudiences"][0], "consul.io");
    let rules = admin.binding_rules(METHOD).await?;
    assert_eq!((rules[0].bind_type.as_str(), rules[0].bind_name.as_str()), ("role", "proxy"));
    assert!(admin.role("nobody's").await?.is_none() && admin.auth_method("nobody's").await?.is_none());
    let token = NewToken {
        description: "of a test".to_owned(),
        policies: vec!["proxy".to_owned()],
        ttl: Some(MINUTE),
        ..NewToken::default()
    };
    let made = admin.create_token(&token).await?;
    assert_eq!(made.lifetime(), Some(MINUTE));
    let reader = ConsulClient::new(ConsulConfig {
        token: TokenSource::Fixed(made.secret.clone()),
        ..config(&consul)?
    })?;
    assert_eq!(reader.kv().list("nova/", Consistency::Default).await?.value.len(), 1);
    let own = reader.acl().token_self(Consistency::Default).await?;
    assert_eq!((own.accessor.as_str(), own.description.as_str()), (made.accessor.as_str(), "of a test"));
    assert_eq!(own.policies.iter().map(|link| link.name.as_str()).collect::<Vec<_>>(), ["proxy"]);
    for _ in 0..2 {
        admin.delete_token(&made.accessor).await?;
    }
    assert!(reader.acl().token_self(Consistency::Default).await.unwrap_err().is_acl_not_found());
    let error = admin.put_policy(&policy("no rules")).await.unwrap_err();
    assert!(error.refusal().is_some(), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_workload_logs_in_once_goes_on_without_its_token_and_leaves_none() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let operator = operator(&consul)?;
    operator.kv().put("nova/config", "x").await?;
    let signer = Signer::new()?;
    set_up(&operator, &signer, READS).await?;
    let workload = Workload::new(&consul, &signer.identity("default", "nova-proxy")?)?;
    for _ in 0..3 {
        assert_eq!(workload.read().await?, 1);
    }
    let acl = operator.acl();
    let first = acl.admin().tokens_of_logins(METHOD).await?;
    assert_eq!(first.len(), 1, "{first:?}");
    let own = workload.client.acl().token_self(Consistency::Default).await?;
    assert_eq!((own.auth_method.as_deref(), &own.accessor), (Some(METHOD), &first[0]));
    assert!(own.expiration_time.is_some());

    acl.admin().delete_token(&first[0]).await?;
    // A token that is deleted as soon as it was made is replaced a moment later.
    let keys = wait_for("the next login", DEADLINE, async || {
        Ok(workload.read().await.map_or_else(|error| Look::NotYet(error.to_string()), Look::Ready))
    })
    .await?;
    assert_eq!(keys, 1);
    let second = acl.admin().tokens_of_logins(METHOD).await?;
    assert!(second.len() == 1 && second != first, "{first:?} {second:?}");

    workload.login.logout().await?;
    assert_eq!(acl.admin().tokens_of_logins(METHOD).await?, [""; 0]);
    let error = workload.read().await.unwrap_err();
    assert!(matches!(error, HashistackError::Token(TokenError::LoggedOut)), "{error}");
    Ok(())
}

#[tokio::test]
async fn identities_that_are_refused_are_told_by_what_is_wrong_with_them() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let operator = operator(&consul)?;
    let signer = Signer::new()?;
    set_up(&operator, &signer, READS).await?;
    let (job, fault) = ("nova-proxy", "the jwt is expired, or none that the auth method trusts");
    for (jwt, is_identity, told) in [
        (Signer::new()?.identity("default", job)?, true, fault),
        (signer.identity_until("default", job, -3600)?, true, fault),
        ("no.jwt.at-all".to_owned(), true, fault),
        (signer.identity("default", "another-job")?, false, "no binding rule"),
    ] {
        let error = Workload::new(&consul, &jwt)?.read().await.unwrap_err();
        assert!(matches!(error, HashistackError::Token(TokenError::Login(_))), "{error:?}");
        assert_eq!((error.is_identity_refused(), error.is_permission_denied()), (is_identity, !is_identity));
        let refusal = error.refusal().context("a refusal")?.to_string();
        assert!(refusal.contains(told) && !error.is_transient(), "{refusal}");
    }
    let jwt = SecretString::from(signer.identity("default", job)?);
    let error = operator.acl().login("no-such-method", &jwt).await.unwrap_err();
    assert!(error.to_string().contains("there is no such auth method"), "{error}");
    Ok(())
}
