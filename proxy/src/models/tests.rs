//! Which names are served, to whom, and what stands behind them.

use std::collections::BTreeMap;

use nova_config::{Layer, load_layers};
use rstest::rstest;

use super::*;
use crate::auth::ModelPatterns;

const TODAY: Date = Date::constant(2026, 11, 23);

fn load(models: &str) -> Loaded {
    let text = format!("bedrock {{\n region = \"us-east-1\"\n}}\nauth {{\n none = true\n}}\n{models}\n");
    load_layers(vec![Layer::file("proxy.hcl", text)], &BTreeMap::new()).expect("a configuration")
}

fn table(models: &str) -> ModelTable {
    ModelTable::build(&load(models), TODAY).expect("a table").table
}

fn allowed(patterns: &[&str]) -> Principal {
    let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    Principal { allowed_models: ModelPatterns::new(patterns).expect("patterns"), ..Principal::anonymous() }
}

fn target(table: &ModelTable, name: &str) -> Option<String> {
    table.find(name, &Principal::anonymous()).ok().map(|model| model.target.model_id.clone())
}

#[rstest]
#[case("gpt-4o", Some("us.amazon.nova-pro-v1:0"))]
#[case("gpt-4o-mini", Some("us.amazon.nova-lite-v1:0"))]
#[case("nova-lite", Some("us.amazon.nova-lite-v1:0"))]
#[case("amazon.nova-lite-v1:0", Some("us.amazon.nova-lite-v1:0"))]
#[case("us.amazon.nova-lite-v1:0", Some("us.amazon.nova-lite-v1:0"))]
#[case("text-embedding-3-small", Some("amazon.titan-embed-text-v2:0"))]
#[case("text-embedding-3-large", Some("amazon.nova-2-multimodal-embeddings-v1:0"))]
#[case("text-embedding-ada-002", Some("amazon.titan-embed-text-v1"))]
#[case("mine", Some("us.amazon.nova-micro-v1:0"))]
// Another geography's profile is not what this instance calls.
#[case("eu.amazon.nova-lite-v1:0", None)]
#[case("nova-premier", None)]
#[case("gpt-9", None)]
#[case("", None)]
fn a_name_stands_for_the_profile_of_the_region(#[case] name: &str, #[case] expected: Option<&str>) {
    let table = table("model \"mine\" {\n target = \"nova-micro\"\n}");
    assert_eq!(target(&table, name).as_deref(), expected);
}

#[test]
fn the_configuration_wins_over_well_known_names_and_takes_them_out() {
    let own = table("model \"gpt-4o\" {\n target = \"nova-micro\"\n}\nmodel \"gpt-4\" {\n remove = true\n}");
    assert_eq!(target(&own, "gpt-4o").as_deref(), Some("us.amazon.nova-micro-v1:0"));
    assert_eq!(target(&own, "gpt-4"), None);
    let bare = table("well_known_models = false");
    for name in ["gpt-4o", "nova-pro", "amazon.nova-pro-v1:0"] {
        assert_eq!(target(&bare, name), None, "every request goes through a block");
    }
}

#[test]
fn a_removed_model_is_not_reached_by_its_id_either() {
    let table = table("model \"nova-pro\" {\n remove = true\n}");
    assert_eq!(target(&table, "nova-pro"), None);
    assert_eq!(target(&table, "amazon.nova-pro-v1:0"), None);
}

#[rstest]
#[case("target = \"nova-ultra\"", "not an Amazon Nova model")]
#[case("target = \"us.amazon.nova-premier-v1:0\"", "end of life on 2026-09-14")]
#[case("target = \"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x\"", "base_model")]
#[case("target = \"nova-2-pro-preview\"", "cannot be called from us-east-1")]
fn a_bad_target_is_a_fault_with_its_line(#[case] attribute: &str, #[case] words: &str) {
    let faults =
        ModelTable::build(&load(&format!("model \"x\" {{\n {attribute}\n}}")), TODAY).expect_err("a fault");
    let text = faults[0].to_string();
    assert!(text.starts_with("proxy.hcl:8:") && text.contains(words), "{text}");
}

#[test]
fn an_application_profile_is_called_by_its_arn() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x";
    let table = table(&format!("model \"x\" {{\n target = \"{arn}\"\n base_model = \"nova-lite\"\n}}"));
    assert_eq!(target(&table, "x").as_deref(), Some(arn));
}

#[test]
fn a_key_sees_and_uses_its_own_models_only() {
    let table = table("");
    let search = allowed(&["gpt-4o*"]);
    let names: Vec<String> = table.list(&search).data.into_iter().map(|model| model.id).collect();
    assert_eq!(names, ["gpt-4o", "gpt-4o-mini"]);
    assert_eq!(table.find("gpt-4", &search).expect_err("not allowed").status(), 403);
    assert_eq!(table.find("amazon.nova-pro-v1:0", &search).expect_err("not allowed").status(), 403);
    let unknown = table.find("gpt-9", &search).expect_err("unknown");
    assert_eq!(unknown.status(), 404);
    assert!(unknown.message().ends_with("served are: gpt-4o, gpt-4o-mini"), "{}", unknown.message());
    assert!(table.find("amazon.nova-pro-v1:0", &allowed(&["nova-pro"])).is_ok());
}

#[test]
fn a_guardrail_that_can_be_gone_around_is_a_warning() {
    let block =
        "model \"x\" {\n target = \"nova-lite\"\n guardrail {\n  id = \"gr1\"\n  version = \"1\"\n }\n}";
    let warnings = |text: &str| ModelTable::build(&load(text), TODAY).expect("a table").warnings;
    assert_eq!(warnings(block).len(), 1);
    assert_eq!(warnings(&format!("well_known_models = false\n{block}")), Vec::<String>::new());
}

#[test]
fn a_guardrail_on_a_model_that_does_not_chat_is_a_fault() {
    let block = "model \"x\" {\n target = \"titan-embed-text-v2\"\n guardrail {\n  id = \"gr1\"\n  version = \"1\"\n }\n}";
    let faults = ModelTable::build(&load(block), TODAY).expect_err("a fault");
    assert!(faults[0].to_string().contains("does not chat"), "{}", faults[0]);
}

#[test]
fn a_model_past_its_end_is_served_where_aws_has_agreed() {
    let block = |more: &str| format!("model \"draw\" {{\n target = \"nova-canvas\"\n{more}\n}}");
    let faults = ModelTable::build(&load(&block("")), TODAY).expect_err("a fault");
    assert!(faults[0].to_string().contains("extended_access"), "{}", faults[0]);
    let built = ModelTable::build(&load(&block(" extended_access = true")), TODAY).expect("a table");
    assert_eq!(target(&built.table, "draw").as_deref(), Some("amazon.nova-canvas-v1:0"));
    assert!(built.warnings.iter().any(|warning| warning.contains("2026-09-30")), "{:?}", built.warnings);
    assert_eq!(target(&built.table, "dall-e-3"), None, "a name that nobody wrote stays out");
}

#[test]
fn a_model_near_its_end_is_a_warning() {
    let before = Date::constant(2026, 6, 1);
    let loaded = load("model \"x\" {\n target = \"us.amazon.nova-premier-v1:0\"\n}");
    let built = ModelTable::build(&loaded, before).expect("a table");
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
}
