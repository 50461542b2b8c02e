//! What may be linked at all: the bans of `deny.toml`, held against what Cargo builds, for those without cargo-deny.

use std::collections::BTreeSet;
use std::process::Command;

use nova_test_support::binary::workspace_root;
use toml::{Table, Value};

use super::tree::none;

fn read(name: &str) -> Table {
    let text = std::fs::read_to_string(workspace_root().join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Major and minor of a version.
fn major_minor(version: &str) -> (u64, u64) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// True when a requirement of the forms that `deny.toml` uses (`<X.Y`, `X.Y` or nothing) takes the version in.
fn is_banned(requirement: Option<&str>, version: &str) -> bool {
    match requirement {
        None => true,
        Some(text) => match text.strip_prefix('<') {
            Some(limit) => major_minor(version) < major_minor(limit.trim()),
            None => major_minor(version) == major_minor(text.trim_start_matches(['^', '~', '='])),
        },
    }
}

/// Name and version of every crate that is built here, features considered.
///
/// `Cargo.lock` alone would not do: it also lists crates behind optional features that nothing turns on, ring among them.
fn built() -> BTreeSet<(String, String)> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace_root())
        .args(["tree", "--workspace", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"])
        .args(["--offline", "--locked"])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let crates: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split_once(" v"))
        .map(|(name, rest)| (name.to_owned(), rest.split(' ').next().unwrap_or_default().to_owned()))
        .collect();
    assert!(crates.iter().any(|(name, _)| name == "rustls"), "cargo tree lists no rustls: {text}");
    crates
}

#[test]
fn nothing_banned_is_linked() {
    let deny = read("deny.toml");
    let bans = deny["bans"]["deny"].as_array().unwrap();
    let built = built();
    let mut faults = Vec::new();
    for ban in bans {
        let banned = ban["crate"].as_str().unwrap();
        let (name, requirement) =
            banned.split_once('@').map_or((banned, None), |(name, version)| (name, Some(version)));
        let found = built.iter().filter(|(found, version)| found == name && is_banned(requirement, version));
        faults.extend(
            found.map(|(name, version)| format!("{name} {version}: {}", ban["reason"].as_str().unwrap())),
        );
    }
    none(&faults, "Find who brings it in by `cargo tree -i NAME -e features`, and turn that feature off.");
}

#[test]
fn every_crate_comes_from_the_registry() {
    let lock = read("Cargo.lock");
    let mut faults = Vec::new();
    for package in lock["package"].as_array().unwrap() {
        if let Some(source) = package.get("source").and_then(Value::as_str)
            && source != "registry+https://github.com/rust-lang/crates.io-index"
        {
            faults.push(format!("{} comes from {source}", package["name"]));
        }
    }
    none(&faults, "Use a published version: a fork or a Git revision can vanish.");
}

#[test]
fn every_skipped_duplicate_is_still_there() {
    let deny = read("deny.toml");
    let lock = read("Cargo.lock");
    let packages = lock["package"].as_array().unwrap();
    let known = |wanted: &str| {
        let (name, version) = wanted.split_once('@').unwrap_or((wanted, ""));
        packages.iter().any(|package| {
            package["name"].as_str() == Some(name)
                && package["version"].as_str().is_some_and(|found| found.starts_with(version))
        })
    };
    let skipped = deny["bans"]["skip"].as_array().unwrap();
    let gone: Vec<_> = skipped
        .iter()
        .filter_map(|skip| skip["crate"].as_str())
        .filter(|wanted| !known(wanted))
        .map(str::to_owned)
        .collect();
    none(&gone, "These duplicates are gone from Cargo.lock: take them out of [bans] skip in deny.toml.");
}

#[test]
fn bans_are_read_as_they_are_meant() {
    for (requirement, version, expected) in [
        (None, "1.2.3", true),
        (Some("0.14"), "0.14.32", true),
        (Some("0.14"), "1.6.0", false),
        (Some("<0.23"), "0.21.9", true),
        (Some("<0.23"), "0.23.0", false),
    ] {
        assert_eq!(is_banned(requirement, version), expected, "{requirement:?} {version}");
    }
}
