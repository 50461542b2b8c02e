//! What the checks need of an instance's page of metrics.
//!
//! Pure. Owns the names of the proxy's metrics that are read, how series are added up, and how much of a page is read at most.

use std::collections::BTreeMap;

use super::exposition::{ExpositionError, Sample, samples};
use crate::rollout::check::{Histogram, Snapshot};

/// Requests that have ended, by status.
const REQUESTS: &str = "nova_proxy_requests_total";
/// Streamed answers that did not reach their end, by cause.
const BROKEN: &str = "nova_proxy_streams_broken_total";
/// What requests took.
const LATENCY: &str = "nova_proxy_request_duration_seconds_bucket";
/// What streams took until their first token.
const FIRST_TOKEN: &str = "nova_proxy_time_to_first_token_seconds_bucket";

/// The most samples that are read. A proxy with ten models and fifty configurations behind it has some thirty thousand.
const MAX_SAMPLES: usize = 200_000;

/// The most bounds that a histogram may have. The proxy's have twenty.
const MAX_BOUNDS: usize = 256;

/// Counts stay exact up to here.
const MAX_COUNT: f64 = 9_007_199_254_740_992.0;

/// Why a page tells nothing that can be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// It is not in Prometheus' format.
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
    /// It has too much.
    #[error(
        "the page has more than {MAX_SAMPLES} samples, or a histogram with more than {MAX_BOUNDS} bounds"
    )]
    TooLarge,
    /// A counter holds what no counter can.
    #[error("{name} is not a count: {value}")]
    NoCount {
        /// The name.
        name: String,
        /// Its value.
        value: String,
    },
    /// It is of another program.
    #[error("the page has none of a nova-proxy's metrics; is its metrics_port that of another listener?")]
    Stranger,
}

/// Reads a page of metrics.
///
/// A stream that broke is counted by the status of its error among the requests, and by its cause among the broken ones. Those with a
/// status below 500, such as a throttled one, are failures too, and are added; a caller's leaving is none.
///
/// # Errors
/// When it is not in Prometheus' format, too large, or of another program.
pub fn read(page: &str) -> Result<Snapshot, ReadingError> {
    let mut snapshot = Snapshot::default();
    let (mut latency, mut first_token) = (Bounds::default(), Bounds::default());
    let (mut server_errors, mut broken) = (0_u64, 0_u64);
    let mut is_ours = false;
    for (read, sample) in samples(page).enumerate() {
        let sample = sample?;
        if read >= MAX_SAMPLES {
            return Err(ReadingError::TooLarge);
        }
        is_ours |= sample.name.starts_with("nova_proxy_");
        match sample.name {
            REQUESTS => {
                let count = count(&sample)?;
                snapshot.requests = snapshot.requests.saturating_add(count);
                if sample.label("status").is_some_and(|status| status.len() == 3 && status >= "500") {
                    server_errors = server_errors.saturating_add(count);
                }
            }
            BROKEN if sample.label("cause").is_some_and(|cause| CALLERS_STATUS.contains(&cause)) => {
                broken = broken.saturating_add(count(&sample)?);
            }
            LATENCY => add(&mut latency, &sample)?,
            FIRST_TOKEN => add(&mut first_token, &sample)?,
            _ => {}
        }
    }
    if !is_ours {
        return Err(ReadingError::Stranger);
    }
    snapshot.failed = server_errors.saturating_add(broken);
    snapshot.latency = histogram(latency);
    snapshot.first_token = histogram(first_token);
    Ok(snapshot)
}

/// Causes of broken streams whose requests are counted under a status below 500: `docs/reference/errors.md` has them all.
const CALLERS_STATUS: &[&str] = &[
    "rate_limit_exceeded",
    "insufficient_quota",
    "context_length_exceeded",
    "invalid_request",
    "content_policy_violation",
    "access_denied",
];

/// Cumulative counts by the bits of their bound, which order as the bounds do since none is negative.
type Bounds = BTreeMap<u64, u64>;

fn add(bounds: &mut Bounds, sample: &Sample<'_>) -> Result<(), ReadingError> {
    let count = count(sample)?;
    let bound = sample.label("le").and_then(|bound| bound.parse::<f64>().ok()).filter(|bound| *bound >= 0.0);
    let bound = bound.ok_or_else(|| fault(sample))?;
    // Adding zero makes a negative zero a positive one.
    let known = bounds.entry((bound + 0.0).to_bits()).or_default();
    *known = known.saturating_add(count);
    if bounds.len() > MAX_BOUNDS { Err(ReadingError::TooLarge) } else { Ok(()) }
}

fn histogram(bounds: Bounds) -> Histogram {
    Histogram { buckets: bounds.into_iter().map(|(bits, count)| (f64::from_bits(bits), count)).collect() }
}

