//! From what is written to validated rules, with what lies between fields.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use nova_config::{Fault, FaultKind, Faults, ReadBlock};

use super::raw::{RawBlackout, RawCheck, RawRollout, RawWindow};
use super::{
    CheckPolicy, GateKind, GatePolicy, NotifyPolicy, Policy, RollbackPolicy, StepPolicy, Strategy,
    TrafficMode,
};
use crate::rollout::gate::recurrence::Recurrence;

/// Applies the rules.
///
/// # Errors
/// Every rule that is broken.
pub(super) fn validate(read: &ReadBlock<RawRollout>) -> Result<Policy, Faults> {
    let mut faults = Vec::new();
    let raw = &read.value;
    steps(read, &mut faults);
    let checks = raw.check.iter().map(|(name, check)| self::check(read, name, check, &mut faults)).collect();
    let gates = gates(read, &mut faults);
    let bakes = raw.bake_time.get().saturating_mul(u32::try_from(raw.steps.len()).unwrap_or(u32::MAX));
    if raw.timeout.get() <= bakes {
        let problem =
            format!("takes {} seconds with all steps, and timeout is {}", bakes.as_secs(), raw.timeout);
        faults.push(read.fault("bake_time", problem, "lower it, or raise timeout"));
    }
    if !faults.is_empty() {
        return Err(Faults::new(FaultKind::Invalid, faults));
    }
    Ok(Policy {
        strategy: raw.strategy,
        interval: raw.interval.get(),
        steps: raw.steps.iter().map(|&percent| StepPolicy { percent, bake: raw.bake_time.get() }).collect(),
        traffic: raw.traffic,
        false_alarms: raw.false_alarms,
        checks,
        gates,
        timeout: raw.timeout.get(),
        success_timeout: raw.success_timeout.get(),
        post_promotion_bake: raw.post_promotion_bake.get(),
        unhealthy_limit: raw.unhealthy_limit,
        inconclusive_limit: raw.inconclusive_limit,
        error_limit: raw.error_limit,
        rollback: RollbackPolicy {
            revert: raw.rollback.revert,
            while_paused: raw.rollback.while_paused,
            timeout: raw.rollback.timeout.get(),
        },
        notify: raw
            .notify
            .iter()
            .map(|(name, notify)| NotifyPolicy {
                name: name.clone(),
                url: notify.url.clone(),
                token_file: notify.token_file.clone(),
                timeout: notify.timeout.get(),
            })
            .collect(),
        rest: serde_json::Map::new(),
    })
}

fn steps(read: &ReadBlock<RawRollout>, faults: &mut Vec<Fault>) {
    let raw = &read.value;
    if raw.steps.windows(2).any(|pair| matches!(pair, [first, second] if first >= second)) {
        faults.push(read.fault("steps", "do not rise", "write each share above the one before"));
    }
    if raw.traffic == TrafficMode::Instances && raw.steps.len() > 1 {
        let fix = "write one share, or traffic = \"service_splitter\"";
        faults.push(read.fault("steps", "has several shares, and instances alone share requests", fix));
    }
    if raw.strategy == Some(Strategy::BlueGreen)
        && raw.traffic == TrafficMode::ServiceSplitter
        && raw.steps != [0]
    {
        let fix = "write steps = [0]: all requests go over at the promotion";
        faults.push(read.fault(
            "steps",
            "has shares, and a blue-green rollout has none before its promotion",
            fix,
        ));
    }
}

fn check(read: &ReadBlock<RawRollout>, name: &str, raw: &RawCheck, faults: &mut Vec<Fault>) -> CheckPolicy {
    let at = format!("check.{name}");
    let metric = raw.metric.as_str();
    if raw.maximum.is_none() && raw.maximum_ratio.is_none() && raw.tolerance.is_none() {
        let fix = "write maximum, tolerance, or both";
        faults.push(read.fault(&at, "holds the value against nothing", fix));
    }
    if raw.metric.is_compared_only() && (raw.maximum.is_some() || raw.maximum_ratio.is_some()) {
        let field = if raw.maximum.is_some() { "maximum" } else { "maximum_ratio" };
        let problem = format!("does not go with {metric}, which is compared with the old version alone");
        faults.push(read.fault(&format!("{at}.{field}"), problem, "write tolerance in its place"));
    }
    if !raw.metric.is_of_requests() && raw.tolerance.is_some() {
        let problem = format!("does not go with {metric}, which is not compared with the old version");
        faults.push(read.fault(&format!("{at}.tolerance"), problem, "write maximum in its place"));
    }
    if raw.tolerance.is_none() && raw.slack > 0.0 {
        faults.push(read.fault(
            &format!("{at}.slack"),
            "says nothing without tolerance",
            "write tolerance too",
        ));
    }
    if !raw.metric.is_of_requests() && raw.maximum_ratio.is_some() {
        let problem = format!("does not go with {metric}, which is not compared with the old version");
        faults.push(read.fault(&format!("{at}.maximum_ratio"), problem, "write maximum in its place"));
    }
    if raw.metric.unit() == "ratio" && raw.maximum.is_some_and(|maximum| maximum > 1.0) {
        let problem = format!("is above 1, and {metric} is a part of 1");
        faults.push(read.fault(
            &format!("{at}.maximum"),
            problem,
            "write a number from 0 to 1, such as 0.05 for 5 %",
        ));
    }
    CheckPolicy {
        name: name.to_owned(),
        metric: raw.metric,
        maximum: raw.maximum,
        tolerance: raw.tolerance,
        slack: raw.slack,
        maximum_ratio: raw.maximum_ratio,
        ratio_floor: raw.ratio_floor,
        min_sample: raw.min_sample,
        critical: raw.critical,
        failures: raw.failures,
        required: raw.required,
    }
}

