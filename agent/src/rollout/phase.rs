//! The phases of a rollout: what was, and what was seen, to what is, and what is to be done.
//!
//! Pure: no IO, no clock, no log. The engine drives it, one look at a time:
//!
//! 1. It loads the record, with the index that it was read at, and sets [`Rollout::epoch`] to its own term.
//! 2. It gathers an [`Observation`], and calls [`advance`].
//! 3. Where the record has changed, it writes it in one transaction that checks its session and the index. Where that is refused, it
//!    has lost the lead, or somebody was quicker: it does nothing of the step, and begins anew.
//! 4. It does the [`Step::actions`], in their order. Where [`Intent::tries`] is not zero, or the record was written by another term or
//!    process, it reads first whether the action is done already. It may stop between any two.
//! 5. After each it calls [`Rollout::settle`] and writes the record again. What was not written is done again: actions are safe
//!    to do twice.
//!
//! A crash at any point loses nothing: the intents are in the record, and the next [`advance`], by whichever instance, gives those
//! that are still wanted again. A decision is given only with a look that shows that it is still to be made: never a promotion
//! of a deployment that could not be read, is promoted or has ended.
//!
//! One look changes the phase at most once. What comes first in [`decide`] counts more: what people command, what others have
//! done in Nomad, what has failed, what is overdue, and only then progress.
//!
//! While a rollout is paused, progress and the clock of the bake stand still; its overall timeout runs on, so that nothing stays for
//! ever, and a failure rolls back all the same unless the policy says `hold`. A rollback cannot be paused.

mod adopting;
mod awaiting;
mod baking;
mod commands;
mod health;
mod judging;
mod outside;
mod promoting;
mod replacing;
mod rolling_back;
mod situations;
mod traffic;
mod verifying;

use jiff::Timestamp;

use super::action::{Action, EventKind, Intent};
use super::finding::{Finding, FindingId};
use super::observation::{AllocationSeen, DeploymentSeen, JobSeen, Observation};
use super::record::{Failure, Outcome, Phase, RollbackStage, Rollout, since};

pub use adopting::{Adoption, Candidate, adopt};
pub(super) use judging::tally;

/// What one look leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The record from now on. Where it equals the one before, nothing has to be written.
    pub rollout: Rollout,
    /// What is to be done now, once the record is written: the intents of the record, those of earlier looks that are still open among
    /// them, as far as this look shows that they are still to be done.
    pub actions: Vec<Intent>,
    /// Why nothing is done at all: the record is a later version's, and is not to be written by this one.
    pub hold: Option<Finding>,
}

/// Decides what follows from a look.
///
/// `now` is the leader's clock; one that goes back prolongs waits, and decides nothing.
#[must_use]
pub fn advance(rollout: &Rollout, seen: &Observation, now: Timestamp) -> Step {
    if !rollout.is_understood() {
        return held(rollout, now);
    }
    let mut next = rollout.clone();
    let look = Look { seen, now };
    if !next.has_ended() {
        next.findings.iter_mut().for_each(|finding| finding.is_current = false);
        decide(&mut next, &look);
    }
    let actions = next.intents.iter().filter(|intent| is_due(&next, intent, &look)).cloned().collect();
    Step { rollout: next, actions, hold: None }
}

fn held(rollout: &Rollout, now: Timestamp) -> Step {
    let id = FindingId::NewerRecord;
    let what = format!(
        "the record has the form {} and stands at {}, which this version does not know; nothing is done",
        rollout.format,
        rollout.phase.name().as_str()
    );
    let hold = Finding { id, what, advice: id.advice().to_owned(), since: now, is_current: true };
    Step { rollout: rollout.clone(), actions: Vec::new(), hold: Some(hold) }
}

/// The order of what counts. Each may change the phase, and then nothing below is looked at.
fn decide(rollout: &mut Rollout, look: &Look<'_>) {
    let before = (rollout.phase.clone(), rollout.entered_at, rollout.transitions.len());
    let has_moved =
        |rollout: &Rollout| before != (rollout.phase.clone(), rollout.entered_at, rollout.transitions.len());
    situations::note(rollout, look);
    judging::count(rollout, look);
    for step in [commands::handle, outside::reconcile, turn_back, overdue, progress] {
        step(rollout, look);
        if has_moved(rollout) {
            return;
        }
    }
}

