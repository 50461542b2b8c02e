//! `metadata` and the configuration's own pairs to `requestMetadata`, which AWS writes into the invocation log.
//!
//! Source: Bedrock API Reference, Converse, `requestMetadata`: at most 16 pairs, keys of 1 to 256 and values of 0 to 256 characters out of
//! letters, digits, white space and `:_@$#=/+,-.`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::TranslateError;
use crate::note::Notes;

/// How many pairs a call may carry.
const PAIRS_MAX: usize = 16;

/// How long a key or a value may be.
const LENGTH_MAX: usize = 256;

/// The pairs of the call: the configuration's, which nobody else can change, and the caller's as far as there is room.
///
/// # Errors
/// When the caller's break a rule of OpenAI's API, or cannot all be sent under `strict`.
pub(super) fn translate(
    metadata: Option<Map<String, Value>>,
    configured: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> Result<BTreeMap<String, String>, TranslateError> {
    let mut pairs = configured.clone();
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
        } else if configured.contains_key(&key) {
            notes.rewrite(
                "metadata",
                "the configuration of this proxy gives some of the pairs, and its values count",
            );
        } else if pairs.len() >= PAIRS_MAX {
            notes.drop("metadata", "Bedrock takes at most 16 pairs with those of this proxy's configuration: further ones were left out")?;
        } else {
            pairs.insert(key, value);
        }
    }
    Ok(pairs)
}

/// `text` as Bedrock takes it: other characters become `_`, and what is too long is cut.
#[must_use]
pub fn metadata_safe(text: &str) -> String {
    text.chars().take(LENGTH_MAX).map(|char| if is_legal_char(char) { char } else { '_' }).collect()
}

fn is_legal(text: &str) -> bool {
    text.len() <= LENGTH_MAX && text.chars().all(is_legal_char)
}

fn is_legal_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || char.is_ascii_whitespace() || ":_@$#=/+,-.".contains(char)
}
