//! Checks: samples of two sides to verdicts.
//!
//! Pure, and the one place where a version is judged: another judge takes the same samples and gives the same results. What follows
//! from a result, and how many in a row it takes, is in `phase`. What is counted is in `samples`.

mod samples;
mod sequential;

use super::policy::{CheckPolicy, Metric};
use super::verdict::{CheckResult, Measured, Verdict};

pub use samples::{Counts, Histogram, InstanceSamples, Samples, Side, Snapshot};
pub use sequential::Panel;

/// The part of values that is looked for in histograms.
const QUANTILE: f64 = 0.95;

/// Judges the samples by the checks of the policy, in their order. `panel` has looked at these samples, and at those before.
#[must_use]
pub fn judge(checks: &[CheckPolicy], samples: &Samples, panel: &Panel) -> Vec<CheckResult> {
    checks
        .iter()
        .map(|check| {
            let (verdict, why, measured) = match check.metric {
                Metric::Unreachable => unreachable(check, samples),
                Metric::Restarts => restarts(check, samples),
                _ => of_requests(check, samples, panel),
            };
            // Evidence is enough once it is: it was looked for at every look, and is not found by chance at one of them.
            let is_shown =
                measured.compared.as_ref().is_some_and(|compared| compared.e_value >= compared.threshold);
            let critical = check.critical || (verdict == Verdict::Fail && is_shown);
            CheckResult { check: check.name.clone(), verdict, critical, why, measured }
        })
        .collect()
}

type Judged = (Verdict, String, Measured);

fn unreachable(check: &CheckPolicy, samples: &Samples) -> Judged {
    let (canary, stable) = (&samples.canary, &samples.stable);
    let part = |side: &Side| ratio(side.unreachable(), side.instances.len());
    let value = part(canary);
    let measured = Measured {
        canary: value,
        stable: part(stable),
        canary_sample: count(canary.instances.len()),
        stable_sample: count(stable.instances.len()),
        min_sample: 1,
        limit: check.maximum,
        ..unmeasured(check)
    };
    let Some(value) = value else {
        return (Verdict::Inconclusive, "there are no instances to read".to_owned(), measured);
    };
    let limit = check.maximum.unwrap_or(0.0);
    // Where the old version cannot be reached either, it is the network or the agent, and says nothing of the new one.
    if value > limit && part(stable).is_some_and(|stable| stable >= value) {
        let why = "instances of the old version cannot be read either".to_owned();
        return (Verdict::Error, why, measured);
    }
    let why = match canary.first_error() {
        Some(error) => format!("{} of instances cannot be read: {error}", percent(value)),
        None => format!("{} of instances cannot be read", percent(value)),
    };
    (if value > limit { Verdict::Fail } else { Verdict::Pass }, why, measured)
}

fn restarts(check: &CheckPolicy, samples: &Samples) -> Judged {
    let value = float(samples.canary.restarts);
    let limit = check.maximum.unwrap_or(0.0);
    let measured = Measured {
        canary: Some(value),
        stable: Some(float(samples.stable.restarts)),
        canary_sample: count(samples.canary.instances.len()),
        stable_sample: count(samples.stable.instances.len()),
        min_sample: 0,
        limit: Some(limit),
        ..unmeasured(check)
    };
    let why = format!("{value} restarts since the bake began, and {limit} at most");
    (if value > limit { Verdict::Fail } else { Verdict::Pass }, why, measured)
}

/// The value of one side: what it is, of how many, and how many of those were bad, where that is counted.
struct Value {
    value: Option<f64>,
    sample: u64,
    bad: Option<u64>,
}

fn of_side(metric: Metric, side: &Side) -> Value {
    match metric {
        Metric::ErrorRate => {
            let (failed, requests) = side.requests();
            let value = (requests > 0).then(|| float(failed) / float(requests));
            Value { value, sample: requests, bad: Some(failed) }
        }
        Metric::TimeToFirstTokenP95 => of_histogram(&side.first_token()),
        Metric::LatencyP95 => of_histogram(&side.latency()),
        // These are compared by strata alone, and have no thresholds.
        _ => Value { value: None, sample: 0, bad: None },
    }
}

fn of_histogram(histogram: &Histogram) -> Value {
    Value { value: histogram.quantile(QUANTILE), sample: histogram.count(), bad: None }
}

