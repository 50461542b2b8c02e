//! Candidates in Consul's key-value store: the record of the one on its way, those that have ended, and what people order.
//!
//! Owns the keys, the calls, and the one transaction of each step: the leader's session, the record, and what is done with it. None of
//! the keys but `config.canary` begins as those that every instance watches do: a record that changes with every look wakes nobody.

mod plan;

use bytes::Bytes;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{Conflict, Consistency, KvEntry, TxnOperation, TxnOutcome};
use nova_hashistack::transport::HashistackError;

use super::observation::Order;
use super::phase::Act;
use super::record::ConfigCanary;
use crate::documents::StoredDocuments;
use crate::rollout::store::Lead;
use crate::store::{ConfigStore, StoreError};

/// How many ended candidates are kept: with the largest text they are 2 MB of Consul's memory.
pub const KEPT: usize = 20;

/// How many orders wait at most.
const MAX_ORDERS: usize = 16;

/// A record, and the index that the next write of it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The record.
    pub record: ConfigCanary,
    /// Its index.
    pub index: u64,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// All of it was written; this is the record from now on.
    Written(Box<Stored>),
    /// A key is not as it was read: nothing was written.
    Conflict,
    /// This instance does not lead any more: nothing was written.
    Deposed,
}

/// Why the keys cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CanaryStoreError {
    /// Consul did not answer, or refused.
    #[error("{doing} failed")]
    Consul {
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        #[source]
        source: Box<HashistackError>,
    },
    /// The documents cannot be read.
    #[error(transparent)]
    Documents(Box<StoreError>),
    /// The token may not read all of a folder.
    #[error(
        "the token may not read all keys below {folder}; what it cannot see must not be taken for absent"
    )]
    Hidden {
        /// The folder.
        folder: String,
    },
    /// A record cannot be read by this version.
    #[error(
        "{key} is no record that this version reads; it is left alone, let a newer agent lead or remove it"
    )]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Something cannot be written as JSON.
    #[error("it cannot be written as json")]
    Json(#[from] serde_json::Error),
    /// Too many orders wait.
    #[error("{MAX_ORDERS} orders wait to be carried out: see whether an agent leads")]
    TooManyOrders,
    /// The step is larger than one transaction may be.
    #[error(
        "the step does not fit into one transaction: shorten the candidate or config, or raise Consul's limits.txn_max_req_len"
    )]
    TooLarge(#[source] Box<HashistackError>),
}

impl From<StoreError> for CanaryStoreError {
    fn from(error: StoreError) -> Self {
        Self::Documents(Box::new(error))
    }
}

impl CanaryStoreError {
    fn of(doing: &'static str, source: HashistackError) -> Self {
        let source = Box::new(source);
        if source.is_too_large() { Self::TooLarge(source) } else { Self::Consul { doing, source } }
    }

    /// What Consul said, where it said something.
    #[must_use]
    pub fn consul(&self) -> Option<&HashistackError> {
        match self {
            Self::Consul { source, .. } | Self::TooLarge(source) => Some(source),
            Self::Documents(error) => error.consul(),
            _ => None,
        }
    }
}

/// Candidates below one prefix.
#[derive(Clone, Debug)]
pub struct CanaryStore {
    consul: ConsulClient,
    documents: ConfigStore,
    prefix: String,
}

impl CanaryStore {
    /// Those below `prefix`, which has no slash at its end.
    #[must_use]
    pub fn new(consul: ConsulClient, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        let documents = ConfigStore::new(consul.clone(), prefix.clone());
        Self { consul, documents, prefix }
    }

