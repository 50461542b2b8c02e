//! The phases of a candidate: what was, and what was seen, to what is, and what is done with it.
//!
//! Pure: no IO, no clock, no log. The engine drives it, one look at a time: it loads the record, gathers an [`Observation`], calls
//! [`advance`], and writes the record and does the [`Act`] in one transaction, which checks its session, the record's index, and the
//! indexes of what the act touches. Where that is refused nothing of it was done, and the next look decides anew.
//!
//! One look changes the phase at most once. What comes first in [`trying`] counts more: what people order, what others have done to the
//! keys, that it is too old, that a rollout runs, what has failed, and only then progress. What could not be read decides nothing: while
//! `config.canary` cannot be read no order is carried out either, since an end would leave it there. Instances drop it at its maximum age
//! whatever becomes of the key.

mod judging;
mod orders;
mod waiting;

use jiff::Timestamp;

use super::observation::{InstanceSeen, Observation};
use super::record::{ConfigCanary, Outcome, Phase};
use crate::rollout::observation::Seen;
use crate::rollout::verdict::Verdict;

pub use orders::{adopt, is_stale};

/// Who promotes where nobody has ordered it.
const AGENT: &str = "nova-agent";

/// What one look leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The record from now on.
    pub record: ConfigCanary,
    /// What is done in the transaction that writes it.
    pub act: Act,
}

/// What is done to the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing: the record alone is written, where it has changed.
    Nothing,
    /// The candidate is put into `config.canary` for the ring of the record's trial, if `config` is still the one that it was made for.
    /// `replaces` is the modify index of an old candidate that nobody applies any more.
    Begin {
        /// Zero where there is none.
        replaces: u64,
    },
    /// The candidate is taken out of `config.canary`, if it is still the one of this index.
    TakeAway {
        /// The modify index.
        modify_index: u64,
    },
    /// The text becomes that of `config`, if that is still the one that it was made for, and the candidate goes.
    Promote {
        /// The candidate's modify index.
        modify_index: u64,
    },
}

/// Decides what follows from a look. `now` is the leader's clock.
#[must_use]
pub fn advance(record: &ConfigCanary, seen: &Observation, now: Timestamp) -> Step {
    let mut next = record.clone();
    if !record.is_understood() {
        return Step { record: next, act: Act::Nothing };
    }
    let look = Look { seen, now };
    judging::count(&mut next, &look);
    if next.is_tried() && matches!(seen.candidate, Seen::Unknown(_)) {
        next.waiting_for = "config.canary, which could not be read".to_owned();
        return Step { record: next, act: Act::Nothing };
    }
    orders::handle(&mut next, &look);
    let act = match next.phase {
        Phase::Waiting => waiting::wait_or_begin(&mut next, &look),
        Phase::Trying => trying(&mut next, &look),
        // An order has ended it in this very look: what is in the key goes with it.
        Phase::Ended { .. } if !record.has_ended() => look.take_away(&next.id),
        Phase::Ended { .. } | Phase::Unrecognized(_) => Act::Nothing,
    };
    Step { record: next, act }
}

/// One look, with what is asked of it often.
struct Look<'a> {
    seen: &'a Observation,
    now: Timestamp,
}

impl<'a> Look<'a> {
    /// The candidate's modify index, if it is this one.
    fn modify_index(&self, id: &str) -> Option<u64> {
        let candidate = self.seen.candidate.known()?;
        (candidate.id.as_deref() == Some(id)).then_some(candidate.modify_index)
    }

    fn take_away(&self, id: &str) -> Act {
        self.modify_index(id).map_or(Act::Nothing, |modify_index| Act::TakeAway { modify_index })
    }

    fn instances(&self) -> &'a [InstanceSeen] {
        self.seen.instances.known().map(Vec::as_slice).unwrap_or_default()
    }
}

/// While it is in `config.canary`.
fn trying(record: &mut ConfigCanary, look: &Look<'_>) -> Act {
    if let Some(act) = by_others(record, look).or_else(|| overdue(record, look)) {
        return act;
    }
    let (Some(modify_index), Seen::Known(_)) = (look.modify_index(&record.id), &look.seen.config) else {
        record.waiting_for = "the keys, which could not be read".to_owned();
        return Act::Nothing;
    };
    if let Some(order) = record.promote_ordered.clone() {
        return promote(record, modify_index, &order.by, format!("{} ordered it", order.by), look.now);
    }
    match &look.seen.rollouts {
        Seen::Known(names) if !names.is_empty() => {
            let why = format!("a rollout has begun: {}; it is tried again after that", names.join(", "));
            record.trial = None;
            record.checks.clear();
            record.enter(Phase::Waiting, why, look.now);
            return Act::TakeAway { modify_index };
        }
        _ => {}
    }
    if let Some(why) = refusal(record, look) {
        return remove(record, Outcome::Refused { why }, look);
    }
    if let Some(why) = judging::failure(record) {
        return remove(record, Outcome::Failed { why }, look);
    }
    progress(record, look, modify_index)
}

/// What others have done to the keys.
fn by_others(record: &mut ConfigCanary, look: &Look<'_>) -> Option<Act> {
    let gone = match &look.seen.candidate {
        Seen::Absent => Some("config.canary was deleted by other means".to_owned()),
        Seen::Known(found) if found.id.as_ref() != Some(&record.id) => {
            Some("config.canary was overwritten by other means, and is left as it is".to_owned())
        }
        Seen::Known(_) | Seen::Unknown(_) => None,
    };
    if let Some(why) = gone {
        return Some(remove(record, Outcome::Withdrawn { why }, look));
    }
    superseded(record, look).map(|why| remove(record, Outcome::Superseded { why }, look))
}

