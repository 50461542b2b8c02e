//! What the checks need of an instance's page of metrics.
//!
//! Pure. Owns the names of the proxy's metrics that are read, how series are added up, and how much of a page is read at most.

use std::collections::BTreeMap;

use super::exposition::{ExpositionError, Sample, samples};
use crate::rollout::check::{Counts, Histogram, Snapshot};

/// Requests that have ended, by status.
const REQUESTS: &str = "nova_proxy_requests_total";
/// Streamed answers that did not reach their end, by cause.
const BROKEN: &str = "nova_proxy_streams_broken_total";
/// What requests took.
const LATENCY: &str = "nova_proxy_request_duration_seconds_bucket";
/// What streams took until their first token.
const FIRST_TOKEN: &str = "nova_proxy_time_to_first_token_seconds_bucket";
/// How many streams' speeds were measured.
const STREAMS: &str = "nova_proxy_output_tokens_per_second_count";
/// The sum of their speeds.
const SPEED: &str = "nova_proxy_output_tokens_per_second_sum";
/// Finished answers, by the reason for which they stopped.
const STOPS: &str = "nova_proxy_stop_reasons_total";
/// Tokens, by direction.
const TOKENS: &str = "nova_proxy_tokens_total";

/// Reasons of answers that were cut short.
const CUT_SHORT: &[&str] = &["length", "content_filter"];

/// The most strata that are told apart: models are names of the configuration, of which there are some. What is beyond is one more.
const MAX_STRATA: usize = 64;

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
    let mut strata = BTreeMap::<String, Stratum>::new();
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
                let counts = &mut of_request(&mut strata, &sample).counts;
                snapshot.requests = snapshot.requests.saturating_add(count);
                counts.requests = counts.requests.saturating_add(count);
                if sample.label("status").is_some_and(|status| status.len() == 3 && status >= "500") {
                    server_errors = server_errors.saturating_add(count);
                    counts.failed = counts.failed.saturating_add(count);
                }
            }
            BROKEN if sample.label("cause").is_some_and(|cause| CALLERS_STATUS.contains(&cause)) => {
                broken = broken.saturating_add(count(&sample)?);
            }
            LATENCY => add(&mut of_request(&mut strata, &sample).latency, &sample)?,
            FIRST_TOKEN => add(&mut of_answer(&mut strata, &sample).first_token, &sample)?,
            STREAMS | STOPS | TOKENS => {
                let count = count(&sample)?;
                of_answer(&mut strata, &sample).count(&sample, count);
            }
            SPEED if sample.value >= 0.0 && sample.value.is_finite() => {
                of_answer(&mut strata, &sample).counts.speed += sample.value;
            }
            SPEED => return Err(fault(&sample)),
            _ => {}
        }
    }
    if !is_ours {
        return Err(ReadingError::Stranger);
    }
    snapshot.failed = server_errors.saturating_add(broken);
    snapshot.latency = histogram(united(strata.values().map(|stratum| &stratum.latency))?);
    snapshot.first_token = histogram(united(strata.values().map(|stratum| &stratum.first_token))?);
    snapshot.strata = strata.into_iter().map(|(name, stratum)| (name, stratum.finish())).collect();
    // Broken streams are not counted by model: they are a stratum of their own, out of all streams.
    let streams = Counts { requests: snapshot.first_token.count(), failed: broken, ..Counts::default() };
    if streams.requests > 0 || broken > 0 {
        snapshot.strata.insert(BROKEN_STREAMS.to_owned(), streams);
    }
    Ok(snapshot)
}

/// The stratum of streams that broke.
const BROKEN_STREAMS: &str = "broken streams";

/// A stratum while a page is read.
#[derive(Default)]
struct Stratum {
    counts: Counts,
    latency: Bounds,
    first_token: Bounds,
}

impl Stratum {
    fn count(&mut self, sample: &Sample<'_>, count: u64) {
        let add = |sum: &mut u64| *sum = sum.saturating_add(count);
        match sample.name {
            STREAMS => add(&mut self.counts.streams),
            STOPS => {
                add(&mut self.counts.answers);
                if sample.label("reason").is_some_and(|reason| CUT_SHORT.contains(&reason)) {
                    add(&mut self.counts.cut_short);
                }
            }
            _ if sample.label("direction") == Some("output") => add(&mut self.counts.output_tokens),
            _ => {}
        }
    }

    fn finish(self) -> Counts {
        Counts { latency: histogram(self.latency), first_token: histogram(self.first_token), ..self.counts }
    }
}

/// Requests are alike that have their route and their model in common.
fn of_request<'s>(strata: &'s mut BTreeMap<String, Stratum>, sample: &Sample<'_>) -> &'s mut Stratum {
    let part = |label| sample.label(label).unwrap_or_default();
    of(strata, format!("{} {}", part("route"), part("model")))
}

/// Answers are alike that have their model in common.
fn of_answer<'s>(strata: &'s mut BTreeMap<String, Stratum>, sample: &Sample<'_>) -> &'s mut Stratum {
    of(strata, sample.label("model").unwrap_or_default().to_owned())
}

fn of(strata: &mut BTreeMap<String, Stratum>, name: String) -> &mut Stratum {
    let is_beyond = strata.len() >= MAX_STRATA && !strata.contains_key(&name);
    strata.entry(if is_beyond { "others".to_owned() } else { name }).or_default()
}

/// The buckets of all strata together.
fn united<'b>(all: impl Iterator<Item = &'b Bounds>) -> Result<Bounds, ReadingError> {
    let mut united = Bounds::default();
    for (bits, count) in all.flatten() {
        let known = united.entry(*bits).or_default();
        *known = known.saturating_add(*count);
    }
    if united.len() > MAX_BOUNDS { Err(ReadingError::TooLarge) } else { Ok(united) }
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
    fn what_is_alike_is_counted_by_itself() {
        let page = format!(
            "{PAGE}\
             nova_proxy_output_tokens_per_second_sum{{model=\"a\",config=\"x\"}} 250.5\n\
             nova_proxy_output_tokens_per_second_count{{model=\"a\",config=\"x\"}} 5\n\
             nova_proxy_stop_reasons_total{{model=\"a\",reason=\"stop\"}} 7\n\
             nova_proxy_stop_reasons_total{{model=\"a\",reason=\"length\"}} 2\n\
             nova_proxy_tokens_total{{model=\"a\",direction=\"output\"}} 900\n\
             nova_proxy_tokens_total{{model=\"a\",direction=\"input\"}} 5000\n"
        );
        let strata = read(&page).unwrap().strata;
        let requests = |name: &str| (strata[name].requests, strata[name].failed);
        assert_eq!(requests("chat_completions a"), (90, 0));
        assert_eq!(requests("chat_completions b"), (6, 6));
        assert_eq!(requests("responses b"), (4, 0));
        assert_eq!(requests("broken streams"), (0, 1));
        let answers = &strata["a"];
        assert_eq!(
            (answers.streams, answers.answers, answers.cut_short, answers.output_tokens),
            (5, 9, 2, 900)
        );
        assert!((answers.speed - 250.5).abs() < 1e-9);
        for value in ["-1", "NaN", "+Inf"] {
            assert!(matches!(read(&format!("{SPEED} {value}\n")), Err(ReadingError::NoCount { .. })));
        }
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
