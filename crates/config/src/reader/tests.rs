//! Configurations of another schema, from texts: places of values, faults, standard variables, raw blocks.

use std::collections::BTreeMap as Variables;

use rstest::rstest;
use serde::{Deserialize, Serialize};

use super::*;
use crate::DurationText;

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawOther {
    /// How often.
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1s", "x-maximum" = "1h"))]
    every: Option<DurationText>,
    consul: Option<RawPlace>,
    nomad: Option<RawPlace>,
    /// Read by others.
    rollout: BTreeMap<String, RawLeft>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawPlace {
    /// Where.
    #[schemars(extend("x-tier" = "bootstrap"))]
    address: String,
    /// A file.
    #[schemars(extend("x-tier" = "bootstrap"))]
    ca_file: Option<String>,
}

/// Read by others.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-raw" = true, "properties" = {}))]
struct RawLeft {}

fn read(text: &str, variables: &[(&str, &str)]) -> Result<Fitting, Faults> {
    let schema = DocumentSchema::of::<RawOther>("Other").unwrap();
    let variables: Variables<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let layers = vec![Layer::file("other.hcl", text)];
    schema.read(layers, &variables, &[StandardBlock::Consul, StandardBlock::Nomad])
}

#[test]
fn a_configuration_of_another_schema_is_read_with_the_place_of_each_value() {
    let fitting = read("every = \"5s\"\nconsul {\n  address = \"http://c\"\n}\n", &[]).unwrap();
    let raw: RawOther = fitting.parse().unwrap();
    assert_eq!(raw.every, Some(DurationText::from_secs(5)));
    let fault = fitting.fault("consul.address", "is far away", "move it");
    assert_eq!(fault.to_string(), "other.hcl:3:13: consul.address: is far away: move it");
    let fault = fitting.fault("consul.ca_file", "is missing", "write it");
    assert_eq!((fault.line, fault.path.as_str()), (2, "consul.ca_file"), "at the block around it");
}

#[rstest]
#[case("evry = \"5s\"", 1, "every")]
#[case("\nevery = 5", 2, "duration")]
#[case("every = \"2h\"", 1, "1h")]
#[case("consul = 1", 1, "consul { … }")]
#[case("consul {\n  adress = \"x\"\n}", 2, "address")]
#[case("rollout {\n}", 1, "label")]
#[case("requires = \">= 99\"", 1, "newer")]
fn faults_have_a_line_and_say_what_to_write(#[case] text: &str, #[case] line: usize, #[case] says: &str) {
    let faults = read(text, &[]).unwrap_err();
    let fault = &faults.as_slice()[0];
    assert_eq!(fault.line, line, "{fault}");
    assert!(fault.to_string().contains(says), "{fault}");
}

#[test]
fn standard_variables_fill_the_blocks_that_are_there() {
    let variables = [
        ("CONSUL_HTTP_ADDR", "consul:8500"),
        ("NOMAD_ADDR", "https://nomad:4646"),
        ("NOMAD_CACERT", "/ca.pem"),
    ];
    let raw: RawOther = read("consul {}\nnomad {}", &variables).unwrap().parse().unwrap();
    assert_eq!(raw.consul.unwrap().address, "http://consul:8500");
    let nomad = raw.nomad.unwrap();
    assert_eq!((nomad.address.as_str(), nomad.ca_file.as_deref()), ("https://nomad:4646", Some("/ca.pem")));
    let raw: RawOther = read("nomad { address = \"http://n\" }", &variables).unwrap().parse().unwrap();
    assert!(raw.consul.is_none(), "nobody has asked for it");
    assert_eq!(raw.nomad.unwrap().address, "http://n", "what is written wins");
}

#[test]
fn a_raw_block_is_left_to_another_parser_with_its_lines() {
    let text = "every = \"5s\"\nrollout \"web\" {\n  step { share = 10 }\n  step { share = 50 }\n}\n";
    let fitting = read(text, &[]).unwrap();
    let raw = fitting.raw_block("rollout.web").unwrap();
    assert_eq!(raw.file, "other.hcl");
    assert_eq!(raw.text.lines().nth(2), Some("  step { share = 10 }"));
    assert!(!raw.text.contains('}') || raw.text.trim_end().ends_with("50 }"), "{}", raw.text);
    assert_eq!(fitting.parse::<RawOther>().unwrap().rollout.len(), 1);
}

#[test]
fn a_reload_knows_what_it_cannot_apply() {
    let schema = DocumentSchema::of::<RawOther>("Other").unwrap();
    let old = serde_json::json!({"every": "5s", "consul": {"address": "a"}});
    let new = serde_json::json!({"every": "6s", "consul": {"address": "b"}});
    assert_eq!(schema.bootstrap_changes(&old, &new), ["consul.address"]);
}