/// By thresholds, by evidence, or by the worse of both.
fn of_requests(check: &CheckPolicy, samples: &Samples, panel: &Panel) -> Judged {
    if let Some(error) = samples.canary.without_any_reading() {
        let why = format!("no instance of the new version could be read: {error}");
        return (Verdict::Error, why, unmeasured(check));
    }
    let has_threshold = check.maximum.is_some() || check.maximum_ratio.is_some();
    if check.tolerance.is_none() {
        return by_thresholds(check, samples);
    }
    let (verdict, why, measured) = sequential::judged(check, samples, panel.finding(&check.name).as_ref());
    if !has_threshold {
        return (verdict, why, measured);
    }
    let (limited, because, held) = by_thresholds(check, samples);
    let measured = Measured { compared: measured.compared, ..held };
    if limited > verdict { (limited, because, measured) } else { (verdict, why, measured) }
}

fn by_thresholds(check: &CheckPolicy, samples: &Samples) -> Judged {
    let canary = of_side(check.metric, &samples.canary);
    let stable = of_side(check.metric, &samples.stable);
    // The old one has its say as long as it has a sample, and by what was measured of it before after that.
    let is_sampled = stable.sample >= check.min_sample.max(1);
    let compared =
        stable.value.filter(|_| is_sampled).or_else(|| samples.reference.get(&check.name).copied());
    let by_ratio =
        check.maximum_ratio.zip(compared).map(|(ratio, stable)| ratio * stable.max(check.ratio_floor));
    let limit = match (check.maximum, by_ratio) {
        (Some(maximum), Some(by_ratio)) => Some(maximum.min(by_ratio)),
        (maximum, by_ratio) => maximum.or(by_ratio),
    };
    let measured = Measured {
        canary: canary.value,
        // A value of too few is none to compare with later.
        stable: compared,
        canary_sample: canary.sample,
        stable_sample: stable.sample,
        limit,
        ..unmeasured(check)
    };
    let Some(limit) = limit else {
        let why = format!(
            "the old version has {} observations of {}, and there is no maximum without it",
            stable.sample, check.min_sample
        );
        return (Verdict::Inconclusive, why, measured);
    };
    if canary.sample < check.min_sample.max(1) {
        return too_few(check, &canary, limit, measured);
    }
    let Some(value) = canary.value else {
        return (Verdict::Inconclusive, "there is no value".to_owned(), measured);
    };
    let against = compared
        .map_or_else(String::new, |stable| format!(", beside {} of the old version", shown(check, stable)));
    let why = format!("{}{against}; at most {}", shown(check, value), shown(check, limit));
    (if value > limit { Verdict::Fail } else { Verdict::Pass }, why, measured)
}

/// Too few to pass, and perhaps enough to fail: so many were bad already that the whole sample would be, if all others were good.
fn too_few(check: &CheckPolicy, canary: &Value, limit: f64, measured: Measured) -> Judged {
    let is_lost = canary.bad.is_some_and(|bad| bad > 1 && float(bad) > limit * float(check.min_sample));
    let of = format!("{} observations of {}", canary.sample, check.min_sample);
    match canary.bad.filter(|_| is_lost) {
        Some(bad) => {
            let why = format!("{bad} were bad of {of}, more than {} of all of them", shown(check, limit));
            (Verdict::Fail, why, measured)
        }
        None => (Verdict::Inconclusive, format!("the new version has {of}"), measured),
    }
}

fn unmeasured(check: &CheckPolicy) -> Measured {
    Measured { min_sample: check.min_sample, unit: check.metric.unit().to_owned(), ..Measured::default() }
}

fn shown(check: &CheckPolicy, value: f64) -> String {
    match check.metric.unit() {
        "ratio" => percent(value),
        "seconds" => format!("{value:.3} s"),
        "tokens" => format!("{value:.1} tokens"),
        "tokens_per_second" => format!("{value:.1} tokens a second"),
        _ => format!("{value}"),
    }
}

fn percent(value: f64) -> String {
    format!("{:.2} %", value * 100.0)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| float(count(part)) / float(count(whole)))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A count as a number to divide: beyond 2^53 it is rounded, which no limit is as fine as.
#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 are rounded, and no limit is that fine")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
