//! What the scores of all hours come to: false alarms at a level, and how many requests it took to tell a regression.

use serde::Serialize;

use super::contender::{MannWhitney, Sequential, Thresholds};
use super::trial::{CONTENDERS, Trial};

/// The rate of false alarms that is the goal, and that contenders are brought to.
pub(super) const GOAL: f64 = 0.01;

/// All contenders in one world.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) world: &'static str,
    pub(super) hours: usize,
    pub(super) rows: Vec<Row>,
}

/// A contender at a level.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) contender: &'static str,
    pub(super) level: Level,
    pub(super) false_alarms: usize,
    /// By regression.
    pub(super) detections: Vec<Detection>,
}

/// Whose level it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Level {
    /// That which the contender comes with.
    Own,
    /// That at which its rate of false alarms in these hours is the goal.
    Equal,
}

/// How a regression was told.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Detection {
    /// The part of hours in which it was.
    pub(super) detected: f64,
    /// The new version's requests until then in the median hour; absent where it was told in less than half of the hours.
    pub(super) median_requests: Option<u64>,
    /// The minutes until then.
    pub(super) median_minutes: Option<f64>,
}

impl Comparison {
    pub(super) fn new(world: &'static str, quiet: &[Trial], regressions: &[Vec<Trial>]) -> Self {
        let names: [(&'static str, Option<f64>); CONTENDERS] = [
            ("this judge", Some(Sequential::LEVEL)),
            ("repeated Mann-Whitney", Some(MannWhitney::LEVEL)),
            ("fixed thresholds", Some(Thresholds::LEVEL)),
            // Limits that are tuned have no level of their own.
            ("tuned thresholds", None),
        ];
        let mut rows = Vec::new();
        for (at, (contender, own)) in names.into_iter().enumerate() {
            let equal = (Level::Equal, equal_level(quiet, at));
            for (level, value) in own.map(|own| (Level::Own, own)).into_iter().chain([equal]) {
                let detections = regressions.iter().map(|trials| detection(trials, at, value)).collect();
                let false_alarms = alarms(quiet, at, value).count();
                rows.push(Row { contender, level, false_alarms, detections });
            }
        }
        Self { world, hours: quiet.len(), rows }
    }

    /// A contender at a level.
    pub(super) fn row(&self, contender: &str, level: Level) -> Option<&Row> {
        self.rows.iter().find(|row| row.contender == contender && row.level == level)
    }

    /// The part of hours with a false alarm, and the upper end of Wilson's 95 % interval of it.
    #[expect(clippy::cast_precision_loss, reason = "hours are counted in thousands")]
    pub(super) fn rate(&self, row: &Row) -> (f64, f64) {
        let (alarms, hours) = (row.false_alarms as f64, self.hours as f64);
        let (rate, z) = (alarms / hours, 1.96);
        let middle = rate + z * z / (2.0 * hours);
        let half = z * (rate * (1.0 - rate) / hours + z * z / (4.0 * hours * hours)).sqrt();
        (rate, (middle + half) / (1.0 + z * z / hours))
    }
}

/// The look of the alarm in each hour that has one.
fn alarms(trials: &[Trial], contender: usize, level: f64) -> impl Iterator<Item = (usize, &Trial)> {
    trials.iter().filter_map(move |trial| {
        let at = trial.scores.get(contender)?.iter().position(|score| *score >= level)?;
        Some((at, trial))
    })
}

/// The lowest level with as many alarms as the goal has, or fewer. Just above a score, so that equal scores are on one side.
fn equal_level(trials: &[Trial], contender: usize) -> f64 {
    let last = |trial: &Trial| trial.scores.get(contender).and_then(|scores| scores.last().copied());
    let mut highest: Vec<f64> = trials.iter().filter_map(last).collect();
    highest.sort_by(|a, b| b.total_cmp(a));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "hours are counted in thousands"
    )]
    let allowed = (highest.len() as f64 * GOAL).floor() as usize;
    highest.get(allowed).map_or(f64::INFINITY, |score| score.next_up())
}

fn detection(trials: &[Trial], contender: usize, level: f64) -> Detection {
    let mut found: Vec<(u64, usize)> = alarms(trials, contender, level)
        .filter_map(|(at, trial)| Some((*trial.requests.get(at)?, at)))
        .collect();
    found.sort_unstable();
    let median = found.get(trials.len() / 2);
    #[expect(clippy::cast_precision_loss, reason = "hours and looks are counted in thousands")]
    let (detected, minutes) = (
        found.len() as f64 / trials.len() as f64,
        median.map(|(_, at)| (*at as f64 + 1.0) * super::traffic::LOOK_SECONDS / 60.0),
    );
    Detection { detected, median_requests: median.map(|(requests, _)| *requests), median_minutes: minutes }
}
