//! The proxies: whether the catalog lists as many as there are to be, and whether each answers and is ready.

use nova_hashistack::consul::CheckStatus;

use super::super::fact::{Facts, HealthPage, InstanceFact};
use super::super::outcome::Outcome;

/// Whether as many are listed as Nomad runs, or as somebody has said.
pub(crate) fn registered(facts: &Facts) -> Outcome {
    if let Err(why) = &facts.consul {
        return Outcome::NotAsked(why.clone());
    }
    let running = match &facts.nomad {
        Ok(nomad) => nomad.job.as_ref().ok().and_then(Option::as_ref).map_or(0, |job| job.running),
        Err(_) => 0,
    };
    let (listed, wanted) = (facts.instances.len(), facts.rules.instances.max(running));
    if listed < wanted {
        return Outcome::failed(format!(
            "the catalog lists {listed} instances, and there are to be {wanted}"
        ));
    }
    Outcome::Passed(format!("the catalog lists {listed}"))
}

/// Whether each answers at the address of its registration.
pub(crate) fn reachable(facts: &Facts) -> Outcome {
    if facts.instances.is_empty() {
        return Outcome::Needs("instances-registered");
    }
    let faults = facts.instances.iter().filter_map(|instance| {
        let trouble = instance.health.as_ref().err()?;
        Some(format!("{}: {}", instance.name, trouble.told()))
    });
    Outcome::of_faults(faults.collect(), || format!("{} answer", facts.instances.len()))
}

/// Whether each that answers is ready, by its own word and by Consul's checks.
pub(crate) fn ready(facts: &Facts) -> Outcome {
    let answering: Vec<_> = answering(facts).collect();
    if answering.is_empty() {
        return Outcome::Needs("instances-reachable");
    }
    let faults = answering.iter().filter_map(|(instance, page)| {
        if !page.is_ready {
            return Some(format!("{} is {}: {}", instance.name, page.phase, reasons(page)));
        }
        let word = match instance.status {
            CheckStatus::Passing | CheckStatus::Warning => return None,
            CheckStatus::Critical => "fail",
            CheckStatus::Unknown => "are unknown",
        };
        Some(format!("{} is ready by its own word, and its checks in Consul {word}", instance.name))
    });
    Outcome::of_faults(faults.collect(), || format!("{} are ready", answering.len()))
}

/// The instances that answer, with their pages.
pub(super) fn answering(facts: &Facts) -> impl Iterator<Item = (&InstanceFact, &HealthPage)> {
    facts.instances.iter().filter_map(|instance| Some((instance, instance.health.as_ref().ok()?)))
}

fn reasons(page: &HealthPage) -> String {
    let open: Vec<String> = page
        .conditions
        .iter()
        .filter(|condition| !condition.holds)
        .map(|condition| format!("{}: {}", condition.name, condition.reason))
        .collect();
    if open.is_empty() { "it does not say why".to_owned() } else { open.join("; ") }
}
