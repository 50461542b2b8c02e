//! The commands of the guide, and the token that they give to a workload by the identity that Nomad signs for it.

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::workspace_root;
use nova_test_support::identity::Signer;
use nova_test_support::server::Consul;
use serde_json::{Value, json};

use super::duties::{DUTIES, Duty};
use super::{PREFIX, disappointments, planted};

/// The commands of a guide in `docs/how-to`, in order.
pub(crate) fn commands(guide: &str) -> String {
    let page = std::fs::read_to_string(workspace_root().join("docs/how-to").join(guide)).unwrap();
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
    let script = format!("cd '{}'\n{}", folder.path().display(), commands("consul-policies.md"));
    let finished = consul.script(&script)?.finish().await?;
    ensure!(finished.code == Some(0), "{script}\n{}\n{}", finished.stdout, finished.stderr);
    Ok(())
}

pub(crate) async fn login(consul: &Consul, identity: &str) -> anyhow::Result<(u16, Value)> {
    let body = json!({ "AuthMethod": "nova-workloads", "BearerToken": identity });
    let reply = consul.api().anonymous().send(Method::POST, "/v1/acl/login", &body.to_string()).await?;
    Ok((reply.status.as_u16(), reply.json().unwrap_or_else(|_| json!(reply.text()))))
}

/// What an auth method has in place of the address of Nomad's keys.
fn keys(signer: &Signer) -> (&'static str, Value) {
    ("JWTValidationPubKeys", json!([signer.public_key().unwrap()]))
}

fn duty_of_the_proxy() -> &'static Duty {
    DUTIES.iter().find(|duty| duty.policy == "proxy").unwrap()
}

#[tokio::test]
async fn the_guide_gives_the_proxy_of_a_nomad_job_its_rights_and_other_jobs_none() {
    let consul = planted("", PREFIX).await.unwrap();
    let signer = Signer::new().unwrap();
    follow_the_guide(&consul, keys(&signer)).await.unwrap();

    let (status, answer) = login(&consul, &signer.identity("default", "nova-proxy").unwrap()).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    assert!(answer["ExpirationTime"].is_string(), "the token has no end: {answer}");
    let token = answer["SecretID"].as_str().unwrap();
    let lines = disappointments(&consul, PREFIX, duty_of_the_proxy(), token).await.unwrap();
    assert!(lines.is_empty(), "{}", lines.join("\n"));

    for (namespace, job) in [("default", "web"), ("other", "nova-proxy"), ("default", "nova-proxy-2")] {
        let (status, answer) = login(&consul, &signer.identity(namespace, job).unwrap()).await.unwrap();
        assert_eq!(status, 403, "{job} in {namespace}: {answer}");
    }
    let (status, answer) =
        login(&consul, &Signer::new().unwrap().identity("default", "nova-proxy").unwrap()).await.unwrap();
    // A fault of the caller's that Consul takes for one of its own.
    assert_eq!(status, 500, "signed by a stranger: {answer}");
    assert!(answer.to_string().contains("no known key"), "{answer}");
}

#[tokio::test]
async fn the_guide_makes_a_policy_for_another_prefix() {
    let consul = planted("", "nova/prod").await.unwrap();
    follow_the_guide(&consul, keys(&Signer::new().unwrap())).await.unwrap();
    let token = json!({ "Policies": [{ "Name": "nova-proxy-prod" }] });
    let token = consul.api().put("/v1/acl/token", &token).await.unwrap();
    let token = token["SecretID"].as_str().unwrap();
    let lines = disappointments(&consul, "nova/prod", duty_of_the_proxy(), token).await.unwrap();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}