fn count(sample: &Sample<'_>) -> Result<u64, ReadingError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within the range of exact counts"
    )]
    match sample.value {
        value if (0.0..=MAX_COUNT).contains(&value) => Ok(value as u64),
        _ => Err(fault(sample)),
    }
}

fn fault(sample: &Sample<'_>) -> ReadingError {
    let bound = sample.label("le").map(|bound| format!(" at le {bound:?}")).unwrap_or_default();
    ReadingError::NoCount { name: sample.name.to_owned(), value: format!("{}{bound}", sample.value) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "\
# TYPE nova_proxy_requests_total counter
nova_proxy_requests_total{version=\"1\",ring=\"stable\",route=\"chat_completions\",model=\"a\",status=\"200\",config=\"x\"} 90
nova_proxy_requests_total{version=\"1\",ring=\"stable\",route=\"chat_completions\",model=\"b\",status=\"503\",config=\"x\"} 6
nova_proxy_requests_total{version=\"1\",ring=\"stable\",route=\"responses\",model=\"b\",status=\"429\",config=\"x\"} 3
nova_proxy_requests_total{version=\"1\",ring=\"stable\",route=\"responses\",model=\"b\",status=\"499\",config=\"x\"} 1
nova_proxy_streams_broken_total{cause=\"server_shutdown\"} 2
nova_proxy_streams_broken_total{cause=\"client_closed\"} 1
nova_proxy_streams_broken_total{cause=\"rate_limit_exceeded\"} 1
nova_proxy_request_duration_seconds_bucket{model=\"a\",le=\"0.5\"} 50
nova_proxy_request_duration_seconds_bucket{model=\"a\",le=\"+Inf\"} 90
nova_proxy_request_duration_seconds_sum{model=\"a\"} 12.5
nova_proxy_request_duration_seconds_bucket{model=\"b\",le=\"0.5\"} 4
nova_proxy_request_duration_seconds_bucket{model=\"b\",le=\"+Inf\"} 10
";

    #[test]
    fn series_are_added_up_over_their_labels() {
        let found = read(PAGE).unwrap();
        assert_eq!((found.requests, found.failed), (100, 7), "one throttled stream beside six of 5xx");
        assert_eq!(found.latency.buckets, [(0.5, 54), (f64::INFINITY, 100)]);
        assert!(found.first_token.buckets.is_empty());
    }

    #[test]
    fn what_cannot_be_judged_is_told() {
        assert_eq!(read("go_goroutines 7\n"), Err(ReadingError::Stranger));
        assert_eq!(read(""), Err(ReadingError::Stranger));
        for value in ["-1", "NaN", "+Inf", "1e300"] {
            let error = read(&format!("{REQUESTS} {value}\n")).unwrap_err();
            assert!(error.to_string().contains("is not a count"), "{error}");
        }
        assert!(read(&format!("{LATENCY}{{le=\"x\"}} 1\n")).unwrap_err().to_string().contains("le \"x\""));
        let many: String = (0..=MAX_BOUNDS).map(|n| format!("{LATENCY}{{le=\"{n}\"}} 1\n")).collect();
        assert_eq!(read(&many), Err(ReadingError::TooLarge));
        let many = "nova_proxy_up 1\n".repeat(MAX_SAMPLES + 1);
        assert_eq!(read(&many), Err(ReadingError::TooLarge));
    }

    /// A page of a proxy that served a handful of requests in front of the simulator, as its metrics listener gave it.
    #[test]
    fn the_page_of_a_real_proxy_is_read_whole() {
        let page = include_str!("readings/page.txt");
        let found = read(page).unwrap();
        let unread: Vec<_> = samples(page).filter_map(Result::err).collect();
        assert_eq!(unread, []);
        // Ten answers, a model that is not served, a refusal and a failure of Bedrock's, and a stream that broke, which is a 502.
        assert_eq!((found.requests, found.failed), (14, 2));
        assert_eq!((found.latency.count(), found.first_token.count()), (14, 6));
        assert!(found.latency.buckets.len() > 10 && found.first_token.buckets.len() > 10);
    }

    proptest! {
        #[test]
        fn whatever_is_served_is_a_reading_or_a_reason(
            lines in prop::collection::vec((prop::sample::select(vec![REQUESTS, BROKEN, LATENCY, FIRST_TOKEN, "x"]), "\\PC{0,12}", any::<f64>()), 0..12),
        ) {
            let page: String = lines.iter().map(|(name, label, value)| format!("{name}{{le=\"{label}\"}} {value}\n")).collect();
            if let Ok(found) = read(&page) {
                prop_assert!(found.latency.buckets.is_sorted_by(|one, other| one.0 < other.0));
            }
        }
    }
}
