//! Policies from text: layers, defaults, faults.

mod reference;

use rstest::rstest;

use super::*;
use crate::rollout::record::Target;

fn text(name: &str, text: &str) -> PolicyText {
    PolicyText { name: name.to_owned(), text: text.to_owned() }
}

fn target() -> Target {
    Target { namespace: "default".to_owned(), job: "nova-proxy".to_owned() }
}

#[test]
fn a_block_that_says_nothing_is_the_defaults() {
    let found = of_job(&target(), &[text("a.hcl", "rollout \"nova-proxy\" {}")], &[]).unwrap().unwrap();
    let mut expected = Policy::default();
    expected.checks.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(found.policy, expected);
    assert_eq!(found.origin, ["built-in defaults", "a.hcl"]);
}

#[test]
fn a_job_without_a_policy_has_none() {
    let files = [text("a.hcl", "consul { address = \"http://127.0.0.1:8500\" }\nrollout \"other\" {}")];
    assert_eq!(of_job(&target(), &files, &[]).unwrap(), None);
}

#[test]
fn later_layers_win_attribute_by_attribute_and_take_out_by_label() {
    let file = text(
        "a.hcl",
        "rollout \"nova-proxy\" {\n  bake_time = \"1m\"\n  check \"errors\" { maximum = 0.1 }\n  approval \"sre\" {}\n}",
    );
    let kv = text(
        "kv",
        "\nbake_time = \"2m\"\ncheck \"errors\" { min_sample = 7 }\napproval \"sre\" { remove = true }\n",
    );
    let meta = text("meta", "check \"latency\" { remove = true }");
    let found = of_job(&target(), &[file], &[kv, meta]).unwrap().unwrap().policy;
    assert_eq!(found.steps, [StepPolicy { percent: 10, bake: Duration::from_secs(120) }]);
    let errors = found.checks.iter().find(|check| check.name == "errors").unwrap();
    assert_eq!((errors.maximum, errors.min_sample, errors.tolerance), (Some(0.1), 7, Some(0.1)));
    assert!(!found.checks.iter().any(|check| check.name == "latency"));
    assert!(found.gates.is_empty());
}

#[test]
fn a_body_alone_makes_a_policy() {
    let found = of_job(&target(), &[], &[text("meta", "bake_time = \"1m\"")]).unwrap().unwrap();
    assert_eq!(found.policy.steps, [StepPolicy { percent: 10, bake: Duration::from_secs(60) }]);
}

#[test]
fn a_block_names_its_job_by_its_label_or_by_a_field() {
    let files = [text(
        "a.hcl",
        "rollout \"prod\" {\n  job = \"nova-proxy\"\n  namespace = \"prod\"\n}\nrollout \"nova-proxy\" {}",
    )];
    let found: Vec<_> = of_files(&files).unwrap().into_keys().collect();
    let prod = Target { namespace: "prod".to_owned(), ..target() };
    assert_eq!(found, [target(), prod.clone()]);
    assert!(of_job(&prod, &files, &[]).unwrap().is_some());
}

#[rstest]
#[case(
    "bake_tme = \"1m\"",
    "kv:1:1: rollout \"nova-proxy\": unknown field \"bake_tme\": write bake_time (how long each share is judged at least)"
)]
#[case(
    "steps = [50, 10]",
    "kv:1:9: rollout \"nova-proxy\".steps: do not rise: write each share above the one before"
)]
#[case(
    "\nbake_time = \"30h\"",
    "kv:2:13: rollout \"nova-proxy\".bake_time: takes 108000 seconds with all steps, and timeout is 24h: lower it, or raise timeout"
)]
#[case(
    "\n\ncheck \"x\" {}",
    "kv:3:1: rollout \"nova-proxy\".check \"x\": missing field \"metric\": write metric (what it measures)"
)]
#[case(
    "check \"x\" { metric = \"error_rate\" }",
    "kv:1:1: rollout \"nova-proxy\".check \"x\": holds the value against nothing: write maximum, tolerance, or both"
)]
#[case(
    "check \"x\" {\n  metric = \"cut_short\"\n  maximum = 0.1\n}",
    "kv:3:13: rollout \"nova-proxy\".check \"x\".maximum: does not go with cut_short, which is compared with the old version alone: write tolerance in its place"
)]
#[case(
    "check \"x\" {\n  metric = \"restarts\"\n  tolerance = 0.1\n  maximum = 0\n}",
    "kv:3:15: rollout \"nova-proxy\".check \"x\".tolerance: does not go with restarts, which is not compared with the old version: write maximum in its place"
)]
#[case(
    "check \"x\" {\n  metric = \"error_rate\"\n  maximum = 0.1\n  slack = 0.1\n}",
    "kv:4:11: rollout \"nova-proxy\".check \"x\".slack: says nothing without tolerance: write tolerance too"
)]
#[case(
    "window \"w\" {\n  start = \"2026-01-06T09:00Z\"\n  rrule = \"FREQ=WEEKLY\"\n  duration = \"1h\"\n  time_zone = \"UTC\"\n}",
    "kv:2:11: rollout \"nova-proxy\".window \"w\".start: \"2026-01-06T09:00Z\" is not a local date and time: write a date and time without an offset, such as \"2026-01-06T09:00\""
)]
#[case(
    "window \"w\" {\n  start = \"2026-01-06T09:00\"\n  rrule = \"FREQ=WEEKLY;COUNT=2\"\n  duration = \"1h\"\n  time_zone = \"UTC\"\n}",
    "kv:3:11: rollout \"nova-proxy\".window \"w\".rrule: COUNT would close the window for ever; leave it out: write a rule such as \"FREQ=WEEKLY;BYDAY=TU,TH\""
)]
#[case("rollback { revert = \"always\" }", "is not one of its values")]
fn faults_have_a_place_a_problem_and_a_way_out(#[case] body: &str, #[case] expected: &str) {
    let faults = of_job(&target(), &[], &[text("kv", body)]).unwrap_err().to_string();
    assert!(faults.contains(expected), "{faults}");
}
