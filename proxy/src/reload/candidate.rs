//! Puts a candidate for `config` into force and takes it out again, as `trial` says.

use jiff::Timestamp;
use nova_config::{CandidatePlace, Documents};
use nova_telemetry::{error_chain, keys};
use slog::error;
use tokio::time::Instant;

use super::judge::{ReloadError, Sourced, judge};
use super::trial::Wanted;
use super::{Reloader, Standing, tell_in_force};
use crate::events;
use crate::receipt::CandidateRefusal;
use crate::snapshot::Snapshot;

impl Reloader {
    /// What is to be done about the candidate at this moment.
    pub(super) fn wanted(&self, standing: &Standing) -> Wanted {
        let config_index = standing.inputs.documents_in_force().documents().and_then(Documents::config_index);
        let instance = &self.services.receipts.current().identity.instance;
        standing.trial.wanted(instance, config_index, Timestamp::now(), Instant::now())
    }

    /// What is to be put into force: the candidate, where it is this instance's to try and holds, or else `base`, which is what files and
    /// documents have come to just now, if to anything new. `again` judges the candidate anew although nothing has changed.
    pub(super) fn with_candidate(
        &self,
        standing: &mut Standing,
        base: Option<Snapshot>,
        (before, again): (&Snapshot, bool),
    ) -> Option<Snapshot> {
        let wanted = self.wanted(standing);
        let was_in_force = standing.trial.is_in_force();
        match &base {
            Some(base) => standing.trial.base_is(&base.config_hash),
            None if !was_in_force => standing.trial.base_is(&before.config_hash),
            None => {}
        }
        let is_new = standing.trial.is_due(&wanted) || base.is_some() || again;
        if !is_new {
            return None;
        }
        let faults = if wanted == Wanted::Place(CandidatePlace::Applies) {
            match self.judge_candidate(standing, before) {
                Ok(snapshot) => {
                    standing.trial.applied(wanted);
                    return Some(snapshot);
                }
                Err(error) => Some(refusal(&error)),
            }
        } else {
            None
        };
        let base = match base {
            None if was_in_force => match self.judge_base(standing, before) {
                Ok(base) => Some(base),
                // It has held before: whatever has become of it since, the next look tries again.
                Err(error) => {
                    error!(self.log, "the configuration before the candidate does not hold any more"; keys::ERROR => error_chain(&error));
                    standing.trial.not_left();
                    return None;
                }
            },
            base => base,
        };
        standing.trial.left_out(wanted, faults);
        base
    }

    /// Acts upon the candidate alone: it has come to its end, or a start has found it.
    pub(super) fn turn(&self, standing: &mut Standing) {
        let before = self.services.snapshots.current();
        let source = standing.inputs.documents_in_force().source();
        let next = self.with_candidate(standing, None, (&before, false));
        let next = next.map(|next| self.put_into_force(next, source));
        self.tell_candidate(standing);
        if let Some(next) = next {
            self.services.receipts.change(|receipt| tell_in_force(receipt, &next, Timestamp::now()));
        }
    }

    /// The files in force beside the documents in force, with the candidate in place of `config`.
    fn judge_candidate(&self, standing: &Standing, before: &Snapshot) -> Result<Snapshot, ReloadError> {
        let in_force = standing.inputs.documents_in_force();
        let tried = match (in_force.documents(), standing.trial.candidate()) {
            (Some(documents), Some(candidate)) => {
                Sourced(Some((in_force.source(), documents.tried(candidate))))
            }
            _ => in_force.clone(),
        };
        judge(standing.inputs.files_in_force(), &tried, Some(before), &self.credentials, &self.log)
    }

    fn judge_base(&self, standing: &Standing, before: &Snapshot) -> Result<Snapshot, ReloadError> {
        let (files, documents) = (standing.inputs.files_in_force(), standing.inputs.documents_in_force());
        judge(files, documents, Some(before), &self.credentials, &self.log)
    }

    /// Writes into the receipt what was done about the candidate, and into the log where that has changed.
    pub(super) fn tell_candidate(&self, standing: &mut Standing) {
        let before = self.services.receipts.current().candidate;
        let (told, has_changed) = standing.trial.tell(Timestamp::now());
        if has_changed {
            events::candidate(&self.log, before.as_ref(), told.as_ref());
        }
        self.services.receipts.change(|receipt| receipt.candidate = told);
    }
}

fn refusal(error: &ReloadError) -> CandidateRefusal {
    CandidateRefusal::of_text(error.kind().as_str(), error_chain(error), &error.faults())
}
