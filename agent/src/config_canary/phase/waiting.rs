//! Before any instance has it: what has to come first, which instances will try it, and the gates of its policy.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::{Act, Look, remove, superseded, wait};
use crate::config_canary::record::{ConfigCanary, Outcome, Phase, Trial};
use crate::config_canary::ring;
use crate::rollout::gate::{self, Opening};
use crate::rollout::observation::Seen;
use crate::rollout::policy::{GateKind, GatePoint};
use crate::rollout::record::since;

/// How long it waits at most, all in all: as long as a rollout may take by default.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Begins, or says what it waits for.
pub(super) fn wait_or_begin(record: &mut ConfigCanary, look: &Look<'_>) -> Act {
    if let Some(why) = superseded(record, look) {
        return remove(record, Outcome::Superseded { why }, look);
    }
    if since(record.requested_at, look.now) >= LONGEST_WAIT {
        let hours = LONGEST_WAIT.as_secs() / 3600;
        let why = format!("it has waited for {hours} hours, for {}", record.waiting_for);
        return remove(record, Outcome::Expired { why }, look);
    }
    match ready(record, look) {
        Err(what) => wait(record, what),
        Ok((trial, replaces)) => {
            let why = described(&trial);
            record.checks.clear();
            record.has_asked = false;
            record.enter(Phase::Trying, why.clone(), look.now);
            record.trial = Some(trial);
            record.tell("begun", format!("the candidate {} is tried: {why}", record.id), "", look.now);
            Act::Begin { replaces }
        }
    }
}

/// The ring and the index of what stands in the way, or what has to come first.
fn ready(record: &ConfigCanary, look: &Look<'_>) -> Result<(Trial, u64), String> {
    let Seen::Known(_) = look.seen.config else {
        return Err("config, which could not be read".to_owned());
    };
    match &look.seen.rollouts {
        Seen::Known(names) if !names.is_empty() => {
            return Err(format!("the end of a rollout: {}", names.join(", ")));
        }
        Seen::Unknown(why) => return Err(format!("the records of rollouts, which could not be read: {why}")),
        Seen::Known(_) | Seen::Absent => {}
    }
    // Who pushes has approved the trial: what else stands before the start is refused when the policy is read.
    if let Some(closed) = closed_at(record, look.now, GatePoint::Start) {
        return Err(closed);
    }
    let replaces = match &look.seen.candidate {
        Seen::Absent => 0,
        Seen::Known(found) if found.is_over || found.id.as_ref() == Some(&record.id) => found.modify_index,
        Seen::Known(_) => {
            return Err("config.canary, where another candidate is that this agent has no record of: delete the key, or let \
                        it expire"
                .to_owned());
        }
        Seen::Unknown(why) => return Err(format!("config.canary, which could not be read: {why}")),
    };
    Ok((choose(record, look)?, replaces))
}

/// The ring, of those that can try it.
fn choose(record: &ConfigCanary, look: &Look<'_>) -> Result<Trial, String> {
    let service = &record.push.service;
    let all = match &look.seen.instances {
        Seen::Known(all) if !all.is_empty() => all,
        Seen::Known(_) | Seen::Absent => return Err(format!("an instance in the catalog under {service}")),
        Seen::Unknown(why) => return Err(format!("the catalog, which could not be read: {why}")),
    };
    let trial = |ring| Trial { at: look.now, ring, instances: all.len(), applied_at: None };
    if all.len() == 1 {
        return Ok(trial(BTreeSet::new()));
    }
    let able: Vec<_> = all.iter().filter(|instance| instance.could_try(record.push.base_index)).collect();
    if able.len() < 2 {
        let base = record.push.base_index;
        return Err(format!(
            "two instances that are ready, run the config of index {base} and are of a version that tries candidates; there is {} of {}",
            able.len(),
            all.len()
        ));
    }
    // Beside the ring at least one is left that it is compared with.
    let size = ring::size(all.len(), record.push.share_percent).min(able.len() - 1);
    Ok(trial(ring::lowest(able.iter().map(|instance| instance.name.as_str()), size)))
}

fn described(trial: &Trial) -> String {
    if trial.ring.is_empty() {
        return "there is one instance alone, which goes on as it is: nothing can be compared, and a person has to decide"
            .to_owned();
    }
    let names: Vec<_> = trial.ring.iter().map(String::as_str).collect();
    format!("{} of {} instances try it: {}", trial.ring.len(), trial.instances, names.join(", "))
}

/// What a gate before the promotion waits for, where one is closed.
pub(super) fn closed_gate(record: &ConfigCanary, now: Timestamp) -> Option<String> {
    closed_at(record, now, GatePoint::Promotion)
}

fn closed_at(record: &ConfigCanary, now: Timestamp, point: GatePoint) -> Option<String> {
    record.policy().gates.iter().filter(|gate| gate.before == point).find_map(|policy| {
        let name = &policy.name;
        match &policy.kind {
            GateKind::Approval => {
                Some(format!("the approval {name}, which is somebody's order to promote it"))
            }
            GateKind::Webhook { .. } => {
                Some(format!("the webhook {name}, which is not asked about candidates"))
            }
            kind => match gate::at(kind, now) {
                Opening::Open(_) => None,
                Opening::Closed(Some(until)) => Some(format!("{name}, which opens at {until}")),
                Opening::Closed(None) => Some(format!("{name}, which does not open any more")),
            },
        }
    })
}
