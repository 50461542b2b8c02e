//! What is wanted of Vault: the files of `jobs/policies/vault`, with an installation's names in them.

use serde_json::{Map, Value, json};

use super::{Entry, Part, VaultNames, VaultThing, Within};
use crate::setup::names::Task;
use crate::setup::plan::{Fixed, Wanted};
use crate::setup::texts;

const AWS_ROLE: &str = include_str!("../../../../jobs/policies/vault/aws-role.json");
const PKI_ROLE: &str = include_str!("../../../../jobs/policies/vault/pki-role.json");
const AUTH_METHOD: &str = include_str!("../../../../jobs/policies/vault/auth-method.json");
const ROLE_PROXY: &str = include_str!("../../../../jobs/policies/vault/role-proxy.json");
const ROLE_AGENT: &str = include_str!("../../../../jobs/policies/vault/role-agent.json");

/// What nobody can change of engines, and what to do where it differs.
const AWS: Fixed = &[("type", "another engine is mounted there: choose another path with --aws-mount")];
const PKI: Fixed = &[("type", "another engine is mounted there: choose another path with --pki-mount")];
const KV: Fixed = &[
    ("type", "another engine is mounted there: choose another path with --kv-mount"),
    (
        "version",
        "its secrets have no versions yet: `vault kv enable-versioning` gives them some, and changes their paths for whoever reads \
         them; or choose another path with --kv-mount",
    ),
];
const TRANSIT: Fixed =
    &[("type", "another engine is mounted there: choose another path with --transit-mount")];

/// What keys of the transit engine keep for ever.
const KEY: Fixed = &[
    ("type", "a key keeps its type: see who uses it, and choose another beginning of all names with --names"),
    (
        "exportable",
        "a key that may be exported stays so, and may be known outside of Vault: choose another beginning of all names with --names",
    ),
];

/// What is wanted, in the order in which one thing needs the other.
///
/// # Errors
/// When a file is not what it was when this was written.
pub fn things(names: &VaultNames) -> Result<Vec<VaultThing>, serde_json::Error> {
    let mut things = Vec::new();
    let has = |part: Part| !names.without.contains(&part);
    if has(Part::Aws) {
        things.push(engine(&names.aws_mount, "aws", None, AWS));
        things.push(aws_role(names)?);
    }
    if has(Part::Pki) {
        things.push(engine(&names.pki_mount, "pki", None, PKI));
        things.push(pki_role(names)?);
    }
    if has(Part::Kv) {
        things.push(engine(&names.kv_mount, "kv", Some("2"), KV));
    }
    if has(Part::Transit) {
        things.push(engine(&names.transit_mount, "transit", None, TRANSIT));
        things.extend([key(names, "backup", "aes256-gcm96"), key(names, "audit", "ed25519")]);
    }
    let words = words(names);
    things.extend(texts::VAULT.iter().map(|file| VaultThing::Policy {
        name: format!("{}-{}", names.names, file.name),
        rules: texts::filled(file.text, &words),
    }));
    things.push(VaultThing::AuthMethod { path: names.jwt_mount.clone() });
    things.push(login(names)?);
    things.push(role(names, ROLE_PROXY, "proxy", &names.proxy)?);
    things.push(role(names, ROLE_AGENT, "agent", &names.agent)?);
    Ok(things)
}

