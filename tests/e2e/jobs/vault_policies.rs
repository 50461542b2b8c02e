//! The policies and roles of `jobs/policies/vault` in a real Vault: each allows what its bearer has to do, refuses the rest, and has
//! no rule too many; and only the tasks that they name can log in.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::Method;
use nova_test_support::binary::workspace_root;
use nova_test_support::identity::Signer;
use nova_test_support::server::{Nomad, NomadLaunch, Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};

use crate::consul_policies::blocks;
use crate::consul_policies::workload::commands;

/// One thing to try: method, path below `/v1/`, body. Names in braces stand for what [`Planted`] has.
type Ask = (&'static str, &'static str, &'static str);

/// What is expected of a policy, by the name of its file.
struct Duty {
    policy: &'static str,
    may: &'static [Ask],
    may_not: &'static [Ask],
}

const CREDENTIALS: Ask = ("POST", "aws/sts/nova-bedrock", "{}");
const CERTIFICATE: Ask =
    ("POST", "pki/sign/nova-proxy", r#"{"csr":"{csr}","common_name":"nova-proxy.service.consul"}"#);
const READ_SECRET: Ask = ("GET", "kv/data/nova/keys", "");
const READ_VERSIONS: Ask = ("GET", "kv/metadata/nova/keys", "");
const LIST_SECRETS: Ask = ("LIST", "kv/metadata/nova", "");
const WRITE_SECRET: Ask = ("POST", "kv/data/nova/keys", r#"{"data":{"keys":"new"}}"#);
const NEW_SECRET: Ask = ("POST", "kv/data/nova/more", r#"{"data":{"keys":"new"}}"#);
const DELETE_SECRET: Ask = ("DELETE", "kv/data/nova/gone", "");
const ERASE_SECRET: Ask = ("DELETE", "kv/metadata/nova/keys", "");
const OTHER_SECRET: Ask = ("GET", "kv/data/other", "");
const DATA_KEY: Ask = ("POST", "transit/datakey/plaintext/nova-backup", "{}");
const OPEN_KEY: Ask = ("POST", "transit/decrypt/nova-backup", r#"{"ciphertext":"{ciphertext}"}"#);
const SIGN: Ask = ("POST", "transit/sign/nova-audit", r#"{"input":"aGVhZA=="}"#);
const VERIFY: Ask =
    ("POST", "transit/verify/nova-audit", r#"{"input":"aGVhZA==","signature":"{signature}"}"#);
const PUBLIC_KEYS: Ask = ("GET", "transit/keys/nova-audit", "");
const LOOK_UP_SELF: Ask = ("GET", "auth/token/lookup-self", "");
const RENEW_SELF: Ask = ("POST", "auth/token/renew-self", "{}");
const REVOKE_SELF: Ask = ("POST", "auth/token/revoke-self", "{}");

/// What none of them may do.
const NOBODY: &[Ask] = &[
    ("POST", "aws/sts/other", "{}"),
    ("GET", "aws/config/root", ""),
    ("POST", "aws/roles/nova-bedrock", r#"{"credential_type":"iam_user"}"#),
    ("POST", "pki/issue/nova-proxy", r#"{"common_name":"nova-proxy.service.consul"}"#),
    ("POST", "pki/sign-verbatim", r#"{"csr":"{csr}"}"#),
    OTHER_SECRET,
    ERASE_SECRET,
    ("GET", "transit/export/encryption-key/nova-backup", ""),
    ("DELETE", "transit/keys/nova-backup", ""),
    ("POST", "auth/token/create", "{}"),
    ("GET", "auth/jwt-nomad/role/nova-proxy", ""),
    ("PUT", "sys/policies/acl/nova-proxy", r#"{"policy":""}"#),
    ("GET", "sys/mounts", ""),
    ("PUT", "sys/seal", "{}"),
];

const DUTIES: &[Duty] = &[
    Duty {
        policy: "proxy",
        may: &[CREDENTIALS, CERTIFICATE, READ_SECRET, READ_VERSIONS, LOOK_UP_SELF, RENEW_SELF, REVOKE_SELF],
        may_not: &[WRITE_SECRET, LIST_SECRETS, DELETE_SECRET, DATA_KEY, OPEN_KEY, SIGN],
    },
    Duty {
        policy: "agent",
        may: &[DATA_KEY, SIGN, RENEW_SELF, REVOKE_SELF],
        may_not: &[CREDENTIALS, CERTIFICATE, READ_SECRET, WRITE_SECRET, OPEN_KEY],
    },
    Duty {
        policy: "restorer",
        may: &[OPEN_KEY],
        may_not: &[DATA_KEY, SIGN, CREDENTIALS, READ_SECRET, WRITE_SECRET],
    },
    Duty {
        policy: "auditor",
        may: &[VERIFY, PUBLIC_KEYS],
        may_not: &[SIGN, DATA_KEY, OPEN_KEY, CREDENTIALS, READ_SECRET, WRITE_SECRET],
    },
    Duty {
        policy: "secrets-administrator",
        may: &[WRITE_SECRET, NEW_SECRET, DELETE_SECRET, LIST_SECRETS, READ_VERSIONS],
        may_not: &[READ_SECRET, CREDENTIALS, CERTIFICATE, DATA_KEY, OPEN_KEY, SIGN],
    },
];

/// A Vault that was set up by the guide, whose STS is a double, with something of every kind.
struct Planted {
    vault: Vault,
    words: [(&'static str, String); 3],
    _sts: Sts,
}

/// Runs the guide in a copy of the folder, with Nomad's public keys at `keys`, as a member of `auth-method.json`.
pub(crate) async fn follow_the_guide(vault: &Vault, keys: (&str, Value)) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for entry in std::fs::read_dir(workspace_root().join("jobs/policies/vault"))? {
        let entry = entry?;
        std::fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
    }
    let path = folder.path().join("auth-method.json");
    let mut method: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
    let members = method.as_object_mut().context("auth-method.json is an object")?;
    ensure!(members.remove("jwks_url").is_some(), "auth-method.json names no keys");
    members.insert(keys.0.to_owned(), keys.1);
    std::fs::write(&path, method.to_string())?;
    let script = format!("cd '{}'\n{}", folder.path().display(), commands("vault-policies.md"));
    let finished = vault.script(&script)?.finish().await?;
    ensure!(finished.code == Some(0), "{script}\n{}\n{}", finished.stdout, finished.stderr);
    Ok(())
}

/// Has Vault call this STS in place of AWS's.
pub(crate) async fn call_double(vault: &Vault, sts: &Sts) -> anyhow::Result<()> {
    let endpoint = format!("http://{}", sts.address());
    let root = json!({
        "access_key": "AKIDVAULT", "secret_key": "secret", "region": "us-east-1",
        "sts_endpoint": endpoint, "sts_region": "us-east-1", "iam_endpoint": endpoint,
    });
    vault.api().post("/v1/aws/config/root", &root).await?;
    Ok(())
}

impl Planted {
    async fn start() -> anyhow::Result<Self> {
        let (vault, sts) =
            tokio::try_join!(VaultLaunch::new().start(), Sts::start(Duration::from_secs(3600)))?;
        let key = Signer::new()?.public_key()?;
        follow_the_guide(&vault, ("jwt_validation_pubkeys", json!([key]))).await?;
        call_double(&vault, &sts).await?;
        let api = vault.api();
        for name in ["nova/keys", "nova/gone", "other"] {
            api.post(&format!("/v1/kv/data/{name}"), &json!({ "data": { "keys": "old" } })).await?;
        }
        let other =
            json!({ "credential_type": "assumed_role", "role_arns": ["arn:aws:iam::123456789012:role/x"] });
        api.post("/v1/aws/roles/other", &other).await?;
        api.post("/v1/pki/root/generate/internal", &json!({ "common_name": "Nova", "ttl": "80h" })).await?;
        api.post("/v1/sys/mounts/asker", &json!({ "type": "pki" })).await?;
        let csr = json!({ "common_name": "nova-proxy.service.consul" });
        let csr = api.post("/v1/asker/intermediate/generate/internal", &csr).await?["data"]["csr"].clone();
        let sealed = api.post("/v1/transit/encrypt/nova-backup", &json!({ "plaintext": "aGVhZA==" })).await?;
        let signed = api.post("/v1/transit/sign/nova-audit", &json!({ "input": "aGVhZA==" })).await?;
        let word = |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("{value}"));
        let words = [
            ("{csr}", word(&csr)?.replace('\n', "\\n")),
            ("{ciphertext}", word(&sealed["data"]["ciphertext"])?),
            ("{signature}", word(&signed["data"]["signature"])?),
        ];
        Ok(Self { vault, words, _sts: sts })
    }

    /// Tries it with a new token of these rules: one of the things to try ends its token.
    async fn is_allowed(&self, policy: &str, rules: &str, ask: &Ask) -> anyhow::Result<bool> {
        let token = self.vault.token_for(policy, rules).await?;
        let (method, path, body) = *ask;
        let body = self.words.iter().fold(body.to_owned(), |body, (name, word)| body.replace(name, word));
        let method = Method::from_bytes(method.as_bytes())?;
        let reply = self.vault.api().with_token(&token).send(method, &format!("/v1/{path}"), &body).await?;
        match reply.status.as_u16() {
            200 | 204 => Ok(true),
            403 if reply.text().contains("permission denied") => Ok(false),
            other => bail!("{policy} tries {ask:?}: {other} {}", reply.text()),
        }
    }
}

fn rules(policy: &str) -> String {
    let path = workspace_root().join("jobs/policies/vault").join(format!("{policy}.hcl"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn each_policy_of_vault_allows_its_duties_and_refuses_the_rest() {
    let planted = Planted::start().await.unwrap();
    let mut lines = Vec::new();
    for duty in DUTIES {
        let rules = rules(duty.policy);
        let refused = duty.may_not.iter().chain(NOBODY).map(|ask| (ask, false));
        for (ask, expected) in duty.may.iter().map(|ask| (ask, true)).chain(refused) {
            if planted.is_allowed("tried", &rules, ask).await.unwrap() != expected {
                lines.push(format!("{}: {ask:?}, expected {expected}", duty.policy));
            }
        }
    }
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[tokio::test]
async fn no_policy_of_vault_has_a_rule_too_many() {
    let planted = Planted::start().await.unwrap();
    for duty in DUTIES {
        let blocks = blocks(&rules(duty.policy));
        for left_out in &blocks {
            let rest: Vec<&str> = blocks.iter().filter(|one| *one != left_out).map(String::as_str).collect();
            // Vault takes no empty policy.
            let rest = format!("path \"nothing\" {{ capabilities = [\"read\"] }}\n{}", rest.join("\n"));
            let mut misses_one = false;
            for ask in duty.may {
                misses_one |= !planted.is_allowed("tried", &rest, ask).await.unwrap();
            }
            assert!(misses_one, "{} can do all its duties without\n{left_out}", duty.policy);
        }
    }
}

#[test]
fn every_policy_of_vault_is_tried() {
    let folder = std::fs::read_dir(workspace_root().join("jobs/policies/vault")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut policies: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".hcl")?.to_owned())).collect();
    policies.sort();
    let mut tried: Vec<&str> = DUTIES.iter().map(|duty| duty.policy).collect();
    tried.sort_unstable();
    assert_eq!(policies, tried);
}

/// A job of tasks that show their identity for Vault.
fn shows_identities(namespace: &str, job: &str, tasks: &[&str]) -> String {
    let task = |name: &&str| {
        format!(
            r#"
            task "{name}" {{
              driver = "raw_exec"
              identity {{
                name = "vault_default"
                aud  = ["vault.io"]
                file = true
              }}
              config {{
                command = "bash"
                args    = ["-c", "cp secrets/nomad_vault_default.jwt local/new; mv local/new local/told; exec sleep 1000"]
              }}
              resources {{
                cpu    = 50
                memory = 32
              }}
            }}"#
        )
    };
    let tasks: String = tasks.iter().map(task).collect();
    format!("job \"{job}\" {{\n namespace = \"{namespace}\"\n group \"group\" {{\n {tasks}\n }}\n }}")
}

/// The identity that a task of [`shows_identities`] was given.
async fn identity(nomad: &Nomad, namespace: &str, job: &str, task: &str) -> anyhow::Result<String> {
    let api = nomad.api();
    wait_for(&format!("the identity of {task} of {job} in {namespace}"), DEADLINE, async || {
        let allocations = api.get(&format!("/v1/job/{job}/allocations?namespace={namespace}")).await?;
        let Some(id) = allocations[0]["ID"].as_str() else { return Ok(Look::NotYet(String::new())) };
        let query = format!("namespace={namespace}&path={task}/local/told");
        let stat = api.send(Method::GET, &format!("/v1/client/fs/stat/{id}?{query}"), "").await?;
        if stat.status != 200 {
            return Ok(Look::NotYet(stat.text()));
        }
        Ok(Look::Ready(api.send(Method::GET, &format!("/v1/client/fs/cat/{id}?{query}"), "").await?.text()))
    })
    .await
}

#[tokio::test]
async fn only_the_task_that_a_role_names_can_log_in_to_vault() {
    let (vault, nomad) = tokio::try_join!(VaultLaunch::new().start(), NomadLaunch::new().start()).unwrap();
    let keys = format!("http://{}/.well-known/jwks.json", nomad.address());
    follow_the_guide(&vault, ("jwks_url", json!(keys))).await.unwrap();
    nomad.api().post("/v1/namespace/other", &json!({ "Name": "other" })).await.unwrap();
    let cases = [
        ("default", "nova-proxy", "nova-proxy", true),
        ("default", "nova-proxy", "sidecar", false),
        ("default", "web", "nova-proxy", false),
        ("other", "nova-proxy", "nova-proxy", false),
    ];
    for (namespace, job, tasks) in [
        ("default", "nova-proxy", &["nova-proxy", "sidecar"][..]),
        ("default", "web", &["nova-proxy"]),
        ("other", "nova-proxy", &["nova-proxy"]),
    ] {
        nomad.run(&shows_identities(namespace, job, tasks)).await.unwrap();
    }
    for (namespace, job, task, is_let_in) in cases {
        let jwt = identity(&nomad, namespace, job, task).await.unwrap();
        for (role, is_its_own) in [("nova-proxy", true), ("nova-agent", false)] {
            let shown = json!({ "role": role, "jwt": jwt.trim() }).to_string();
            let reply = vault.api().anonymous().send(Method::POST, "/v1/auth/jwt-nomad/login", &shown).await;
            let reply = reply.unwrap();
            let expected = if is_let_in && is_its_own { 200 } else { 400 };
            assert_eq!(reply.status, expected, "{task} of {job} in {namespace} as {role}: {}", reply.text());
            if expected == 200 {
                let given = reply.json().unwrap();
                assert_eq!(given["auth"]["policies"], json!(["nova-proxy"]), "{given}");
                assert_eq!(given["auth"]["lease_duration"], 1800, "{given}");
            }
        }
    }
}
