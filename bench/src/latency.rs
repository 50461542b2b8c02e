//! Latencies of many requests.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is told apart: a minute.
const HIGHEST_NS: u64 = 60_000_000_000;

/// A histogram of nanoseconds with three digits.
#[derive(Debug, Clone)]
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, HIGHEST_NS, 3)?))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(HIGHEST_NS));
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    /// In milliseconds; `None` when nothing was recorded.
    pub(crate) fn percentile_ms(&self, percentile: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "three digits were kept")]
        (!self.0.is_empty()).then(|| self.0.value_at_percentile(percentile) as f64 / 1e6)
    }
}
