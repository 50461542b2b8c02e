//! Documents as layers, what each of them may say, and how other versions would read them.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use rstest::rstest;
use semver::Version;
use serde_json::{Value, json};

use super::*;
use crate::load::load_as;
use crate::tests::{
    MINIMAL,
    reference::{full_example, full_examples},
};
use crate::{Loaded, Tier, fields, json_schema, load_layers};

fn documents(entries: &[(&str, &str)]) -> Documents {
    let entries =
        entries.iter().map(|(name, text)| ((*name).to_owned(), Bytes::copy_from_slice(text.as_bytes()), 7));
    Documents::new("nova/prod", entries, 9)
}

/// Lays documents over a file.
fn load_over(file: &str, documents: &Documents) -> Result<Loaded, Faults> {
    let mut layers = vec![Layer::file("1.hcl", file)];
    layers.extend(documents.layers()?);
    load_layers(layers, &BTreeMap::new())
}

fn load(entries: &[(&str, &str)]) -> Result<Loaded, Faults> {
    load_over(MINIMAL, &documents(entries))
}

#[test]
fn config_comes_first_and_the_others_in_the_order_of_their_names() {
    let loaded = load(&[
        ("config.d/b", "limits { n = 2 }\nstrict = true"),
        ("config", "limits { n = 1 }\nwell_known_models = false"),
        ("config.d/a", "limits { n = 3 }\nstrict = false"),
    ])
    .unwrap();
    assert_eq!(loaded.config.runtime.limits.n, 2);
    assert!(loaded.config.runtime.strict && !loaded.config.runtime.well_known_models);
    assert_eq!(loaded.origins()["limits.n"].to_string(), "nova/prod/config.d/b:1:14");
    assert_eq!(loaded.origins()["well_known_models"].to_string(), "nova/prod/config:2:21");
}

#[test]
fn a_candidate_is_beside_the_documents_until_it_is_tried() {
    let value = r#"{"format":1,"id":"c","base_index":7,"share_percent":10,"ring":["a"],"begun_at_ms":1,"max_age_ms":60000,
        "config":"strict = true\nwell_known_models = 3"}"#;
    let found = documents(&[("config", "strict = false"), ("config.d/a", ""), ("config.canary", value)]);
    assert_eq!((found.config_index(), found.candidate().map(|it| it.modify_index)), (Some(7), Some(7)));
    assert!(!load_over(MINIMAL, &found).unwrap().config.runtime.strict);
    let tried = found.tried(&Candidate::parse(value.as_bytes()).unwrap());
    let faults = load_over(MINIMAL, &tried).unwrap_err();
    assert_eq!(faults.as_slice()[0].file, "nova/prod/config.canary", "{faults}");
    assert_eq!((faults.as_slice()[0].line, found.entries().count()), (2, 2));
}

#[test]
fn keys_beside_the_documents_are_passed_over() {
    let entries = [
        ("config", "strict = true"),
        ("config.canary", "=="),
        ("configuration", "=="),
        ("config.d/", ""),
        ("history/1", "=="),
    ];
    let found = documents(&entries);
    assert_eq!(found.entries().map(|(name, _)| name).collect::<Vec<_>>(), ["config"]);
    assert_eq!(
        (found.key("config").as_str(), found.prefix(), found.index()),
        ("nova/prod/config", "nova/prod", 9)
    );
    assert!(load(&entries).unwrap().config.runtime.strict);
}

#[test]
fn without_the_document_config_nothing_is_applied_and_that_is_no_empty_configuration() {
    for entries in [&[][..], &[("config.d/limits", "limits { n = 2 }")]] {
        let faults = load(entries).unwrap_err();
        assert_eq!(faults.kind(), FaultKind::DocumentsMissing);
        assert_eq!(
            faults.to_string(),
            "nova/prod/config:1:1: is not there, and without it no document is applied: \
             write it: consul kv put nova/prod/config @FILE"
        );
    }
}

