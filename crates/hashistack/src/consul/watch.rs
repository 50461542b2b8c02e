//! A blocking query as a stream of events: every change once, whatever happens to Consul meanwhile.
//!
//! Owns when the next call is sent and what its answer means to whoever follows. What is decided is in `cursor`, how often is in
//! `pace`, both pure; this file does what they say. What a key means is for the programs.
//!
//! The rules are those of "Blocking queries" in Consul's API documentation, and what outages of those who left one out have taught:
//! 1. The first call waits for nothing; the later ones wait after the index of the answer before, which is one at least.
//! 2. An index that goes backwards is forgotten, and everything is read anew.
//! 3. An answer after the wait, with the index as it was, is no news. Before the end of the wait it means that the server gave the
//!    wait up, as one does that restores a backup: it tells what was, and everything is read anew.
//! 4. News is other content, not another index: a call may come back for nothing.
//! 5. States in between may be missed, the last one never.
//! 6. Calls that come back for nothing are paid out of a budget; what has changed is passed on without a pause.
//! 7. A call waits ten minutes at most, and is given up later than the server lets it go.
//! 8. Failures are followed by growing pauses with a random part, and what was read last stays.
//! 9. Every answer tells how far its server is behind the leader.
//! 10. A watch holds one connection, for itself.
//! 11. An answer with nothing in it, or with something left out, may be for lack of a right. A call that waits is not told of a right
//!     that is granted, and brings its token only when it is sent: such calls wait for seconds, and then everything is read anew.
//!
//! One more is for reads of any server ([`Consistency::Stale`]): one that lags behind cannot take anything back. Other content at an
//! index that is not higher is read again from the leader before it is believed.

mod counters;
mod cursor;
mod pace;

use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::time::Instant;

pub use counters::{WatchCounters, WatchCounts};

use super::entry::KvEntry;
use super::indexed::{Consistency, Indexed};
use super::kv;
use crate::transport::{Call, HashistackError, Transport};
use cursor::{Ask, Cursor, News};
use pace::{Came, Pace};

/// The longest wait that Consul grants; a longer one is cut to it.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The wait of calls after an answer that a token with more rights might have had more in.
const WAIT_FOR_RIGHTS: Duration = Duration::from_secs(15);

/// How much longer than its wait a call may take: servers lengthen the wait by up to a sixteenth, so that clients do not come back
/// together, and the answer has to arrive.
const GRACE: Duration = Duration::from_secs(10);

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// One key.
    Key(String),
    /// All keys that begin with this. It is no folder: `nova/a` covers `nova/ab`.
    Prefix(String),
}

/// How to watch.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// What is watched.
    pub what: Watched,
    /// How long a call waits for a change, ten minutes at most. It is no bound of how late a change is seen.
    pub wait: Duration,
    /// Who may answer.
    pub consistency: Consistency,
    /// What happened, counted.
    pub counters: WatchCounters,
}

impl WatchConfig {
    /// Any server may answer, and calls wait for five minutes, as Consul's own clients let them.
    pub fn new(what: Watched) -> Self {
        Self {
            what,
            wait: Duration::from_secs(300),
            consistency: Consistency::Stale,
            counters: WatchCounters::default(),
        }
    }
}

/// What a watch tells.
#[derive(Debug)]
pub enum WatchEvent {
    /// The first content, or other content than before: all of it. What is absent is an empty list.
    Changed(Indexed<Vec<KvEntry>>),
    /// Consul has answered, and nothing is new but perhaps how far the server is behind its leader. After [`Self::Failed`]
    /// this is the recovery.
    Unchanged(Indexed<()>),
    /// Consul does not answer, or refuses. Told once, and again when the reason is of another kind; the watch goes on trying.
    Failed {
        /// Why.
        error: HashistackError,
        /// Since when.
        since: Instant,
        /// The index of the last content, where there has been any.
        last_good_index: Option<u64>,
    },
}

/// Follows a key or a prefix for as long as the stream is polled; it has no end.
pub(super) fn follow(
    transport: Transport,
    config: WatchConfig,
) -> impl Stream<Item = WatchEvent> + Send + use<> {
    let watch = Watch {
        cursor: Cursor::new(config.consistency),
        transport,
        config,
        pace: Pace::default(),
        failing: None,
        may_lack_rights: false,
    };
    unfold(watch, async |mut watch| {
        let event = watch.next().await;
        Some((event, watch))
    })
}

struct Watch {
    transport: Transport,
    config: WatchConfig,
    cursor: Cursor,
    pace: Pace,
    failing: Option<Failing>,
    /// Whether the last answer might have been another one to another token.
    may_lack_rights: bool,
}