fn gates(read: &ReadBlock<RawRollout>, faults: &mut Vec<Fault>) -> Vec<GatePolicy> {
    let raw = &read.value;
    let mut gates = Vec::new();
    for (name, approval) in &raw.approval {
        gates.push(GatePolicy { name: name.clone(), before: approval.before, kind: GateKind::Approval });
    }
    for (name, window) in &raw.window {
        let kind = self::window(read, name, window, faults);
        gates.extend(kind.map(|kind| GatePolicy { name: name.clone(), before: window.before, kind }));
    }
    for (name, blackout) in &raw.blackout {
        let kind = self::blackout(read, name, blackout, faults);
        gates.extend(kind.map(|kind| GatePolicy { name: name.clone(), before: blackout.before, kind }));
    }
    for (name, webhook) in &raw.webhook {
        let kind = GateKind::Webhook {
            url: webhook.url.clone(),
            token_file: webhook.token_file.clone(),
            timeout: webhook.timeout.get(),
        };
        gates.push(GatePolicy { name: name.clone(), before: webhook.before, kind });
    }
    gates
}

fn window(
    read: &ReadBlock<RawRollout>,
    name: &str,
    raw: &RawWindow,
    faults: &mut Vec<Fault>,
) -> Option<GateKind> {
    let start = local(read, &format!("window.{name}.start"), &raw.start, faults);
    let rule = raw.rrule.parse::<Recurrence>();
    if let Err(problem) = &rule {
        let fix = "write a rule such as \"FREQ=WEEKLY;BYDAY=TU,TH\"";
        faults.push(read.fault(&format!("window.{name}.rrule"), problem, fix));
    }
    let has_zone = zone(read, &format!("window.{name}.time_zone"), &raw.time_zone, faults);
    (rule.is_ok() && has_zone).then_some(())?;
    Some(GateKind::Window {
        start: start?,
        rrule: raw.rrule.clone(),
        duration: raw.duration.get(),
        time_zone: raw.time_zone.clone(),
    })
}

fn blackout(
    read: &ReadBlock<RawRollout>,
    name: &str,
    raw: &RawBlackout,
    faults: &mut Vec<Fault>,
) -> Option<GateKind> {
    let from = local(read, &format!("blackout.{name}.from"), &raw.from, faults);
    let until = local(read, &format!("blackout.{name}.until"), &raw.until, faults);
    let has_zone = zone(read, &format!("blackout.{name}.time_zone"), &raw.time_zone, faults);
    let (from, until) = (from?, until?);
    if until <= from {
        faults.push(read.fault(&format!("blackout.{name}.until"), "is not after from", "write a later time"));
    }
    has_zone.then(|| GateKind::Blackout { from, until, time_zone: raw.time_zone.clone() })
}

fn local(read: &ReadBlock<RawRollout>, at: &str, text: &str, faults: &mut Vec<Fault>) -> Option<DateTime> {
    match text.parse() {
        // A text with an offset would be read without it.
        Ok(parsed) if !text.ends_with(['Z', 'z']) && !text.contains(['+', '[']) => Some(parsed),
        _ => {
            let problem = format!("{text:?} is not a local date and time");
            faults.push(read.fault(
                at,
                problem,
                "write a date and time without an offset, such as \"2026-01-06T09:00\"",
            ));
            None
        }
    }
}

fn zone(read: &ReadBlock<RawRollout>, at: &str, text: &str, faults: &mut Vec<Fault>) -> bool {
    let is_known = TimeZone::get(text).is_ok();
    if !is_known {
        let fix = "write an IANA name, such as \"Europe/Berlin\" or \"UTC\"";
        faults.push(read.fault(at, format!("there is no time zone {text:?}"), fix));
    }
    is_known
}
