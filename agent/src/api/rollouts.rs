//! What the API needs of rollouts: to list and read them, and to hand orders over. The seam to the engine.
//!
//! Records are passed on as they are stored, so that members of a later version are not lost on their way; a record that this
//! version cannot read is named with the reason.

mod stored;

use serde::Deserialize;
use serde_json::Value;

use crate::driver::Pending;
use crate::leader::Leadership;
use crate::rollout::observation::{Command, CommandKind};
use crate::rollout::record::Target;

pub use stored::StoredRollouts;

/// The command at the end of a path.
pub(super) fn command_kind(text: &str) -> Option<CommandKind> {
    let all = [
        CommandKind::Approve,
        CommandKind::Pause,
        CommandKind::Resume,
        CommandKind::Promote,
        CommandKind::Abort,
    ];
    all.into_iter().find(|kind| kind.as_str() == text)
}

/// The body of an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The deployment that is meant: an order that was meant for another one must not hit this one.
    pub deployment_id: String,
    /// Why, for the history.
    #[serde(default)]
    pub reason: String,
}

/// Why rollouts cannot be read or ordered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RolloutsError {
    /// Consul did not answer, or refused.
    #[error("the records of rollouts cannot be reached: {0}")]
    Unavailable(String),
    /// There is no rollout of this job.
    #[error("there is no rollout of the job {job} in the namespace {namespace}")]
    None {
        /// The namespace.
        namespace: String,
        /// The job.
        job: String,
    },
    /// The rollout is of another deployment.
    #[error("the rollout is of the deployment {current:?} by now")]
    OtherDeployment {
        /// Its deployment.
        current: String,
    },
    /// The order makes no sense as things stand.
    #[error("{why}")]
    Refused {
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// Somebody else leads by now.
    #[error("this instance no longer leads")]
    NotLeading,
}

/// Rollouts, as the API sees them.
pub trait Rollouts: Send + Sync {
    /// The record of each job's latest rollout.
    ///
    /// # Errors
    /// When Consul does not answer, or refuses.
    fn list(&self) -> Pending<'_, Result<Vec<Value>, RolloutsError>>;

    /// The record of one; nothing where there is none.
    ///
    /// # Errors
    /// As [`Self::list`].
    fn read<'a>(&'a self, target: &'a Target) -> Pending<'a, Result<Option<Value>, RolloutsError>>;

    /// The records of those that have ended, the newest first.
    ///
    /// # Errors
    /// As [`Self::list`].
    fn history<'a>(&'a self, target: &'a Target) -> Pending<'a, Result<Vec<Value>, RolloutsError>>;

    /// Hands an order to the engine, which carries it out with its next look. Called on the leader alone. Returns the command as it
    /// was taken in.
    ///
    /// # Errors
    /// When there is no such rollout, it is of another deployment, or the order makes no sense.
    fn command<'a>(
        &'a self,
        leadership: &'a Leadership,
        target: &'a Target,
        command: Command,
    ) -> Pending<'a, Result<Value, RolloutsError>>;
}
