//! The proxy's log as a record of traffic: what was used, by model, region and day.
//!
//! Owns which lines are requests and what of them is counted. A line that is none is passed over and counted, because a log may have been
//! collected together with others; a request that cannot be accounted for is counted apart, and never taken for nothing.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use nova_pricing::kind::Kind;
use nova_pricing::model::ModelRef;
use nova_pricing::usage::Usage;
use serde::Deserialize;

/// The longest line: the proxy's own are below a kilobyte.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Model and region that were called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Called {
    /// The model, and the way to it.
    pub model: ModelRef,
    /// The AWS region.
    pub region: String,
}

/// What a log tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessLog {
    /// What was used, by what was called and by the day of UTC on which the request ended.
    pub usage: BTreeMap<Called, BTreeMap<Date, Usage>>,
    /// Requests, whatever became of them.
    pub requests: u64,
    /// When the first and the last of them ended.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Calls that may have been billed and told no usage.
    pub unreported_calls: u64,
    /// Images that were drawn: the log does not tell their size and quality, on which their price depends.
    pub images: u64,
    /// Requests that used something and whose model or region is not told.
    pub unknown: u64,
    /// Lines that are no requests.
    pub other_lines: u64,
}

/// A log that cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum AccessLogError {
    /// The reading failed.
    #[error("the log cannot be read")]
    Read(#[source] io::Error),
    /// A line has no end.
    #[error("line {line} is longer than {LINE_BYTES_MAX} bytes: give the log of a proxy")]
    TooLong {
        /// Its number, from 1.
        line: u64,
    },
    /// A sum does not fit into 64 bits.
    #[error("line {line}: the tokens of all requests together do not fit")]
    TooMuch {
        /// Its number, from 1.
        line: u64,
    },
}

/// What counts of the line that the proxy writes when a request has ended.
#[derive(Deserialize)]
struct RequestLine {
    ts: Timestamp,
    outcome: String,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cache_read_tokens: u64,
    #[serde(default)]
    cache_write_tokens: u64,
    #[serde(default)]
    images: Option<u64>,
    #[serde(default)]
    unreported_calls: u64,
}

/// The outcomes of requests: a line of something else that has such a member by chance has another word in it.
const OUTCOMES: [&str; 5] = ["completed", "failed", "broken", "client_closed", "lost"];

/// Reads a log: one JSON object a line.
///
/// # Errors
/// When it cannot be read, or is no log of lines.
pub fn read(mut from: impl BufRead) -> Result<AccessLog, AccessLogError> {
    let mut log = AccessLog::default();
    let mut bytes = Vec::new();
    let mut line = 0;
    loop {
        line += 1;
        bytes.clear();
        let length =
            from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes).map_err(AccessLogError::Read)?;
        if length == 0 {
            return Ok(log);
        }
        if bytes.last() != Some(&b'\n') && u64::try_from(length) == Ok(LINE_BYTES_MAX) {
            return Err(AccessLogError::TooLong { line });
        }
        match serde_json::from_slice::<RequestLine>(&bytes) {
            Ok(request) if OUTCOMES.contains(&request.outcome.as_str()) => {
                log.add(&request).ok_or(AccessLogError::TooMuch { line })?;
            }
            _ => log.other_lines += 1,
        }
    }
}

impl AccessLog {
    /// Nothing where a sum does not fit.
    fn add(&mut self, request: &RequestLine) -> Option<()> {
        self.requests += 1;
        let (first, last) = self.span.unwrap_or((request.ts, request.ts));
        self.span = Some((first.min(request.ts), last.max(request.ts)));
        self.unreported_calls = self.unreported_calls.checked_add(request.unreported_calls)?;
        self.images = self.images.checked_add(request.images.unwrap_or_default())?;
        let usage = Usage::new()
            .with(Kind::Input, request.input_tokens)
            .with(Kind::Output, request.output_tokens)
            .with(Kind::CacheRead, request.cache_read_tokens)
            .with(Kind::CacheWrite, request.cache_write_tokens);
        if usage.is_empty() {
            return Some(());
        }
        let model = request.target.as_ref().and_then(|target| target.parse::<ModelRef>().ok());
        let (Some(model), Some(region)) = (model, request.region.clone()) else {
            self.unknown += 1;
            return Some(());
        };
        let day = Offset::UTC.to_datetime(request.ts).date();
        let days = self.usage.entry(Called { model, region }).or_default();
        let sum = days.remove(&day).unwrap_or_default().checked_add(&usage)?;
        days.insert(day, sum);
        Some(())
    }

