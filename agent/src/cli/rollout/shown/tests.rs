//! What people see of records of every kind: fixtures beside this file, and their pictures in `snapshots/`.

use jiff::Timestamp;

use super::super::source::Entry;
use super::super::target::Target;
use super::super::wait::{Progress, progress};
use super::super::{Goal, explain, history, status};
use super::{checks, detail, summary};
use crate::rollout::record::{PromotedBy, Rollout};
use crate::rollout::verdict::Verdict;

/// When everything is looked at.
pub(in super::super) fn noon() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

const FIXTURES: &[&str] =
    &["awaiting_approval", "baking", "held", "of_a_later_version", "promoted", "rolled_back"];

fn fixture(name: &str) -> Entry {
    let path = format!("{}/src/cli/rollout/shown/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Entry::of(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

fn record(name: &str) -> Rollout {
    *fixture(name).record.unwrap()
}

pub(in super::super) fn baking() -> Rollout {
    record("baking")
}

pub(in super::super) fn entry(rollout: &Rollout) -> Entry {
    Entry::of(serde_json::to_value(rollout).unwrap())
}

fn text(lines: Vec<(String, summary::Mood)>) -> String {
    lines.into_iter().map(|(line, mood)| format!("{line}{}", sign(mood))).collect::<Vec<_>>().join("\n")
}

/// What stands for a color.
fn sign(mood: summary::Mood) -> &'static str {
    match mood {
        summary::Mood::Plain => "",
        summary::Mood::Good => " [green]",
        summary::Mood::Wary => " [yellow]",
        summary::Mood::Bad => " [red]",
    }
}

#[test]
fn one_rollout_is_shown_in_full() {
    for name in FIXTURES {
        insta::assert_snapshot!(format!("detail_{name}"), text(detail::lines(&record(name), noon())));
    }
}

#[test]
fn the_rollout_before_is_told_in_short() {
    let mut rollout = record("rolled_back");
    rollout.findings.iter_mut().for_each(|finding| finding.is_current = true);
    insta::assert_snapshot!(detail::before(&rollout, noon()).join("\n"));
}

#[test]
fn what_was_found_of_canaries_is_past_after_the_promotion() {
    let mut rollout = baking();
    let mut ready = rollout.checks["errors"].clone();
    ready.result.verdict = Verdict::Fail;
    rollout.checks = [("canaries ready".to_owned(), ready)].into();
    assert_eq!(checks::worst(&rollout), Some(Verdict::Fail));
    rollout.promoted = Some((noon(), PromotedBy::Agent));
    assert_eq!(checks::worst(&rollout), None);
    assert!(checks::lines(&rollout).is_empty());
}

#[test]
fn all_rollouts_are_one_table_with_what_it_has_no_room_for_below() {
    let mut entries: Vec<_> = FIXTURES.iter().map(|name| fixture(name)).collect();
    entries.push(Entry::of(
        serde_json::json!({ "target": { "namespace": "default", "job": "web" }, "format": "two" }),
    ));
    insta::assert_snapshot!(text(summary::lines(&entries, noon())));
}

#[test]
fn an_explanation_has_what_led_to_what_in_order() {
    for name in ["rolled_back", "promoted", "compared"] {
        insta::assert_snapshot!(format!("explain_{name}"), explain::text(&record(name), noon()));
    }
}

#[test]
fn the_history_is_a_table() {
    let target = Target { namespace: "default".to_owned(), job: "nova-proxy".to_owned() };
    let mut entries: Vec<_> = ["promoted", "rolled_back"].map(fixture).into();
    entries.push(Entry::of(serde_json::json!({ "format": 99 })));
    insta::assert_snapshot!(history::text(&entries, &target));
    assert!(history::text(&[], &target).contains("default/nova-proxy"));
}

#[test]
fn json_keeps_what_a_later_version_has_added() {
    let shown = status::entry_json(&fixture("of_a_later_version"), noon());
    assert_eq!(shown["record"]["mirror"]["to"], "elsewhere", "{shown}");
    assert_eq!((&shown["phase"], &shown["has_ended"]), (&"unrecognized".into(), &false.into()), "{shown}");
}

#[test]
fn a_wait_ends_as_its_record_says() {
    let cases = [
        ("baking", Goal::CanaryReady, None, "reached"),
        ("baking", Goal::Done, None, "not yet"),
        ("baking", Goal::Done, Some(13), "not yet"),
        ("baking", Goal::Done, Some(11), "failed"),
        ("promoted", Goal::Done, Some(16), "reached"),
        ("promoted", Goal::CanaryReady, None, "reached"),
        ("promoted", Goal::CanaryReady, Some(17), "not yet"),
        ("rolled_back", Goal::Done, None, "failed"),
        ("rolled_back", Goal::CanaryReady, None, "failed"),
        ("of_a_later_version", Goal::Done, None, "not yet"),
    ];
    for (name, goal, job_version, expected) in cases {
        let found = match progress(&record(name), goal, job_version) {
            Progress::Reached(_) => "reached",
            Progress::Failed(_) => "failed",
            Progress::NotYet(_) => "not yet",
        };
        assert_eq!(found, expected, "{name} {goal:?} {job_version:?}");
    }
}
