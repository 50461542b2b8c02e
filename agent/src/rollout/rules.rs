//! Where the rules of a job come from: the agent's files, Consul's KV, and the job's own meta.
//!
//! Owns the places and their order; the later wins. What a text means is for `policy`. A job is rolled out only where one of the places
//! says something of it: the agent leaves other jobs alone.

use std::fmt;
use std::sync::Arc;

use nova_hashistack::ConsulClient;
use nova_hashistack::consul::Consistency;

use super::engine::Policies;
use super::observation::JobSeen;
use super::policy::Policy;
use super::record::Target;
use super::store;

/// The key of a job's meta that says whether it is rolled out: `off` is no, whatever else says yes.
pub const META_SWITCH: &str = "nova_rollout";

/// The key of a job's meta that holds a policy as HCL.
pub const META_POLICY: &str = "nova_rollout_policy";

/// The largest policy that is read. A long one has 4 KB; Nomad's meta and the record have to hold it.
const MAX_POLICY: usize = 64 << 10;

/// A text of rules, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Such as `meta nova_rollout_policy of the job`.
    pub origin: String,
    /// HCL.
    pub text: String,
}

/// The documents of the agent's files, as they are now: those of all jobs.
pub type OfFiles = Arc<dyn Fn() -> Vec<Layer> + Send + Sync>;

/// A policy with the names of the texts that it is made of, or nothing where none of them is about the job.
pub type FoundRules = Option<(Policy, Vec<String>)>;

/// Makes one policy for a job, of documents and of bodies that are about this job alone, the later over the earlier.
pub type Reader = Arc<dyn Fn(&Target, &[Layer], &[Layer]) -> Result<FoundRules, String> + Send + Sync>;

/// The rules of all jobs.
#[derive(Clone)]
pub struct Rules {
    consul: ConsulClient,
    prefix: String,
    of_files: OfFiles,
    reader: Reader,
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rules").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Rules {
    /// The rules of files, of the keys below `<prefix>/policies/`, and of jobs.
    #[must_use]
    pub fn new(consul: ConsulClient, prefix: impl Into<String>, of_files: OfFiles, reader: Reader) -> Self {
        Self { consul, prefix: prefix.into(), of_files, reader }
    }

    async fn of_store(&self, target: &Target) -> Result<Option<Layer>, String> {
        let key = store::policy_key(&self.prefix, target);
        let found = self.consul.kv().get(&key, Consistency::Default).await;
        let found =
            found.map_err(|error| format!("{key} cannot be read: {:#}", anyhow::Error::from(error)))?;
        let Some(entry) = found.value else { return Ok(None) };
        let text = String::from_utf8(entry.value.into()).map_err(|_| format!("{key} is no text"))?;
        Ok(Some(Layer { origin: format!("key {key}"), text }))
    }
}