/// Why it is of no use any more, where `config` is another one.
fn superseded(record: &ConfigCanary, look: &Look<'_>) -> Option<String> {
    let base = record.push.base_index;
    match look.seen.config {
        Seen::Absent => Some(format!("config of index {base}, which it was made for, was deleted")),
        Seen::Known(index) if index != base => {
            Some(format!("somebody has changed config: its index was {base} and is {index}"))
        }
        Seen::Known(_) | Seen::Unknown(_) => None,
    }
}

/// The end of its time. Instances drop it at that moment whether the key goes or not.
fn overdue(record: &mut ConfigCanary, look: &Look<'_>) -> Option<Act> {
    let is_over = record.expires_at().is_none_or(|at| look.now >= at);
    if !is_over {
        return None;
    }
    let missing = match record.waiting_for.as_str() {
        "" => "it was not judged to its end".to_owned(),
        waiting => format!("it waited for {waiting}"),
    };
    let why = format!("it has reached its maximum age of {} s; {missing}", record.push.max_age.as_secs());
    Some(remove(record, Outcome::Expired { why }, look))
}

/// Why an instance of the ring cannot take it, if one says so. That its time is over, or that the instance is behind, is no such reason.
fn refusal(record: &ConfigCanary, look: &Look<'_>) -> Option<String> {
    let trial = record.trial.as_ref()?;
    let of_ring = look.instances().iter().filter(|instance| trial.ring.contains(&instance.name));
    of_ring.filter_map(|instance| Some((instance, instance.tries(&record.id)?))).find_map(
        |(instance, tried)| {
            let (kind, problem) = tried.refusal.as_ref().filter(|_| tried.state == "refused")?;
            let passes = matches!(kind.as_str(), "expired" | "other_base");
            (!passes).then(|| format!("{} cannot take it ({kind}): {problem}", instance.name))
        },
    )
}

/// What is still missing, or the promotion.
fn progress(record: &mut ConfigCanary, look: &Look<'_>, modify_index: u64) -> Act {
    if note_applied(record, look) {
        return Act::Nothing;
    }
    let bake = record.bake();
    match record.baked(look.now) {
        Some(baked) if baked >= bake => {}
        Some(_) => return wait(record, "the end of its bake"),
        None => return Act::Nothing,
    }
    match judging::verdict(record, look) {
        (Verdict::Pass, _) => {}
        (Verdict::Inconclusive, why) if record.trial.as_ref().is_some_and(|trial| trial.ring.is_empty()) => {
            return ask_for(record, format!("a person's word: {why}"), look.now);
        }
        (verdict, why) => return wait(record, format!("a pass; now it is {}: {why}", verdict.as_str())),
    }
    if !matches!(look.seen.rollouts, Seen::Known(_)) {
        return wait(record, "the records of rollouts, which could not be read");
    }
    if let Some(closed) = waiting::closed_gate(record, look.now) {
        return ask_for(record, closed, look.now);
    }
    promote(record, modify_index, AGENT, "all checks pass".to_owned(), look.now)
}

/// Takes down when the whole ring had it in force; says what is missing and returns true until then.
fn note_applied(record: &mut ConfigCanary, look: &Look<'_>) -> bool {
    let id = record.id.clone();
    let Some(trial) = record.trial.as_mut().filter(|trial| trial.applied_at.is_none()) else { return false };
    let missing: Vec<_> = look
        .instances()
        .iter()
        .filter(|instance| trial.ring.contains(&instance.name) && !instance.has_applied(&id))
        .map(|instance| instance.name.as_str())
        .collect();
    let listed = look.instances().iter().any(|instance| trial.ring.contains(&instance.name));
    if trial.ring.is_empty() || (listed && missing.is_empty()) {
        trial.applied_at = Some(look.now);
        return false;
    }
    record.waiting_for = format!("its ring to apply it: {}", missing.join(", "));
    true
}

/// Waits, and tells somebody once where only a person can end the wait.
fn ask_for(record: &mut ConfigCanary, what: String, now: Timestamp) -> Act {
    if !record.has_asked {
        record.has_asked = true;
        let message = format!("the candidate {} for the configuration waits for {what}", record.id);
        record.tell("waiting", message, "nova-agent config promote, or nova-agent config abort", now);
    }
    wait(record, what)
}

fn wait(record: &mut ConfigCanary, what: impl Into<String>) -> Act {
    record.waiting_for = what.into();
    Act::Nothing
}

fn promote(record: &mut ConfigCanary, modify_index: u64, by: &str, why: String, now: Timestamp) -> Act {
    // The number is the transaction's to give.
    let outcome = Outcome::Promoted { by: by.to_owned(), history: 0 };
    record.enter(Phase::Ended { outcome }, why.clone(), now);
    let message = format!("the candidate {} is the configuration of all instances: {why}", record.id);
    record.tell("promoted", message, "", now);
    Act::Promote { modify_index }
}

fn remove(record: &mut ConfigCanary, outcome: Outcome, look: &Look<'_>) -> Act {
    let why = outcome.why().to_owned();
    let phase = Phase::Ended { outcome };
    let message = format!("the candidate {} has ended as {}: {why}", record.id, phase.name().as_str());
    record.enter(phase, why, look.now);
    record.tell("removed", message, "nova-agent config status shows the numbers", look.now);
    look.take_away(&record.id)
}

#[cfg(test)]
mod tests;
