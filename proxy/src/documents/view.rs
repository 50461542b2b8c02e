//! What the watch has told of the documents, as a state for operators and as documents to be judged. Pure.
//!
//! An answer without documents, one that leaves some out, and no answer at all change the state and nothing else: what is in force
//! stays until other documents come.

use std::time::Duration;

use nova_config::{CANDIDATE, Documents};
use nova_hashistack::HashistackError;
use nova_hashistack::consul::{Indexed, KvEntry};
use nova_telemetry::error_chain;

use crate::receipt::ConsulState;

/// The document without which there are none.
const MARKER: &str = "config";

/// What the last answer was.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    None,
    Documents,
    Empty,
    Filtered,
}

/// What is known of the documents below one prefix.
#[derive(Debug)]
pub(crate) struct View {
    prefix: String,
    max_stale: Duration,
    answer: Answer,
    seen_index: Option<u64>,
    last_contact: Option<Duration>,
    known_leader: bool,
    /// Why Consul gives no answer now.
    failure: Option<(ConsulState, String)>,
}

impl View {
    /// Before the first answer.
    pub(crate) fn new(prefix: &str, max_stale: Duration) -> Self {
        Self {
            prefix: prefix.to_owned(),
            max_stale,
            answer: Answer::None,
            seen_index: None,
            last_contact: None,
            known_leader: true,
            failure: Some((ConsulState::Unreachable, "it has not answered yet".to_owned())),
        }
    }

    /// Takes an answer in, and gives the documents in it if they are to be judged.
    pub(crate) fn answered(&mut self, answer: Indexed<Vec<KvEntry>>) -> Option<Documents> {
        self.unchanged(&answer);
        let documents = self.documents(answer.value, answer.index);
        self.answer = if answer.filtered_by_acls {
            Answer::Filtered
        } else if documents.entries().any(|(name, _)| name == MARKER) {
            Answer::Documents
        } else {
            Answer::Empty
        };
        (self.answer == Answer::Documents).then_some(documents)
    }

    /// There is no answer, for this reason.
    pub(crate) fn failed(&mut self, error: &HashistackError) {
        let denied = error.is_acl_not_found() || error.is_permission_denied() || error.is_identity_refused();
        let state = if denied { ConsulState::Denied } else { ConsulState::Unreachable };
        self.failure = Some((state, error_chain(error)));
    }

    /// Takes an answer in that has nothing new, but perhaps ends a failure or shows how far its server is behind.
    pub(crate) fn unchanged<T>(&mut self, answer: &Indexed<T>) {
        self.failure = None;
        self.seen_index = Some(answer.index);
        self.last_contact = answer.last_contact;
        self.known_leader = answer.known_leader;
    }

    /// The state, and what is wrong with it and what to do.
    pub(crate) fn state(&self) -> (ConsulState, Option<String>) {
        let prefix = &self.prefix;
        if let Some((state, reason)) = &self.failure {
            return (*state, Some(reason.clone()));
        }
        match self.answer {
            Answer::Filtered => {
                let reason = format!(
                    "the token may not read all documents: grant it key_prefix \"{prefix}/config\" {{ policy = \"read\" }}"
                );
                return (ConsulState::Filtered, Some(reason));
            }
            Answer::Empty => {
                let reason = format!(
                    "there is no {prefix}/{MARKER}, or the token may not read it: write the document (consul kv put {prefix}/{MARKER} @FILE), or grant the token key_prefix \"{prefix}/config\" {{ policy = \"read\" }}"
                );
                return (ConsulState::Empty, Some(reason));
            }
            Answer::None | Answer::Documents => {}
        }
        if !self.known_leader {
            let reason = "consul's servers have no leader: changes are seen when there is one again";
            return (ConsulState::Stale, Some(reason.to_owned()));
        }
        if let Some(behind) = self.last_contact.filter(|behind| *behind > self.max_stale) {
            let reason = format!(
                "the server that answers is {} ms behind its leader, more than max_stale allows",
                behind.as_millis()
            );
            return (ConsulState::Stale, Some(reason));
        }
        (ConsulState::InSync, None)
    }

    /// The index of the last answer.
    pub(crate) fn seen_index(&self) -> Option<u64> {
        self.seen_index
    }

    /// How far behind its leader the server was that answered last.
    pub(crate) fn last_contact(&self) -> Option<Duration> {
        self.last_contact
    }

    /// Keys that begin like the documents' and are none are left to others. The candidate on the canary ring goes along beside them: whether
    /// it is this instance's to try is the reloader's to decide.
    fn documents(&self, entries: Vec<KvEntry>, index: u64) -> Documents {
        let of_ours = |entry: KvEntry| {
            let name = entry.key.strip_prefix(&self.prefix)?.strip_prefix('/')?;
            let is_ours = name == MARKER
                || name == CANDIDATE
                || name.strip_prefix("config.d/").is_some_and(|rest| !rest.is_empty());
            is_ours.then(|| (name.to_owned(), entry.value, entry.modify_index))
        };
        Documents::new(self.prefix.clone(), entries.into_iter().filter_map(of_ours), index)
    }
}

#[cfg(test)]
mod tests;