#[rstest]
#[case::a_folder_in_the_folder(
    "config.d/eu/limits",
    "strict = true",
    "nova/prod/config.d/eu/limits:1:1: has no name that a document can have: \
     name it config.d/ and at most 128 letters, digits, ., - and _, or delete the key"
)]
#[case::no_name(
    "config.d/",
    "strict = true",
    "nova/prod/config.d/:1:1: has no name that a document can have: \
     name it config.d/ and at most 128 letters, digits, ., - and _, or delete the key"
)]
#[case::a_name_with_a_space(
    "config.d/my limits",
    "strict = true",
    "nova/prod/config.d/my limits:1:1: has no name that a document can have: \
     name it config.d/ and at most 128 letters, digits, ., - and _, or delete the key"
)]
#[case::an_empty_config(
    "config",
    " \n",
    "nova/prod/config:1:1: is empty, which would take back all that it said: \
     write what it is to say, or a comment where that is nothing"
)]
#[case::a_listed_document_that_is_not_there(
    "config",
    "strict = true\nfragments = [\"good\",\n  \"limits\"]",
    "nova/prod/config:3:3: fragments[1]: \"limits\" is not there: \
     write the document nova/prod/config.d/<its name>, or take it out of the list"
)]
#[case::a_list_elsewhere(
    "config.d/models",
    "fragments = [\"good\"]",
    "nova/prod/config.d/models:1:1: fragments: is written by the document config alone, which lists what must be beside it: take it out"
)]
#[case::a_list_of_something_else(
    "config",
    "fragments = [\"a b\", 3]",
    "nova/prod/config:1:14: fragments[0]: \"a b\" has the wrong form: write the name of a document below config.d/, such as \"limits\"\n\
     nova/prod/config:1:14: fragments[0]: \"a b\" is not there: write the document nova/prod/config.d/<its name>, or take it out of the list\n\
     nova/prod/config:1:21: fragments[1]: is a number: write the name of a document below config.d/, such as \"limits\""
)]
#[case::a_fault_in_the_text(
    "config.d/limits",
    "\n\n     limits { concurrency = 0 }",
    "nova/prod/config.d/limits:3:29: limits.concurrency: 0 is below the minimum 1: write a whole number from 1 to 100000"
)]
#[case::a_block_that_turns_consul_on(
    "config.d/x",
    "consul {\n}",
    "nova/prod/config.d/x:1:1: consul: is fixed when the process starts, and cannot be set here: \
     write it in a file named by --config, and restart"
)]
#[case::a_block_in_a_block(
    "config.d/x",
    "bedrock {\n assume_role {\n }\n}",
    "nova/prod/config.d/x:2:2: bedrock.assume_role: is fixed when the process starts, and cannot be set here: \
     write it in a file named by --config, and restart"
)]
fn a_wrong_document_is_refused_by_its_key(#[case] name: &str, #[case] text: &str, #[case] expected: &str) {
    let found =
        documents(&[("config", "strict = true"), ("config.d/good", "limits { n = 2 }"), (name, text)]);
    let faults = load_over(&full_example(), &found).unwrap_err();
    assert_eq!(faults.kind(), FaultKind::Invalid);
    assert_eq!(faults.to_string(), expected);
}

#[test]
fn every_document_that_is_not_text_is_named_with_its_place() {
    let entries = [
        ("config".to_owned(), Bytes::from_static(b"strict = true\n# \xe9t\xe9"), 1),
        ("config.d/large".to_owned(), Bytes::from(vec![b'\n'; (1 << 20) + 1]), 1),
    ];
    let faults = Documents::new("p", entries, 1).layers().unwrap_err();
    assert_eq!(
        faults.to_string(),
        "p/config:2:3: is not UTF-8: write it as UTF-8 text\n\
         p/config.d/large:1:1: is larger than 1048576 bytes: put parts of it under config.d/"
    );
}

