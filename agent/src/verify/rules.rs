//! What is expected of an environment, where it is not the same everywhere. Pure.

use std::time::Duration;

/// The largest difference of clocks that passes. JWT methods of Consul and Vault allow 60 seconds where they say nothing
/// else, and AWS allows 5 minutes for a signature; half of the first leaves room for two clocks that are off in opposite directions.
pub const MAX_SKEW: Duration = Duration::from_secs(30);

/// How long before its end a certificate is worth a look.
pub const CERTIFICATE_NOTICE: Duration = Duration::from_secs(14 * 24 * 3600);

/// How old the record of the leader's tasks may be: it is written every ten seconds while all is well.
pub const MAX_RECORD_AGE: Duration = Duration::from_secs(60);

/// What is expected.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How many instances there are to be at least.
    pub instances: usize,
    /// The largest difference of clocks.
    pub max_skew: Duration,
    /// How old a secret may be, where somebody has said so.
    pub max_secret_age: Option<Duration>,
    /// The task driver that the job is to run by.
    pub driver: String,
    /// The host volume that the job is to have, if any.
    pub host_volume: Option<String>,
    /// How long an instance is to drain.
    pub drain: Duration,
}

impl Default for Rules {
    /// What `jobs/nova-proxy.nomad.hcl` has where nothing is said.
    fn default() -> Self {
        Self {
            instances: 1,
            max_skew: MAX_SKEW,
            max_secret_age: None,
            driver: "exec".to_owned(),
            host_volume: None,
            drain: Duration::from_secs(20),
        }
    }
}

impl Rules {
    /// How long a task needs between SIGTERM and SIGKILL for this drain, as the job reckons it: three seconds in which everything is
    /// still served, the drain, and seven for the last calls.
    #[must_use]
    pub fn kill_timeout(&self) -> Duration {
        self.drain.saturating_add(Duration::from_secs(10))
    }
}
