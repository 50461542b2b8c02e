//! The candidate for `config` that was seen last: what this instance is to do about it, and what it has done. Pure.
//!
//! A candidate is never one of the inputs: it stands in for `config` for a while, is not kept for the next start, and leaves what is in
//! force to be found again in `inputs`. When it ends is decided with every look, so that it ends by itself.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use nova_config::{Candidate, CandidatePlace, Document};
use nova_telemetry::error_chain;
use tokio::time::Instant;

use crate::receipt::{CandidateRefusal, CandidateRing, CandidateStanding, CandidateState};

/// What follows from a candidate at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// There is none.
    Nothing,
    /// There is one that this version cannot read.
    Unreadable(String),
    /// There is one, and this is the instance's place in it.
    Place(CandidatePlace),
}

#[derive(Debug)]
struct Seen {
    value: Bytes,
    modify_index: u64,
    candidate: Result<Candidate, String>,
    since: Instant,
}

/// The candidate, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    seen: Option<Seen>,
    /// What was acted upon last, and of which version of the candidate.
    acted: Option<(Option<u64>, Wanted)>,
    is_in_force: bool,
    base_hash: Option<Arc<str>>,
    refusal: Option<CandidateRefusal>,
    told: Option<CandidateStanding>,
}

impl Trial {
    /// Takes in what stands in `config.canary` now.
    pub(crate) fn see(&mut self, found: Option<&Document>, now: Instant) {
        let Some(found) = found else {
            self.seen = None;
            return;
        };
        if self.seen.as_ref().is_some_and(|seen| seen.value == found.value) {
            if let Some(seen) = &mut self.seen {
                seen.modify_index = found.modify_index;
            }
            return;
        }
        let candidate = Candidate::parse(&found.value).map_err(|error| error_chain(&error));
        // Whoever writes one anew without another id does not give it another life.
        let same_id =
            |seen: &&Seen| matches!((&seen.candidate, &candidate), (Ok(old), Ok(new)) if old.id == new.id);
        let since = self.seen.as_ref().filter(same_id).map_or(now, |seen| seen.since);
        let (value, modify_index) = (found.value.clone(), found.modify_index);
        self.seen = Some(Seen { value, modify_index, candidate, since });
    }

    /// What is to be done at this moment. `config_index` is that of the `config` in force.
    pub(crate) fn wanted(
        &self,
        instance: &str,
        config_index: Option<u64>,
        at: Timestamp,
        now: Instant,
    ) -> Wanted {
        match self.seen.as_ref().map(|seen| (&seen.candidate, seen.since)) {
            None => Wanted::Nothing,
            Some((Err(problem), _)) => Wanted::Unreadable(problem.clone()),
            Some((Ok(candidate), since)) => {
                let known_for = now.saturating_duration_since(since);
                let now_ms = u64::try_from(at.as_millisecond()).unwrap_or_default();
                Wanted::Place(candidate.place(instance, config_index, now_ms, known_for))
            }
        }
    }

    /// Whether something else is to be done than what was acted upon last.
    pub(crate) fn is_due(&self, wanted: &Wanted) -> bool {
        self.acted.as_ref() != Some(&(self.modify_index(), wanted.clone()))
    }

    /// The candidate, where it can be read.
    pub(crate) fn candidate(&self) -> Option<&Candidate> {
        self.seen.as_ref()?.candidate.as_ref().ok()
    }

    /// Whether it is in force in place of `config`.
    pub(crate) fn is_in_force(&self) -> bool {
        self.is_in_force
    }

    /// Takes in what is in force without the candidate.
    pub(crate) fn base_is(&mut self, hash: &Arc<str>) {
        self.base_hash = Some(Arc::clone(hash));
    }

    /// The candidate is put into force.
    pub(crate) fn applied(&mut self, wanted: Wanted) {
        self.settled(wanted);
        (self.is_in_force, self.refusal) = (true, None);
    }

    /// `config` is in force; `faults` are those of the candidate's text, where it was judged and does not hold.
    pub(crate) fn left_out(&mut self, wanted: Wanted, faults: Option<CandidateRefusal>) {
        self.refusal = faults.or_else(|| self.reason(&wanted));
        self.settled(wanted);
        self.is_in_force = false;
    }

    /// `config` could not be put into force again: it is tried with the next look.
    pub(crate) fn not_left(&mut self) {
        self.acted = None;
    }

    fn settled(&mut self, wanted: Wanted) {
        self.acted = Some((self.modify_index(), wanted));
    }

    fn modify_index(&self) -> Option<u64> {
        self.seen.as_ref().map(|seen| seen.modify_index)
    }

    fn reason(&self, wanted: &Wanted) -> Option<CandidateRefusal> {
        match wanted {
            Wanted::Unreadable(problem) => Some(CandidateRefusal::plain("unreadable", problem.clone())),
            Wanted::Place(CandidatePlace::OtherBase) => {
                let base = self.candidate().map(|candidate| candidate.base_index).unwrap_or_default();
                let problem =
                    format!("it was made for the config of index {base}, and another one is in force here");
                Some(CandidateRefusal::plain("other_base", problem))
            }
            Wanted::Place(CandidatePlace::Expired) => {
                let age = self.candidate().map(Candidate::max_age).unwrap_or_default();
                let problem = format!("it is past its maximum age of {} s", Duration::as_secs(&age));
                Some(CandidateRefusal::plain("expired", problem))
            }
            Wanted::Nothing | Wanted::Place(CandidatePlace::Outside | CandidatePlace::Applies) => None,
        }
    }

    /// For the receipt: what there is, and what was done. Returns what was told before where it has changed.
    pub(crate) fn tell(&mut self, at: Timestamp) -> (Option<CandidateStanding>, bool) {
        let before = self.told.take();
        let now = self.standing(at).map(|standing| match &before {
            Some(before) if says_the_same(before, &standing) => {
                CandidateStanding { since: before.since, ..standing }
            }
            _ => standing,
        });
        let has_changed = match (&before, &now) {
            (Some(before), Some(now)) => !says_the_same(before, now),
            (before, now) => before.is_some() != now.is_some(),
        };
        self.told.clone_from(&now);
        (now, has_changed)
    }

    fn standing(&self, at: Timestamp) -> Option<CandidateStanding> {
        let seen = self.seen.as_ref()?;
        let wanted = self.acted.as_ref().map(|(_, wanted)| wanted)?;
        let ring = match wanted {
            Wanted::Place(CandidatePlace::Outside) => CandidateRing::Stable,
            Wanted::Place(_) => CandidateRing::Canary,
            Wanted::Unreadable(_) | Wanted::Nothing => CandidateRing::Unknown,
        };
        let state = match (self.is_in_force, ring) {
            (true, _) => CandidateState::Applied,
            (false, CandidateRing::Stable) => CandidateState::NotMine,
            (false, CandidateRing::Canary | CandidateRing::Unknown) => CandidateState::Refused,
        };
        let candidate = self.candidate();
        Some(CandidateStanding {
            id: candidate.map(|candidate| candidate.id.clone()),
            modify_index: seen.modify_index,
            base_index: candidate.map(|candidate| candidate.base_index),
            ring,
            state,
            since: at,
            base_hash: self.base_hash.clone(),
            refusal: self.refusal.clone(),
        })
    }
}

/// Whether an operator would read both as one.
fn says_the_same(one: &CandidateStanding, other: &CandidateStanding) -> bool {
    (&one.id, one.state, &one.refusal) == (&other.id, other.state, &other.refusal)
}

#[cfg(test)]
mod tests;
