//! What a leader holds in its hands: the fence for its writes, and the clock that says whether it may act.

use std::sync::Arc;

use nova_hashistack::consul::{HeldLock, Lease, TxnOperation};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::rollout::store::Lead;

/// The leadership of this instance. Clones are the same one, and follow its renewals.
#[derive(Clone, Debug)]
pub struct Leadership {
    epoch: u64,
    fence: TxnOperation,
    lease: watch::Receiver<Lease>,
    doubt: Arc<Notify>,
}

/// The other end: what the holder of the lock changes.
#[derive(Debug)]
pub(super) struct Throne {
    pub(super) leadership: Leadership,
    pub(super) lease: watch::Sender<Lease>,
    pub(super) doubt: Arc<Notify>,
}

impl Throne {
    pub(super) fn of(lock: &HeldLock) -> Self {
        let (lease, follow) = watch::channel(lock.lease());
        let doubt = Arc::new(Notify::new());
        let leadership =
            Leadership { epoch: lock.epoch(), fence: lock.fence(), lease: follow, doubt: Arc::clone(&doubt) };
        Self { leadership, lease, doubt }
    }
}

impl Leadership {
    /// How often the key has been locked: a higher one is a later leader.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The operation that goes into every transaction of a leader's: it fails when the lock is no longer held.
    #[must_use]
    pub fn fence(&self) -> TxnOperation {
        self.fence.clone()
    }

    /// Whether something may be begun at this moment. To be asked right before each act that no fence guards.
    #[must_use]
    pub fn may_act(&self, now: Instant) -> bool {
        self.lease.borrow().may_act(now)
    }

    /// When acting ends unless the lock is renewed before; nothing once it is lost.
    #[must_use]
    pub fn acts_until(&self) -> Option<Instant> {
        self.lease.borrow().acts_until()
    }

    /// One that may act for so long and is never renewed.
    #[cfg(test)]
    pub(crate) fn for_tests(epoch: u64, acts_for: std::time::Duration) -> Self {
        let lease = Lease::new(acts_for, std::time::Duration::ZERO, Instant::now());
        let fence = TxnOperation::CheckSession { key: "leader".to_owned(), session: epoch.to_string() };
        Self { epoch, fence, lease: watch::channel(lease).1, doubt: Arc::default() }
    }

    /// Tells that a fence was refused: the lock is looked at at once, and not at its next renewal.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }
}

impl Lead for Leadership {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn fence(&self) -> TxnOperation {
        Self::fence(self)
    }

    fn may_act(&self) -> bool {
        Self::may_act(self, Instant::now())
    }

    fn doubt(&self) {
        Self::doubt(self);
    }
}

impl PartialEq for Leadership {
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, &self.fence) == (other.epoch, &other.fence)
    }
}