    /// The days of UTC that it covers from their first second to their last: neither the first day nor the last one.
    #[must_use]
    pub fn whole_days(&self) -> Vec<Date> {
        let Some((first, last)) = self.span else { return Vec::new() };
        let date = |instant| Offset::UTC.to_datetime(instant).date();
        let end = date(last);
        std::iter::successors(date(first).tomorrow().ok(), |day| day.tomorrow().ok())
            .take_while(|day| *day < end)
            .collect()
    }

    /// The seconds from its first request to its last one.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.span.map_or(0, |(first, last)| {
            u64::try_from(last.as_second() - first.as_second()).unwrap_or_default()
        })
    }
}

/// All that was used of one thing that was called; nothing where the sum does not fit.
#[must_use]
pub fn total(days: &BTreeMap<Date, Usage>) -> Option<Usage> {
    days.values().try_fold(Usage::new(), Usage::checked_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ts: &str, rest: &str) -> String {
        format!(
            "{{\"ts\":\"{ts}\",\"level\":\"info\",\"msg\":\"request completed\",\"outcome\":\"completed\"{rest}}}\n"
        )
    }

    const LITE: &str = ",\"target\":\"us.amazon.nova-lite-v1:0\",\"region\":\"us-east-1\",\"input_tokens\":10,\"output_tokens\":5,\"cache_read_tokens\":100,\"cache_write_tokens\":0,\"unreported_calls\":0";

    fn parsed(text: &str) -> AccessLog {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn requests_are_summed_by_what_was_called_and_by_day() {
        let text = [
            line("2026-06-01T23:59:59Z", LITE),
            line("2026-06-02T00:00:00Z", LITE),
            line("2026-06-02T12:00:00Z", LITE),
            "{\"ts\":\"2026-06-02T12:00:00Z\",\"msg\":\"configuration applied\"}\n".to_owned(),
            "not JSON at all\n".to_owned(),
        ]
        .concat();
        let log = parsed(&text);
        assert_eq!((log.requests, log.other_lines), (3, 2));
        let (called, days) = log.usage.first_key_value().unwrap();
        assert_eq!(
            (called.model.to_string().as_str(), called.region.as_str()),
            ("us.amazon.nova-lite-v1:0", "us-east-1")
        );
        let inputs: Vec<_> = days.values().map(|usage| usage.units(Kind::Input)).collect();
        assert_eq!(inputs, [10, 20]);
        assert_eq!(total(days).unwrap().units(Kind::CacheRead), 300);
    }

    #[test]
    fn what_cannot_be_accounted_for_is_counted_apart() {
        let text = [
            line("2026-06-01T10:00:00Z", ",\"unreported_calls\":2"),
            line("2026-06-01T10:00:01Z", ",\"input_tokens\":3,\"region\":\"us-east-1\",\"target\":\"arn:aws:bedrock:us-east-1:1:application-inference-profile/x\""),
            line("2026-06-01T10:00:02Z", ",\"images\":4,\"target\":\"amazon.nova-canvas-v1:0\",\"region\":\"us-east-1\""),
            line("2026-06-01T10:00:03Z", ",\"images\":null,\"target\":null,\"region\":null"),
        ]
        .concat();
        let log = parsed(&text);
        assert_eq!((log.requests, log.unreported_calls, log.unknown, log.images), (4, 2, 1, 4));
        assert!(log.usage.is_empty());
        assert_eq!(log.seconds(), 3);
    }

    #[test]
    fn whole_days_are_those_between_the_first_and_the_last() {
        let days = |first: &str, last: &str| {
            parsed(&[line(first, LITE), line(last, LITE)].concat()).whole_days().len()
        };
        assert_eq!(days("2026-06-01T00:00:00Z", "2026-06-02T23:59:59Z"), 0);
        assert_eq!(days("2026-06-01T12:00:00Z", "2026-06-05T00:00:00Z"), 3);
        assert_eq!(AccessLog::default().whole_days(), Vec::<Date>::new());
    }

    #[test]
    fn an_unfinished_last_line_is_counted_as_none_and_an_endless_one_is_refused() {
        let log = parsed(&(line("2026-06-01T10:00:00Z", LITE) + "{\"ts\":\"2026-06-01T10:0"));
        assert_eq!((log.requests, log.other_lines), (1, 1));
        let endless = vec![b'x'; usize::try_from(LINE_BYTES_MAX).unwrap() + 1];
        assert!(matches!(read(endless.as_slice()), Err(AccessLogError::TooLong { line: 1 })));
    }
}
