//! All rollouts in one table.

use jiff::Timestamp;

use super::super::super::output::visible_line;
use super::super::super::table::{dash, table};
use super::super::source::Entry;
use super::checks::worst;
use super::outlook::Outlook;
use super::words::{ago, phase, short, span, versions, waits_for};
use crate::rollout::record::{Outcome, Phase, PhaseName, Rollout};
use crate::rollout::verdict::Verdict;

/// How a row is to be read at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Mood {
    /// Nothing has to be looked at.
    Plain,
    /// It goes well.
    Good,
    /// It waits for somebody, or does not come on.
    Wary,
    /// It is bad, or was taken back.
    Bad,
}

/// What a rollout looks like at a glance.
pub(in super::super) fn mood(rollout: &Rollout) -> Mood {
    match &rollout.phase {
        Phase::Ended { outcome: Outcome::Promoted } => Mood::Good,
        Phase::Ended { outcome: Outcome::Superseded { .. } } => Mood::Plain,
        Phase::Ended { .. } | Phase::RollingBack { .. } => Mood::Bad,
        _ if rollout.failure.is_some() || worst(rollout) == Some(Verdict::Fail) => Mood::Bad,
        Phase::Unrecognized(_) | Phase::AwaitingApproval => Mood::Wary,
        _ if rollout.paused.is_some() || rollout.findings.iter().any(|finding| finding.is_current) => {
            Mood::Wary
        }
        _ => Mood::Plain,
    }
}

/// The table; with each line how it is to be read.
pub(in super::super) fn lines(entries: &[Entry], now: Timestamp) -> Vec<(String, Mood)> {
    let header = ["TARGET", "VERSIONS", "PHASE", "FOR", "CHECKS", "NEXT", "DEPLOYMENT"];
    let rows = entries.iter().map(|entry| cells(entry, now)).collect();
    let moods = entries.iter().map(|entry| entry.rollout().map_or(Mood::Wary, mood));
    let text = table(header, rows);
    let mut lines: Vec<_> =
        text.lines().map(str::to_owned).zip(std::iter::once(Mood::Plain).chain(moods)).collect();
    for entry in entries {
        lines.extend(below(entry, now));
    }
    lines
}

fn cells(entry: &Entry, now: Timestamp) -> [String; 7] {
    let Ok(rollout) = &entry.record else {
        return [
            visible_line(&entry.key),
            dash(None),
            "cannot be read".to_owned(),
            dash(None),
            dash(None),
            dash(None),
            dash(None),
        ];
    };
    let outlook = Outlook::of(rollout, now);
    [
        visible_line(&format!("{}/{}", rollout.target.namespace, rollout.target.job)),
        versions(rollout),
        phase(rollout),
        span(ago(rollout.entered_at, now)),
        dash(worst(rollout).map(Verdict::as_str)),
        dash(outlook.cell(now).as_deref()),
        short(&rollout.deployment_id),
    ]
}

/// What the table has no room for: why one waits, what was recognized, why one could not be read.
fn below(entry: &Entry, now: Timestamp) -> Vec<(String, Mood)> {
    let rollout = match &entry.record {
        Ok(rollout) => rollout,
        Err(reason) => return vec![(visible_line(&format!("  {}: {reason}", entry.key)), Mood::Wary)],
    };
    let target = format!("{}/{}", rollout.target.namespace, rollout.target.job);
    let mut lines = Vec::new();
    if let (Some(failure), true) = (&rollout.failure, rollout.phase.name() != PhaseName::Promoted) {
        lines.push((visible_line(&format!("  {target}: {}", failure.reason)), Mood::Bad));
    }
    if let Some(waiting) = waits_for(rollout, now) {
        lines.push((visible_line(&format!("  {target} waits for {waiting}")), Mood::Plain));
    }
    for finding in rollout.findings.iter().filter(|finding| finding.is_current && !rollout.has_ended()) {
        let name = finding.id.as_str().replace('_', " ");
        lines.push((visible_line(&format!("  {target}: {name}: {}", finding.what)), Mood::Wary));
    }
    lines
}
