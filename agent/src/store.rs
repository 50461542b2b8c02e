//! The configuration in Consul's key-value store: reads, and the one transaction of a change.
//!
//! Owns every call to the store and what its refusals mean. What is to be written is decided in `change`.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::txn::MAX_OPERATIONS;
use nova_hashistack::consul::{Consistency, Indexed, KvEntry, TxnOperation, TxnOutcome};
use nova_hashistack::transport::HashistackError;

use crate::change::{Operation, Plan};
use crate::documents::{CONFIG, Indexes, StoredDocuments};
use crate::history::{self, Past, Record, RecordError};

/// How many records are read at once.
const CONCURRENCY: usize = 8;

/// The documents and their history below one prefix.
#[derive(Clone, Debug)]
pub struct ConfigStore {
    consul: ConsulClient,
    prefix: String,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// It was written; these are the indexes of all documents after it, by full key.
    Written(Indexes),
    /// Somebody else was quicker, and nothing of it was written.
    Conflict,
}

/// Why the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Consul did not answer, or refused.
    #[error("{doing} failed")]
    Consul {
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        #[source]
        source: HashistackError,
    },
    /// Consul answered without what the token may not read.
    #[error(
        "the token may not read all keys below {prefix}/config, and what it cannot see must not be changed"
    )]
    Hidden {
        /// The prefix.
        prefix: String,
    },
    /// The token may not write what the change holds.
    #[error("the token may not write this change below {prefix}: {what}; nothing was written")]
    Denied {
        /// The prefix.
        prefix: String,
        /// What Consul says.
        what: String,
    },
    /// A record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// There is no such record.
    #[error(
        "there is no record {n} below {prefix}/history/; `nova-agent config history` lists those that are kept"
    )]
    NoRecord {
        /// The number that was asked for.
        n: u64,
        /// The prefix.
        prefix: String,
    },
    /// The change has more steps than one transaction takes.
    #[error(
        "the change needs a transaction of {steps} steps, and Consul takes {MAX_OPERATIONS}: put several fragments into one; nothing was written"
    )]
    TooManySteps {
        /// How many.
        steps: usize,
    },
    /// The change is larger than one transaction may be.
    #[error(
        "the change does not fit into one transaction, which holds the documents that change and a record of all of them, twice \
         when the state before was not recorded: shorten them, or raise Consul's limits.txn_max_req_len; nothing was written"
    )]
    TooLarge(#[source] HashistackError),
    /// It was sent, and nobody knows what came of it.
    #[error(
        "the answer to the change was lost, and the store does not show it so far: it may still come. See `nova-agent config \
         history` before you push again"
    )]
    Lost(#[source] HashistackError),
}

impl StoreError {
    /// What Consul said, where it said something.
    #[must_use]
    pub fn consul(&self) -> Option<&HashistackError> {
        match self {
            Self::Consul { source, .. } | Self::TooLarge(source) | Self::Lost(source) => Some(source),
            _ => None,
        }
    }
}

impl ConfigStore {
    /// The documents below `prefix`.
    #[must_use]
    pub fn new(consul: ConsulClient, prefix: impl Into<String>) -> Self {
        Self { consul, prefix: prefix.into() }
    }

    /// The prefix, without a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// All documents, from one read.
    ///
    /// # Errors
    /// When Consul does not answer, or the token may not read them: documents that are hidden are never taken for absent.
    pub async fn documents(&self) -> Result<StoredDocuments, StoreError> {
        let doing = "reading the documents";
        let consul = |source| StoreError::Consul { doing, source };
        let config = format!("{}/{CONFIG}", self.prefix);
        let found: Indexed<Vec<KvEntry>> =
            self.consul.kv().list(&config, Consistency::Consistent).await.map_err(consul)?;
        if found.filtered_by_acls {
            return Err(StoreError::Hidden { prefix: self.prefix.clone() });
        }
        if found.value.is_empty() {
            // Lists leave out in silence what the token may not read; a read of one key is refused.
            self.consul.kv().get(&config, Consistency::Default).await.map_err(consul)?;
        }
        let entries = found.value.into_iter().map(|entry| (entry.key, entry.value, entry.modify_index));
        Ok(StoredDocuments::new(&self.prefix, entries, found.index))
    }

    /// What a change is planned upon: the past, then the documents.
    ///
    /// The order matters. Whoever writes between the two reads takes the number of the next record, so that a change that is
    /// planned upon both fails. The other way round, a fragment that was added between them would be missed.
    ///
    /// # Errors
    /// As [`Self::documents`] and [`Self::past`].
    pub async fn basis(&self) -> Result<(Past, StoredDocuments), StoreError> {
        let past = self.past().await?;
        Ok((past, self.documents().await?))
    }

