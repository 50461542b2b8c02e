//! Consul: policies, and the role that tasks of Nomad get for their identity.

use std::collections::BTreeMap;
use std::time::Duration;

use nova_hashistack::HashistackError;
use nova_hashistack::consul::acl::admin::{BindingRule, JwtAuthMethod, JwtKeys, Policy, Role};
use nova_hashistack::consul::{AclAdmin, ConsulClient};
use serde::Deserialize;
use serde_json::{Value, json};

use super::apply::Server;
use super::names::{AGENT, AUTH_METHOD, IdentityKeys, JOB, JWKS_URL, NAMES, NAMESPACE, PREFIX, SERVICE};
use super::plan::{Fields, Fixed, Found, Owner, Wanted};
use super::{MARK, described, texts};

/// How long a token of a login lasts; the proxy logs in anew after two thirds of it.
const MAX_TOKEN_TTL: Duration = Duration::from_secs(3600);

/// What the guide gives to `consul acl auth-method create`.
const METHOD: &str = include_str!("../../../jobs/policies/consul/auth-method.json");

/// What nobody can change of an auth method.
const METHOD_KEEPS: Fixed =
    &[("type", "an auth method keeps its type: choose another name with --auth-method")];

/// What this command does not change where there are several rules.
const ONE_RULE: Fixed = &[(
    "rules_for_the_role",
    "several rules of the auth method give this role, each to whomever it selects: look at them with `consul acl binding-rule list`, and \
     delete those that are not meant",
)];

/// What things are called in Consul.
#[derive(Debug, Clone)]
pub struct ConsulNames {
    /// What the names of policies and roles begin with.
    pub names: String,
    /// The prefix of the configuration's keys.
    pub prefix: String,
    /// The service of the instances.
    pub service: String,
    /// The auth method.
    pub auth_method: String,
    /// The namespace of the proxy's job.
    pub namespace: String,
    /// The proxy's job.
    pub job: String,
    /// The agent's job, in the same namespace.
    pub agent_job: String,
    /// Nomad's public keys.
    pub keys: IdentityKeys,
}

impl Default for ConsulNames {
    fn default() -> Self {
        Self {
            names: NAMES.to_owned(),
            prefix: PREFIX.to_owned(),
            service: SERVICE.to_owned(),
            auth_method: AUTH_METHOD.to_owned(),
            namespace: NAMESPACE.to_owned(),
            job: JOB.to_owned(),
            agent_job: AGENT.to_owned(),
            keys: IdentityKeys { url: JWKS_URL.to_owned(), authorities: None },
        }
    }
}

/// A thing that Consul can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsulThing {
    /// Rules under a name.
    Policy(Policy),
    /// Policies under a name.
    Role(Role),
    /// By which tasks log in.
    AuthMethod(JwtAuthMethod),
    /// By which a login gets a role.
    BindingRule(BindingRule),
}

/// `auth-method.json`, but for where the keys are.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MethodFile {
    #[serde(rename = "JWTSupportedAlgs")]
    algorithms: Vec<String>,
    bound_audiences: Vec<String>,
    claim_mappings: BTreeMap<String, String>,
}

/// What is wanted, in the order in which one thing needs the other.
///
/// # Errors
/// When `auth-method.json` is not what it was when this was written.
pub fn things(names: &ConsulNames) -> Result<Vec<ConsulThing>, serde_json::Error> {
    let words = [
        ("\"nova/default", format!("\"{}", names.prefix)),
        ("service \"nova-proxy\"", format!("service \"{}\"", names.service)),
    ];
    let policy = |file: &texts::PolicyFile| {
        ConsulThing::Policy(Policy {
            name: format!("{}-{}", names.names, file.name),
            description: described(file.whose),
            rules: texts::filled(file.text, &words),
        })
    };
    let file: MethodFile = serde_json::from_str(METHOD)?;
    let method = JwtAuthMethod {
        name: names.auth_method.clone(),
        description: described("tasks of Nomad"),
        max_token_ttl: MAX_TOKEN_TTL,
        keys: JwtKeys::Url { url: names.keys.url.clone(), authorities: names.keys.authorities.clone() },
        algorithms: file.algorithms,
        bound_audiences: file.bound_audiences,
        claim_mappings: file.claim_mappings,
    };
    let mut things: Vec<ConsulThing> = texts::CONSUL.iter().map(policy).collect();
    things.push(ConsulThing::AuthMethod(method));
    things.extend(login(names, "proxy", &names.job, "instances of nova-proxy"));
    things.extend(login(names, "agent", &names.agent_job, "instances of nova-agent"));
    Ok(things)
}