/// What stands in the policies for what has names.
fn words(names: &VaultNames) -> [(&'static str, String); 7] {
    let beginning = &names.names;
    [
        ("\"aws/sts/nova-bedrock\"", format!("\"{}/sts/{}\"", names.aws_mount, names.aws_role)),
        ("\"pki/sign/nova-proxy\"", format!("\"{}/sign/{}\"", names.pki_mount, names.pki_role)),
        ("\"kv/data/nova/", format!("\"{}/data/{}/", names.kv_mount, names.kv_path)),
        ("\"kv/metadata/nova/", format!("\"{}/metadata/{}/", names.kv_mount, names.kv_path)),
        ("/nova-backup\"", format!("/{beginning}-backup\"")),
        ("/nova-audit\"", format!("/{beginning}-audit\"")),
        ("\"transit/", format!("\"{}/", names.transit_mount)),
    ]
}

fn engine(path: &str, engine: &'static str, version: Option<&'static str>, fixed: Fixed) -> VaultThing {
    VaultThing::Engine { path: path.to_owned(), engine, version, fixed }
}

fn aws_role(names: &VaultNames) -> Result<VaultThing, serde_json::Error> {
    let mut fields: Map<String, Value> = serde_json::from_str(AWS_ROLE)?;
    fields.insert("role_arns".to_owned(), json!(names.role_arns));
    let path = format!("{}/roles/{}", names.aws_mount, names.aws_role);
    let within = Within::Engine(names.aws_mount.clone());
    Ok(VaultThing::Entry(Entry { kind: "role", path, within, fields, fixed: &[], is_written_whole: false }))
}

fn pki_role(names: &VaultNames) -> Result<VaultThing, serde_json::Error> {
    let mut fields: Map<String, Value> = serde_json::from_str(PKI_ROLE)?;
    fields.insert("allowed_domains".to_owned(), json!(names.domains));
    let path = format!("{}/roles/{}", names.pki_mount, names.pki_role);
    let within = Within::Engine(names.pki_mount.clone());
    Ok(VaultThing::Entry(Entry { kind: "role", path, within, fields, fixed: &[], is_written_whole: true }))
}

fn key(names: &VaultNames, name: &str, kind: &str) -> VaultThing {
    let fields = json!({ "type": kind, "exportable": false });
    VaultThing::Entry(Entry {
        kind: "key",
        path: format!("{}/keys/{}-{name}", names.transit_mount, names.names),
        within: Within::Engine(names.transit_mount.clone()),
        fields: fields.as_object().cloned().unwrap_or_default(),
        fixed: KEY,
        is_written_whole: false,
    })
}

/// Whose signatures are believed.
fn login(names: &VaultNames) -> Result<VaultThing, serde_json::Error> {
    let mut fields: Map<String, Value> = serde_json::from_str(AUTH_METHOD)?;
    fields.insert("jwks_url".to_owned(), json!(names.keys.url));
    if let Some(authorities) = &names.keys.authorities {
        fields.insert("jwks_ca_pem".to_owned(), json!(authorities));
    }
    let path = format!("auth/{}/config", names.jwt_mount);
    let within = Within::AuthMethod(names.jwt_mount.clone());
    Ok(VaultThing::Entry(Entry { kind: "config", path, within, fields, fixed: &[], is_written_whole: true }))
}

/// Which task gets which policy.
fn role(names: &VaultNames, file: &str, name: &str, task: &Task) -> Result<VaultThing, serde_json::Error> {
    let mut fields: Map<String, Value> = serde_json::from_str(file)?;
    let claims = json!({
        "nomad_namespace": task.namespace, "nomad_job_id": task.job, "nomad_task": task.task,
    });
    fields.insert("bound_claims".to_owned(), claims);
    fields.insert("token_policies".to_owned(), json!([format!("{}-{name}", names.names)]));
    let path = format!("auth/{}/role/{}-{name}", names.jwt_mount, names.names);
    let within = Within::AuthMethod(names.jwt_mount.clone());
    Ok(VaultThing::Entry(Entry { kind: "role", path, within, fields, fixed: &[], is_written_whole: false }))
}

impl VaultThing {
    /// What it is to say.
    pub(super) fn wanted(&self) -> Wanted {
        match self {
            Self::Engine { path, engine, version, fixed } => {
                let mut fields = json!({ "type": engine });
                if let Some(version) = version {
                    fields["version"] = json!(version);
                }
                Wanted { kind: "engine", name: path.clone(), fields: super::members(fields), fixed }
            }
            Self::AuthMethod { path } => Wanted {
                kind: "auth-method",
                name: path.clone(),
                fields: super::members(json!({ "type": "jwt" })),
                fixed: &[("type", "something else is mounted there: choose another path with --jwt-mount")],
            },
            Self::Policy { name, rules } => Wanted {
                kind: "policy",
                name: name.clone(),
                fields: super::members(json!({ "rules": rules })),
                fixed: &[],
            },
            Self::Entry(entry) => Wanted {
                kind: entry.kind,
                name: entry.path.clone(),
                fields: entry.fields.clone().into_iter().collect(),
                fixed: entry.fixed,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(names: &VaultNames) -> Vec<String> {
        let rules = |thing| match thing {
            VaultThing::Policy { rules, .. } => Some(rules),
            _ => None,
        };
        things(names).unwrap().into_iter().filter_map(rules).collect()
    }

    fn entry(names: &VaultNames, path: &str) -> Value {
        let found = things(names).unwrap().into_iter().find_map(|thing| match thing {
            VaultThing::Entry(entry) if entry.path == path => Some(Value::Object(entry.fields)),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("nothing is at {path}"))
    }

    #[test]
    fn with_the_names_of_the_guide_everything_is_as_the_files_say() {
        let names = VaultNames {
            role_arns: vec!["arn:aws:iam::123456789012:role/nova".to_owned()],
            ..VaultNames::default()
        };
        assert_eq!(rules(&names), texts::VAULT.map(|file| file.text));
        for (path, file) in [
            ("aws/roles/nova-bedrock", AWS_ROLE),
            ("pki/roles/nova-proxy", PKI_ROLE),
            ("auth/jwt-nomad/role/nova-proxy", ROLE_PROXY),
            ("auth/jwt-nomad/role/nova-agent", ROLE_AGENT),
        ] {
            assert_eq!(entry(&names, path), serde_json::from_str::<Value>(file).unwrap(), "{path}");
        }
    }

    #[test]
    fn other_names_are_in_every_place() {
        let names = VaultNames {
            names: "gate".to_owned(),
            aws_mount: "cloud/aws".to_owned(),
            aws_role: "bedrock".to_owned(),
            pki_mount: "ca".to_owned(),
            pki_role: "gateway".to_owned(),
            kv_mount: "secrets".to_owned(),
            kv_path: "team/gate".to_owned(),
            transit_mount: "crypt".to_owned(),
            jwt_mount: "nomad".to_owned(),
            proxy: Task { namespace: "ns".to_owned(), job: "gw".to_owned(), task: "main".to_owned() },
            ..VaultNames::default()
        };
        for text in rules(&names) {
            for line in text.lines().filter(|line| line.starts_with("path")) {
                assert!(!line.contains("nova"), "{line}");
                assert!(
                    ["cloud/aws/", "ca/", "secrets/", "crypt/", "auth/token/"]
                        .iter()
                        .any(|place| line.contains(place)),
                    "{line}"
                );
            }
        }
        let role = entry(&names, "auth/nomad/role/gate-proxy");
        assert_eq!(role["token_policies"], json!(["gate-proxy"]));
        assert_eq!(role["bound_claims"]["nomad_task"], "main", "{role}");
        entry(&names, "crypt/keys/gate-audit");
        entry(&names, "cloud/aws/roles/bedrock");
    }

    #[test]
    fn what_is_left_out_is_not_written() {
        let names = VaultNames {
            without: vec![Part::Aws, Part::Pki, Part::Kv, Part::Transit],
            ..VaultNames::default()
        };
        let kinds: Vec<&str> = things(&names).unwrap().iter().map(|thing| thing.wanted().kind).collect();
        assert!(!kinds.contains(&"engine") && !kinds.contains(&"key"), "{kinds:?}");
    }
}