struct Failing {
    kind: FailureKind,
    since: Instant,
}

/// Failures that nobody need tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailureKind {
    /// No answer, or that of a server in trouble.
    NoAnswer,
    /// There is no token to send; a login was refused with this status.
    NoToken(Option<u16>),
    UnknownToken,
    Denied,
    /// Another refusal, by its status.
    Refused(u16),
    /// Nothing could be sent, or the answer cannot be read.
    Unusable,
}

impl FailureKind {
    fn of(error: &HashistackError) -> Self {
        if matches!(error, HashistackError::Token(_)) && !error.is_transient() {
            return Self::NoToken(error.refusal().map(|refusal| refusal.status));
        }
        if error.is_acl_not_found() {
            return Self::UnknownToken;
        }
        if error.is_permission_denied() {
            return Self::Denied;
        }
        match error.refusal() {
            _ if error.is_transient() => Self::NoAnswer,
            Some(refusal) => Self::Refused(refusal.status),
            None => Self::Unusable,
        }
    }
}

/// How long a call waits of what is asked for.
fn granted(wait: Duration, may_lack_rights: bool) -> Duration {
    wait.min(if may_lack_rights { WAIT_FOR_RIGHTS } else { LONGEST_WAIT })
}

/// When a call that waits so long is given up.
fn given_up_after(wait: Duration) -> Duration {
    wait + wait / 16 + GRACE
}

impl Watch {
    async fn next(&mut self) -> WatchEvent {
        loop {
            tokio::time::sleep(self.pace.pause(Instant::now())).await;
            let ask = self.cursor.ask();
            let sent = Instant::now();
            let told = match self.read(ask).await {
                Ok(answer) => self.answered(ask, sent, answer),
                Err(error) => self.failed(ask, sent, error),
            };
            if let Some(event) = told {
                return event;
            }
        }
    }

    /// One call. It waits where it asks for what comes after an index.
    async fn read(&self, ask: Ask) -> Result<Indexed<Vec<KvEntry>>, HashistackError> {
        let call = match &self.config.what {
            Watched::Key(key) => kv::read(key)?,
            Watched::Prefix(prefix) => kv::read_prefix(prefix)?,
        };
        let call = ask.consistency.of(call);
        kv::entries(&self.transport.send(&self.waiting(call, ask)).await?)
    }

    fn waiting(&self, call: Call, ask: Ask) -> Call {
        let Some(after) = ask.after else { return call };
        let wait = granted(self.config.wait, self.may_lack_rights);
        call.query("index", after.to_string())
            .query("wait", format!("{}ms", wait.as_millis()))
            .timeout(given_up_after(wait))
    }

    fn answered(&mut self, ask: Ask, sent: Instant, answer: Indexed<Vec<KvEntry>>) -> Option<WatchEvent> {
        let now = Instant::now();
        let came = match ask.after {
            None => Came::AtOnce,
            Some(_) if now.duration_since(sent) < granted(self.config.wait, self.may_lack_rights) => {
                Came::Early
            }
            Some(_) => Came::AfterTheWait,
        };
        let lacked_rights = self.may_lack_rights;
        self.may_lack_rights = answer.value.is_empty() || answer.filtered_by_acls;
        let news = self.cursor.answered(ask, answer.index, cursor::content(&answer.value));
        if came == Came::Early || (came == Came::AfterTheWait && lacked_rights) {
            self.cursor.read_anew(ask);
        }
        self.config.counters.answered(came, news);
        self.pace.answered(now, came, news);
        match news {
            News::Changed => {
                self.failing = None;
                Some(WatchEvent::Changed(answer))
            }
            News::Unchanged | News::Reset => {
                self.failing = None;
                Some(WatchEvent::Unchanged(answer.map(drop)))
            }
            // Whether all is well is for the leader to tell.
            News::ToConfirm => None,
        }
    }

    fn failed(&mut self, ask: Ask, sent: Instant, error: HashistackError) -> Option<WatchEvent> {
        let now = Instant::now();
        self.config.counters.failed();
        self.cursor.failed();
        self.pace.failed(now.duration_since(sent));
        let kind = FailureKind::of(&error);
        if kind == FailureKind::NoAnswer && ask.after.is_some() {
            // What stands between us may end a call that is silent for long. Whether Consul is gone is told by the next call.
            return None;
        }
        let since = self.failing.as_ref().map_or(now, |failing| failing.since);
        if self.failing.as_ref().is_some_and(|failing| failing.kind == kind) {
            return None;
        }
        self.failing = Some(Failing { kind, since });
        Some(WatchEvent::Failed { error, since, last_good_index: self.cursor.last_good_index() })
    }
}

#[cfg(test)]
mod tests;
