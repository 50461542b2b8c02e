//! One message to one address: tried again with growing pauses, and given up in the end.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::Message;
use crate::seams::webhook::{Endpoint, Reply, Webhooks};

/// How often a message is tried in all: over about two minutes, which outlasts the restart of a receiver.
pub(super) const TRIES: usize = 6;

/// The pauses between tries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    /// The first one; it doubles with each try, and has a random part.
    pub(super) first: Duration,
    /// The longest one.
    pub(super) longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first: Duration::from_secs(4), longest: Duration::from_secs(60) }
    }
}

/// Delivers a message. A refusal is tried again as well: receivers say so too when they are overrun.
///
/// # Errors
/// Why the last try failed.
pub(super) async fn deliver(
    webhooks: &Webhooks,
    to: &Endpoint,
    message: &Message,
    pauses: Pauses,
) -> Result<(), String> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(pauses.first)
        .with_max_delay(pauses.longest)
        .with_max_times(TRIES - 1)
        .with_jitter();
    let send = || async {
        match webhooks.post(to, message, jiff::Timestamp::now()).await {
            Ok(Reply::Open) => Ok(()),
            Ok(Reply::Refused(said)) => Err(format!("it was refused: {said}")),
            Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
        }
    };
    send.retry(pauses).await
}