impl Policies for Rules {
    async fn of(&self, target: &Target, job: &JobSeen) -> Result<FoundRules, String> {
        let switch = job.meta.get(META_SWITCH).map(String::as_str);
        match switch {
            Some("off" | "false") => return Ok(None),
            None | Some("on" | "true") => {}
            Some(other) => {
                return Err(format!("the job's meta {META_SWITCH} is {other:?}; write \"on\" or \"off\""));
            }
        }
        let of_job = job
            .meta
            .get(META_POLICY)
            .map(|text| Layer { origin: format!("meta {META_POLICY} of the job"), text: text.clone() });
        // To switch it on is to ask for the defaults.
        let of_switch =
            switch.map(|_| Layer { origin: format!("meta {META_SWITCH} of the job"), text: String::new() });
        let bodies: Vec<Layer> =
            [of_switch, self.of_store(target).await?, of_job].into_iter().flatten().collect();
        if let Some(long) = bodies.iter().find(|layer| layer.text.len() > MAX_POLICY) {
            return Err(format!("{} has more than {MAX_POLICY} bytes", long.origin));
        }
        (self.reader)(target, &(self.of_files)(), &bodies)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nova_hashistack::ConsulConfig;
    use rstest::rstest;

    use super::*;
    use crate::scripted::{Answer, Scripted, answer};

    fn job(meta: &[(&str, &str)]) -> JobSeen {
        JobSeen {
            version: 1,
            create_index: 1,
            modify_index: 1,
            stopped: false,
            version_name: None,
            stable: None,
            counts: BTreeMap::new(),
            previous_counts: BTreeMap::new(),
            meta: meta.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    }

    async fn rules(of_store: Option<&'static str>, of_files: Option<&'static str>) -> (Scripted, Rules) {
        use base64_of as encoded;
        let server = Scripted::start(move |_| match of_store {
            Some("down") => answer(500, "No cluster leader"),
            Some(text) => answer(
                200,
                format!(
                    r#"[{{"Key":"p","Value":"{}","Flags":0,"CreateIndex":1,"ModifyIndex":1,"LockIndex":0}}]"#,
                    encoded(text)
                ),
            ),
            None => Answer::Whole(404, String::new(), Vec::new()),
        })
        .await;
        let consul = ConsulClient::new(ConsulConfig::new(server.address.parse().unwrap())).unwrap();
        let of_files: OfFiles = Arc::new(move || {
            let layer = |text: &str| Layer { origin: "agent.hcl".to_owned(), text: text.to_owned() };
            of_files.into_iter().map(layer).collect()
        });
        // A body that says "bad" has a fault.
        let reader: Reader = Arc::new(|_, files, bodies| {
            let all = || files.iter().chain(bodies);
            match all().find(|layer| layer.text == "bad") {
                Some(layer) => Err(format!("{}: line 1", layer.origin)),
                None if all().next().is_none() => Ok(None),
                None => Ok(Some((Policy::default(), all().map(|layer| layer.origin.clone()).collect()))),
            }
        });
        (server, Rules::new(consul, "nova/default", of_files, reader))
    }

    fn base64_of(text: &str) -> &'static str {
        match text {
            "k" => "aw==",
            _ => "YmFk",
        }
    }

    async fn of(rules: &Rules, meta: &[(&str, &str)]) -> Result<Option<Vec<String>>, String> {
        let target = Target { namespace: "prod".to_owned(), job: "web".to_owned() };
        let found = rules.of(&target, &job(meta)).await;
        found.map(|found| found.map(|(_, origin)| origin))
    }

    #[rstest]
    #[case::nobody_says_anything(None, None, &[], Some(0))]
    #[case::switched_on(None, None, &[(META_SWITCH, "on")], Some(2))]
    #[case::in_files(None, Some("f"), &[], Some(2))]
    #[case::everywhere(Some("k"), Some("f"), &[(META_POLICY, "m")], Some(4))]
    #[case::off_whatever_else_says(Some("k"), Some("f"), &[(META_POLICY, "m"), (META_SWITCH, "off")], Some(0))]
    #[case::bad(Some("bad"), None, &[], None)]
    #[case::unread(Some("down"), Some("f"), &[], None)]
    #[case::unclear(None, None, &[(META_SWITCH, "perhaps")], None)]
    #[tokio::test]
    async fn the_places_of_rules_add_up(
        #[case] of_store: Option<&'static str>,
        #[case] of_files: Option<&'static str>,
        #[case] meta: &[(&str, &str)],
        #[case] expected: Option<usize>,
    ) {
        let (_server, rules) = rules(of_store, of_files).await;
        let found = of(&rules, meta).await;
        let layers = found.as_ref().ok().map(|found| found.as_ref().map_or(0, |origins| origins.len() + 1));
        assert_eq!(layers, expected, "{found:?}");
        if let (Some(4), Ok(Some(origins))) = (expected, found) {
            assert_eq!(
                origins,
                ["agent.hcl", "key nova/default/policies/prod/web", "meta nova_rollout_policy of the job"]
            );
        }
    }
}
