//! Durations in the form that Consul, which is written in Go, reads them.

use std::time::Duration;

/// Milliseconds with their unit. A number alone would be taken for nanoseconds, or for seconds where it is small.
pub(super) fn go(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}
