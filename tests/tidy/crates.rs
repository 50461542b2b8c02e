//! Which crate may use which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use nova_test_support::binary::workspace_root;
use serde_json::Value;

use super::tree::none;

/// The crates of the workspace that each crate may use in the program that it becomes.
///
/// A new edge is a decision: write it here, and say why in `docs/architecture.md`.
const EDGES: &[(&str, &[&str])] = &[
    ("openai-api", &[]),
    ("nova-translate", &["openai-api"]),
    ("nova-config", &[]),
    ("nova-judge", &[]),
    ("nova-telemetry", &[]),
    ("nova-lifecycle", &[]),
    ("nova-journal", &[]),
    ("nova-pricing", &[]),
    ("bedrock-sim", &[]),
    (
        "nova-proxy",
        &[
            "openai-api",
            "nova-translate",
            "nova-config",
            "nova-hashistack",
            "nova-telemetry",
            "nova-lifecycle",
        ],
    ),
    (
        "nova-agent",
        &["nova-config", "nova-hashistack", "nova-judge", "nova-lifecycle", "nova-pricing", "nova-telemetry"],
    ),
    ("nova-hashistack", &[]),
    (
        "nova-local",
        &["bedrock-sim", "nova-config", "nova-hashistack", "nova-lifecycle", "nova-proxy", "nova-telemetry"],
    ),
    ("nova-bench", &["nova-judge"]),
    // Targets for everything that reads bytes of others.
    ("nova-fuzz", &["nova-config", "nova-journal", "nova-proxy", "nova-translate"]),
    ("nova-test-support", &[]),
    ("nova-tests", &[]),
];

/// Crates of others that a pure crate may use: they neither read nor write anything outside of memory.
const PURE: &[(&str, &[&str])] = &[
    ("nova-judge", &["libm"]),
    ("openai-api", &["serde", "serde_json", "serde_path_to_error"]),
    ("nova-pricing", &["jiff", "serde", "serde_json", "thiserror", "toml"]),
    (
        "nova-translate",
        &[
            "base64",
            "bytes",
            "percent-encoding",
            "regex-lite",
            "serde",
            "serde_json",
            "serde_path_to_error",
            "thiserror",
            "toml",
            "jiff",
            "xxhash-rust",
            "xxhash-rust",
            "openai-api",
        ],
    ),
];

struct Package {
    name: String,
    dependencies: Vec<Value>,
}

impl Package {
    /// Names of the dependencies of a kind: none is that of programs, `dev` that of tests.
    fn names(&self, kind: Option<&str>) -> BTreeSet<&str> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency["kind"].as_str() == kind)
            .filter_map(|dependency| dependency["name"].as_str())
            .collect()
    }
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace_root())
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = |value: &Value| Package {
        name: value["name"].as_str().unwrap().to_owned(),
        dependencies: value["dependencies"].as_array().unwrap().clone(),
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn crates_use_only_the_crates_that_they_may() {
    let packages = packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let edges: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let mut faults = Vec::new();
    for package in &packages {
        let Some(allowed) = edges.get(package.name.as_str()) else {
            faults.push(format!("{} is not in the table", package.name));
            continue;
        };
        for used in package.names(None).intersection(&ours) {
            if !allowed.contains(used) {
                faults.push(format!("{} uses {used}", package.name));
            }
        }
    }
    none(
        &faults,
        "Turn the dependency around, or add the edge to EDGES in tests/tidy/crates.rs and to docs/architecture.md.",
    );
    let gone: Vec<_> =
        edges.keys().filter(|name| !ours.contains(**name)).map(|name| (*name).to_owned()).collect();
    none(&gone, "These crates are gone: take them out of EDGES in tests/tidy/crates.rs.");
}

#[test]
fn test_support_is_for_tests_only() {
    let faults: Vec<_> = packages()
        .iter()
        .filter(|package| {
            package.names(None).contains("nova-test-support")
                || package.names(Some("build")).contains("nova-test-support")
        })
        .map(|package| package.name.clone())
        .collect();
    none(&faults, "Move nova-test-support to [dev-dependencies]: a program must not link it.");
}

#[test]
fn pure_crates_use_pure_crates_only() {
    let packages = packages();
    let mut faults = Vec::new();
    for (name, allowed) in PURE {
        let package = packages
            .iter()
            .find(|package| package.name == *name)
            .unwrap_or_else(|| panic!("no crate {name}"));
        let foreign = package.names(None).into_iter().filter(|used| !allowed.contains(used));
        faults.extend(foreign.map(|used| format!("{name} uses {used}")));
    }
    none(
        &faults,
        "A pure crate does no IO: keep the dependency out, or prove it pure and add it to PURE in tests/tidy/crates.rs.",
    );
}
