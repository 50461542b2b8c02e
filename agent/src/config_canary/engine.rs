//! The straight line of a candidate: load the record, look, decide, write and do in one transaction, tell.
//!
//! Owns the order, and when nothing may be done. What is decided is in `phase`, which is pure; what is seen is in `observe`. Nothing is
//! kept here that the record does not hold but what may be lost: the engine may be dropped at any await, and another one goes on from
//! the record.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use nova_hashistack::ConsulClient;
use nova_hashistack::transport::TlsConfig;
use serde_json::{Value, json};
use slog::{Logger, info, warn};
use tokio::sync::Mutex;

use super::ledger::Ledger;
use super::observation::{Order, OrderKind};
use super::observe::Sources;
use super::phase::{Act, Step, adopt, advance};
use super::record::ConfigCanary;
use super::store::{CanaryStore, CanaryStoreError, Stored, Written};
use crate::notify::{Message, Subject};
use crate::rollout::hooks::PolicyHooks;
use crate::rollout::store::Lead;

/// Changes of the phase, by the phase that was entered.
pub const TRANSITIONS_TOTAL: &str = "nova_agent_config_canary_transitions_total";

/// How many changes one visit makes at most: a candidate has four in its life.
const MAX_MOVES: usize = 8;

/// Who is told of a change: the kind of event, and its body.
pub type Told = Arc<dyn Fn(&'static str, Value) + Send + Sync>;

/// What a visit has come to, in a sentence for people.
pub type Visit = String;

/// Why a visit ended early. What was written until then stands.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// This instance does not lead any more, or cannot be certain: nothing more is begun.
    #[error("this agent does not lead any more, so that it begins nothing more")]
    Deposed,
    /// The keys cannot be read or written.
    #[error(transparent)]
    Store(#[from] CanaryStoreError),
    /// Somebody has written a key meanwhile.
    #[error(
        "a key has changed since it was read, so that nothing was written; the next visit goes on from that"
    )]
    Overtaken,
    /// A later version's record is there.
    #[error("the record of the candidate is of a later version of the agent, which has to go on with it")]
    Newer,
}

/// Goes on with candidates, one visit at a time.
pub struct CanaryEngine {
    store: CanaryStore,
    sources: Sources,
    hooks: PolicyHooks,
    told: Told,
    ledger: Mutex<Ledger>,
    log: Logger,
}

impl fmt::Debug for CanaryEngine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CanaryEngine").field("store", &self.store).finish_non_exhaustive()
    }
}

impl CanaryEngine {
    /// An engine for the candidates below `prefix`. `tls` is for instances whose metrics listener speaks TLS.
    #[must_use]
    pub fn new(
        consul: ConsulClient,
        prefix: &str,
        tls: TlsConfig,
        (hooks, told): (PolicyHooks, Told),
        log: Logger,
    ) -> Self {
        let store = CanaryStore::new(consul.clone(), prefix);
        let sources = Sources::new(consul, tls, prefix);
        Self { store, sources, hooks, told, ledger: Mutex::default(), log }
    }

    /// Goes on with the candidate as far as it goes now.
    ///
    /// # Errors
    /// When the leadership is not certain, and when keys cannot be read or written.
    pub async fn visit(&self, lead: &impl Lead) -> Result<Visit, VisitError> {
        let orders = self.store.orders().await?;
        let mut stored = match self.current(lead, &orders).await? {
            Some(stored) => stored,
            None => return Ok("no candidate is on its way".to_owned()),
        };
        for _ in 0..MAX_MOVES {
            let before = stored.record.phase.name();
            stored = self.step(stored, &orders, lead).await?;
            if stored.record.phase.name() == before || stored.record.has_ended() {
                break;
            }
        }
        let record = &stored.record;
        let waits = if record.waiting_for.is_empty() { "time" } else { &record.waiting_for };
        Ok(format!("candidate {} is {}, and waits for {waits}", record.id, record.phase.name().as_str()))
    }

    /// The record to go on with: the one that is there, or that of a candidate which is taken in now.
    async fn current(&self, lead: &impl Lead, orders: &[Order]) -> Result<Option<Stored>, VisitError> {
        let stored = self.store.load().await?;
        if stored.as_ref().is_some_and(|stored| !stored.record.is_understood()) {
            return Err(VisitError::Newer);
        }
        if let Some(open) =
            stored.as_ref().filter(|it| !it.record.has_ended() || !it.record.messages.is_empty())
        {
            return Ok(Some(open.clone()));
        }
        let Some(record) = adopt(orders, lead.epoch(), Timestamp::now()) else {
            self.turn_away(stored.as_ref(), orders, lead).await?;
            return Ok(None);
        };
        let handled = [record.id.clone()];
        let begun = written(self.store.begin(lead, stored.as_ref(), record, &handled).await?)?;
        self.changed(None, &begun.record);
        Ok(Some(begun))
    }

