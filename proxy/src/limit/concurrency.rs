//! A limit of requests at work, with a bounded first-come queue before it.
//!
//! tokio's semaphore is not enough here: its permits cannot be lowered below those that are out, and a
//! permit on its way to a waiter that has gone would pass a limit lowered in between. Every change of state
//! happens under one short lock instead.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::AdmissionError;

/// Limits of one [`ConcurrencyLimit`]; may change at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencySettings {
    /// Permits that may be out at once.
    pub max_in_flight: NonZeroU32,
    /// Requests that may wait for a permit. Zero refuses at once when all permits are out.
    pub max_queued: u32,
    /// Longest wait for a permit. A change holds for requests that come after it.
    pub queue_timeout: Duration,
}

/// Gauges and counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConcurrencySnapshot {
    /// The limit in force.
    pub max_in_flight: u32,
    /// Permits that are out. Above the limit only after it was lowered, until enough of them end.
    pub in_flight: u32,
    /// Requests that wait.
    pub queued: usize,
    /// How long the request at the head of the queue has waited; zero when none does.
    pub longest_wait: Duration,
    /// Waiting time of all requests that got a permit, since the start.
    pub waited_total: Duration,
    /// Requests that got a permit, since the start.
    pub admitted_total: u64,
}

/// Bounded concurrency. Cheap to clone; clones are the same limit.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    refusing: CancellationToken,
}

#[derive(Debug)]
struct State {
    settings: ConcurrencySettings,
    in_flight: u32,
    next_ticket: u64,
    // Tickets only grow, so that the first entry is who came first, and a leaver is found without a search.
    queue: BTreeMap<u64, Waiter>,
    waited_total: Duration,
    admitted_total: u64,
}

#[derive(Debug)]
struct Waiter {
    granted: Arc<Notify>,
    since: Instant,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic between two halves of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Hands free permits to the head of the queue. A ticket that has left the queue owns a permit.
    fn grant(&mut self) {
        while self.in_flight < self.settings.max_in_flight.get()
            && let Some((_, waiter)) = self.queue.pop_first()
        {
            self.in_flight += 1;
            waiter.granted.notify_one();
        }
    }

    fn release(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.grant();
    }

    fn count_admitted(&mut self, waited: Duration) {
        self.admitted_total += 1;
        self.waited_total = self.waited_total.saturating_add(waited);
    }
}

impl ConcurrencyLimit {
    /// A limit with nothing in flight. Once `refusing` is cancelled, everybody who waits or would have to is refused as
    /// [`AdmissionError::Draining`]; permits that are out stay valid, and a request that crossed the drain on its way and finds a
    /// place is let through: its sender cannot know whether it may send it again.
    pub fn new(settings: ConcurrencySettings, refusing: CancellationToken) -> Self {
        let state = State {
            settings,
            in_flight: 0,
            next_ticket: 0,
            queue: BTreeMap::new(),
            waited_total: Duration::ZERO,
            admitted_total: 0,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), refusing }) }
    }

    /// Waits for a permit, in the order of arrival.
    ///
    /// Dropping the future leaves the queue at once; a permit that was on its way goes to the next.
    ///
    /// # Errors
    ///
    /// [`AdmissionError::QueueFull`] at once, [`AdmissionError::QueueTimeout`] after the wait, or
    /// [`AdmissionError::Draining`].
    pub async fn acquire(&self) -> Result<Permit, AdmissionError> {
        let (place, queue_timeout) = match self.enter() {
            Ok(Entered::Admitted(permit)) => return Ok(permit),
            Ok(Entered::Queued(place, queue_timeout)) => (place, queue_timeout),
            Err(_) if self.shared.refusing.is_cancelled() => return Err(AdmissionError::Draining),
            Err(full) => return Err(full),
        };
        tokio::select! {
            biased;
            () = place.granted.notified() => Ok(place.into_permit()),
            () = self.shared.refusing.cancelled() => Err(AdmissionError::Draining),
            () = sleep(queue_timeout) => Err(AdmissionError::QueueTimeout { waited: place.since.elapsed() }),
        }
    }

    fn enter(&self) -> Result<Entered, AdmissionError> {
        let mut state = self.shared.lock();
        let limit = state.settings.max_in_flight.get();
        if state.queue.is_empty() && state.in_flight < limit {
            state.in_flight += 1;
            state.count_admitted(Duration::ZERO);
            let shared = Arc::clone(&self.shared);
            return Ok(Entered::Admitted(Permit { shared, waited: Duration::ZERO }));
        }
        let queued = state.queue.len();
        if u32::try_from(queued).is_ok_and(|queued| queued < state.settings.max_queued) {
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            let (granted, since) = (Arc::new(Notify::new()), Instant::now());
            state.queue.insert(ticket, Waiter { granted: Arc::clone(&granted), since });
            let shared = Arc::clone(&self.shared);
            let place = Place { shared, ticket, granted, since, taken: false };
            return Ok(Entered::Queued(place, state.settings.queue_timeout));
        }
        Err(AdmissionError::QueueFull { limit, queued })
    }

    /// Changes the limits. A higher one admits waiters at once; a lower one takes no permit away, but gives
    /// none out until enough have ended. Waiters beyond a shorter queue keep their places.
    pub fn set_limits(&self, settings: ConcurrencySettings) {
        let mut state = self.shared.lock();
        state.settings = settings;
        state.grant();
    }

    /// The gauges and counters now.
    pub fn snapshot(&self) -> ConcurrencySnapshot {
        let state = self.shared.lock();
        ConcurrencySnapshot {
            max_in_flight: state.settings.max_in_flight.get(),
            in_flight: state.in_flight,
            queued: state.queue.len(),
            longest_wait: state.queue.values().next().map_or(Duration::ZERO, |first| first.since.elapsed()),
            waited_total: state.waited_total,
            admitted_total: state.admitted_total,
        }
    }
}

enum Entered {
    Admitted(Permit),
    Queued(Place, Duration),
}

/// A place in the queue, given up on drop.
struct Place {
    shared: Arc<Shared>,
    ticket: u64,
    granted: Arc<Notify>,
    since: Instant,
    taken: bool,
}

impl Place {
    fn into_permit(mut self) -> Permit {
        self.taken = true;
        let waited = self.since.elapsed();
        self.shared.lock().count_admitted(waited);
        Permit { shared: Arc::clone(&self.shared), waited }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let mut state = self.shared.lock();
        if state.queue.remove(&self.ticket).is_none() {
            // Granted in the moment of leaving: the permit goes on to the next.
            state.release();
        }
    }
}

/// The right to work on one request, given back on drop.
#[derive(Debug)]
#[must_use = "dropping it gives the permit back"]
pub struct Permit {
    shared: Arc<Shared>,
    waited: Duration,
}

impl Permit {
    /// How long its request waited for it.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.lock().release();
    }
}

#[cfg(test)]
mod tests;