/// The role that has the policy of this name, and the rule by which the tasks of a job get it.
fn login(names: &ConsulNames, name: &str, job: &str, whose: &str) -> [ConsulThing; 2] {
    let name = format!("{}-{name}", names.names);
    let selector =
        format!("value.nomad_namespace == \"{}\" and value.nomad_job_id == \"{job}\"", names.namespace);
    let rule = BindingRule {
        auth_method: names.auth_method.clone(),
        description: described(whose),
        selector,
        role: name.clone(),
    };
    let role = Role { policies: vec![name.clone()], description: described(whose), name };
    [ConsulThing::Role(role), ConsulThing::BindingRule(rule)]
}

/// A Consul that is set up.
#[derive(Debug)]
pub struct ConsulSetup {
    client: ConsulClient,
    things: Vec<ConsulThing>,
}

impl ConsulSetup {
    /// Speaks to Consul by this client, whose token needs `acl = "write"`, or to plan `acl = "read"`.
    pub fn new(client: ConsulClient, things: Vec<ConsulThing>) -> Self {
        Self { client, things }
    }
}

impl Server for ConsulSetup {
    type Thing = ConsulThing;

    fn things(&self) -> &[ConsulThing] {
        &self.things
    }

    fn wanted(thing: &ConsulThing) -> Wanted {
        let (kind, name, fields, fixed): (_, &str, _, Fixed) = match thing {
            // Policies and roles are written whole, so that what else they say counts too.
            ConsulThing::Policy(policy) => {
                ("policy", &policy.name, json!({ "rules": policy.rules, "datacenters": [] }), &[])
            }
            ConsulThing::Role(role) => {
                ("role", &role.name, role_fields(&role.policies, [&[], &[], &[]]), &[])
            }
            ConsulThing::AuthMethod(method) => {
                let ttl = format!("{}s", method.max_token_ttl.as_secs());
                let fields = json!({
                    "type": "jwt", "max_token_ttl": ttl, "token_locality": "local", "config": config(method),
                });
                ("auth-method", &method.name, fields, METHOD_KEEPS)
            }
            ConsulThing::BindingRule(rule) => {
                let fields = json!({ "rules_for_the_role": 1, "selector": rule.selector });
                ("binding-rule", &rule.role, fields, ONE_RULE)
            }
        };
        Wanted { kind, name: name.to_owned(), fields: members(fields), fixed }
    }

    async fn find(&self, thing: &ConsulThing) -> Result<Found, HashistackError> {
        let acl = self.client.acl();
        let admin = acl.admin();
        let seen = match thing {
            ConsulThing::Policy(policy) => admin.policy(&policy.name).await?.map(|stored| {
                (json!({ "rules": stored.rules, "datacenters": stored.datacenters }), stored.description)
            }),
            ConsulThing::Role(role) => admin.role(&role.name).await?.map(|stored| {
                let policies: Vec<String> = stored.policies.iter().map(ToString::to_string).collect();
                let others =
                    [&*stored.service_identities, &*stored.node_identities, &*stored.templated_policies];
                (role_fields(&policies, others), stored.description)
            }),
            ConsulThing::AuthMethod(method) => admin.auth_method(&method.name).await?.map(|stored| {
                let fields = json!({
                    "type": stored.kind, "max_token_ttl": stored.max_token_ttl,
                    "token_locality": stored.token_locality, "config": stored.config,
                });
                (fields, stored.description)
            }),
            ConsulThing::BindingRule(rule) => bound(&admin, rule).await?,
        };
        let Some((fields, description)) = seen else { return Ok(Found::Absent) };
        let owner = if description.contains(MARK) { Owner::Setup } else { Owner::Other };
        Ok(Found::Present { fields: members(fields), owner })
    }

