//! JSON that is passed on as it was written: a tool's parameters, a schema.
//!
//! Keeping the text avoids building a tree for schemas that can be larger than the conversation, and keeps the order of their keys.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A JSON value kept as its own text. It is known to be valid JSON.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// When `text` is not one JSON value.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The text, without surrounding white space.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Whether the value is a JSON object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}
