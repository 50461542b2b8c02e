//! What Rust sources may contain.

use super::tree::{File, none, rust};

/// The longest file without its unit tests.
const LONGEST: usize = 500;

/// Crates and files that do no IO, spawn nothing, read no clock and log nothing.
const PURE: &[&str] = &[
    "crates/judge/src",
    "crates/openai-api/src/",
    "crates/nova-translate/src/",
    "crates/journal/src/body",
    "crates/journal/src/chain.rs",
    "crates/journal/src/codec",
    "crates/journal/src/layout.rs",
    "crates/journal/src/tear.rs",
    "crates/pricing/src/",
    "agent/src/setup/names.rs",
    "agent/src/setup/plan.rs",
    "agent/src/setup/texts.rs",
    "agent/src/setup/value.rs",
    "agent/src/setup/vault/wanted.rs",
    "agent/src/rollout/action.rs",
    "agent/src/rollout/check",
    "agent/src/rollout/diagram.rs",
    "agent/src/rollout/finding.rs",
    "agent/src/rollout/gate",
    "agent/src/rollout/millis.rs",
    "agent/src/rollout/observation.rs",
    "agent/src/rollout/phase",
    "agent/src/rollout/policy",
    "agent/src/rollout/record",
    "agent/src/rollout/replay",
    "agent/src/rollout/verdict.rs",
];

/// What none of these may name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "tokio::",
    "slog::",
    "log::",
    "tracing::",
    "println!",
    "eprintln!",
];

/// The text of a line without its comment.
///
/// A `//` within a string ends the line too early, which can only hide what stands behind it in the same line.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// True when `word` stands in the line and is not the tail of a longer name.
fn mentions(line: &str, word: &str) -> bool {
    code(line).match_indices(word).any(|(start, _)| {
        let before = code(line).get(..start).and_then(|head| head.chars().next_back());
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
    })
}

/// Every program line of the files that mentions one of the words.
fn mentioned<'f>(files: impl Iterator<Item = &'f File>, words: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (number, line) in file.program_lines() {
            faults.extend(
                words
                    .iter()
                    .filter(|word| mentions(line, word))
                    .map(|word| format!("{}:{number}: {word}", file.path)),
            );
        }
    }
    faults
}

#[test]
fn pure_crates_and_files_do_no_io() {
    let files = rust();
    let pure = files
        .iter()
        .filter(|file| PURE.iter().any(|folder| file.path.starts_with(folder)) && !file.is_test());
    none(
        &mentioned(pure, IMPURE),
        "What is pure takes what it needs as arguments: move this to whoever calls it.",
    );
}

#[test]
fn one_file_of_the_proxy_knows_status_codes() {
    let files = rust();
    let others = files.iter().filter(|file| {
        let allowed = file.path == "proxy/src/error.rs"
            || file.path.starts_with("proxy/src/error/")
            // Bedrock's own statuses are read where Bedrock is called; what the caller gets is decided in error.rs.
            || file.path.starts_with("proxy/src/upstream")
            // The fetcher of images reads the statuses of foreign servers in the same way.
            || file.path.starts_with("proxy/src/media");
        file.path.starts_with("proxy/src/") && !allowed && !file.is_test()
    });
    none(
        &mentioned(others, &["StatusCode", "http::status"]),
        "Return a typed error and let proxy/src/error.rs choose the status: it is the one place that does.",
    );
}

#[test]
fn only_routes_know_warp() {
    let files = rust();
    let routes = ["proxy/src/routes", "agent/src/api/routes"];
    let is_routes = |path: &str| routes.iter().any(|folder| path.starts_with(folder));
    let others = files.iter().filter(|file| !is_routes(&file.path) && !file.is_test());
    none(
        &mentioned(others, &["warp::", "use warp"]),
        "Keep warp in proxy/src/routes and agent/src/api/routes: hand a tower service out, so that the router can be changed in one folder.",
    );
}

#[test]
fn only_upstream_talks_to_aws() {
    let files = rust();
    let others = files.iter().filter(|file| {
        file.path.starts_with("proxy/src/") && !file.path.starts_with("proxy/src/upstream") && !file.is_test()
    });
    none(
        &mentioned(
            others,
            &["aws_config::", "aws_sigv4::", "aws_sdk_", "aws_smithy_", "aws_credential_types::"],
        ),
        "Call Bedrock through proxy/src/upstream, which hides how AWS is spoken to.",
    );
}

#[test]
fn tasks_are_supervised() {
    let files = rust();
    let all = files
        .iter()
        .filter(|file| !file.path.starts_with("crates/lifecycle/") && !file.path.starts_with("tests/tidy/"));
    none(
        &mentioned(all, &["tokio::spawn", "task::spawn("]),
        "Spawn through nova_lifecycle::Tasks, or through a JoinSet in tests: a bare task outlives a drain.",
    );
}

#[test]
fn attributes_expect_and_never_allow() {
    let mut faults = Vec::new();
    for file in rust() {
        for (number, line) in file.lines() {
            let line = line.trim_start();
            if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
                faults.push(format!("{}:{number}", file.path));
            }
        }
    }
    none(&faults, "Write #[expect(lint, reason = \"…\")]: it fails when it is no longer needed.");
}

#[test]
fn modules_are_files_beside_their_folder() {
    let faults: Vec<_> = super::tree::paths().into_iter().filter(|path| path.ends_with("/mod.rs")).collect();
    none(&faults, "Rename foo/mod.rs to foo.rs: a list of open files then tells them apart.");
}

#[test]
fn every_source_says_what_it_owns() {
    let mut faults = Vec::new();
    for file in rust() {
        let first = file.text.lines().next().unwrap_or_default();
        let says = first.strip_prefix("//! ").unwrap_or_default().trim();
        if says.len() < 10 || says.starts_with("Placeholder") {
            faults.push(format!("{}: {first:?}", file.path));
        }
    }
    none(&faults, "Open the file with a //! sentence: what it owns, and what it leaves to others.");
}

#[test]
fn files_are_short() {
    let mut lengths = Vec::new();
    for file in rust().iter().filter(|file| !file.is_test()) {
        lengths.push((file.program_lines().count(), file.path.clone()));
    }
    lengths.sort();
    let faults: Vec<_> = lengths
        .iter()
        .filter(|(length, _)| *length > LONGEST)
        .map(|(length, path)| format!("{path}: {length} lines"))
        .collect();
    none(&faults, "Split the file at a noun: no file has more than 500 lines without its tests.");
    // Shown by `cargo test --test tidy files_are_short -- --nocapture`.
    let at = |percent: usize| lengths.get(lengths.len().saturating_sub(1) * percent / 100).cloned();
    report(&format!(
        "{} files; median {:?}, 95th percentile {:?}, longest {:?}",
        lengths.len(),
        at(50),
        at(95),
        at(100)
    ));
}

#[expect(
    clippy::print_stdout,
    reason = "a figure for a person who asks for it; the harness hides it otherwise"
)]
fn report(figure: &str) {
    println!("{figure}");
}

#[test]
fn a_word_is_found_only_where_it_stands() {
    for (line, word, expected) in [
        ("let a = tokio::spawn(b);", "tokio::spawn", true),
        ("// tokio::spawn is banned", "tokio::spawn", false),
        ("use slog::Logger;", "log::", false),
        ("use log::Level;", "log::", true),
        ("use http::{Method, StatusCode};", "StatusCode", true),
        ("let x = my_StatusCode;", "StatusCode", false),
    ] {
        assert_eq!(mentions(line, word), expected, "{line}");
    }
}
