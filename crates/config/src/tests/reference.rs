//! The files under `docs/reference` say what the program does.

use std::path::PathBuf;

use super::{MINIMAL, load_texts};
use crate::{fields, json_schema};

fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name)
}

/// Parts of the example that exclude others, each from a line's beginning to that of its last line.
const CONSUL_TOKEN: [&str; 2] = ["token_file = \"/etc/nova/consul.token\"", "token_file"];
const CONSUL_LOGIN: [&str; 2] = ["login {", "}"];
const VAULT_TOKEN: [&str; 2] = ["token_file = \"/run/vault/token\"", "token_file"];
const VAULT_JWT: [&str; 2] = ["jwt {", "}"];
const VAULT_APP_ROLE: [&str; 2] = ["approle {", "}"];
const VAULT_CERTIFICATE: [&str; 2] = ["vault_certificate {", "}"];
const CONSUL_CERT_FILE: [&str; 2] = ["cert_file   = \"/etc/nova/consul/cert.pem\"", "cert_file"];
const CONSUL_KEY_FILE: [&str; 2] = ["key_file    = \"/etc/nova/consul/key.pem\"", "key_file"];
const CONSUL_CERTIFICATE: [&str; 2] = ["vault_client_certificate {", "}"];
const PEPPER_FILE: [&str; 2] = ["pepper_file = ", "pepper_file"];
const PEPPER_SECRET: [&str; 2] = ["pepper_secret = ", "pepper_secret"];
const CERT_FILE: [&str; 2] = ["cert_file = \"/etc/nova/tls/cert.pem\"", "cert_file"];
const KEY_FILE: [&str; 2] = ["key_file  = \"/etc/nova/tls/key.pem\"", "key_file"];

/// The example with its commented fields in force, but for what excludes the logins by JWT and the certificate's files.
pub(crate) fn full_example() -> String {
    example_without(&[
        CONSUL_TOKEN,
        CONSUL_CERTIFICATE,
        VAULT_TOKEN,
        VAULT_APP_ROLE,
        VAULT_CERTIFICATE,
        PEPPER_SECRET,
    ])
}

/// The examples that have every field between them.
pub(crate) fn full_examples() -> [String; 3] {
    [
        full_example(),
        example_without(&[
            CONSUL_LOGIN,
            CONSUL_CERT_FILE,
            CONSUL_KEY_FILE,
            VAULT_JWT,
            VAULT_TOKEN,
            CERT_FILE,
            KEY_FILE,
            PEPPER_FILE,
        ]),
        example_without(&[
            CONSUL_LOGIN,
            CONSUL_CERTIFICATE,
            VAULT_JWT,
            VAULT_APP_ROLE,
            VAULT_CERTIFICATE,
            PEPPER_SECRET,
        ]),
    ]
}

/// The example with its commented fields in force, without these parts.
fn example_without(parts: &[[&'static str; 2]]) -> String {
    let text = std::fs::read_to_string(reference("example.hcl")).unwrap();
    let mut left_out_to = None;
    let mut kept = String::new();
    for line in text.lines() {
        let indented = line.trim_start();
        let field = indented
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c == '}' || c.is_ascii_lowercase()))
            .unwrap_or(line);
        let begins = |part: &&[&'static str; 2]| field.trim_start().starts_with(part[0]);
        left_out_to = left_out_to.or_else(|| parts.iter().find(begins).map(|part| part[1]));
        match left_out_to {
            Some(to) if field.trim_start().starts_with(to) => left_out_to = None,
            Some(_) => {}
            None => {
                kept += field;
                kept.push('\n');
            }
        }
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
    let loaded = full_examples().map(|text| load_texts(&[&text]).unwrap_or_else(|faults| panic!("{faults}")));
    // No file may write it, so that it stands in a comment.
    let written = std::fs::read_to_string(reference("example.hcl")).unwrap();
    assert!(written.contains("# fragments = ["));
    for field in fields().iter().filter(|field| field.path != "fragments") {
        let labels = ["gpt-4o", "pepper", "of-aws", "of-a-file", "of-the-environment"];
        let mut paths = labels.iter().map(|label| field.path.replace('*', label));
        let is_there = paths.any(|path| loaded.iter().any(|full| full.locate(&path).is_some()));
        assert!(is_there, "{} is not in docs/reference/example.hcl", field.path);
    }
}
