//! Where the time of a request went.

use std::fmt::Write as _;
use std::time::Duration;

/// How long each phase took; `None` where the request did not get to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PhaseTimings {
    /// Reading and parsing the body.
    pub read: Option<Duration>,
    /// Waiting for a place.
    pub queue: Option<Duration>,
    /// Fetching images given by URL, where there were any.
    pub images: Option<Duration>,
    /// From OpenAI's request to Converse's.
    pub translate: Option<Duration>,
    /// From the first call to the whole answer, or to the first event of a stream; retries included.
    pub upstream_first_byte: Option<Duration>,
}

impl PhaseTimings {
    /// The phases that were reached, in order, each with its name.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let all = [
            ("read", self.read),
            ("queue", self.queue),
            ("images", self.images),
            ("translate", self.translate),
            ("upstream_first_byte", self.upstream_first_byte),
        ];
        all.into_iter().filter_map(|(name, duration)| Some((name, duration?)))
    }

    /// The value of a `Server-Timing` header (W3C Server Timing, section 3): durations in milliseconds, `total` to this moment.
    #[must_use]
    pub fn header(&self, total: Duration) -> String {
        let mut value = String::with_capacity(128);
        for (name, duration) in self.phases().chain([("total", total)]) {
            let separator = if value.is_empty() { "" } else { ", " };
            let micros = duration.as_micros();
            // Whole numbers, because those of broken ones take far longer to write. Writing to a string cannot fail.
            write!(value, "{separator}{name};dur={}.{:03}", micros / 1000, micros % 1000).unwrap_or_default();
        }
        value
    }
}

/// Milliseconds to the microsecond: the proxy's own phases are shorter than one.
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "52 bits of microseconds are a century")]
    let micros = duration.as_micros() as f64;
    micros / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_the_phases_that_were_reached() {
        let timings = PhaseTimings {
            read: Some(Duration::from_micros(1250)),
            queue: Some(Duration::ZERO),
            upstream_first_byte: Some(Duration::from_millis(512)),
            ..PhaseTimings::default()
        };
        assert_eq!(
            timings.header(Duration::from_millis(514)),
            "read;dur=1.250, queue;dur=0.000, upstream_first_byte;dur=512.000, total;dur=514.000"
        );
        assert_eq!(PhaseTimings::default().header(Duration::ZERO), "total;dur=0.000");
    }
}
