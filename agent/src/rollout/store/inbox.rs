//! Commands of people on their way to the leader: each a key of its own, written once and removed when it is handled.
//!
//! A command survives the instance that took it in. It is carried out once: the record names it as handled before it is removed.

use bytes::Bytes;
use jiff::Timestamp;
use nova_hashistack::consul::TxnOperation;
use nova_hashistack::transport::HashistackError;

use super::{Lead, RecordsError, RolloutStore, Stored, Write, keys};
use crate::rollout::observation::{Command, CommandKind};
use crate::rollout::record::Target;

/// How many commands of one job are open at most: fewer than a record remembers as handled.
const MAX_OPEN: usize = 16;

/// The longest reason that is kept, in bytes.
const MAX_REASON: usize = 1024;

/// Why a command is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is nothing to command.
    #[error("there is no rollout of {job} under way")]
    NoRollout {
        /// The job.
        job: String,
    },
    /// It is about another deployment.
    #[error(
        "the rollout of {job} is of deployment {current}, and not of {asked}: look at its status, and command again"
    )]
    OtherDeployment {
        /// The job.
        job: String,
        /// The deployment of the rollout.
        current: String,
        /// The one that was named.
        asked: String,
    },
    /// Too many wait.
    #[error("{MAX_OPEN} commands for {job} wait to be carried out: see whether an agent leads")]
    TooMany {
        /// The job.
        job: String,
    },
    /// This instance does not lead any more.
    #[error("this agent does not lead any more: ask the one that does")]
    Deposed,
    /// The store failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl RolloutStore {
    /// Takes a command in, which the leader carries out with its next look. `stored` is what was read of the job.
    ///
    /// # Errors
    /// When there is no rollout of this deployment under way, or it cannot be written.
    pub async fn submit(
        &self,
        lead: &impl Lead,
        target: &Target,
        stored: Option<&Stored>,
        command: Command,
    ) -> Result<Command, CommandError> {
        let job = || target.job.clone();
        let current = stored.filter(|stored| !stored.rollout.has_ended());
        let current = current.ok_or_else(|| CommandError::NoRollout { job: job() })?;
        if current.rollout.deployment_id != command.deployment_id {
            let current = current.rollout.deployment_id.clone();
            return Err(CommandError::OtherDeployment { job: job(), current, asked: command.deployment_id });
        }
        let folder = keys::commands(&self.prefix, target);
        if self.names(&folder).await?.len() >= MAX_OPEN {
            return Err(CommandError::TooMany { job: job() });
        }
        let key = format!("{folder}{}", command.id);
        let value =
            serde_json::to_vec(&command).map_err(|source| RecordsError::Json { job: job(), source })?;
        let value = Bytes::from(value);
        let write = TxnOperation::Cas { key: key.clone(), value: value.clone(), modify_index: 0 };
        match self.fenced(lead, vec![write], (&key, &value)).await? {
            Write::Written(_) => Ok(command),
            Write::Deposed | Write::Conflict => Err(CommandError::Deposed),
        }
    }
}

impl Command {
    /// A command of now. Its id is one that nothing else has, and sorts by time.
    #[must_use]
    pub fn new(kind: CommandKind, deployment_id: &str, by: &str, reason: &str, at: Timestamp) -> Self {
        let reason = reason.get(..reason.floor_char_boundary(MAX_REASON)).unwrap_or_default();
        Self {
            id: uuid::Uuid::now_v7().to_string(),
            deployment_id: deployment_id.to_owned(),
            kind,
            by: by.to_owned(),
            reason: reason.to_owned(),
            at,
        }
    }
}

/// The open commands of a job, the earliest first. One that cannot be read is of a later version, or no command: it waits for who
/// can read it.
pub(super) async fn open(store: &RolloutStore, target: &Target) -> Result<Vec<Command>, RecordsError> {
    let entries = store.list(&keys::commands(&store.prefix, target)).await?;
    Ok(entries.iter().filter_map(|entry| serde_json::from_slice(&entry.value).ok()).collect())
}

/// Removes commands. They are named in a record by then, so that whoever removes them does no harm.
pub(super) async fn forget(
    store: &RolloutStore,
    target: &Target,
    commands: &[String],
) -> Result<(), RecordsError> {
    let folder = keys::commands(&store.prefix, target);
    let operations: Vec<_> =
        commands.iter().map(|id| TxnOperation::Delete { key: format!("{folder}{id}") }).collect();
    let sent: Result<_, HashistackError> = store.consul.txn(operations).await;
    sent.map(drop).map_err(|source| RecordsError::of("removing commands", source))
}
