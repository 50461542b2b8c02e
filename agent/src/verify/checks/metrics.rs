//! Metrics: whether each instance's page can be read, and counts what was asked of it.

use super::super::fact::Facts;
use super::super::outcome::Outcome;
use super::instances::answering;

/// Whether each instance that answers gives a page of metrics.
pub(crate) fn readable(facts: &Facts) -> Outcome {
    let asked: Vec<_> = answering(facts).collect();
    if asked.is_empty() {
        return Outcome::Needs("instances-reachable");
    }
    let faults = asked.iter().filter_map(|(instance, _)| {
        let trouble = instance.counted.as_ref().err()?;
        Some(format!("{}: {}", instance.name, trouble.told()))
    });
    Outcome::of_faults(faults.collect(), || format!("{} pages", asked.len()))
}

/// Whether the synthetic requests were counted by whom they were sent to.
pub(crate) fn counted(facts: &Facts) -> Outcome {
    let mut faults = Vec::new();
    let mut total = 0_u32;
    for instance in &facts.instances {
        let models = facts.models.iter().filter(|model| model.instance == instance.name);
        let sent: u32 = models.map(|model| model.sent).sum();
        let Ok((before, after)) = &instance.counted else { continue };
        total = total.saturating_add(sent);
        if after - before < f64::from(sent) {
            faults.push(format!(
                "{} has counted {} of {sent} requests",
                instance.name,
                (after - before).max(0.0)
            ));
        }
    }
    if total == 0 {
        return Outcome::NotAsked("no request was made".to_owned());
    }
    Outcome::of_faults(faults, || format!("{total} requests were counted"))
}