#[test]
fn documents_that_are_listed_and_there_are_applied() {
    let loaded =
        load(&[("config", "fragments = [\"limits\"]"), ("config.d/limits", "limits { n = 2 }")]).unwrap();
    assert_eq!(loaded.config.runtime.limits.n, 2);
    // The list says what must be there, and is no setting.
    assert_eq!(loaded.hash(), load(&[("config", "limits { n = 2 }")]).unwrap().hash());
}

#[test]
fn one_document_of_a_newer_version_keeps_the_whole_last_good_one() {
    let found = documents(&[
        ("config", "strict = true\nfragments = [\"absent\"]"),
        ("config.d/new", "hologram = true\nrequires = \">= 0.9\"\n"),
        ("config.d/wrong", "limits { n = 0 }"),
    ]);
    let mut layers = vec![Layer::file("1.hcl", MINIMAL)];
    layers.extend(found.layers().unwrap());
    let faults = load_as(layers, &BTreeMap::new(), &Version::new(0, 1, 0)).unwrap_err();
    assert_eq!(faults.kind(), FaultKind::NeedsNewerVersion);
    assert_eq!(
        faults.to_string(),
        "nova/prod/config.d/new:2:12: requires: this document needs a newer version than 0.1.0: >= 0.9: \
         update this instance first"
    );
}

#[test]
fn a_field_that_this_version_lacks_is_refused_where_no_document_needs_a_newer_one() {
    let faults =
        load(&[("config", "requires = \">= 0.1\""), ("config.d/new", "hologram = true")]).unwrap_err();
    assert_eq!(faults.kind(), FaultKind::Invalid);
    let fault = &faults.as_slice()[0];
    assert_eq!((fault.file.as_str(), fault.line, fault.column), ("nova/prod/config.d/new", 1, 1));
    assert_eq!(fault.problem, "unknown field \"hologram\"");
}

/// Writes the value at a path of fields into as many blocks, and tells its line. `*` is a label.
fn written(path: &str, value: &str) -> (String, usize) {
    let mut steps: Vec<&str> = path.split('.').collect();
    let field = steps.pop().unwrap();
    let mut text = String::new();
    let mut blocks = 0;
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| **step != "*") {
        let label = if steps.get(index + 1) == Some(&"*") { " \"x\"" } else { "" };
        text += &format!("{step}{label} {{\n");
        blocks += 1;
    }
    text += &format!("{field} = {value}\n{}", "}\n".repeat(blocks));
    (text, blocks + 1)
}

