//! A candidate to people.

use jiff::{SignedDuration, Timestamp};

use crate::config_canary::record::{ConfigCanary, Outcome, Phase};
use crate::rollout::record::CheckStanding;

/// One sentence.
pub(in super::super) fn summary(record: &ConfigCanary) -> String {
    let (id, by) = (&record.id, &record.author);
    match &record.phase {
        Phase::Waiting => format!("candidate {id} of {by} waits for {}", record.waiting_for),
        Phase::Trying => match &record.trial {
            Some(trial) if trial.ring.is_empty() => {
                format!(
                    "candidate {id} of {by} is on no instance: there is one alone, and a person has to decide"
                )
            }
            Some(trial) => {
                format!(
                    "candidate {id} of {by} is tried by {} of {} instances",
                    trial.ring.len(),
                    trial.instances
                )
            }
            None => format!("candidate {id} of {by} is tried"),
        },
        Phase::Ended { outcome: Outcome::Promoted { by: whom, history } } => {
            format!("candidate {id} of {by} was promoted by {whom}: record {history} of the history")
        }
        Phase::Ended { outcome } => {
            format!(
                "candidate {id} of {by} was taken away ({}): {}",
                record.phase.name().as_str(),
                outcome.why()
            )
        }
        Phase::Unrecognized(_) => {
            format!("candidate {id} of {by} is in a phase of a later version of nova-agent")
        }
    }
}

/// All that there is to say, line by line.
pub(in super::super) fn lines(record: &ConfigCanary, now: Timestamp) -> Vec<String> {
    let mut lines = vec![summary(record)];
    if let Some(message) = &record.message {
        lines.push(format!("  {message}"));
    }
    if record.is_tried() {
        if let Some(trial) = &record.trial {
            lines.extend(trial.ring.iter().map(|name| format!("  on {name}")));
        }
        if let Some(at) = record.expires_at() {
            let left = at.duration_since(now).max(SignedDuration::ZERO);
            lines.push(format!("  it ends by itself in {} s", left.as_secs()));
        }
        if !record.waiting_for.is_empty() {
            lines.push(format!("  it waits for {}", record.waiting_for));
        }
    }
    lines.extend(record.checks.values().map(check));
    lines
}

fn check(standing: &CheckStanding) -> String {
    let result = &standing.result;
    format!("  {} {}: {}", result.verdict.as_str(), result.check, result.why)
}