    /// The prefix.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn record_key(&self) -> String {
        format!("{}/canaries/config", self.prefix)
    }

    fn orders_folder(&self) -> String {
        format!("{}/canary-orders/config/", self.prefix)
    }

    fn history_folder(&self) -> String {
        format!("{}/canary-history/config/", self.prefix)
    }

    /// The documents, and what stands in `config.canary` beside them.
    ///
    /// # Errors
    /// When Consul does not answer, or hides some of them.
    pub async fn documents(&self) -> Result<StoredDocuments, CanaryStoreError> {
        Ok(self.documents.documents().await?)
    }

    /// The record of the latest candidate; nothing where there was none.
    ///
    /// # Errors
    /// When Consul does not answer, or the record is not one that this version reads.
    pub async fn load(&self) -> Result<Option<Stored>, CanaryStoreError> {
        let key = self.record_key();
        let found = self.consul.kv().get(&key, Consistency::Consistent).await;
        let found = found.map_err(|source| CanaryStoreError::of("reading the candidate's record", source))?;
        let Some(entry) = found.value else { return Ok(None) };
        Ok(Some(Stored { record: parse(&key, &entry.value)?, index: entry.modify_index }))
    }

    /// Those that have ended and made way for another one, the latest first.
    ///
    /// # Errors
    /// When Consul does not answer, or hides some of them.
    pub async fn history(&self) -> Result<Vec<Result<ConfigCanary, CanaryStoreError>>, CanaryStoreError> {
        let mut entries = self.list(&self.history_folder()).await?;
        entries.reverse();
        Ok(entries.iter().map(|entry| parse(&entry.key, &entry.value)).collect())
    }

    /// What people have ordered, the earliest first. One that cannot be read is of a later version: it waits for who can read it.
    ///
    /// # Errors
    /// As [`Self::history`].
    pub async fn orders(&self) -> Result<Vec<Order>, CanaryStoreError> {
        let entries = self.list(&self.orders_folder()).await?;
        Ok(entries.iter().filter_map(|entry| serde_json::from_slice(&entry.value).ok()).collect())
    }

    /// Leaves an order for whoever leads.
    ///
    /// # Errors
    /// When too many wait, or Consul does not answer, or refuses.
    pub async fn order(&self, order: &Order) -> Result<(), CanaryStoreError> {
        let folder = self.orders_folder();
        if self.list(&folder).await?.len() >= MAX_ORDERS {
            return Err(CanaryStoreError::TooManyOrders);
        }
        let value = Bytes::from(serde_json::to_vec(order)?);
        let write = TxnOperation::Cas { key: format!("{folder}{}", order.id), value, modify_index: 0 };
        let sent = self.consul.txn(vec![write]).await;
        sent.map(drop).map_err(|source| CanaryStoreError::of("leaving the order", source))
    }

    /// Takes orders back that nobody has carried out.
    ///
    /// # Errors
    /// When Consul does not answer, or refuses.
    pub async fn forget(&self, orders: &[String]) -> Result<(), CanaryStoreError> {
        let sent = self.consul.txn(self.forgetting(orders)).await;
        sent.map(drop).map_err(|source| CanaryStoreError::of("removing orders", source))
    }

    fn forgetting(&self, orders: &[String]) -> Vec<TxnOperation> {
        let folder = self.orders_folder();
        orders.iter().map(|id| TxnOperation::Delete { key: format!("{folder}{id}") }).collect()
    }

    async fn list(&self, folder: &str) -> Result<Vec<KvEntry>, CanaryStoreError> {
        let found = self.consul.kv().list(folder, Consistency::Consistent).await;
        let found = found.map_err(|source| CanaryStoreError::of("reading candidates", source))?;
        if found.filtered_by_acls {
            return Err(CanaryStoreError::Hidden { folder: folder.to_owned() });
        }
        Ok(found.value)
    }

    /// Puts the record of a new candidate in the place of one that has ended, which goes to the history.
    ///
    /// # Errors
    /// When Consul does not answer, and then it may have been written; or a refusal.
    pub async fn begin(
        &self,
        lead: &impl Lead,
        ended: Option<&Stored>,
        record: ConfigCanary,
        handled: &[String],
    ) -> Result<Written, CanaryStoreError> {
        let mut operations = Vec::new();
        if let Some(ended) = ended {
            let folder = self.history_folder();
            let mut keys: Vec<_> = self.list(&folder).await?.into_iter().map(|entry| entry.key).collect();
            keys.sort_unstable();
            // Ids sort by time.
            let (key, value) =
                (format!("{folder}{}", ended.record.id), Bytes::from(serde_json::to_vec(&ended.record)?));
            operations.push(TxnOperation::Set { key, value });
            let outdated = (keys.len() + 1).saturating_sub(KEPT);
            operations.extend(keys.into_iter().take(outdated).map(|key| TxnOperation::Delete { key }));
        }
        let index = ended.map_or(0, |ended| ended.index);
        self.write(lead, Stored { record, index }, (operations, handled)).await
    }

    /// Writes the record and does what is to be done with it, all or nothing. `stored` has the index that the record was read with;
    /// `documents` are those that the look has shown.
    ///
    /// # Errors
    /// When Consul does not answer, and then it may have been done; or a refusal.
    pub async fn step(
        &self,
        lead: &impl Lead,
        mut stored: Stored,
        act: &Act,
        handled: &[String],
    ) -> Result<Written, CanaryStoreError> {
        let Some(operations) = plan::operations(&self.documents, &mut stored.record, act).await? else {
            return Ok(Written::Conflict);
        };
        self.write(lead, stored, (operations, handled)).await
    }

    async fn write(
        &self,
        lead: &impl Lead,
        stored: Stored,
        (operations, handled): (Vec<TxnOperation>, &[String]),
    ) -> Result<Written, CanaryStoreError> {
        let key = self.record_key();
        let value = Bytes::from(serde_json::to_vec(&stored.record)?);
        let record = TxnOperation::Cas { key: key.clone(), value: value.clone(), modify_index: stored.index };
        let mut all = vec![lead.fence(), record];
        all.extend(operations);
        all.extend(self.forgetting(handled));
        let written = |entry: &KvEntry| {
            Written::Written(Box::new(Stored { record: stored.record.clone(), index: entry.modify_index }))
        };
        match self.consul.txn(all).await {
            Ok(TxnOutcome::Committed { entries }) => {
                let ours = entries.iter().find(|entry| entry.key == key);
                ours.map(written).ok_or(CanaryStoreError::Hidden { folder: key })
            }
            Ok(TxnOutcome::Conflict(conflicts)) => Ok(conflict(lead, &conflicts)),
            // It may have been written all the same, and then all of it: nobody else writes these bytes.
            Err(source) if source.is_transient() => {
                match self.consul.kv().get(&key, Consistency::Consistent).await {
                    Ok(found) if found.value.as_ref().is_some_and(|entry| entry.value == value) => {
                        Ok(found.value.as_ref().map_or(Written::Conflict, written))
                    }
                    _ => Err(CanaryStoreError::of("writing the candidate's record", source)),
                }
            }
            Err(source) => Err(CanaryStoreError::of("writing the candidate's record", source)),
        }
    }
}

/// The fence is the first operation: where it does not hold, nothing else matters.
fn conflict(lead: &impl Lead, conflicts: &[Conflict]) -> Written {
    if conflicts.iter().any(|conflict| conflict.operation == 0) {
        lead.doubt();
        Written::Deposed
    } else {
        Written::Conflict
    }
}

fn parse(key: &str, value: &[u8]) -> Result<ConfigCanary, CanaryStoreError> {
    serde_json::from_slice(value)
        .map_err(|source| CanaryStoreError::Unreadable { key: key.to_owned(), source })
}