    /// Orders that nothing comes of: there is nothing under way, or they come too late.
    async fn turn_away(
        &self,
        ended: Option<&Stored>,
        orders: &[Order],
        lead: &impl Lead,
    ) -> Result<(), VisitError> {
        if orders.is_empty() {
            return Ok(());
        }
        if !lead.may_act() {
            return Err(VisitError::Deposed);
        }
        let ids: Vec<_> = orders.iter().map(|order| order.id.clone()).collect();
        for order in orders {
            let what = match order.kind {
                OrderKind::Push(_) => "to try a candidate",
                OrderKind::Promote { .. } => "to promote a candidate",
                OrderKind::Abort { .. } => "to take a candidate away",
            };
            let latest = ended.map_or("none", |ended| ended.record.id.as_str());
            warn!(self.log, "an order {what} is turned away: it comes too late, or nothing is under way"; "order" => &order.id, "by" => &order.by, "latest_candidate" => latest);
            (self.told)("config_canary", json!({ "turned_away": order.id, "by": order.by }));
        }
        Ok(self.store.forget(&ids).await?)
    }

    /// One look, and what follows from it.
    async fn step(&self, stored: Stored, orders: &[Order], lead: &impl Lead) -> Result<Stored, VisitError> {
        let Stored { record: before, index } = stored;
        let mut record = before.clone();
        record.epoch = lead.epoch();
        let open = orders.iter().filter(|order| !before.has_handled(&order.id)).cloned().collect();
        let mut ledger = self.ledger.lock().await;
        let seen = self.sources.look(&self.store, &record, open, &mut ledger).await;
        drop(ledger);
        let Step { record, act } = advance(&record, &seen, Timestamp::now());
        let mut stored = Stored { record, index };
        if stored.record != before || act != Act::Nothing {
            if !lead.may_act() {
                return Err(VisitError::Deposed);
            }
            let handled: Vec<_> = orders
                .iter()
                .filter(|order| stored.record.has_handled(&order.id))
                .map(|order| order.id.clone())
                .collect();
            stored = written(self.store.step(lead, stored, &act, &handled).await?)?;
            self.changed(Some(&before), &stored.record);
        }
        self.say(stored, lead).await
    }

    /// Says what is to be said, and takes down that it was. What is interrupted in between is said twice.
    async fn say(&self, stored: Stored, lead: &impl Lead) -> Result<Stored, VisitError> {
        if stored.record.messages.is_empty() {
            return Ok(stored);
        }
        let mut next = stored;
        for telling in std::mem::take(&mut next.record.messages) {
            let about = Subject::Candidate {
                kv_prefix: self.store.prefix().to_owned(),
                candidate: next.record.id.clone(),
            };
            let message = Message {
                kind: telling.kind,
                message: telling.message,
                advice: telling.advice,
                about,
                at: telling.at,
            };
            self.hooks.tell_all(&next.record.policy().notify, message).await;
        }
        written(self.store.step(lead, next, &Act::Nothing, &[]).await?)
    }

    fn changed(&self, before: Option<&ConfigCanary>, after: &ConfigCanary) {
        let phase = after.phase.name().as_str();
        let is_new = before.is_none_or(|before| before.phase.name() != after.phase.name());
        if is_new {
            metrics::counter!(TRANSITIONS_TOTAL, "phase" => phase).increment(1);
            let why = after.transitions.last().map(|last| last.why.as_str()).unwrap_or_default();
            info!(self.log, "candidate for the configuration: {phase}: {why}"; "candidate" => &after.id, "author" => &after.author);
        }
        let body = json!({
            "candidate": after.id, "phase": phase, "has_changed_phase": is_new, "waiting_for": after.waiting_for,
            "last": after.transitions.last(),
        });
        (self.told)("config_canary", body);
    }
}

fn written(written: Written) -> Result<Stored, VisitError> {
    match written {
        Written::Written(stored) => Ok(*stored),
        Written::Conflict => Err(VisitError::Overtaken),
        Written::Deposed => Err(VisitError::Deposed),
    }
}
