//! Records of rollouts in Consul's key-value store: read by everybody, written by the leader alone.
//!
//! Owns the calls, the fence of every write, and what refusals mean. Every write is one transaction that checks the leader's session
//! and the index that was read, so that neither a leader that was deposed nor two looks at once can write over each other. Where
//! things are is in `keys`; commands of people are in `inbox`.

mod inbox;
pub(crate) mod keys;

use bytes::Bytes;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{Conflict, Consistency, KvEntry, TxnOperation, TxnOutcome};
use nova_hashistack::transport::HashistackError;

use super::observation::Command;
use super::record::{Rollout, Target};

pub use inbox::CommandError;
pub use keys::KEPT;
pub(super) use keys::policy as policy_key;

/// The largest record: half of what Consul takes, since two of them go into one transaction when one follows another.
const MAX_RECORD: usize = 160 << 10;

/// The leadership that a write is made by.
pub trait Lead: Send + Sync {
    /// The term: a higher one is a later leader.
    fn epoch(&self) -> u64;
    /// What lets a transaction fail when the lock is no longer held.
    fn fence(&self) -> TxnOperation;
    /// Whether something may be begun now that no fence guards.
    fn may_act(&self) -> bool;
    /// The fence was refused: whoever holds the lock is to look at it.
    fn doubt(&self);
}

/// A record, and the index that the next write of it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The record.
    pub rollout: Rollout,
    /// Its index.
    pub index: u64,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// It was written; this is the index from now on.
    Written(u64),
    /// Somebody else has written since it was read: nothing was written.
    Conflict,
    /// This instance does not lead any more: nothing was written.
    Deposed,
}

