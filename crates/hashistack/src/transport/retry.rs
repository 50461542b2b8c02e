//! Second tries, for calls that may be sent twice and callers who want them.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use super::Transport;
use super::answer::Answer;
use super::call::Call;
use super::error::HashistackError;

/// How often a call is sent again after a failure that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How many times after the first.
    pub most: usize,
    /// The pause before the second try; it doubles with each one, and has a random part so that clients do not move together.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for Retries {
    /// Three more tries within about two seconds: an election of Consul's leader mostly takes less.
    fn default() -> Self {
        Self { most: 3, first: Duration::from_millis(200), longest: Duration::from_secs(1) }
    }
}

impl Transport {
    /// Sends the call until it is answered, or refused for good, or the tries are used up.
    pub(super) async fn send_again(&self, call: &Call, retries: Retries) -> Result<Answer, HashistackError> {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(retries.first)
            .with_max_delay(retries.longest)
            .with_max_times(retries.most)
            .with_jitter();
        let send = || self.send_once(call);
        send.retry(pauses).when(HashistackError::is_transient).await
    }
}
