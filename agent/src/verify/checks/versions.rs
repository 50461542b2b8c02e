//! Versions: whether all instances run one, or one takes another's place, and the catalog says what they say.

use std::collections::BTreeMap;

use super::super::fact::Facts;
use super::super::outcome::Outcome;
use super::instances::answering;

/// Whether one version runs, or a rollout is under way.
pub(crate) fn equal(facts: &Facts) -> Outcome {
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, page) in answering(facts) {
        *versions.entry(page.version.as_str()).or_default() += 1;
    }
    let named: Vec<String> =
        versions.iter().map(|(version, count)| format!("{count} run {version}")).collect();
    let named = named.join(", ");
    if versions.is_empty() {
        return Outcome::Needs("instances-reachable");
    }
    if versions.len() == 1 {
        return Outcome::Passed(named);
    }
    match under_way(facts) {
        Some(what) => Outcome::Passed(format!("{named}, and {what}")),
        None => Outcome::failed(format!("{named}, and no rollout is under way")),
    }
}

/// Whether each instance is in the catalog under the version that it runs.
pub(crate) fn registered(facts: &Facts) -> Outcome {
    let pages: Vec<_> = answering(facts).collect();
    if pages.is_empty() {
        return Outcome::Needs("instances-reachable");
    }
    let faults = pages.iter().filter_map(|(instance, page)| {
        let registered = instance.registered_version.as_deref()?;
        (registered != page.version)
            .then(|| format!("{} runs {} and is registered as {registered}", instance.name, page.version))
    });
    Outcome::of_faults(faults.collect(), || format!("{} are registered as what they are", pages.len()))
}

fn under_way(facts: &Facts) -> Option<String> {
    if let Ok(rolling) = &facts.agent.rolling
        && let Some(job) = rolling.first()
    {
        return Some(format!("a rollout of {job} is under way"));
    }
    let nomad = facts.nomad.as_ref().ok()?;
    let job = nomad.job.as_ref().ok()?.as_ref()?;
    job.is_deploying.then(|| format!("a deployment of {} is under way", job.id))
}