/// Why records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Consul did not answer, or refused.
    #[error("{doing} failed")]
    Consul {
        /// What was tried.
        doing: &'static str,
        /// What came of it.
        #[source]
        source: Box<HashistackError>,
    },
    /// The token may not read all of them.
    #[error(
        "the token may not read all keys below {prefix}/rollouts/; what it cannot see must not be taken for absent"
    )]
    Hidden {
        /// The prefix.
        prefix: String,
    },
    /// A record cannot be read by this version.
    #[error(
        "{key} is no record that this version of the agent reads; it is left alone, let a newer agent lead or remove it"
    )]
    Unreadable {
        /// The key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The record is too large.
    #[error("the record of {job} has {size} bytes, more than {MAX_RECORD}: shorten the policy")]
    TooLarge {
        /// The job.
        job: String,
        /// Its size.
        size: usize,
    },
    /// The record cannot be written as JSON.
    #[error("the record of {job} cannot be written as json")]
    Json {
        /// The job.
        job: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

impl RecordsError {
    fn of(doing: &'static str, source: HashistackError) -> Self {
        Self::Consul { doing, source: Box::new(source) }
    }
}

/// Where the state of rollouts is kept.
pub trait Records: Send + Sync {
    /// The record of a job; nothing where there is none.
    fn load(&self, target: &Target) -> impl Future<Output = Result<Option<Stored>, RecordsError>> + Send;

    /// The jobs that have a record.
    fn targets(&self) -> impl Future<Output = Result<Vec<Target>, RecordsError>> + Send;

    /// Writes a record, if the job's still has this index; zero: if it has none.
    fn write(
        &self,
        lead: &impl Lead,
        rollout: &Rollout,
        index: u64,
    ) -> impl Future<Output = Result<Write, RecordsError>> + Send;

    /// Moves a record that has ended to the history, and puts the next one in its place.
    fn follow(
        &self,
        lead: &impl Lead,
        ended: &Stored,
        next: &Rollout,
    ) -> impl Future<Output = Result<Write, RecordsError>> + Send;

    /// What people have commanded and nobody has handled, the earliest first.
    fn commands(&self, target: &Target) -> impl Future<Output = Result<Vec<Command>, RecordsError>> + Send;

    /// Removes commands that a record names as handled.
    fn forget(
        &self,
        target: &Target,
        commands: &[String],
    ) -> impl Future<Output = Result<(), RecordsError>> + Send;
}

/// The records below one prefix.
#[derive(Clone, Debug)]
pub struct RolloutStore {
    consul: ConsulClient,
    prefix: String,
}

impl RolloutStore {
    /// The records below `prefix`, which has no slash at its end.
    #[must_use]
    pub fn new(consul: ConsulClient, prefix: impl Into<String>) -> Self {
        Self { consul, prefix: prefix.into() }
    }

    /// All records, in the order of their keys; of one that cannot be read, why.
    ///
    /// # Errors
    /// When Consul does not answer, or hides some of them.
    pub async fn all(&self) -> Result<Vec<(Target, Result<Rollout, RecordsError>)>, RecordsError> {
        let entries = self.list(&keys::records(&self.prefix)).await?;
        let read = |entry: KvEntry| {
            let target = keys::target(&self.prefix, &entry.key)?;
            Some((target, parse(&entry.key, &entry.value)))
        };
        Ok(entries.into_iter().filter_map(read).collect())
    }

    /// The rollouts of a job that have ended and made way for another one, the latest first.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub async fn history(
        &self,
        target: &Target,
    ) -> Result<Vec<(u64, Result<Rollout, RecordsError>)>, RecordsError> {
        let folder = keys::history(&self.prefix, target);
        let entries = self.list(&folder).await?;
        let read =
            |entry: KvEntry| Some((keys::number(&folder, &entry.key)?, parse(&entry.key, &entry.value)));
        let mut found: Vec<_> = entries.into_iter().filter_map(read).collect();
        found.reverse();
        Ok(found)
    }

    async fn list(&self, folder: &str) -> Result<Vec<KvEntry>, RecordsError> {
        let found = self.consul.kv().list(folder, Consistency::Consistent).await;
        let found = found.map_err(|source| RecordsError::of("reading the records", source))?;
        if found.filtered_by_acls {
            return Err(RecordsError::Hidden { prefix: self.prefix.clone() });
        }
        Ok(found.value)
    }

    async fn names(&self, folder: &str) -> Result<Vec<String>, RecordsError> {
        let found = self.consul.kv().keys(folder, Consistency::Consistent).await;
        let found = found.map_err(|source| RecordsError::of("listing the records", source))?;
        if found.filtered_by_acls {
            return Err(RecordsError::Hidden { prefix: self.prefix.clone() });
        }
        Ok(found.value)
    }

    async fn entry(&self, key: &str) -> Result<Option<KvEntry>, RecordsError> {
        let found = self.consul.kv().get(key, Consistency::Consistent).await;
        Ok(found.map_err(|source| RecordsError::of("reading a record", source))?.value)
    }

    /// Sends a transaction behind the fence. `key` and `value` are what it has written if it has written anything.
    async fn fenced(
        &self,
        lead: &impl Lead,
        operations: Vec<TxnOperation>,
        (key, value): (&str, &Bytes),
    ) -> Result<Write, RecordsError> {
        let operations = std::iter::once(lead.fence()).chain(operations).collect();
        match self.consul.txn(operations).await {
            Ok(TxnOutcome::Committed { entries }) => {
                let ours = entries.iter().find(|entry| entry.key == key);
                Ok(Write::Written(ours.map_or(0, |entry| entry.modify_index)))
            }
            Ok(TxnOutcome::Conflict(conflicts)) => Ok(conflict(lead, &conflicts)),
            // It may have been written all the same: nobody else writes these bytes.
            Err(source) if source.is_transient() => match self.entry(key).await {
                Ok(Some(entry)) if entry.value == *value => Ok(Write::Written(entry.modify_index)),
                _ => Err(RecordsError::of("writing a record", source)),
            },
            Err(source) => Err(RecordsError::of("writing a record", source)),
        }
    }
}

/// The fence is the first operation: where it does not hold, nothing else matters.
fn conflict(lead: &impl Lead, conflicts: &[Conflict]) -> Write {
    if conflicts.iter().any(|conflict| conflict.operation == 0) {
        lead.doubt();
        Write::Deposed
    } else {
        Write::Conflict
    }
}

impl Records for RolloutStore {
    async fn load(&self, target: &Target) -> Result<Option<Stored>, RecordsError> {
        let key = keys::record(&self.prefix, target);
        let Some(entry) = self.entry(&key).await? else { return Ok(None) };
        Ok(Some(Stored { rollout: parse(&key, &entry.value)?, index: entry.modify_index }))
    }

    async fn targets(&self) -> Result<Vec<Target>, RecordsError> {
        let names = self.names(&keys::records(&self.prefix)).await?;
        Ok(names.iter().filter_map(|key| keys::target(&self.prefix, key)).collect())
    }

    async fn write(&self, lead: &impl Lead, rollout: &Rollout, index: u64) -> Result<Write, RecordsError> {
        let (key, value) = (keys::record(&self.prefix, &rollout.target), value(rollout)?);
        let write = TxnOperation::Cas { key: key.clone(), value: value.clone(), modify_index: index };
        self.fenced(lead, vec![write], (&key, &value)).await
    }

    async fn follow(&self, lead: &impl Lead, ended: &Stored, next: &Rollout) -> Result<Write, RecordsError> {
        let folder = keys::history(&self.prefix, &next.target);
        let mut numbers: Vec<u64> =
            self.names(&folder).await?.iter().filter_map(|key| keys::number(&folder, key)).collect();
        numbers.sort_unstable();
        let number = numbers.last().map_or(1, |last| last.saturating_add(1));
        let (key, value) = (keys::record(&self.prefix, &next.target), value(next)?);
        let mut operations = vec![
            TxnOperation::Cas { key: key.clone(), value: value.clone(), modify_index: ended.index },
            TxnOperation::Cas {
                key: keys::ended(&folder, number),
                value: self::value(&ended.rollout)?,
                modify_index: 0,
            },
        ];
        let outdated = keys::outdated(&numbers);
        operations.extend(outdated.map(|number| TxnOperation::Delete { key: keys::ended(&folder, number) }));
        self.fenced(lead, operations, (&key, &value)).await
    }

    async fn commands(&self, target: &Target) -> Result<Vec<Command>, RecordsError> {
        inbox::open(self, target).await
    }

    async fn forget(&self, target: &Target, commands: &[String]) -> Result<(), RecordsError> {
        inbox::forget(self, target, commands).await
    }
}

fn parse(key: &str, value: &[u8]) -> Result<Rollout, RecordsError> {
    serde_json::from_slice(value).map_err(|source| RecordsError::Unreadable { key: key.to_owned(), source })
}

fn value(rollout: &Rollout) -> Result<Bytes, RecordsError> {
    let job = || rollout.target.job.clone();
    let value = serde_json::to_vec(rollout).map_err(|source| RecordsError::Json { job: job(), source })?;
    let size = value.len();
    if size > MAX_RECORD { Err(RecordsError::TooLarge { job: job(), size }) } else { Ok(value.into()) }
}

#[cfg(test)]
mod tests;
