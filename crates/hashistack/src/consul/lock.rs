//! A lock on a key by a session, as leaders hold it: who has it, how long its holder may act, and how it is handed over.
//!
//! Locks advise and do not prevent: what a holder writes is fenced by [`HeldLock::fence`] in the same transaction, and what cannot be
//! fenced is begun only while [`Lease::may_act`] says so.

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
    /// When the last renewal that succeeded was sent; nothing once the session is gone.
    renewed_at: Option<Instant>,
}

impl Lease {
    /// A lease of a session of this time to live that was made or renewed by a call that was sent at `sent_at`. `margin` is what an
    /// action may take that has begun.
    pub fn new(ttl: Duration, margin: Duration, sent_at: Instant) -> Self {
        Self { ttl, margin, renewed_at: Some(sent_at) }
    }

    /// A renewal that was sent at `sent_at` has succeeded. When its answer came does not count: the server's time began earlier. It
    /// brings no session back that is gone.
    pub fn renewed(&mut self, sent_at: Instant) {
        self.renewed_at = self.renewed_at.map(|renewed_at| renewed_at.max(sent_at));
    }

    /// The session is gone, and its holder has no time left, now and for good.
    pub fn ended(&mut self) {
        self.renewed_at = None;
    }

    /// Whether the holder may act at this moment. To be asked right before each act.
    pub fn may_act(&self, now: Instant) -> bool {
        self.acts_until().is_some_and(|until| now < until)
    }

    /// Nothing is begun after this moment, although the session may live on: somebody else may hold the lock by the time that it is done.
    /// Nothing once the session is gone.
    pub fn acts_until(&self) -> Option<Instant> {
        Some(self.renewed_at? + self.ttl.saturating_sub(self.margin))
    }

    /// When to renew it: after a third of its time, so that two failures are no loss. Nothing once the session is gone.
    pub fn renews_at(&self) -> Option<Instant> {
        Some(self.renewed_at? + self.ttl / 3)
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
    /// When there is no answer, or a refusal: try again, and act while [`Lease::may_act`] says so.
    pub async fn renew(&self, lock: &mut HeldLock) -> Result<Renewal, HashistackError> {
        let sent_at = Instant::now();
        if !self.client.sessions().renew(&lock.session).await? {
            lock.lease.ended();
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
    use proptest::prelude::*;

    use super::*;
    use crate::consul::{ConsulConfig, SessionBehavior};
    use crate::scripted::{CUT, Script, line};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_holder_stops_before_its_session_can_end() {
        let begun = Instant::now();
        let mut lease = Lease::new(15 * SECOND, 5 * SECOND, begun);
        assert_eq!(
            (lease.renews_at(), lease.acts_until()),
            (Some(begun + 5 * SECOND), Some(begun + 10 * SECOND))
        );
        lease.renewed(begun + 5 * SECOND);
        assert_eq!(lease.acts_until(), Some(begun + 15 * SECOND));
        // An answer that comes late tells of an earlier call.
        lease.renewed(begun + 4 * SECOND);
        assert_eq!(lease.acts_until(), Some(begun + 15 * SECOND));
    }

    #[test]
    fn a_margin_beyond_the_time_to_live_leaves_no_time_to_act() {
        let begun = Instant::now();
        assert!(!Lease::new(SECOND, 2 * SECOND, begun).may_act(begun));
    }

    #[test]
    fn a_session_that_is_gone_leaves_no_time_and_does_not_come_back() {
        let begun = Instant::now();
        let mut lease = Lease::new(15 * SECOND, 5 * SECOND, begun);
        assert!(lease.may_act(begun));
        lease.ended();
        lease.renewed(begun + SECOND);
        assert!(!lease.may_act(begun) && lease.renews_at().is_none());
    }

    /// What came of a renewal: it succeeded, it failed, the session is gone.
    fn renewal() -> impl Strategy<Value = Option<bool>> {
        prop_oneof![3 => Just(Some(true)), 2 => Just(Some(false)), 1 => Just(None)]
    }

    proptest! {
        /// The servers' rule is played beside: a session cannot end before its time to live has passed since the last renewal that
        /// reached them, which was when it was sent, at the earliest.
        #[test]
        fn whoever_may_act_has_a_session_that_cannot_have_ended(
            renewals in proptest::collection::vec((0_u64..60_000, renewal()), 0..20),
            now in 0_u64..90_000,
        ) {
            let (ttl, margin) = (15 * SECOND, 3 * SECOND);
            let begun = Instant::now();
            let at = |offset| begun + Duration::from_millis(offset);
            let mut lease = Lease::new(ttl, margin, begun);
            let mut last_seen = begun;
            let mut is_gone = false;
            for (sent, renewal) in renewals {
                match renewal {
                    Some(true) => {
                        lease.renewed(at(sent));
                        last_seen = last_seen.max(at(sent));
                    }
                    Some(false) => {}
                    None => {
                        lease.ended();
                        is_gone = true;
                    }
                }
            }
            let is_safe = !is_gone && at(now) + margin < last_seen + ttl;
            prop_assert_eq!(lease.may_act(at(now)), is_safe);
        }
    }

    #[tokio::test]
    async fn a_lock_whose_answer_is_lost_is_released_before_its_session_ends() {
        let lines = [line(200, r#"{"ID":"s"}"#), CUT, line(200, "true"), line(200, "true")];
        let script = Script::start(lines).await;
        let client = ConsulClient::new(ConsulConfig::new(script.address.parse().unwrap())).unwrap();
        let session = SessionConfig {
            name: "leader".to_owned(),
            ttl: 15 * SECOND,
            lock_delay: 5 * SECOND,
            behavior: SessionBehavior::Release,
        };
        let error = client.locks().acquire("nova/leader", "one", &session, SECOND).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        let expected = [
            "PUT /v1/session/create",
            "PUT /v1/kv/nova/leader?acquire=s",
            "PUT /v1/kv/nova/leader?release=s",
            "PUT /v1/session/destroy/s",
        ];
        assert_eq!(script.calls(), expected);
    }
}
