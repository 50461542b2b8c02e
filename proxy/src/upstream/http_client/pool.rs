//! Connections at rest, ready for the next request to the same place.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::uri::{Authority, Scheme};
use tokio::time::Instant;

use super::link::Link;

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
}

/// The connections at rest, the longest at rest first.
pub(super) struct Pool {
    resting: Mutex<HashMap<Place, Vec<(Instant, Link)>>>,
    /// How long one may rest. Bedrock closes its end after a minute.
    rest_max: Duration,
    /// How many may rest for one place.
    kept_max: usize,
}

impl Pool {
    pub(super) fn new(rest_max: Duration, kept_max: usize) -> Self {
        Self { resting: Mutex::default(), rest_max, kept_max }
    }

    /// Every change is one push or pop, so that a poisoned pool is still a whole one.
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Vec<(Instant, Link)>>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn resting(&self) -> usize {
        self.lock().values().map(Vec::len).sum()
    }

    /// A connection that stands open, the last that was used first: those that are not needed get old.
    pub(super) fn take(&self, place: &Place) -> Option<Link> {
        loop {
            let (since, mut link) = self.lock().get_mut(place)?.pop()?;
            if since.elapsed() < self.rest_max && link.is_ready() {
                return Some(link);
            }
        }
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn give_back(&self, place: &Place, mut link: Link) {
        if !link.is_ready() {
            return;
        }
        let mut resting = self.lock();
        let kept = resting.entry(place.clone()).or_default();
        if kept.len() < self.kept_max {
            kept.push((Instant::now(), link));
        }
    }

    /// Closes those that have rested for too long, or that the other side has closed. Nothing else looks at them while there are no
    /// requests.
    pub(super) fn close_unused(&self) {
        let mut closed = Vec::new();
        for kept in self.lock().values_mut() {
            closed.extend(
                kept.extract_if(.., |(since, link)| since.elapsed() >= self.rest_max || !link.is_ready()),
            );
        }
    }
}