/// The next move of each phase.
fn progress(rollout: &mut Rollout, look: &Look<'_>) {
    match rollout.phase.clone() {
        Phase::AwaitingCanaries => awaiting::canaries(rollout, look),
        Phase::AwaitingStart => awaiting::start(rollout, look),
        Phase::Stepping { step } => awaiting::step(rollout, look, step),
        Phase::Baking { step } => baking::bake(rollout, look, step),
        Phase::AwaitingApproval => baking::approval(rollout, look),
        Phase::Promoting => promoting::promote(rollout, look),
        Phase::AwaitingSuccess => promoting::success(rollout, look),
        Phase::Replacing => replacing::replace(rollout, look),
        Phase::PostPromotionBake => promoting::post_bake(rollout, look),
        Phase::RollingBack { stage } => rolling_back::roll_back(rollout, look, &stage),
        Phase::Ended { .. } | Phase::Unrecognized(_) => {}
    }
}

/// Begins to roll back where the version has failed, or somebody says so.
fn turn_back(rollout: &mut Rollout, look: &Look<'_>) {
    if matches!(rollout.phase, Phase::RollingBack { .. }) {
        return;
    }
    let Some(reason) = reason_to_turn_back(rollout) else { return };
    begin_rollback(rollout, reason, look);
}

fn reason_to_turn_back(rollout: &Rollout) -> Option<String> {
    let reason = rollout.failure.as_ref().map(|failure| failure.reason.clone());
    if rollout.aborted {
        return reason.or_else(|| Some("it was aborted".to_owned()));
    }
    // A person's promotion counts more than what has failed.
    if rollout.promote_ordered.is_some() || is_promoted_by_person(rollout) {
        return None;
    }
    let is_held =
        rollout.paused.is_some() && rollout.policy.rollback.while_paused == super::policy::WhilePaused::Hold;
    reason.filter(|_| !is_held)
}

/// Ends what has taken too long. Before the promotion it is rolled back.
fn overdue(rollout: &mut Rollout, look: &Look<'_>) {
    match &rollout.phase {
        Phase::RollingBack { .. } => rolling_back::overdue(rollout, look),
        Phase::AwaitingSuccess => promoting::overdue(rollout, look),
        Phase::PostPromotionBake => {}
        _ if since(rollout.started_at, look.now) >= rollout.policy.timeout => {
            let waiting = match rollout.waiting_for.as_str() {
                "" => String::new(),
                waiting => format!("; it waited for this: {waiting}"),
            };
            let reason = format!("it was not promoted within {}{waiting}", in_words(rollout.policy.timeout));
            fail(rollout, reason.clone(), look.now);
            // Nothing may stay for ever, a pause or an order that Nomad refuses neither.
            rollout.promote_ordered = None;
            begin_rollback(rollout, reason, look);
        }
        _ => {}
    }
}

/// Takes down that the version has failed: from now on the agent does not promote it.
fn fail(rollout: &mut Rollout, reason: String, now: Timestamp) {
    rollout.failure.get_or_insert(Failure { at: now, reason });
}

fn begin_rollback(rollout: &mut Rollout, reason: String, look: &Look<'_>) {
    let now = look.now;
    fail(rollout, reason.clone(), now);
    rollout.paused = None;
    rollout.rollback_since = Some(now);
    rollout.enter(Phase::RollingBack { stage: RollbackStage::TrafficAway }, reason.clone(), now);
    let message = format!("{} is rolled back: {reason}", named(rollout));
    rollout.tell(EventKind::RollingBack, message, "", now);
    // Requests go at once, and not with the next look.
    if rolling_back::can_answer(rollout, look) {
        traffic::ask_for(rollout, look, 0);
    }
}

