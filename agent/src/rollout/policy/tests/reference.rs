//! The pages about policies say what the code does.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::rollout::policy::*;
use crate::rollout::record::Target;

const BEGIN: &str = "<!-- fields: begin -->\n";
const END: &str = "<!-- fields: end -->";

fn reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/reference").join(name)
}

/// Writes the file where that is asked for, and fails where it is another.
fn is_committed(name: &str, expected: &str) {
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(reference(name), expected).unwrap();
    }
    assert!(
        std::fs::read_to_string(reference(name)).unwrap_or_default() == expected,
        "docs/reference/{name} is out of date: run UPDATE_SCHEMA=1 cargo test -p nova-agent --lib policy::reference"
    );
}

fn is_block(field: &Value) -> bool {
    field.get("properties").is_some() || field["additionalProperties"].get("properties").is_some()
}

fn table(fields: &Value) -> String {
    let mut text = String::from("| field | default | meaning |\n|---|---|---|\n");
    let fields = fields.as_object().unwrap();
    for (name, field) in fields.iter().filter(|(name, field)| !is_block(field) && *name != "remove") {
        let default = field.get("default").map_or_else(String::new, |value| format!("`{value}`"));
        let values = field.get("enum").and_then(Value::as_array).map_or_else(String::new, |values| {
            let named: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            format!(" One of {}.", named.join(", "))
        });
        let meaning = field["description"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
        writeln!(text, "| `{name}` | {default} | {meaning}{values} |").unwrap();
    }
    text
}

#[test]
fn the_committed_schema_is_up_to_date() {
    let schema = serde_json::to_string_pretty(&json_schema().unwrap()).unwrap() + "\n";
    is_committed("rollout-policy.schema.json", &schema);
}

#[test]
fn the_page_has_every_field_with_its_default() {
    let schema = json_schema().unwrap();
    let block = &schema["properties"]["rollout"]["additionalProperties"];
    let mut fields = table(&block["properties"]);
    for (name, field) in block["properties"].as_object().unwrap().iter().filter(|(_, field)| is_block(field))
    {
        let (head, inner) = match field.get("properties") {
            Some(inner) => (format!("{name} {{ … }}"), inner),
            None => (format!("{name} \"<label>\" {{ … }}"), &field["additionalProperties"]["properties"]),
        };
        let meaning = field["description"].as_str().unwrap_or_default();
        write!(fields, "\n### `{head}`\n\n{meaning}\n\n{}", table(inner)).unwrap();
    }
    let page = std::fs::read_to_string(reference("rollout-policy.md")).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    is_committed("rollout-policy.md", &format!("{head}{BEGIN}\n{fields}\n{END}{tail}"));
}

#[test]
fn the_example_of_the_page_is_a_policy() {
    let page = std::fs::read_to_string(reference("rollout-policy.md")).unwrap();
    let example = page.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap();
    let target = Target { namespace: "default".to_owned(), job: "nova-proxy".to_owned() };
    let file = PolicyText { name: "example.hcl".to_owned(), text: example.to_owned() };
    let found = of_job(&target, &[file], &[]).unwrap_or_else(|faults| panic!("{faults}")).unwrap();
    assert_eq!(found.policy.gates.len(), 4);
}

#[test]
fn the_page_tells_the_built_in_checks() {
    let page = std::fs::read_to_string(reference("rollout-policy.md")).unwrap();
    for check in default_checks() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", check.name))).unwrap();
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        for value in [check.metric.as_str().to_owned(), number(check.maximum), number(check.tolerance)] {
            assert!(row.contains(&value), "{value} is not in {row}");
        }
    }
}
