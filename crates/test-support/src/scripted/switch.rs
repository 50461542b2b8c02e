//! The switch that stops a program at a request: it counts those that change something, and holds one of them for good.
//!
//! Held before, the request is never applied; held after, it is applied and never answered. Whoever armed the switch kills the
//! program meanwhile. Between two requests that change something a program leaves no trace outside of itself, so that both sides
//! of every such request are all the moments at which its end can make a difference.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// On which side of a request the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The request has come and is not applied.
    Before,
    /// It is applied and not answered.
    After,
}

/// Counts requests of all servers that share it. Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Switch {
    counted: Arc<Mutex<Counted>>,
    is_tripped: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Counted {
    stop: Option<(usize, Side)>,
    calls: Vec<String>,
}

impl Default for Switch {
    fn default() -> Self {
        Self::new()
    }
}

impl Switch {
    /// One that counts and never stops anybody until it is armed.
    pub fn new() -> Self {
        Self { counted: Arc::default(), is_tripped: watch::Sender::new(false) }
    }

    /// Stops the request of this number, counted from one and from now.
    pub fn arm(&self, number: usize, side: Side) {
        *self.lock() = Counted { stop: Some((number, side)), calls: Vec::new() };
        self.is_tripped.send_replace(false);
    }

    /// Waits until the request is held.
    pub async fn tripped(&self) {
        // The sender is this value's own.
        drop(self.is_tripped.subscribe().wait_for(|is_tripped| *is_tripped).await);
    }

    /// Whether the request is held, or was.
    pub fn is_tripped(&self) -> bool {
        *self.is_tripped.borrow()
    }

    /// The calls that were counted, in their order.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and says on which side it is to be held.
    pub(super) fn count(&self, call: &str) -> Option<Side> {
        let mut counted = self.lock();
        counted.calls.push(call.to_owned());
        let (number, side) = counted.stop?;
        (counted.calls.len() == number).then_some(side)
    }

    /// Tells that the request is held, and holds it until its connection is gone.
    pub(super) async fn hold<T>(&self) -> T {
        self.is_tripped.send_replace(true);
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_is_stopped_and_no_other() {
        let switch = Switch::new();
        assert_eq!(switch.count("a"), None);
        switch.arm(2, Side::After);
        assert_eq!(
            [switch.count("b"), switch.count("c"), switch.count("d")],
            [None, Some(Side::After), None]
        );
        assert_eq!(switch.calls(), ["b", "c", "d"]);
    }
}
