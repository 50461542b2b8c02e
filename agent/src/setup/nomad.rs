//! Nomad: policies, those of tasks bound to their job, and the namespace of the jobs.

use nova_hashistack::HashistackError;
use nova_hashistack::nomad::{AclPolicy, JobAcl, Namespace, NomadClient};
use serde_json::json;

use super::apply::Server;
use super::names::{AGENT, JOB, NAMES, NAMESPACE};
use super::plan::{Fields, Found, Owner, Wanted};
use super::{MARK, described, texts};

/// What things are called in Nomad.
#[derive(Debug, Clone)]
pub struct NomadNames {
    /// What the names of policies begin with.
    pub names: String,
    /// The namespace of the jobs.
    pub namespace: String,
    /// The proxy's job, in whose variable the API keys are.
    pub job: String,
    /// The agent's task, which has its policy by its identity.
    pub agent: JobAcl,
}

impl Default for NomadNames {
    fn default() -> Self {
        Self {
            names: NAMES.to_owned(),
            namespace: NAMESPACE.to_owned(),
            job: JOB.to_owned(),
            agent: JobAcl {
                namespace: NAMESPACE.to_owned(),
                job: AGENT.to_owned(),
                group: "agent".to_owned(),
                task: AGENT.to_owned(),
            },
        }
    }
}

/// A thing that Nomad can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NomadThing {
    /// Where jobs are.
    Namespace(Namespace),
    /// Rules under a name.
    Policy(AclPolicy),
}

/// What is wanted.
pub fn things(names: &NomadNames) -> Vec<NomadThing> {
    let words = [
        ("namespace \"default\"", format!("namespace \"{}\"", names.namespace)),
        ("\"nomad/jobs/nova-proxy\"", format!("\"nomad/jobs/{}\"", names.job)),
    ];
    let policy = |file: &texts::PolicyFile| {
        NomadThing::Policy(AclPolicy {
            name: format!("{}-{}", names.names, file.name),
            description: described(file.whose),
            rules: texts::filled(file.text, &words),
            // People have tokens; a task has its identity.
            job_acl: (file.name == "agent").then(|| names.agent.clone()),
        })
    };
    let namespace = Namespace { name: names.namespace.clone(), description: described("nova-proxy") };
    let mut things = vec![NomadThing::Namespace(namespace)];
    things.extend(texts::NOMAD.iter().map(policy));
    things
}

/// A Nomad that is set up.
#[derive(Debug)]
pub struct NomadSetup {
    client: NomadClient,
    things: Vec<NomadThing>,
}

impl NomadSetup {
    /// Speaks to Nomad by this client, which needs a management token.
    pub fn new(client: NomadClient, things: Vec<NomadThing>) -> Self {
        Self { client, things }
    }
}

impl Server for NomadSetup {
    type Thing = NomadThing;

    fn things(&self) -> &[NomadThing] {
        &self.things
    }

    fn wanted(thing: &NomadThing) -> Wanted {
        match thing {
            // What a namespace has beside its name is its owner's.
            NomadThing::Namespace(namespace) => {
                Wanted { kind: "namespace", name: namespace.name.clone(), fields: Fields::new(), fixed: &[] }
            }
            NomadThing::Policy(policy) => Wanted {
                kind: "policy",
                name: policy.name.clone(),
                fields: policy_fields(policy),
                fixed: &[],
            },
        }
    }

    async fn find(&self, thing: &NomadThing) -> Result<Found, HashistackError> {
        let (fields, description) = match thing {
            NomadThing::Namespace(namespace) => match self.client.namespaces().read(&namespace.name).await? {
                None => return Ok(Found::Absent),
                Some(stored) => (Fields::new(), stored.description),
            },
            NomadThing::Policy(policy) => match self.client.acl().policy(&policy.name).await? {
                None => return Ok(Found::Absent),
                Some(stored) => (policy_fields(&stored), stored.description),
            },
        };
        let owner = if description.contains(MARK) { Owner::Setup } else { Owner::Other };
        Ok(Found::Present { fields, owner })
    }

    async fn write(&self, thing: &NomadThing) -> Result<(), HashistackError> {
        match thing {
            NomadThing::Namespace(namespace) => self.client.namespaces().create(namespace).await,
            NomadThing::Policy(policy) => self.client.acl().put_policy(policy).await,
        }
    }
}

fn policy_fields(policy: &AclPolicy) -> Fields {
    let task = policy.job_acl.as_ref().map(|task| {
        json!({ "namespace": task.namespace, "job": task.job, "group": task.group, "task": task.task })
    });
    Fields::from([("rules".to_owned(), json!(policy.rules)), ("task".to_owned(), json!(task))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(names: &NomadNames) -> Vec<AclPolicy> {
        let policy = |thing| match thing {
            NomadThing::Policy(policy) => Some(policy),
            NomadThing::Namespace(_) => None,
        };
        things(names).into_iter().filter_map(policy).collect()
    }

    #[test]
    fn with_the_names_of_the_guide_the_policies_are_the_files() {
        let rules: Vec<String> =
            policies(&NomadNames::default()).into_iter().map(|policy| policy.rules).collect();
        assert_eq!(rules, texts::NOMAD.map(|file| file.text));
    }

    #[test]
    fn other_names_are_in_every_place_and_only_the_agents_policy_is_a_tasks() {
        let names = NomadNames {
            namespace: "gateways".to_owned(),
            job: "bedrock".to_owned(),
            ..NomadNames::default()
        };
        for policy in policies(&names) {
            let program = policy.rules.lines().filter(|line| !line.starts_with('#'));
            let program = program.collect::<Vec<_>>().join("\n");
            assert!(program.contains("namespace \"gateways\""), "{program}");
            assert!(!program.contains("\"default\"") && !program.contains("nova-proxy"), "{program}");
            assert_eq!(policy.job_acl.is_some(), policy.name == "nova-agent", "{}", policy.name);
        }
    }
}
