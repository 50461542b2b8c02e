//! What comes next, and when, as the record and its policy tell it.
//!
//! The phases decide by `advance`; this says in words what they wait for, for people who look on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::words::{at, said_by, span, waits_for};
use crate::rollout::policy::{GatePoint, Policy, Revert};
use crate::rollout::record::{Outcome, Phase, Rollout};

/// What comes next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Outlook {
    /// What happens next, in one sentence.
    pub(in super::super) next: String,
    /// When, where only the time is waited for.
    pub(in super::super) due: Option<Timestamp>,
    /// When the agent gives up at the latest, and what it does then.
    pub(in super::super) latest: Option<(Timestamp, &'static str)>,
}

impl Outlook {
    /// What the record says of what is to come.
    pub(in super::super) fn of(rollout: &Rollout, now: Timestamp) -> Self {
        let mut outlook = Self { latest: latest(rollout), ..Self::default() };
        if let (Some(pause), false) = (&rollout.paused, rollout.has_ended()) {
            let held = said_by(&pause.by, &pause.reason);
            outlook.next = format!("held {held}; `nova-agent rollout resume` lets it go on");
            return outlook;
        }
        let (next, wait) = next(rollout, now);
        outlook.due =
            wait.and_then(|wait| now.checked_add(signed(wait.saturating_sub(rollout.elapsed(now)))).ok());
        outlook.next = next;
        outlook
    }

    /// The same on one line, with the time that is left.
    pub(in super::super) fn line(&self, now: Timestamp) -> String {
        match self.due {
            Some(due) if due > now => format!("{}, {}", self.next, at(due, now)),
            _ => self.next.clone(),
        }
    }

    /// As a cell of a table: the time that is left, or what is waited for.
    pub(in super::super) fn cell(&self, now: Timestamp) -> Option<String> {
        let left = Duration::try_from(self.due?.duration_since(now)).ok().filter(|left| !left.is_zero())?;
        Some(format!("in {}", span(left)))
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn next(rollout: &Rollout, now: Timestamp) -> (String, Option<Duration>) {
    let policy = &rollout.policy;
    let waits = |otherwise: &str| {
        waits_for(rollout, now).map_or_else(|| otherwise.to_owned(), |waiting| format!("waits for {waiting}"))
    };
    let after_bake = |what: &str| match waits_for(rollout, now) {
        Some(waiting) => format!("{what}; it waits for {waiting}"),
        None => format!("{what}, if no check fails"),
    };
    match &rollout.phase {
        Phase::AwaitingCanaries => (waits("the first step, when all canaries are ready"), None),
        Phase::AwaitingStart => (waits("the first step, when the gates before it are open"), None),
        Phase::Stepping { step } => (waits(&format!("the bake of {}", step_of(policy, *step))), None),
        Phase::Baking { step } => {
            let bake = policy.steps.get(*step).map(|step| step.bake);
            let after = after_step(policy, *step);
            (after_bake(&after), bake)
        }
        Phase::AwaitingApproval => (waits("the promotion, when the gates before it are open"), None),
        Phase::Promoting => ("Nomad replaces the old instances".to_owned(), None),
        Phase::AwaitingSuccess => {
            (waits("the bake after the promotion, when all instances are new and healthy"), None)
        }
        Phase::Replacing => {
            (waits("the bake after the promotion, when all instances are new and healthy"), None)
        }
        Phase::PostPromotionBake => (after_bake("the end"), Some(policy.post_promotion_bake)),
        Phase::RollingBack { .. } => (waits("the next stage of the rollback"), None),
        Phase::Ended { outcome } => (ended(outcome), None),
        Phase::Unrecognized(_) => (
            "nothing is done by this version: it does not know the phase; update the agents".to_owned(),
            None,
        ),
    }
}

fn step_of(policy: &Policy, step: usize) -> String {
    let percent = policy.steps.get(step).map(|step| format!(" ({} %)", step.percent)).unwrap_or_default();
    format!("step {} of {}{percent}", step + 1, policy.steps.len())
}

fn after_step(policy: &Policy, step: usize) -> String {
    if step + 1 < policy.steps.len() {
        return step_of(policy, step + 1);
    }
    let is_gated = policy.gates.iter().any(|gate| gate.before == GatePoint::Promotion);
    if is_gated { "the gates before the promotion" } else { "the promotion" }.to_owned()
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Promoted => "nothing: the new version is in force".to_owned(),
        Outcome::Superseded { by_version } => format!("nothing: version {by_version} is rolled out instead"),
        Outcome::RolledBack { advice, .. }
        | Outcome::HandedOver { advice, .. }
        | Outcome::RollbackIncomplete { advice, .. } => {
            if advice.is_empty() {
                "nothing: the old version is in force".to_owned()
            } else {
                format!("yours to do: {advice}")
            }
        }
        Outcome::Abandoned { .. } => "nothing: there is nothing left to decide".to_owned(),
        Outcome::Unrecognized(_) => "nothing".to_owned(),
    }
}

/// When the agent gives up.
fn latest(rollout: &Rollout) -> Option<(Timestamp, &'static str)> {
    let policy = &rollout.policy;
    let after = |from: Timestamp, wait: Duration| from.checked_add(signed(wait)).ok();
    let back = "it is rolled back unless it is promoted by then";
    match &rollout.phase {
        Phase::Ended { .. } | Phase::Unrecognized(_) => None,
        Phase::RollingBack { .. } => Some((
            after(rollout.entered_at, policy.rollback.timeout)?,
            "the rollback ends, with what is left to do by hand",
        )),
        Phase::AwaitingSuccess | Phase::PostPromotionBake => {
            let what = match policy.rollback.revert {
                Revert::PriorVersion => "it is judged by what is known, or rolled back",
                Revert::Never => "it ends by what is known",
            };
            Some((after(rollout.entered_at, policy.success_timeout)?, what))
        }
        _ => Some((after(rollout.started_at, policy.timeout)?, back)),
    }
}
