//! Schemas in the form that Nova takes: references, recursion, budgets and what is lost.

use super::*;

fn normalized(schema: &Value) -> Result<(Schema, Vec<crate::Note>), TranslateError> {
    let text = schema.to_string();
    let mut budget = SchemaBudget::new(text.len());
    let mut notes = Notes::new(false);
    let raw = RawJson::parse(text).expect("JSON");
    let schema = normalize(&raw, "p", "tools.function.parameters", &mut budget, &mut notes)?;
    Ok((schema, notes.into_vec()))
}

fn drops(notes: &[crate::Note]) -> usize {
    notes.iter().filter(|note| note.kind == crate::NoteKind::Dropped).count()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[rstest::rstest]
#[case("#/$defs/a", json!({"$defs": {"a": {"type": "string"}}}))]
#[case("#/definitions/a", json!({"definitions": {"a": {"type": "string"}}}))]
#[case("#/properties/y", json!({"properties": {"y": {"type": "string"}}}))]
#[case("#/$defs/a~1b~0c", json!({"$defs": {"a/b~c": {"type": "string"}}}))]
#[case("#/$defs/a", json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/c"}, "c": {"type": "string"}}}))]
fn a_local_reference_becomes_what_it_points_at(#[case] reference: &str, #[case] mut schema: Value) {
    schema["properties"]["x"] = json!({"$ref": reference});
    let (schema, notes) = normalized(&schema).expect("a schema");
    assert_eq!(schema.json["properties"]["x"], json!({"type": "string"}));
    assert_eq!(drops(&notes), 0);
}

#[rstest::rstest]
#[case(json!({"$ref": "#/$defs/a", "required": ["x"], "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"type": "object", "properties": {"x": {"type": "string"}}}}}))]
#[case(json!({"allOf": [{"$ref": "#/$defs/a"}, {"required": ["x"]}], "$defs": {"a": {"type": "object", "properties": {"x": {"type": "string"}}}}}))]
#[case(json!({"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x", "x"]}))]
fn the_top_level_is_one_plain_object(#[case] schema: Value) {
    let (schema, notes) = normalized(&schema).expect("a schema");
    let expected = json!({"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]});
    assert_eq!(schema.json, expected);
    assert_eq!(drops(&notes), 0);
}

#[rstest::rstest]
#[case::recursion(json!({"properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}}}}))]
#[case::root(json!({"properties": {"n": {"$ref": "#"}}}))]
#[case::mutual(json!({"properties": {"n": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}}}))]
#[case::itself(json!({"properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"$ref": "#/$defs/n"}}}))]
#[case::nothing(json!({"properties": {"n": {"$ref": "#/$defs/n"}}}))]
#[case::elsewhere(json!({"properties": {"n": {"$ref": "https://example.com/n.json"}}}))]
#[case::keyword(json!({"type": "object", "oneOf": [{"required": ["a"]}]}))]
#[case::additional(json!({"type": "object", "additionalProperties": {"type": "string"}}))]
fn what_is_cut_is_told_once(#[case] schema: Value) {
    let (schema, notes) = normalized(&schema).expect("a schema");
    assert_eq!(drops(&notes), 1, "{notes:?}");
    assert!(depth(&schema.json) < 10);
    assert!(!schema.json.to_string().contains("$ref"));
}

#[test]
fn a_definition_is_written_out_twice_within_itself() {
    let schema = json!({"properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n", "title": "t"}}}}});
    let (schema, _) = normalized(&schema).expect("a schema");
    let twice = json!({"properties": {"n": {"properties": {"n": {"title": "t"}}, "title": "t"}}});
    assert_eq!(schema.json["properties"]["n"], twice);
}

#[test]
fn empty_properties_may_be_written_as_a_list_and_the_description_is_kept() {
    let (schema, _) =
        normalized(&json!({"type": "object", "properties": [], "description": "d"})).expect("a schema");
    assert_eq!((schema.json, schema.description.as_deref()), (any_object(), Some("d")));
}

#[test]
fn references_that_multiply_are_refused_before_they_fill_the_memory() {
    let mut schema =
        json!({"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": {"d40": {"type": "string"}}});
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
        schema["$defs"][format!("d{level}")] = json!({"a": next, "b": next, "c": next});
    }
    assert!(normalized(&schema).expect_err("too large").message.contains("too large"));
}

#[test]
fn all_schemas_of_a_request_share_one_budget() {
    let text = json!({"properties": {"x": {"enum": ["a".repeat(1024 * 1024)]}}}).to_string();
    let raw = RawJson::parse(text).expect("JSON");
    let mut budget = SchemaBudget::new(0);
    let mut notes = Notes::new(false);
    let mut read = || normalize(&raw, "p", "tools.function.parameters", &mut budget, &mut notes).is_ok();
    assert_eq!([read(), read()], [true, false]);
}

/// The stack of a worker thread of the runtime is 2 MiB.
#[rstest::rstest]
#[case(json!({"$ref": "#/$defs/n"}))]
#[case(json!({"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}))]
fn deep_definitions_fit_a_worker_thread(#[case] end: Value) {
    let mut definition = end;
    for _ in 0..120 {
        definition = Value::Array(vec![definition]);
    }
    let schema = json!({"properties": {"x": {"$ref": "#/$defs/n"}, "y": definition.clone()}, "$defs": {"n": {"x": definition}}});
    let text = schema.to_string();
    let worker = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let mut budget = SchemaBudget::new(text.len());
        let mut notes = Notes::new(false);
        let raw = RawJson::parse(text).expect("JSON");
        let schema = normalize(&raw, "p", "tools.function.parameters", &mut budget, &mut notes);
        schema.map(|schema| (depth(&schema.json), drops(&notes.into_vec())))
    });
    let (depth, drops) = worker.expect("a thread").join().expect("no overflow").expect("a schema");
    assert!(depth <= 65 && drops > 0, "{depth} deep, {drops} drops");
}
