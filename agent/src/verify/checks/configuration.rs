//! What the proxies run: whether each tells it, hears of changes, has refused none, and has the newest.
//!
//! How one instance stands is decided in `standing`; here it is told which check that belongs to, so that each instance counts once.

use super::super::fact::{Facts, InstanceFact};
use super::super::outcome::Outcome;
use super::instances::answering;
use crate::documents::Indexes;
use crate::receipt::{Receipt, Refusal};
use crate::standing::Standing;

/// Whether each instance that answers gives a receipt.
pub(crate) fn receipts(facts: &Facts) -> Outcome {
    let asked: Vec<_> = answering(facts).collect();
    if asked.is_empty() {
        return Outcome::Needs("instances-reachable");
    }
    let faults = asked.iter().filter_map(|(instance, _)| {
        let trouble = instance.receipt.as_ref().err()?;
        Some(format!("{}: {}", instance.name, trouble.told()))
    });
    Outcome::of_faults(faults.collect(), || format!("{} tell what they run", asked.len()))
}

/// Whether each hears of changes.
pub(crate) fn hears(facts: &Facts) -> Outcome {
    each(facts, |instance, receipt, standing, stored| match standing {
        // Without documents there is nothing to hear of.
        Standing::NoConsul(state) if state == "off" && stored.is_empty() => None,
        Standing::NoConsul(_) => {
            let why = standing.explanation(Some(receipt)).unwrap_or_default();
            Some(format!("{} {why}", instance.name))
        }
        _ => None,
    })
}

/// Whether none has refused documents, or its own files.
pub(crate) fn refused(facts: &Facts) -> Outcome {
    each(facts, |instance, receipt, _, _| {
        let refusal = receipt.refusal.as_ref().or(receipt.config.files_refused.as_ref())?;
        Some(format!("{} refused what it saw: {}", instance.name, told(refusal)))
    })
}

/// Whether each runs the documents that the store holds.
pub(crate) fn newest(facts: &Facts) -> Outcome {
    each(facts, |instance, _, standing, _| {
        (*standing == Standing::Behind)
            .then(|| format!("{} runs other documents than the store holds", instance.name))
    })
}

/// Whether nothing waits for a restart, and everything is kept for one.
pub(crate) fn settled(facts: &Facts) -> Outcome {
    let outcome = each(facts, |instance, receipt, _, _| {
        if let Some(why) = &receipt.config.not_kept {
            return Some(format!(
                "{} did not keep its documents for a start without Consul: {why}",
                instance.name
            ));
        }
        let waiting = &receipt.config.waiting_for_restart;
        (!waiting.is_empty()).then(|| format!("{} needs a restart for {}", instance.name, waiting.join(", ")))
    });
    match outcome {
        Outcome::Failed(lines) => Outcome::Warned(lines),
        other => other,
    }
}

/// A check over all instances that gave a receipt.
fn each(
    facts: &Facts,
    fault: impl Fn(&InstanceFact, &Receipt, &Standing, &Indexes) -> Option<String>,
) -> Outcome {
    let stored = match &facts.consul {
        Ok(consul) => match &consul.documents {
            Ok(stored) => stored,
            Err(_) => return Outcome::Needs("consul-rights"),
        },
        Err(why) => return Outcome::NotAsked(why.clone()),
    };
    let told: Vec<_> = told_by(facts).collect();
    if told.is_empty() {
        return Outcome::Needs("configuration-receipts");
    }
    let faults = told.iter().filter_map(|(instance, receipt)| {
        let standing = Standing::of(&Ok((*receipt).clone()), stored);
        fault(instance, receipt, &standing, stored)
    });
    Outcome::of_faults(faults.collect(), || format!("{} instances, {} documents", told.len(), stored.len()))
}

/// The instances that gave a receipt.
pub(super) fn told_by(facts: &Facts) -> impl Iterator<Item = (&InstanceFact, &Receipt)> {
    facts.instances.iter().filter_map(|instance| Some((instance, instance.receipt.as_ref().ok()?)))
}

fn told(refusal: &Refusal) -> String {
    match refusal.faults.first() {
        Some(first) => {
            let more = refusal.faults_total.unwrap_or(refusal.faults.len()).saturating_sub(1);
            let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            format!("{}:{}:{}: {}: {}{rest}", first.file, first.line, first.column, first.path, first.problem)
        }
        None => refusal.kind.clone().unwrap_or_else(|| "it does not say why".to_owned()),
    }
}
