//! What the daemon does again and again: one file for each automation, and what all of them share.

pub mod config_canary;
mod leader_record;
pub mod rollouts;

use nova_hashistack::ConsulClient;
use nova_hashistack::HashistackError;
use nova_hashistack::consul::{TxnOperation, TxnOutcome};

use crate::leader::Leadership;
use crate::metrics as names;

pub use leader_record::{LeaderRecord, follow as follow_leader_record};

/// The name of the task that drives rollouts.
pub const ROLLOUTS: &str = "rollouts";

/// What came of a write under a fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FencedWrite {
    /// It was carried out.
    Written(Vec<nova_hashistack::consul::KvEntry>),
    /// Nothing was written, because somebody else leads by now.
    Deposed,
    /// Nothing was written, because a key is not as it was expected.
    Conflict,
}

/// Writes under the leader's fence: all of it, or nothing where somebody else leads by now or a key is not as expected.
///
/// # Errors
/// When there is no answer, and then it may have been written; or a refusal.
pub async fn write_fenced(
    consul: &ConsulClient,
    leadership: &Leadership,
    mut operations: Vec<TxnOperation>,
) -> Result<FencedWrite, HashistackError> {
    operations.insert(0, leadership.fence());
    let outcome = consul.txn(operations).await;
    let (word, written) = match outcome {
        Ok(TxnOutcome::Committed { entries }) => ("written", Ok(FencedWrite::Written(entries))),
        Ok(TxnOutcome::Conflict(conflicts)) if conflicts.iter().any(|conflict| conflict.operation == 0) => {
            leadership.doubt();
            ("refused", Ok(FencedWrite::Deposed))
        }
        Ok(TxnOutcome::Conflict(_)) => ("conflict", Ok(FencedWrite::Conflict)),
        Err(error) => ("failed", Err(error)),
    };
    metrics::counter!(names::FENCED_WRITES_TOTAL, "outcome" => word).increment(1);
    written
}
