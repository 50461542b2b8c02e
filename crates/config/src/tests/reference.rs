//! The files under `docs/reference` say what the program does.

use std::path::PathBuf;

use super::{MINIMAL, load_texts};
use crate::{fields, json_schema};

fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name)
}

/// The example with its commented fields in force, but for the token's file, which excludes the login.
pub(crate) fn full_example() -> String {
    example_without("token_file = ", "token_file = ")
}

/// The example with its commented fields in force, without the lines from one that begins with `from` to one that begins with `to`.
fn example_without(from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(reference("example.hcl")).unwrap();
    let mut is_left_out = false;
    let mut kept = String::new();
    for line in text.lines() {
        let indented = line.trim_start();
        let field = indented
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c == '}' || c.is_ascii_lowercase()))
            .unwrap_or(line);
        is_left_out |= field.trim_start().starts_with(from);
        if !is_left_out {
            kept += field;
            kept.push('\n');
        }
        is_left_out &= !field.trim_start().starts_with(to);
    }
    kept
}

#[test]
fn the_committed_schema_is_up_to_date() {
    let path = reference("config.schema.json");
    let generated = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/reference/config.schema.json is out of date: run UPDATE_SCHEMA=1 cargo test -p nova-config schema"
    );
}

#[test]
fn the_schema_is_a_valid_draft_2020_12_schema() {
    let schema = json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn the_example_says_the_defaults() {
    let text = std::fs::read_to_string(reference("example.hcl")).unwrap();
    let example = load_texts(&[&text]).unwrap();
    let minimal = load_texts(&[MINIMAL]).unwrap();
    assert_eq!(example.config, minimal.config);
    assert_eq!(example.hash(), minimal.hash());
}

#[test]
fn the_example_names_every_field() {
    let alternatives = [full_example(), example_without("login {", "}")];
    let loaded = alternatives.map(|text| load_texts(&[&text]).unwrap_or_else(|faults| panic!("{faults}")));
    // No file may write it, so that it stands in a comment.
    let written = std::fs::read_to_string(reference("example.hcl")).unwrap();
    assert!(written.contains("# fragments = ["));
    for field in fields().iter().filter(|field| field.path != "fragments") {
        let path = field.path.replace('*', "gpt-4o");
        let is_there = loaded.iter().any(|full| full.locate(&path).is_some());
        assert!(is_there, "{path} is not in docs/reference/example.hcl");
    }
}