    async fn write(&self, thing: &ConsulThing) -> Result<(), HashistackError> {
        let acl = self.client.acl();
        let admin = acl.admin();
        match thing {
            ConsulThing::Policy(policy) => admin.put_policy(policy).await,
            ConsulThing::Role(role) => admin.put_role(role).await,
            ConsulThing::AuthMethod(method) => admin.put_auth_method(method).await,
            ConsulThing::BindingRule(rule) => admin.put_binding_rule(rule).await,
        }
    }
}

/// The rules that give a role, with the description of one of them.
async fn bound(admin: &AclAdmin<'_>, rule: &BindingRule) -> Result<Option<(Value, String)>, HashistackError> {
    let stored = admin.binding_rules(&rule.auth_method).await?;
    let giving: Vec<_> = stored
        .into_iter()
        .filter(|rule_| rule_.bind_type == "role" && rule_.bind_name == rule.role)
        .collect();
    let selectors: Vec<&str> = giving.iter().map(|rule| rule.selector.as_str()).collect();
    let fields = json!({ "rules_for_the_role": giving.len(), "selector": selectors.join(" | ") });
    Ok(giving.first().map(|rule| (fields, rule.description.clone())))
}

/// What gives rights to a role: policies, and identities of services and nodes, which are policies of another form.
fn role_fields(policies: &[String], [services, nodes, templated]: [&[Value]; 3]) -> Value {
    json!({
        "policies": policies, "service_identities": services, "node_identities": nodes,
        "templated_policies": templated,
    })
}

/// The configuration of a method in the form in which Consul tells it.
fn config(method: &JwtAuthMethod) -> Value {
    let mut config = json!({
        "JWTSupportedAlgs": method.algorithms, "BoundAudiences": method.bound_audiences,
        "ClaimMappings": method.claim_mappings,
    });
    match &method.keys {
        JwtKeys::Url { url, authorities } => {
            config["JWKSURL"] = json!(url);
            if let Some(authorities) = authorities {
                config["JWKSCACert"] = json!(authorities);
            }
        }
        JwtKeys::Pem(keys) => config["JWTValidationPubKeys"] = json!(keys),
    }
    config
}

fn members(value: Value) -> Fields {
    match value {
        Value::Object(members) => members.into_iter().collect(),
        _ => Fields::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(things: &[ConsulThing]) -> Vec<&str> {
        let rules = |thing: &'_ ConsulThing| match thing {
            ConsulThing::Policy(policy) => Some(policy.rules.clone()),
            _ => None,
        };
        let all: Vec<String> = things.iter().filter_map(rules).collect();
        all.into_iter().map(|text| &*text.leak()).collect()
    }

    #[test]
    fn with_the_names_of_the_guide_the_policies_are_the_files() {
        let things = things(&ConsulNames::default()).unwrap();
        assert_eq!(rules(&things), texts::CONSUL.map(|file| file.text));
    }

    #[test]
    fn other_names_are_in_every_place() {
        let names = ConsulNames {
            prefix: "nova/prod".to_owned(),
            service: "bedrock".to_owned(),
            job: "gateway".to_owned(),
            agent_job: "pilot".to_owned(),
            ..ConsulNames::default()
        };
        let things = things(&names).unwrap();
        let said =
            |text: &str, word: &str| text.lines().any(|line| !line.starts_with('#') && line.contains(word));
        for text in rules(&things) {
            assert!(!said(text, "nova/default") && !said(text, "nova-proxy"), "{text}");
            assert!(said(text, "\"nova/prod/"), "{text}");
        }
        let selectors: Vec<&str> = things
            .iter()
            .filter_map(|thing| match thing {
                ConsulThing::BindingRule(rule) => Some(&*rule.selector),
                _ => None,
            })
            .collect();
        let expected = ["gateway", "pilot"]
            .map(|job| format!(r#"value.nomad_namespace == "default" and value.nomad_job_id == "{job}""#));
        assert_eq!(selectors, expected);
    }

    #[test]
    fn the_auth_method_is_the_file_of_the_guide() {
        let file: Value = serde_json::from_str(METHOD).unwrap();
        let things = things(&ConsulNames::default()).unwrap();
        let method = things.iter().find_map(|thing| match thing {
            ConsulThing::AuthMethod(method) => Some(config(method)),
            _ => None,
        });
        assert_eq!(method, Some(file));
    }
}
