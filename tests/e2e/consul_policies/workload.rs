//! The commands of the guide, and the token that they give to a workload by the identity that Nomad signs for it.

use anyhow::{Context, ensure};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use nova_test_support::binary::workspace_root;
use nova_test_support::server::Consul;
use serde_json::{Value, json};

use super::duties::{DUTIES, Duty};
use super::{PREFIX, disappointments, planted};
use crate::pki::pem;

/// Nomad, as far as it signs identities.
struct Signer {
    key: KeyPair,
}

impl Signer {
    fn new() -> Self {
        Self { key: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    /// What an auth method has in place of the address of Nomad's keys.
    fn keys(&self) -> (&'static str, Value) {
        let key = pem("PUBLIC KEY", self.key.public_key().as_der().unwrap().as_ref());
        ("JWTValidationPubKeys", json!([key]))
    }

    /// The identity of a task, with the claims that Nomad gives it.
    fn identity(&self, namespace: &str, job: &str) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "aud": "consul.io", "sub": format!("global:{namespace}:{job}:group:task:nova_consul"),
            "iat": now, "nbf": now, "exp": now + 3600, "jti": format!("{namespace}-{job}"),
            "nomad_namespace": namespace, "nomad_job_id": job, "nomad_task": "proxy",
            "nomad_allocation_id": "5f4a2e0c-6f0e-4a43-8d07-6c1e0f6b8c11",
        });
        let signed = format!("{}.{}", part(json!({ "alg": "RS256", "typ": "JWT" })), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The commands of the guide, in order.
fn commands() -> String {
    let page = std::fs::read_to_string(workspace_root().join("docs/how-to/consul-policies.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.collect::<Vec<_>>().join("\n")
}

/// Runs the guide in a copy of the folder, where the address of Nomad's keys is replaced by `keys`, which is a member of the
/// auth method's configuration and its value.
pub(crate) async fn follow_the_guide(consul: &Consul, keys: (&str, Value)) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for entry in std::fs::read_dir(workspace_root().join("jobs/policies/consul"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    let path = folder.path().join("auth-method.json");
    let mut method: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let members = method.as_object_mut().context("auth-method.json is an object")?;
    ensure!(members.remove("JWKSURL").is_some(), "auth-method.json names no keys");
    members.insert(keys.0.to_owned(), keys.1);
    std::fs::write(&path, method.to_string())?;
    let script = format!("cd '{}'\n{}", folder.path().display(), commands());
    let finished = consul.script(&script)?.finish().await?;
    ensure!(finished.code == Some(0), "{script}\n{}\n{}", finished.stdout, finished.stderr);
    Ok(())
}

pub(crate) async fn login(consul: &Consul, identity: &str) -> anyhow::Result<(u16, Value)> {
    let body = json!({ "AuthMethod": "nova-workloads", "BearerToken": identity });
    let reply = consul.api().anonymous().send(Method::POST, "/v1/acl/login", &body.to_string()).await?;
    Ok((reply.status.as_u16(), reply.json().unwrap_or_else(|_| json!(reply.text()))))
}

fn duty_of_the_proxy() -> &'static Duty {
    DUTIES.iter().find(|duty| duty.policy == "proxy").unwrap()
}

#[tokio::test]
async fn the_guide_gives_the_proxy_of_a_nomad_job_its_rights_and_other_jobs_none() {
    let consul = planted("", PREFIX).await.unwrap();
    let signer = Signer::new();
    follow_the_guide(&consul, signer.keys()).await.unwrap();

    let (status, answer) = login(&consul, &signer.identity("default", "nova-proxy")).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    assert!(answer["ExpirationTime"].is_string(), "the token has no end: {answer}");
    let token = answer["SecretID"].as_str().unwrap();
    let lines = disappointments(&consul, PREFIX, duty_of_the_proxy(), token).await.unwrap();
    assert!(lines.is_empty(), "{}", lines.join("\n"));

    for (namespace, job) in [("default", "web"), ("other", "nova-proxy"), ("default", "nova-proxy-2")] {
        let (status, answer) = login(&consul, &signer.identity(namespace, job)).await.unwrap();
        assert_eq!(status, 403, "{job} in {namespace}: {answer}");
    }
    let (status, answer) = login(&consul, &Signer::new().identity("default", "nova-proxy")).await.unwrap();
    // A fault of the caller's that Consul takes for one of its own.
    assert_eq!(status, 500, "signed by a stranger: {answer}");
    assert!(answer.to_string().contains("no known key"), "{answer}");
}

#[tokio::test]
async fn the_guide_makes_a_policy_for_another_prefix() {
    let consul = planted("", "nova/prod").await.unwrap();
    follow_the_guide(&consul, Signer::new().keys()).await.unwrap();
    let token = json!({ "Policies": [{ "Name": "nova-proxy-prod" }] });
    let token = consul.api().put("/v1/acl/token", &token).await.unwrap();
    let token = token["SecretID"].as_str().unwrap();
    let lines = disappointments(&consul, "nova/prod", duty_of_the_proxy(), token).await.unwrap();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}