/// The value as HCL.
fn literal(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(key, value)| format!("{key:?} = {}", literal(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

#[test]
fn no_document_can_write_a_bootstrap_field() {
    let file = full_example();
    let full = full_examples()
        .map(|text| load_layers(vec![Layer::file("1.hcl", text.as_str())], &BTreeMap::new()).unwrap());
    let bootstrap = fields().iter().filter(|field| field.tier == Tier::Bootstrap);
    // Every document may say which versions read it.
    let tried: Vec<_> = bootstrap.filter(|field| field.path != "requires").collect();
    assert!(tried.len() > 50, "{}", tried.len());
    for field in tried {
        // The value that is in force: nothing is wrong with it but its place.
        let find = |full: &Loaded| {
            let labels = ["pepper", "of-a-file", "of-the-environment"];
            let mut paths = labels.iter().map(|label| field.path.replace('*', label));
            paths.find_map(|path| {
                path.split('.').try_fold(full.effective(), |value, step| value.get(step)).cloned()
            })
        };
        let value = full.iter().find_map(find).as_ref().map_or_else(|| "\"x\"".to_owned(), literal);
        let (text, line) = written(&field.path, &value);
        let path = field.path.replace(".*", " \"x\"");
        for name in ["config", "config.d/x"] {
            let found = documents(&[("config", "strict = true"), (name, &text)]);
            let faults = load_over(&file, &found).unwrap_err();
            assert_eq!(
                faults.to_string(),
                format!(
                    "{}:{line}:1: {path}: is fixed when the process starts, and cannot be set here: \
                     write it in a file named by --config, and restart",
                    found.key(name)
                ),
            );
            assert_eq!(judge_documents(&found, &json_schema()), faults.as_slice(), "{path}");
        }
    }
}

#[test]
fn what_this_version_takes_is_right_by_its_own_schema() {
    let right = documents(&[
        (
            "config",
            "requires = \">= 0.1\"\nfragments = [\"models\"]\nbedrock {\n spill_on_throttle = true\n}",
        ),
        // Its target is in a file.
        ("config.d/models", "model \"gpt-4o\" { max_tokens = 5 }\nmodel \"gpt-4\" { remove = true }"),
    ]);
    load_over(&full_example(), &right).unwrap();
    assert_eq!(judge_documents(&right, &json_schema()), []);
}

#[test]
fn documents_are_judged_by_what_another_version_knows() {
    let mut schema = json_schema();
    schema["x-version"] = json!("0.0.7");
    schema["properties"]["limits"]["properties"].as_object_mut().unwrap().shift_remove("n");
    schema["properties"]["strict"]["x-tier"] = json!("bootstrap");
    schema["properties"]["limits"]["properties"]["queue"]["maximum"] = json!(10);
    let judged = |entries: &[(&str, &str)]| -> Vec<String> {
        let faults = judge_documents(&documents(entries), &schema);
        faults
            .iter()
            .map(|fault| format!("{}:{} {}: {}", fault.file, fault.line, fault.path, fault.problem))
            .collect()
    };
    let config = "strict = true\nlimits {\n n = 2\n queue = 11\n}";
    assert_eq!(
        judged(&[("config", config), ("config.d/a", "model \"x\" {\n guardrail {\n }\n}")]),
        [
            "nova/prod/config:1 strict: is fixed when the process starts, and cannot be set here",
            "nova/prod/config:3 limits: unknown field \"n\"",
            "nova/prod/config:4 limits.queue: 11 is above the maximum 10",
        ],
    );
    assert_eq!(
        judged(&[
            ("config", "log { level = \"warn\" }"),
            ("config.d/a", "model \"x\" {\n guardrail {\n }\n}")
        ]),
        [
            "nova/prod/config.d/a:2 model \"x\".guardrail: missing field \"id\"",
            "nova/prod/config.d/a:2 model \"x\".guardrail: missing field \"version\"",
        ],
    );
    assert_eq!(
        judged(&[("config", "limits { n = 2 }"), ("config.d/a", "requires = \">= 0.1\"")]),
        ["nova/prod/config.d/a:1 requires: this document needs a newer version than 0.0.7: >= 0.1"]
    );
    assert_eq!(judged(&[]), ["nova/prod/config:1 : is not there, and without it no document is applied"]);
}

#[rstest]
#[case::nothing(json!(null))]
#[case::everything_goes(json!(true))]
#[case::no_fields(json!({"type": "object"}))]
#[case::broken(json!({"properties": {"strict": {"type": 7}}}))]
fn what_is_no_schema_judges_nothing_and_says_so(#[case] schema: Value) {
    let faults = judge_documents(&documents(&[("config", "strict = true")]), &schema);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].problem.starts_with("cannot be judged: "), "{}", faults[0]);
}

#[test]
fn documents_say_the_same_whatever_their_indexes() {
    let one = documents(&[("config", "a"), ("config.d/x", "b")]);
    let read_again = |prefix: &str| {
        let entries = one.entries().map(|(name, document)| (name.to_owned(), document.value.clone(), 8));
        Documents::new(prefix, entries, 10)
    };
    let again = read_again("nova/prod");
    assert!(one != again && one.says_the_same_as(&again));
    let others = [
        documents(&[("config", "a"), ("config.d/x", "c")]),
        documents(&[("config", "a"), ("config.d/y", "b")]),
        documents(&[("config", "a")]),
        read_again("nova/test"),
    ];
    assert!(!others.iter().any(|other| one.says_the_same_as(other)));
}

/// Parts of documents, most of them right.
fn part() -> impl Strategy<Value = String> {
    let fixed = |text: &'static str| Just(text.to_owned());
    prop_oneof![
        (1_u8..200).prop_map(|n| format!("limits {{ n = {n} }}")),
        any::<bool>().prop_map(|strict| format!("strict = {strict}")),
        "[a-c]".prop_map(|name| format!("model \"{name}\" {{ target = \"nova-pro\" }}")),
        "[a-c]".prop_map(|name| format!("model \"{name}\" {{ remove = true }}")),
        fixed("bedrock { failover_regions = [] }"),
        fixed("bedrock { failover_regions = [\"us-west-2\"] }"),
        fixed("bedrock {\n retry { max_attempts = 2 }\n}"),
        fixed("log { level = \"warn\" }"),
        fixed("image_fetch { timeout = \"1s\" }"),
        fixed("fragments = [\"a\"]"),
        fixed("consul { }"),
        fixed("tls { }"),
        fixed("server { }"),
        fixed("auth { none = true }"),
        fixed("bedrock { regions = [] }"),
        "[a-z{}=\"\\[\\] \n]{0,12}",
    ]
}

fn any_documents() -> impl Strategy<Value = Documents> {
    let name = prop_oneof![
        8 => Just("config".to_owned()),
        6 => "[a-c]".prop_map(|name| format!("config.d/{name}")),
        1 => "config\\.d/.{0,3}",
    ];
    let value = prop_oneof![
        12 => prop::collection::vec(part(), 1..3).prop_map(|parts| Bytes::from(parts.join("\n"))),
        1 => any::<Vec<u8>>().prop_map(Bytes::from),
    ];
    let entry = (name, value).prop_map(|(name, value)| (name, value, 1));
    prop::collection::vec(entry, 0..6).prop_map(|entries| Documents::new("p", entries, 1))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_documents_say_they_never_touch_bootstrap(found in any_documents()) {
        let file = full_example();
        let alone = load_layers(vec![Layer::file("1.hcl", file.as_str())], &BTreeMap::new()).unwrap();
        match load_over(&file, &found) {
            Ok(loaded) => {
                prop_assert_eq!(&loaded.config.bootstrap, &alone.config.bootstrap);
                prop_assert_eq!(crate::bootstrap_changes(&alone, &loaded), Vec::<String>::new());
                prop_assert_eq!(judge_documents(&found, &json_schema()), []);
            }
            Err(faults) => {
                prop_assert!(!faults.as_slice().is_empty());
                for fault in faults.as_slice() {
                    prop_assert!(fault.file.starts_with("p/config"), "{}", fault);
                    prop_assert!(fault.line >= 1 && fault.column >= 1 && !fault.fix.is_empty());
                }
            }
        }
    }

    #[test]
    fn the_last_layer_that_says_it_wins(
        values in prop::collection::btree_map("[a-z]{1,3}", 1_u32..=128, 0..6),
        first in 1_u32..=128,
        turn in any::<prop::sample::Index>(),
    ) {
        let text = |n: &u32| Bytes::from(format!("limits {{ n = {n} }}"));
        let mut entries = vec![("config".to_owned(), text(&first), 1)];
        entries.extend(values.iter().map(|(name, n)| (format!("config.d/{name}"), text(n), 1)));
        let places = entries.len();
        entries.rotate_left(turn.index(places));
        let loaded = load_over(MINIMAL, &Documents::new("p", entries, 1)).unwrap();
        prop_assert_eq!(loaded.config.runtime.limits.n, values.values().next_back().copied().unwrap_or(first));
    }
}
