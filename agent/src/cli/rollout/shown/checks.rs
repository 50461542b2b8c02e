//! Checks: the numbers of both sides, what they are held against, and what follows.

use super::super::super::output::visible_line;
use super::super::super::table::{dash, table};
use super::words::value;
use crate::rollout::record::{CheckStanding, Rollout};
use crate::rollout::verdict::{Compared, Verdict};

/// The table of the checks, and below it why each that does not pass does not; nothing where none has been made.
pub(in super::super) fn lines(rollout: &Rollout) -> Vec<(String, Option<Verdict>)> {
    let standings = in_order(rollout);
    if standings.is_empty() {
        return Vec::new();
    }
    let text = if standings.iter().any(|(_, standing)| standing.result.measured.compared.is_some()) {
        let header = [
            "CHECK",
            "NEW",
            "OLD",
            "LIMIT",
            "RATIO",
            "ALLOWED",
            "E-VALUE",
            "SAMPLE NEW/OLD",
            "NEEDED",
            "RESULT",
        ];
        table(header, standings.iter().map(|(name, standing)| compared_cells(name, standing)).collect())
    } else {
        let header = ["CHECK", "NEW", "OLD", "LIMIT", "SAMPLE NEW/OLD", "NEEDED", "RESULT"];
        table(header, standings.iter().map(|(name, standing)| cells(name, standing)).collect())
    };
    let verdicts =
        std::iter::once(None).chain(standings.iter().map(|(_, standing)| Some(standing.result.verdict)));
    let mut lines: Vec<_> = text.lines().map(str::to_owned).zip(verdicts).collect();
    for (name, standing) in standings {
        let result = &standing.result;
        // A comparison says why it is a pass, too: shown, or nothing against it.
        let is_told = result.verdict != Verdict::Pass || result.measured.compared.is_some();
        if is_told && !result.why.is_empty() {
            lines.push((visible_line(&format!("  {name}: {}", result.why)), Some(result.verdict)));
        }
    }
    lines
}

/// Those that count: of the policy, and, until the promotion, what the agent finds of the canaries by itself.
fn current(rollout: &Rollout) -> impl Iterator<Item = (&String, &CheckStanding)> {
    let is_of_policy = |name: &String| rollout.policy.checks.iter().any(|check| check.name == *name);
    rollout.checks.iter().filter(move |(name, _)| is_of_policy(name) || !rollout.is_promoted())
}

/// In the order of the policy; those that it does not have come last.
fn in_order(rollout: &Rollout) -> Vec<(&String, &CheckStanding)> {
    let place = |name: &String| {
        rollout.policy.checks.iter().position(|check| check.name == *name).unwrap_or(usize::MAX)
    };
    let mut standings: Vec<_> = current(rollout).collect();
    standings.sort_by_key(|(name, _)| place(name));
    standings
}

fn cells(name: &str, standing: &CheckStanding) -> [String; 7] {
    let measured = &standing.result.measured;
    let shown = |number: Option<f64>| dash(number.map(|number| value(number, &measured.unit)).as_deref());
    let needed = if measured.min_sample == 0 { None } else { Some(measured.min_sample.to_string()) };
    [
        visible_line(name),
        shown(measured.canary),
        shown(measured.stable),
        shown(measured.limit),
        format!("{} / {}", measured.canary_sample, measured.stable_sample),
        dash(needed.as_deref()),
        result(standing),
    ]
}

/// The same with what a comparison has found, before the samples.
fn compared_cells(name: &str, standing: &CheckStanding) -> [String; 10] {
    let compared = standing.result.measured.compared.as_ref();
    let [name, new, old, limit, sample, needed, result] = cells(name, standing);
    let found = [
        dash(compared.and_then(ratio).as_deref()),
        dash(compared.map(|compared| format!("{:.2}", compared.allowed)).as_deref()),
        dash(compared.map(evidence).as_deref()),
    ];
    let [ratio, allowed, evidence] = found;
    [name, new, old, limit, ratio, allowed, evidence, sample, needed, result]
}

/// How many times the old version's value it is, and the interval.
fn ratio(compared: &Compared) -> Option<String> {
    let bound =
        |bound: Option<f64>, none: &str| bound.map_or_else(|| none.to_owned(), |bound| format!("{bound:.2}"));
    let (low, high) = (bound(compared.low, "0"), bound(compared.high, "..."));
    compared.ratio.map(|ratio| format!("{ratio:.2} ({low} to {high})"))
}

/// The e-value, and that from which on it fails.
fn evidence(compared: &Compared) -> String {
    let e_value = compared.e_value;
    let number = match e_value {
        _ if e_value >= 1e6 => format!("{e_value:.0e}"),
        _ if e_value >= 10.0 => format!("{e_value:.0}"),
        _ => format!("{e_value:.2}"),
    };
    format!("{number} of {:.0}", compared.threshold)
}

/// The verdict, and how often in a row where once is not enough.
fn result(standing: &CheckStanding) -> String {
    let verdict = standing.result.verdict;
    let in_a_row = match verdict {
        Verdict::Pass => 0,
        Verdict::Fail => standing.failures,
        Verdict::Error => standing.errors,
        Verdict::Inconclusive => standing.inconclusive,
    };
    let critical = if standing.result.critical && verdict == Verdict::Fail { ", critical" } else { "" };
    match in_a_row {
        0 | 1 => format!("{}{critical}", verdict.as_str()),
        times => format!("{} x{times}{critical}", verdict.as_str()),
    }
}

/// The worst result, for the table of all rollouts.
pub(in super::super) fn worst(rollout: &Rollout) -> Option<Verdict> {
    current(rollout).map(|(_, standing)| standing.result.verdict).max()
}
