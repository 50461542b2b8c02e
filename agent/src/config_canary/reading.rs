//! An instance's page of metrics to the counts that a candidate is judged by.
//!
//! Pure. Names and sums are those of rollouts, in `seams::readings`; what is different here is which series count, and what is a failure.

use std::borrow::Cow;

use crate::rollout::check::Snapshot;
use crate::seams::exposition::samples;
use crate::seams::readings::{self, ReadingError};

/// The label that tells by which configuration a request was answered.
const CONFIG: &str = "config";

/// Requests that have ended, by status.
const REQUESTS: &str = "nova_proxy_requests_total";

/// Streamed answers that did not reach their end, by cause.
const BROKEN: &str = "nova_proxy_streams_broken_total";

/// The status of a request that was turned away for want of capacity.
const TOO_MANY: &str = "429";

/// Causes of broken streams whose requests are counted under that status.
const TOO_MANY_CAUSES: [&str; 2] = ["rate_limit_exceeded", "insufficient_quota"];

/// Reads a page. Of series that tell their configuration only those with this hash count; without one all of them do.
///
/// Answers of status 429 count as failures beside those of 500 and above. A version of the program does not bring them about, so that
/// rollouts pass over them; which model is asked and how many requests are let in is what a configuration says.
///
/// # Errors
/// As [`readings::read`].
pub fn read(page: &str, hash: Option<&str>) -> Result<Snapshot, ReadingError> {
    let page = hash.map_or(Cow::Borrowed(page), |hash| Cow::Owned(of_config(page, hash)));
    let mut snapshot = readings::read(&page)?;
    let (mut turned_away, mut counted_already) = (0.0, 0.0);
    for sample in samples(&page) {
        let sample = sample?;
        let is = |label, values: &[&str]| sample.label(label).is_some_and(|value| values.contains(&value));
        if sample.name == REQUESTS && is("status", &[TOO_MANY]) {
            turned_away += sample.value;
        } else if sample.name == BROKEN && is("cause", &TOO_MANY_CAUSES) {
            // Streams that broke so are failures of rollouts too.
            counted_already += sample.value;
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both are sums of counts that were read as such before, and the difference is not below zero"
    )]
    let more = f64::max(turned_away - counted_already, 0.0) as u64;
    snapshot.failed = snapshot.failed.saturating_add(more).min(snapshot.requests);
    Ok(snapshot)
}

/// The page without the samples of other configurations. A quote within a value is escaped, so that the label is found by its text.
fn of_config(page: &str, hash: &str) -> String {
    let label = |before: char| format!("{before}{CONFIG}=\"");
    let (first, later) = (label('{'), label(','));
    let is_of_other = |line: &str| {
        let value = [&first, &later].into_iter().find_map(|label| line.split_once(label.as_str()));
        value.is_some_and(|(_, value)| value.strip_prefix(hash).is_none_or(|rest| !rest.starts_with('"')))
    };
    page.lines().filter(|line| !is_of_other(line)).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
nova_proxy_requests_total{model=\"a\",status=\"200\",config=\"old\"} 90
nova_proxy_requests_total{model=\"a\",status=\"429\",config=\"old\"} 2
nova_proxy_requests_total{model=\"a\",status=\"200\",config=\"new\"} 10
nova_proxy_requests_total{config=\"new\",model=\"a\",status=\"429\"} 6
nova_proxy_requests_total{model=\"x,config=\\\"new\\\"\",status=\"500\",config=\"newer\"} 3
nova_proxy_requests_total{model=\"a\",status=\"503\",config=\"new\"} 1
nova_proxy_streams_broken_total{cause=\"rate_limit_exceeded\"} 2
nova_proxy_request_duration_seconds_bucket{model=\"a\",config=\"old\",le=\"+Inf\"} 92
nova_proxy_request_duration_seconds_bucket{model=\"a\",config=\"new\",le=\"+Inf\"} 17
";

    #[test]
    fn the_requests_of_one_configuration_are_told_from_those_of_others() {
        let new = read(PAGE, Some("new")).unwrap();
        assert_eq!((new.requests, new.latency.count()), (17, 17));
        let old = read(PAGE, Some("old")).unwrap();
        assert_eq!((old.requests, old.latency.count()), (92, 92));
        assert_eq!(read(PAGE, None).unwrap().requests, 112);
    }

    #[test]
    fn requests_that_are_turned_away_are_failures_and_a_stream_counts_once() {
        // One of 503, six of 429, of which two were streams that broke.
        assert_eq!(read(PAGE, Some("new")).unwrap().failed, 7);
        let whole = "nova_proxy_requests_total{status=\"429\",config=\"c\"} 5\n";
        let found = read(whole, Some("c")).unwrap();
        assert_eq!((found.requests, found.failed), (5, 5));
    }

    #[test]
    fn a_page_of_another_program_is_told() {
        assert_eq!(read("go_goroutines 7\n", Some("c")), Err(ReadingError::Stranger));
        assert!(read("{", None).is_err());
    }
}
