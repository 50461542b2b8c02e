//! The tables, and how far from the goal the judge is.

use comfy_table::{ContentArrangement, Table, presets};

use super::comparison::{Comparison, Detection, GOAL, Level, Row};
use super::traffic::{CANARIES, LOOK_SECONDS, LOOKS, STABLE};

/// The names of the regressions, in the order of `REGRESSIONS`.
const COLUMNS: [&str; 3] = ["doubled errors", "50 % slower p95", "10 % more cost"];

/// All of it, as it is printed.
pub(super) fn text(seed: u64, comparisons: &[Comparison]) -> String {
    let mut text = format!(
        "{CANARIES} instances of the new version beside {STABLE} of the old one, {LOOKS} looks {LOOK_SECONDS} s apart, seed {seed}\n"
    );
    for comparison in comparisons {
        text += &format!(
            "\n{}: {} hours without a regression\n\n{}\n",
            comparison.world,
            comparison.hours,
            table(comparison)
        );
    }
    text.push('\n');
    for comparison in comparisons {
        text += &format!("{}:\n", comparison.world);
        for line in distances(comparison) {
            text += &format!("- {line}\n");
        }
    }
    text
}

fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
    let mut header = vec!["judged by".to_owned(), "level".to_owned(), "false alarms".to_owned()];
    header.extend(COLUMNS.iter().map(|name| format!("{name}: requests (minutes)")));
    table.set_header(header);
    for row in &comparison.rows {
        let (rate, upper) = comparison.rate(row);
        let mut cells = vec![
            row.contender.to_owned(),
            level(row.level).to_owned(),
            format!("{:.1} % (< {:.1} %)", rate * 100.0, upper * 100.0),
        ];
        cells.extend(row.detections.iter().map(cell));
        table.add_row(cells);
    }
    table
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Own => "its own",
        Level::Equal => "at 1 %",
    }
}

fn cell(detection: &Detection) -> String {
    let found = detection.detected * 100.0;
    match (detection.median_requests, detection.median_minutes) {
        (Some(requests), Some(minutes)) => format!("{requests} ({minutes:.1}), found in {found:.0} %"),
        _ => format!("found in {found:.0} %"),
    }
}

/// The goal, and how far it is.
fn distances(comparison: &Comparison) -> Vec<String> {
    let Some(judge) = comparison.row("this judge", Level::Own) else { return Vec::new() };
    let (rate, upper) = comparison.rate(judge);
    let mut lines = vec![format!(
        "goal of at most {:.0} % false alarms: {}, {:.1} % of {} hours (below {:.1} % with 95 % confidence)",
        GOAL * 100.0,
        if rate <= GOAL { "met" } else { "missed" },
        rate * 100.0,
        comparison.hours,
        upper * 100.0,
    )];
    for (at, name) in COLUMNS.iter().enumerate() {
        let requests = |row: &Row| row.detections.get(at).and_then(|detection| detection.median_requests);
        let equal = |contender: &str| comparison.row(contender, Level::Equal).and_then(requests);
        let others = ["repeated Mann-Whitney", "fixed thresholds", "tuned thresholds"];
        let best = others.iter().filter_map(|other| Some((equal(other)?, *other))).min();
        lines.push(format!(
            "goal of telling {name} earlier than the others, all at 1 % false alarms: {}; at its own level {}",
            distance(equal("this judge"), best),
            distance(requests(judge), best),
        ));
    }
    lines
}

#[expect(clippy::cast_precision_loss, reason = "requests of an hour are counted in ten thousands")]
fn distance(ours: Option<u64>, best: Option<(u64, &str)>) -> String {
    match (ours, best) {
        (Some(ours), Some((theirs, other))) => {
            let verdict = if ours < theirs { "met" } else { "missed" };
            let times = theirs as f64 / ours as f64;
            format!("{verdict}, {ours} requests beside {theirs} of {other} ({times:.1} times as many)")
        }
        (Some(ours), None) => format!("met, {ours} requests, and none of the others within the hour"),
        (None, Some((theirs, other))) => {
            format!("missed, not within the hour beside {theirs} requests of {other}")
        }
        (None, None) => "missed, none of them within the hour".to_owned(),
    }
}
