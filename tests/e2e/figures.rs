//! Figures that tests print: they are not judged where the product promises nothing, and shown by `--nocapture`.

use std::time::Duration;

/// Shows a line.
#[expect(
    clippy::print_stdout,
    reason = "figures belong into the output of a test, where they are shown on request"
)]
pub(crate) fn show(line: &str) {
    println!("{line}");
}

/// How long something took, each time.
#[derive(Debug, Default)]
pub(crate) struct Durations(Vec<Duration>);

impl Durations {
    /// One more.
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// The one that so many percent of all do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    /// The longest.
    pub(crate) fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }

    /// p50, p99 and the longest, for people.
    pub(crate) fn summary(&self) -> String {
        let [p50, p99, max] =
            [self.percentile(50), self.percentile(99), self.max()].map(|took| took.as_secs_f64() * 1000.0);
        format!("p50 {p50:.0} ms, p99 {p99:.0} ms, max {max:.0} ms of {}", self.0.len())
    }
}

#[test]
fn a_percentile_is_one_of_the_figures() {
    let mut durations = Durations::default();
    assert_eq!(durations.percentile(50), Duration::ZERO);
    (1..=10).rev().for_each(|ms| durations.add(Duration::from_millis(ms)));
    assert_eq!(durations.percentile(50), Duration::from_millis(5));
    assert_eq!(
        (durations.percentile(99), durations.max()),
        (Duration::from_millis(10), Duration::from_millis(10))
    );
}
