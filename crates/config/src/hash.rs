//! A short name for a configuration: equal settings, equal name, on every instance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

/// How many bytes of the digest the name keeps: twelve hexadecimal digits.
const KEPT_BYTES: usize = 6;

/// What tells one instance from another, and so is no setting.
const IDENTITY: &str = "instance";

/// The name of the effective configuration: the head of the SHA-256 of its JSON with sorted keys.
pub(crate) fn short_hash(effective: &Value) -> String {
    let mut settings = canonical(effective);
    if let Some(object) = settings.as_object_mut() {
        object.shift_remove(IDENTITY);
    }
    let text = settings.to_string();
    let mut name = String::with_capacity(2 * KEPT_BYTES);
    for byte in digest(&SHA256, text.as_bytes()).as_ref().iter().take(KEPT_BYTES) {
        // Writing to a string cannot fail.
        write!(name, "{byte:02x}").unwrap_or_default();
    }
    name
}

/// The same value with the keys of every object in order.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<_, _> = object.iter().map(|(key, value)| (key, canonical(value))).collect();
            Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_and_the_order_of_lists_does() {
        let one = json!({"a": 1, "b": {"x": [1, 2], "y": true}});
        let two = json!({"b": {"y": true, "x": [1, 2]}, "a": 1});
        let three = json!({"b": {"y": true, "x": [2, 1]}, "a": 1});
        assert_eq!(short_hash(&one), short_hash(&two));
        assert_ne!(short_hash(&one), short_hash(&three));
    }

    #[test]
    fn instances_of_the_same_settings_have_the_same_hash() {
        let (one, two) = (json!({"a": 1, "instance": "x"}), json!({"instance": "y", "a": 1}));
        assert_eq!(short_hash(&one), short_hash(&two));
        assert_eq!(short_hash(&one), short_hash(&json!({"a": 1})));
        assert_ne!(
            short_hash(&json!({"b": {"instance": "x"}})),
            short_hash(&json!({"b": {"instance": "y"}}))
        );
    }

    #[test]
    fn the_hash_of_a_value_never_changes() {
        // SHA-256 of {"a":1}, from sha256sum.
        assert_eq!(short_hash(&json!({"a": 1})), "015abd7f5cc5");
    }
}