    /// The numbers of all records, ascending.
    ///
    /// # Errors
    /// When Consul does not answer, or refuses.
    pub async fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let folder = history::folder(&self.prefix);
        let keys = self.consul.kv().keys(&folder, Consistency::Consistent).await;
        let keys = keys.map_err(|source| StoreError::Consul { doing: "listing the history", source })?;
        let mut numbers: Vec<_> =
            keys.value.iter().filter_map(|key| history::number(&self.prefix, key)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// What a change has to know of the past.
    ///
    /// # Errors
    /// When Consul does not answer, or refuses.
    pub async fn past(&self) -> Result<Past, StoreError> {
        let numbers = self.numbers().await?;
        let newest = match numbers.last() {
            None => None,
            Some(&n) => match self.record(n).await {
                Ok(record) => Some(record),
                // What cannot be read, or has gone meanwhile, does not say that the state is recorded: it is recorded anew.
                Err(StoreError::Record(_) | StoreError::NoRecord { .. }) => None,
                Err(error) => return Err(error),
            },
        };
        Ok(Past { numbers, newest })
    }

    /// Record number `n`.
    ///
    /// # Errors
    /// When there is none, or it is not one that this version reads, or Consul does not answer.
    pub async fn record(&self, n: u64) -> Result<Record, StoreError> {
        let key = history::key(&self.prefix, n);
        let found = self.consul.kv().get(&key, Consistency::Consistent).await;
        let found = found.map_err(|source| StoreError::Consul { doing: "reading the history", source })?;
        let none = || StoreError::NoRecord { n, prefix: self.prefix.clone() };
        Ok(Record::parse(&key, &found.value.ok_or_else(none)?.value)?)
    }

    /// The records of `numbers`, in their order. One that cannot be read is the reason why.
    ///
    /// # Errors
    /// When Consul does not answer, or refuses.
    pub async fn records(&self, numbers: &[u64]) -> Result<Vec<(u64, Result<Record, String>)>, StoreError> {
        stream::iter(numbers.iter().copied())
            .map(async |n| match self.record(n).await {
                Ok(record) => Ok((n, Ok(record))),
                Err(error @ (StoreError::Record(_) | StoreError::NoRecord { .. })) => {
                    Ok((n, Err(error.to_string())))
                }
                Err(error) => Err(error),
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await
    }

    /// Writes the change in one transaction, or nothing of it. `before` is what it was planned upon.
    ///
    /// # Errors
    /// When it is too large to be sent, when Consul refuses, and when the answer was lost and the store does not show the change.
    pub async fn commit(&self, plan: &Plan, before: &StoredDocuments) -> Result<Commit, StoreError> {
        let steps = plan.operations.len();
        if steps > MAX_OPERATIONS {
            return Err(StoreError::TooManySteps { steps });
        }
        let operations = plan.operations.iter().map(step).collect();
        match self.consul.txn(operations).await {
            Ok(TxnOutcome::Committed { entries }) => {
                Ok(Commit::Written(self.indexes_after(plan, before, &entries)))
            }
            Ok(TxnOutcome::Conflict(_)) => Ok(Commit::Conflict),
            Err(source) if source.is_too_large() => Err(StoreError::TooLarge(source)),
            Err(HashistackError::Refused(refusal)) if refusal.is_permission_denied() => {
                Err(StoreError::Denied { prefix: self.prefix.clone(), what: refusal.text })
            }
            // The servers may have written it all the same: the connection broke, or the leader was lost while it wrote.
            Err(source) if source.is_transient() => self.look_for(plan, source).await,
            Err(source) => Err(StoreError::Consul { doing: "writing the change", source }),
        }
    }

    fn indexes_after(&self, plan: &Plan, before: &StoredDocuments, entries: &[KvEntry]) -> Indexes {
        let mut indexes = before.indexes();
        for name in plan.changes.keys() {
            indexes.remove(&before.key(name));
        }
        let documents = entries.iter().filter(|entry| {
            let name = entry.key.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('/'));
            name.is_some_and(|name| plan.record.documents.contains_key(name))
        });
        indexes.extend(documents.map(|entry| (entry.key.clone(), entry.modify_index)));
        indexes
    }

    /// After an answer was lost: the change was written if its record is there, since all of it was or nothing.
    async fn look_for(&self, plan: &Plan, lost: HashistackError) -> Result<Commit, StoreError> {
        match self.record(plan.record.n).await {
            Ok(record) if record == plan.record => {}
            Ok(_other) => return Ok(Commit::Conflict),
            Err(_) => return Err(StoreError::Lost(lost)),
        }
        Ok(Commit::Written(self.documents().await?.indexes()))
    }
}

/// A step of a change, as Consul has it.
pub(crate) fn step(operation: &Operation) -> TxnOperation {
    match operation.clone() {
        Operation::Put { key, value, modify_index } => TxnOperation::Cas { key, value, modify_index },
        Operation::Unchanged { key, modify_index } => TxnOperation::CheckIndex { key, modify_index },
        Operation::Remove { key, modify_index } => TxnOperation::DeleteCas { key, modify_index },
        Operation::Forget { key } => TxnOperation::Delete { key },
    }
}
