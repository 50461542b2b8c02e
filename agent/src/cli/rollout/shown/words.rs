//! Words and numbers: phases, versions, times, values with their units.

use std::time::Duration;

use jiff::Timestamp;

use super::super::super::output::visible_line;
use crate::rollout::action::VersionRef;
use crate::rollout::record::{Phase, Rollout};

/// How much of a deployment's id is shown in tables, as in Nomad's own.
const SHORT_ID: usize = 8;

/// A number of decimals that tells values of this size apart.
fn decimals(value: f64) -> usize {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    }
}

/// A value of a check in its unit, as the record has it.
pub(in super::super) fn value(value: f64, unit: &str) -> String {
    match unit {
        "ratio" => {
            let percent = value * 100.0;
            format!("{percent:.*} %", decimals(percent).min(2))
        }
        "seconds" => format!("{value:.3} s"),
        "tokens" => format!("{value:.1} tokens"),
        "tokens_per_second" => format!("{value:.1} tokens/s"),
        // Counts are whole, and so is what they are held against.
        _ => format!("{value:.0}"),
    }
}

/// A time that has passed or is to pass, in its two largest units.
pub(in super::super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s")];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown =
        parts.iter().skip(first).take(2).enumerate().filter(|(place, (count, _))| *place == 0 || *count > 0);
    shown.map(|(_, (count, unit))| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

/// How long ago it was. Clocks differ: what is to come yet counts as now.
pub(in super::super) fn ago(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}

/// An instant to the second, in UTC, as records have it.
pub(in super::super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// When something comes, for people: the time to wait, and the instant.
pub(in super::super) fn at(at: Timestamp, now: Timestamp) -> String {
    let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    if left.is_zero() { "now".to_owned() } else { format!("in {} ({})", span(left), instant(at)) }
}

/// A version: Nomad's number, and what people call it.
pub(in super::super) fn version(version: &VersionRef) -> String {
    let name = version.name.as_deref().map(|name| format!(" ({})", visible_line(name))).unwrap_or_default();
    format!("{}{name}", version.job_version)
}

/// What is rolled out in place of what.
pub(in super::super) fn versions(rollout: &Rollout) -> String {
    let stable = rollout.stable.as_ref().map_or_else(|| "-".to_owned(), version);
    format!("{stable} -> {}", version(&rollout.canary))
}

/// The phase in a few words, with its step where the policy has more than one.
pub(in super::super) fn phase(rollout: &Rollout) -> String {
    let name = rollout.phase.name().as_str().replace('_', " ");
    let steps = rollout.policy.steps.len();
    let name = match &rollout.phase {
        Phase::Stepping { step } | Phase::Baking { step } if steps > 1 => {
            format!("{name} {}/{steps}", step + 1)
        }
        Phase::RollingBack { .. } => format!("rolling back: {name}"),
        _ => name,
    };
    if rollout.paused.is_some() && !rollout.has_ended() { format!("{name}, held") } else { name }
}

/// What it waits for beside the time; nothing while a bake runs or somebody holds it, which is told elsewhere.
pub(in super::super) fn waits_for(rollout: &Rollout, now: Timestamp) -> Option<&str> {
    let bake = match &rollout.phase {
        Phase::Baking { step } => rollout.policy.steps.get(*step).map(|step| step.bake),
        Phase::PostPromotionBake => Some(rollout.policy.post_promotion_bake),
        _ => None,
    };
    let runs = bake.is_some_and(|bake| rollout.elapsed(now) < bake);
    let waiting = rollout.waiting_for.trim();
    if waiting.is_empty() || runs || rollout.paused.is_some() || rollout.has_ended() {
        None
    } else {
        Some(waiting)
    }
}

/// The beginning of an id.
pub(in super::super) fn short(id: &str) -> String {
    visible_line(id.get(..SHORT_ID).unwrap_or(id))
}

/// Whose decision it was, and why.
pub(in super::super) fn said_by(by: &str, reason: &str) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", visible_line(reason)) };
    format!("by {}{reason}", visible_line(by))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0s")]
    #[case(59, "59s")]
    #[case(60, "1m")]
    #[case(3_725, "1h 2m")]
    #[case(3_605, "1h")]
    #[case(90_000, "1d 1h")]
    fn a_span_has_at_most_two_units(#[case] seconds: u64, #[case] expected: &str) {
        assert_eq!(span(Duration::from_secs(seconds)), expected);
    }

    #[rstest]
    #[case(0.0123, "ratio", "1.23 %")]
    #[case(0.0, "ratio", "0 %")]
    #[case(1.0, "ratio", "100 %")]
    #[case(0.1424, "seconds", "0.142 s")]
    #[case(2.0, "count", "2")]
    fn values_have_the_unit_of_their_check(#[case] number: f64, #[case] unit: &str, #[case] expected: &str) {
        assert_eq!(value(number, unit), expected);
    }
}
