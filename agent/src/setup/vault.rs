//! Vault: engines and what the proxy asks of them, policies, and the logins of Nomad's tasks.
//!
//! What has a path in an engine cannot say who made it. It counts as this command's where the engine does, by its description.

mod rights;
mod wanted;

use nova_hashistack::HashistackError;
use nova_hashistack::vault::{NewMount, VaultAdmin, VaultClient};
use serde_json::{Map, Value, json};

use super::apply::Server;
use super::names::{AGENT, AWS_ROLE, IdentityKeys, JOB, JWKS_URL, JWT_MOUNT, NAMES, NAMESPACE, Task};
use super::plan::{Fields, Fixed, Found, Owner, Wanted};
use super::{MARK, described};

pub use rights::{Right, lacking, policy, rights};
pub use wanted::things;

/// What is not the proxy's to have, and can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// AWS credentials.
    Aws,
    /// Certificates.
    Pki,
    /// Secrets.
    Kv,
    /// Keys of backups and of the audit log.
    Transit,
}

/// What things are called in Vault.
#[derive(Debug, Clone)]
pub struct VaultNames {
    /// What the names of policies and roles begin with.
    pub names: String,
    /// What is left out.
    pub without: Vec<Part>,
    /// Where the AWS engine is.
    pub aws_mount: String,
    /// Its role.
    pub aws_role: String,
    /// The roles at AWS that it may assume, as ARNs.
    pub role_arns: Vec<String>,
    /// Where the PKI engine is.
    pub pki_mount: String,
    /// Its role.
    pub pki_role: String,
    /// The names that certificates may be for.
    pub domains: Vec<String>,
    /// Where the key-value engine is.
    pub kv_mount: String,
    /// The folder of the proxy's secrets in it.
    pub kv_path: String,
    /// Where the transit engine is.
    pub transit_mount: String,
    /// Where the auth method of Nomad's tasks is.
    pub jwt_mount: String,
    /// The proxy's task.
    pub proxy: Task,
    /// The agent's task.
    pub agent: Task,
    /// Nomad's public keys.
    pub keys: IdentityKeys,
}

impl Default for VaultNames {
    fn default() -> Self {
        let task = |name: &str| Task {
            namespace: NAMESPACE.to_owned(),
            job: name.to_owned(),
            task: name.to_owned(),
        };
        Self {
            names: NAMES.to_owned(),
            without: Vec::new(),
            aws_mount: "aws".to_owned(),
            aws_role: AWS_ROLE.to_owned(),
            role_arns: Vec::new(),
            pki_mount: "pki".to_owned(),
            pki_role: JOB.to_owned(),
            domains: vec!["nova-proxy.service.consul".to_owned()],
            kv_mount: "kv".to_owned(),
            kv_path: NAMES.to_owned(),
            transit_mount: "transit".to_owned(),
            jwt_mount: JWT_MOUNT.to_owned(),
            proxy: task(JOB),
            agent: task(AGENT),
            keys: IdentityKeys { url: JWKS_URL.to_owned(), authorities: None },
        }
    }
}

/// A thing that Vault can have.
#[derive(Debug, Clone, PartialEq)]
pub enum VaultThing {
    /// An engine.
    Engine {
        /// Where it is.
        path: String,
        /// The kind of engine.
        engine: &'static str,
        /// The version of `kv`.
        version: Option<&'static str>,
        /// What nobody can change of it.
        fixed: Fixed,
    },
    /// The auth method of Nomad's tasks.
    AuthMethod {
        /// Where it is.
        path: String,
    },
    /// Rules under a name.
    Policy {
        /// The name.
        name: String,
        /// The rules, in HCL.
        rules: String,
    },
    /// Something in an engine or an auth method.
    Entry(Entry),
}

/// Something that has a path in an engine or an auth method.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it is.
    pub kind: &'static str,
    /// Its path.
    pub path: String,
    /// The engine or auth method that it is in.
    pub within: Within,
    /// What it is to say.
    pub fields: Map<String, Value>,
    /// What nobody can change of it.
    pub fixed: Fixed,
    /// Vault forgets what a write does not name, so that the rest has to be written again with it.
    pub is_written_whole: bool,
}

/// Where an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// In the engine at this path.
    Engine(String),
    /// In the auth method at this path.
    AuthMethod(String),
}

/// A Vault that is set up.
#[derive(Debug)]
pub struct VaultSetup {
    client: VaultClient,
    things: Vec<VaultThing>,
}