/// Ends the rollout, with requests where they belong.
fn end(rollout: &mut Rollout, outcome: Outcome, why: impl Into<String>, look: &Look<'_>) {
    let why = why.into();
    let percent = match &outcome {
        Outcome::Promoted => Some(100),
        Outcome::RolledBack { .. } => Some(0),
        Outcome::Superseded { .. } | Outcome::Abandoned { .. } if !rollout.is_promoted() => Some(0),
        // What is in force stays as it is: a bad version, a newer one, or one that nobody could look at.
        Outcome::Superseded { .. }
        | Outcome::Abandoned { .. }
        | Outcome::HandedOver { .. }
        | Outcome::RollbackIncomplete { .. }
        | Outcome::Unrecognized(_) => None,
    };
    let advice = match &outcome {
        Outcome::RolledBack { advice, .. }
        | Outcome::HandedOver { advice, .. }
        | Outcome::RollbackIncomplete { advice, .. } => advice.clone(),
        Outcome::Abandoned { finding, .. } => finding.advice().to_owned(),
        Outcome::Promoted | Outcome::Superseded { .. } | Outcome::Unrecognized(_) => String::new(),
    };
    let is_promoted = outcome == Outcome::Promoted;
    let phase = Phase::Ended { outcome };
    let message = format!("{} has ended as {}: {why}", named(rollout), phase.name().as_str());
    rollout.paused = None;
    rollout.enter(phase, why, look.now);
    if let Some(percent) = percent {
        traffic::ask_for(rollout, look, percent);
    }
    if is_promoted {
        rollout.intend(Action::TagStable { version: rollout.canary.job_version }, look.now);
    }
    rollout.tell(EventKind::Ended, message, &advice, look.now);
}

/// Whether an intent is to be done now: what cannot be taken back needs a look that shows that it is still to be done.
fn is_due(rollout: &Rollout, intent: &Intent, look: &Look<'_>) -> bool {
    match &intent.action {
        Action::Promote { .. } => {
            look.deployment().is_some_and(|deployment| deployment.is_active() && !deployment.is_promoted())
        }
        Action::Fail { .. } => look.deployment().is_some_and(DeploymentSeen::is_active),
        Action::Revert { enforce_prior, .. } => look.job().is_some_and(|job| job.version == *enforce_prior),
        Action::PromoteRevert { deployment_id } => {
            look.seen.latest.known().is_some_and(|latest| {
                latest.id == *deployment_id && latest.is_active() && !latest.is_promoted()
            })
        }
        Action::SetTraffic(_) | Action::TagStable { .. } | Action::Notify(_) => true,
        Action::Unrecognized(_) => !rollout.is_understood(),
    }
}

fn is_promoted_by_person(rollout: &Rollout) -> bool {
    rollout.promoted.as_ref().is_some_and(|(_, by)| by.is_person())
}

/// The job and the version, for messages.
fn named(rollout: &Rollout) -> String {
    let name = rollout.canary.name.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
    format!("version {}{name} of {}", rollout.canary.job_version, rollout.target.job)
}

fn in_words(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    }
}

/// One look, with what is asked of it often.
struct Look<'a> {
    seen: &'a Observation,
    now: Timestamp,
}

impl<'a> Look<'a> {
    fn deployment(&self) -> Option<&'a DeploymentSeen> {
        self.seen.deployment.known()
    }

    fn job(&self) -> Option<&'a JobSeen> {
        self.seen.job.known()
    }

    /// The allocations of a version; none where they could not be read.
    fn allocations_of(&self, version: u64) -> Option<impl Iterator<Item = &'a AllocationSeen>> {
        use super::observation::Seen;
        let all: &[AllocationSeen] = match &self.seen.allocations {
            Seen::Known(all) => all,
            Seen::Absent => &[],
            Seen::Unknown(_) => return None,
        };
        Some(all.iter().filter(move |allocation| allocation.job_version == version))
    }

    /// How many instances of a version pass their checks; none where they could not be read.
    fn passing(&self, version: u64) -> Option<u64> {
        use super::observation::Seen;
        match &self.seen.instances {
            Seen::Known(all) => {
                let passing =
                    all.iter().filter(|instance| instance.passing && instance.job_version == Some(version));
                Some(u64::try_from(passing.count()).unwrap_or(u64::MAX))
            }
            Seen::Absent => Some(0),
            Seen::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
