//! `metadata` to `requestMetadata`, which AWS writes into the invocation log.
//!
//! Source: Bedrock API Reference, Converse, `requestMetadata`: at most 16 pairs, keys of 1 to 256 and values of 0 to 256 characters out of
//! letters, digits, white space and `:_@$#=/+,-.`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::TranslateError;
use crate::note::Notes;

const PAIRS_MAX: usize = 16;
const LENGTH_MAX: usize = 256;

pub(super) fn translate(
    metadata: Option<Map<String, Value>>,
    notes: &mut Notes,
) -> Result<BTreeMap<String, String>, TranslateError> {
    let mut pairs = BTreeMap::new();
    let Some(metadata) = metadata else { return Ok(pairs) };
    if metadata.len() > PAIRS_MAX {
        return Err(TranslateError::invalid(
            "metadata",
            format!("metadata has {} pairs, and at most {PAIRS_MAX} are allowed", metadata.len()),
        ));
    }
    for (key, value) in metadata {
        let Value::String(value) = value else {
            return Err(TranslateError::invalid("metadata", "the values of metadata must be strings"));
        };
        if key.is_empty() || !is_legal(&key) || !is_legal(&value) {
            notes.drop("metadata", "Bedrock takes at most 256 letters, digits, spaces and :_@$#=/+,-. in a key or value: other pairs were left out")?;
            continue;
        }
        pairs.insert(key, value);
    }
    Ok(pairs)
}

fn is_legal(text: &str) -> bool {
    let legal = |char: char| {
        char.is_ascii_alphanumeric() || char.is_ascii_whitespace() || ":_@$#=/+,-.".contains(char)
    };
    text.len() <= LENGTH_MAX && text.chars().all(legal)
}
