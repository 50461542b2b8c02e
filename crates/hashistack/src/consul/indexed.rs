//! What an answer of Consul says beside its content.

use std::time::Duration;

use crate::transport::{Call, Head};

/// Who may answer a read (Consul's API documentation, "Consistency modes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Consistency {
    /// The leader, by its lease: stale only for the moments of an election that it has not heard of.
    #[default]
    Default,
    /// The leader, after it asked a quorum: for reads that a decision hangs on.
    Consistent,
    /// Any server: it answers without a leader, from a state whose age is in the answer.
    Stale,
}

impl Consistency {
    pub(super) fn of(self, call: Call) -> Call {
        match self {
            Self::Default => call,
            Self::Consistent => call.flag("consistent"),
            Self::Stale => call.flag("stale"),
        }
    }
}

/// A value with what the answer says of its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed<T> {
    /// The content.
    pub value: T,
    /// The `X-Consul-Index` of the answer; zero where it had none.
    pub index: u64,
    /// How long ago the server that answered heard from the leader; nothing where it is the leader itself or does not say.
    pub last_contact: Option<Duration>,
    /// Whether that server knows a leader.
    pub known_leader: bool,
    /// The token may not read all that was asked for, and Consul left the rest out in silence. It says so of tokens only, not
    /// of anonymous calls, which get an empty answer without this mark.
    pub filtered_by_acls: bool,
}

impl<T> Indexed<T> {
    pub(super) fn new(head: &Head, value: T) -> Self {
        Self {
            value,
            index: head.index.unwrap_or_default(),
            last_contact: head.last_contact,
            known_leader: head.known_leader.unwrap_or(true),
            filtered_by_acls: head.filtered_by_acls,
        }
    }

    /// The same answer about another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Indexed<U> {
        Indexed {
            value: change(self.value),
            index: self.index,
            last_contact: self.last_contact,
            known_leader: self.known_leader,
            filtered_by_acls: self.filtered_by_acls,
        }
    }
}
