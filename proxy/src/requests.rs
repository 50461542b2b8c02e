//! Requests under way, and lately ended ones that are worth a look: the slowest, the failed, the refused.
//!
//! Kept in memory for whoever operates this instance; the log has them all. Holds no prompt and no completion. Every list has a limit.

mod ended;
mod open;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::events;
use crate::record::{Outcome, UsageRecord};

pub use ended::EndedRequest;
pub use open::{OpenRequest, OpenRequestView};

/// How many ended requests each list keeps: a screen or two.
const KEPT: usize = 64;

/// How long a slow request is worth a look.
const SLOW_FOR: Duration = Duration::from_secs(3600);

/// How many open requests are listed at most, the oldest first. All are counted.
const LISTED_MAX: usize = 1000;

/// The lists.
#[derive(Debug, Default)]
pub struct RequestRegistry {
    open: Mutex<OpenRequests>,
    slowest: Mutex<SlowestRequests>,
    failed: Mutex<VecDeque<EndedRequest>>,
    refused: Mutex<VecDeque<EndedRequest>>,
}

#[derive(Debug, Default)]
struct SlowestRequests {
    /// With when they ended.
    kept: Vec<(Instant, EndedRequest)>,
    /// Nearly every request is faster than all that are kept: it need not be compared with each. Until the oldest is out of date.
    fastest: Option<(Duration, Instant)>,
}

impl SlowestRequests {
    fn note(&mut self, duration: Duration, now: Instant, ended: impl FnOnce() -> EndedRequest) {
        if self.fastest.is_some_and(|(fastest, until)| duration <= fastest && now < until) {
            return;
        }
        // What is out of date goes first, then what is fastest.
        let rank = |(ended, request): &(Instant, EndedRequest)| (is_recent(*ended, now), request.duration());
        if self.kept.len() < KEPT {
            self.kept.push((now, ended()));
        } else if let Some(least) = self.kept.iter_mut().min_by_key(|entry| rank(entry))
            && rank(least) < (true, duration)
        {
            *least = (now, ended());
        }
        let fastest = self.kept.iter().map(|(_, request)| request.duration()).min();
        let oldest = self.kept.iter().map(|(ended, _)| *ended).min();
        let is_full = self.kept.len() >= KEPT;
        self.fastest =
            fastest.zip(oldest).filter(|_| is_full).map(|(fastest, oldest)| (fastest, oldest + SLOW_FOR));
    }
}

#[derive(Debug, Default)]
struct OpenRequests {
    next: u64,
    requests: HashMap<u64, Arc<OpenRequest>>,
}

/// The place of an open request in the registry. Dropping it takes the request out.
#[derive(Debug)]
pub struct Listing {
    registry: Arc<RequestRegistry>,
    number: u64,
    request: Arc<OpenRequest>,
}

impl RequestRegistry {
    /// Lists a request that begins.
    #[must_use]
    pub fn list(self: &Arc<Self>, record: &UsageRecord) -> Listing {
        let request = Arc::new(OpenRequest::new(&record.context));
        let mut open = lock(&self.open);
        let number = open.next;
        open.next += 1;
        open.requests.insert(number, Arc::clone(&request));
        Listing { registry: Arc::clone(self), number, request }
    }

    /// How many requests are open, and the oldest of them.
    #[must_use]
    pub fn open(&self, now: Instant) -> (usize, Vec<OpenRequestView>) {
        let mut requests: Vec<_> = lock(&self.open).requests.values().cloned().collect();
        let count = requests.len();
        requests.sort_by_key(|request| request.started());
        (count, requests.iter().take(LISTED_MAX).map(|request| request.view(now)).collect())
    }

    /// The slowest of the last hour, the slowest first.
    #[must_use]
    pub fn slowest(&self, now: Instant) -> Vec<EndedRequest> {
        let slowest = lock(&self.slowest);
        let recent = slowest.kept.iter().filter(|(ended, _)| is_recent(*ended, now));
        let mut requests: Vec<_> = recent.map(|(_, request)| request.clone()).collect();
        requests.sort_by_key(|request| std::cmp::Reverse(request.duration()));
        requests
    }

    /// The last that failed, for whatever reason of ours or Bedrock's; the last first.
    #[must_use]
    pub fn failed(&self) -> Vec<EndedRequest> {
        lock(&self.failed).iter().rev().cloned().collect()
    }

    /// The last that were refused, for a reason of the caller's; the last first.
    #[must_use]
    pub fn refused(&self) -> Vec<EndedRequest> {
        lock(&self.refused).iter().rev().cloned().collect()
    }

    /// Takes in a request that has ended.
    fn note_end(&self, record: &UsageRecord, now: Instant) {
        let ended = || EndedRequest::of(record, now);
        let list = match &record.outcome {
            Outcome::Pending | Outcome::Completed => None,
            Outcome::Broken(_) | Outcome::Lost => Some(&self.failed),
            Outcome::Failed(_) if events::status(&record.outcome) >= 500 => Some(&self.failed),
            Outcome::Failed(_) => Some(&self.refused),
        };
        if let Some(list) = list {
            let ended = ended();
            let mut list = lock(list);
            if list.len() >= KEPT {
                list.pop_front();
            }
            list.push_back(ended);
        }
        let duration = now.duration_since(record.context.started);
        lock(&self.slowest).note(duration, now, ended);
    }
}

fn is_recent(ended: Instant, now: Instant) -> bool {
    now.duration_since(ended) < SLOW_FOR
}

/// Every change is one insertion or removal, so that a poisoned list is still a whole one.
fn lock<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listing {
    /// Shows what has become known of the request.
    pub fn update(&self, record: &UsageRecord) {
        self.request.update(record);
    }

    /// Takes the request out of the open ones, and keeps it where it is worth a look.
    pub fn end(self, record: &UsageRecord, now: Instant) {
        self.registry.note_end(record, now);
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        lock(&self.registry.open).requests.remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
