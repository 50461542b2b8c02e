//! What happened in the daemon, for those who watch it: a bounded list of numbered events, and readers that follow it.
//!
//! Owns numbering, bounds and resumption. It is a view of this process alone: what must not be lost is in the records in Consul, and
//! in the log.

mod subscription;

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::sync::watch;

pub use subscription::{Next, Subscription};

/// How many events are kept: some hours of rollouts, and a megabyte at most.
const KEPT: usize = 1024;

/// The largest body of an event. A larger one says so in its place.
const MAX_BODY: usize = 16 << 10;

/// The id of an event: of which process it is, and its number in that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId {
    process: Arc<str>,
    number: u64,
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.process, self.number)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no id of an event; send back the id of the last event that was read, or none")]
pub struct NoEventId;

impl FromStr for EventId {
    type Err = NoEventId;

    fn from_str(text: &str) -> Result<Self, NoEventId> {
        let (process, number) = text.rsplit_once('-').ok_or(NoEventId)?;
        if process.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoEventId);
        }
        Ok(Self { process: process.into(), number: number.parse().map_err(|_| NoEventId)? })
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What kind of thing, such as `rollout` or `leadership`.
    pub kind: &'static str,
    /// What there is to say.
    pub body: Value,
}

/// The events of this process. Clones share them.
#[derive(Clone, Debug)]
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    process: Arc<str>,
    kept: Mutex<VecDeque<Arc<Event>>>,
    /// The number of the newest one.
    newest: watch::Sender<u64>,
}

impl Events {
    /// No events yet. `process` is in their ids, and differs from that of every process before.
    #[must_use]
    pub fn new(process: impl Into<Arc<str>>) -> Self {
        let shared =
            Shared { process: process.into(), kept: Mutex::default(), newest: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// Keeps an event and wakes whoever follows. The oldest one goes where there are too many.
    pub fn record(&self, kind: &'static str, body: Value) {
        let size = body.to_string().len();
        let body = if size > MAX_BODY {
            serde_json::json!({ "left_out": format!("the body has {size} bytes, more than {MAX_BODY}") })
        } else {
            body
        };
        let mut kept = self.kept();
        let number = kept.back().map_or(1, |event| event.id.number + 1);
        let id = EventId { process: Arc::clone(&self.shared.process), number };
        kept.push_back(Arc::new(Event { id, at: Timestamp::now(), kind, body }));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        drop(kept);
        self.shared.newest.send_modify(|newest| *newest = (*newest).max(number));
    }

    /// Follows the events after `after`; all that are kept where there is none.
    #[must_use]
    pub fn subscribe(&self, after: Option<&EventId>) -> Subscription {
        Subscription::new(self.clone(), after)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Event>>> {
        // An event is pushed whole or not at all, so that a panic elsewhere leaves nothing half done.
        self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
