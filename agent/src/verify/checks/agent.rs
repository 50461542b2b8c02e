//! The agent: whether one leads, and looks after its tasks.

use super::super::fact::{Facts, Trouble};
use super::super::outcome::Outcome;
use super::super::rules::MAX_RECORD_AGE;

/// Whether somebody holds the lock.
pub(crate) fn leader(facts: &Facts) -> Outcome {
    match &facts.agent.leader {
        Ok(Some(leader)) => Outcome::Passed(format!("{leader} leads")),
        Ok(None) => Outcome::failed("nobody holds the leader's lock"),
        Err(trouble) => unless_denied(trouble),
    }
}

/// Whether the leader has written its record lately.
pub(crate) fn active(facts: &Facts) -> Outcome {
    match &facts.agent.recorded_at {
        Ok(Some(at)) => {
            let age = facts.at.duration_since(*at);
            let limit = i64::try_from(MAX_RECORD_AGE.as_secs()).unwrap_or(i64::MAX);
            if age.as_secs() > limit {
                return Outcome::failed(format!("the leader has written its record {} s ago", age.as_secs()));
            }
            Outcome::Passed(format!("its tasks were seen {} s ago", age.as_secs().max(0)))
        }
        Ok(None) => Outcome::failed("the leader has written no record of its tasks"),
        Err(trouble) => unless_denied(trouble),
    }
}

/// A token that may not read the agent's keys is one for the rest alone.
fn unless_denied(trouble: &Trouble) -> Outcome {
    if trouble.is_denied() {
        return Outcome::NotAsked(format!("the token may not read the agent's keys: {}", trouble.told()));
    }
    Outcome::without(trouble)
}
