//! A lock on a key by a session, as leaders hold it: who has it, how long its holder may act, and how it is handed over.
//!
//! Locks advise and do not prevent: what a holder writes is fenced by [`HeldLock::fence`] in the same transaction, and what cannot be
//! fenced is not begun after [`Lease::acts_until`].

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::ConsulClient;
use super::indexed::Consistency;
use super::session::SessionConfig;
use super::txn::TxnOperation;
use crate::transport::HashistackError;

/// For how long a holder may act, by a clock that nobody sets. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    ttl: Duration,
    margin: Duration,
    renewed_at: Instant,
}

impl Lease {
    /// A lease of a session of this time to live that was made or renewed by a call that was sent at `sent_at`. `margin` is what an
    /// action may take that has begun.
    pub fn new(ttl: Duration, margin: Duration, sent_at: Instant) -> Self {
        Self { ttl, margin, renewed_at: sent_at }
    }

    /// A renewal that was sent at `sent_at` has succeeded. When its answer came does not count: the server's time began earlier.
    pub fn renewed(&mut self, sent_at: Instant) {
        self.renewed_at = self.renewed_at.max(sent_at);
    }

    /// Nothing is begun after this moment, although the session may live on: somebody else may hold the lock by the time that it is done.
    pub fn acts_until(&self) -> Instant {
        self.renewed_at + self.ttl.saturating_sub(self.margin)
    }

    /// When to renew it: after a third of its time, so that two failures are no loss.
    pub fn renews_at(&self) -> Instant {
        self.renewed_at + self.ttl / 3
    }
}

/// A lock that is held.
#[derive(Debug, Clone)]
pub struct HeldLock {
    key: String,
    session: String,
    epoch: u64,
    lease: Lease,
}

/// What came of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lock is held on.
    Held,
    /// The session is gone, and the lock with it.
    Lost,
}

/// The locks of a client.
#[derive(Debug, Clone, Copy)]
pub struct Locks<'c> {
    client: &'c ConsulClient,
}

impl<'c> Locks<'c> {
    pub(super) fn new(client: &'c ConsulClient) -> Self {
        Self { client }
    }

    /// Makes a session and locks the key with it; nothing when somebody else holds it, or its lock delay has not passed. `value`
    /// tells others who holds it, `margin` is that of [`Lease::new`].
    ///
    /// # Errors
    /// When there is no answer, or a refusal. A session that was made is destroyed then, or ends by itself.
    pub async fn acquire(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        session: &SessionConfig,
        margin: Duration,
    ) -> Result<Option<HeldLock>, HashistackError> {
        let sent_at = Instant::now();
        let id = self.client.sessions().create(session).await?;
        let epoch = match self.lock(key, value.into(), &id).await {
            Ok(Some(epoch)) => epoch,
            Ok(None) => {
                self.client.sessions().destroy(&id).await?;
                return Ok(None);
            }
            Err(error) => {
                // It may have been locked all the same, and then its end would keep the key for its lock delay. Why it is not known
                // is what counts: the session ends by itself where this fails too.
                drop(self.client.kv().release(key, Bytes::new(), &id).await);
                drop(self.client.sessions().destroy(&id).await);
                return Err(error);
            }
        };
        let lease = Lease::new(session.ttl, margin, sent_at);
        Ok(Some(HeldLock { key: key.to_owned(), session: id, epoch, lease }))
    }

    async fn lock(&self, key: &str, value: Bytes, session: &str) -> Result<Option<u64>, HashistackError> {
        if !self.client.kv().acquire(key, value, session).await? {
            return Ok(None);
        }
        let entry = self.client.kv().get(key, Consistency::Consistent).await?.value;
        // It may have been lost in between.
        Ok(entry.filter(|entry| entry.session.as_deref() == Some(session)).map(|entry| entry.lock_index))
    }

    /// Renews the session of a lock.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: try again, and act until [`Lease::acts_until`].
    pub async fn renew(&self, lock: &mut HeldLock) -> Result<Renewal, HashistackError> {
        let sent_at = Instant::now();
        if !self.client.sessions().renew(&lock.session).await? {
            return Ok(Renewal::Lost);
        }
        lock.lease.renewed(sent_at);
        Ok(Renewal::Held)
    }

    /// Hands the lock over: others can lock the key at once. The key is released before the session ends, whose end would keep it
    /// for its lock delay.
    ///
    /// # Errors
    /// When there is no answer, or a refusal; the session ends by itself then.
    pub async fn release(&self, lock: HeldLock, value: impl Into<Bytes>) -> Result<(), HashistackError> {
        // False: it was lost before, which is as good.
        self.client.kv().release(&lock.key, value, &lock.session).await?;
        self.client.sessions().destroy(&lock.session).await
    }
}

impl HeldLock {
    /// The operation that lets a transaction fail when the lock is no longer held.
    pub fn fence(&self) -> TxnOperation {
        TxnOperation::CheckSession { key: self.key.clone(), session: self.session.clone() }
    }

    /// How often the key has been locked: a higher one is a later holder, for records of who did what.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The id of the session.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// For how long its holder may act.
    pub fn lease(&self) -> Lease {
        self.lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_holder_stops_before_its_session_can_end() {
        let begun = Instant::now();
        let mut lease = Lease::new(15 * SECOND, 5 * SECOND, begun);
        assert_eq!((lease.renews_at(), lease.acts_until()), (begun + 5 * SECOND, begun + 10 * SECOND));
        lease.renewed(begun + 5 * SECOND);
        assert_eq!(lease.acts_until(), begun + 15 * SECOND);
        // An answer that comes late tells of an earlier call.
        lease.renewed(begun + 4 * SECOND);
        assert_eq!(lease.acts_until(), begun + 15 * SECOND);
    }

    #[test]
    fn a_margin_beyond_the_time_to_live_leaves_no_time_to_act() {
        let begun = Instant::now();
        assert_eq!(Lease::new(SECOND, 2 * SECOND, begun).acts_until(), begun);
    }
}