impl VaultSetup {
    /// Speaks to Vault by this client. What its token needs is told by [`rights`].
    pub fn new(client: VaultClient, things: Vec<VaultThing>) -> Self {
        Self { client, things }
    }

    /// What the token may do at these paths; nothing where it may not even ask.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn capabilities(
        &self,
        paths: &[String],
    ) -> Result<Option<std::collections::BTreeMap<String, Vec<String>>>, HashistackError> {
        match self.client.admin().capabilities(paths).await {
            Ok(capabilities) => Ok(Some(capabilities)),
            Err(error) if error.is_permission_denied() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The first line of the policies that this command keeps: Vault has no place for a description.
fn first_line() -> String {
    format!("# {}\n", described("nova-proxy"))
}

fn owner(description: &str) -> Owner {
    if description.contains(MARK) { Owner::Setup } else { Owner::Other }
}

impl Server for VaultSetup {
    type Thing = VaultThing;

    fn things(&self) -> &[VaultThing] {
        &self.things
    }

    fn wanted(thing: &VaultThing) -> Wanted {
        thing.wanted()
    }

    async fn find(&self, thing: &VaultThing) -> Result<Found, HashistackError> {
        let admin = self.client.admin();
        let present = |fields: Value, owner: Owner| Found::Present { fields: members(fields), owner };
        Ok(match thing {
            VaultThing::Engine { path, .. } => match admin.engines().await?.remove(path) {
                None => Found::Absent,
                Some(mount) => {
                    let version = mount.options.and_then(|mut options| options.remove("version"));
                    present(json!({ "type": mount.kind, "version": version }), owner(&mount.description))
                }
            },
            VaultThing::AuthMethod { path } => match admin.auth_methods().await?.remove(path) {
                None => Found::Absent,
                Some(mount) => present(json!({ "type": mount.kind }), owner(&mount.description)),
            },
            VaultThing::Policy { name, .. } => match admin.policy(name).await? {
                None => Found::Absent,
                Some(text) => {
                    let rules = text.strip_prefix(&first_line()).unwrap_or(&text);
                    present(json!({ "rules": rules }), owner(text.lines().next().unwrap_or_default()))
                }
            },
            VaultThing::Entry(entry) => match admin.read(&entry.path).await? {
                None => Found::Absent,
                Some(fields) => {
                    // What else it says is not the plan's, and may be a number that counts.
                    let fields = fields.into_iter().filter(|(name, _)| entry.fields.contains_key(name));
                    Found::Present { fields: fields.collect(), owner: owner_of(&admin, entry).await? }
                }
            },
        })
    }

    async fn write(&self, thing: &VaultThing) -> Result<(), HashistackError> {
        let admin = self.client.admin();
        match thing {
            VaultThing::Engine { path, engine, version, .. } => {
                let options = version.map(|version| ("version".to_owned(), version.to_owned()));
                let mount = NewMount {
                    kind: (*engine).to_owned(),
                    description: described("nova-proxy"),
                    options: options.into_iter().collect(),
                };
                admin.enable_engine(path, &mount).await
            }
            VaultThing::AuthMethod { path } => {
                let mount = NewMount {
                    kind: "jwt".to_owned(),
                    description: described("tasks of Nomad"),
                    options: std::collections::BTreeMap::new(),
                };
                admin.enable_auth_method(path, &mount).await
            }
            VaultThing::Policy { name, rules } => {
                admin.put_policy(name, &format!("{}{rules}", first_line())).await
            }
            VaultThing::Entry(entry) => {
                let mut fields = Map::new();
                if entry.is_written_whole {
                    let stored = admin.read(&entry.path).await?.unwrap_or_default();
                    fields.extend(stored.into_iter().filter(|(_, value)| !is_empty(value)));
                }
                fields.extend(entry.fields.clone());
                admin.write(&entry.path, &fields).await
            }
        }
    }
}

/// Whose an entry is: as far as anybody can tell, that of the engine or auth method.
async fn owner_of(admin: &VaultAdmin<'_>, entry: &Entry) -> Result<Owner, HashistackError> {
    let mount = match &entry.within {
        Within::Engine(path) => admin.engines().await?.remove(path),
        Within::AuthMethod(path) => admin.auth_methods().await?.remove(path),
    };
    Ok(mount.map_or(Owner::Other, |mount| owner(&mount.description)))
}

/// What a field says that nobody has set.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn members(value: Value) -> Fields {
    match value {
        Value::Object(members) => members.into_iter().collect(),
        _ => Fields::new(),
    }
}
