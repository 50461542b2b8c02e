//! What the model answers: messages, calls and their results.
//!
//! The API reference has one type per kind of item. Here they are one flat type, as chat messages are, so that an error of a field names the
//! field and not the whole item; `nova-translate` checks which fields an item may have.

use std::fmt;

use serde::de::{SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer};

use crate::chat::Role;

/// `input`: a string, or items.
#[derive(Debug, Clone)]
pub enum Input {
    /// What the user says.
    Text(String),
    /// Items in order.
    Items(Vec<InputItem>),
}

/// The content of a message or of a tool's output: a string, or parts.
#[derive(Debug, Clone)]
pub enum InputContent {
    /// Plain text.
    Text(String),
    /// Parts in order.
    Parts(Vec<InputPart>),
}

/// One item. `kind` is the field `type`, and says which of the others is set; a message may come without it.
#[derive(Debug, Clone, Deserialize)]
pub struct InputItem {
    /// `message`, `function_call`, `function_call_output`, `reasoning`, or what OpenAI's own tools leave behind.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Who speaks, in a message.
    pub role: Option<Role>,
    /// What is said, in a message.
    pub content: Option<InputContent>,
    /// Which call this is, or which call is answered.
    pub call_id: Option<String>,
    /// What was called, in a `function_call`.
    pub name: Option<String>,
    /// The arguments as text, in a `function_call`.
    pub arguments: Option<String>,
    /// What the function returned, in a `function_call_output`.
    pub output: Option<InputContent>,
}

/// One part of a content. `kind` is the field `type`, and says which of the others is set.
#[derive(Debug, Clone, Deserialize)]
pub struct InputPart {
    /// `input_text`, `input_image`, `input_file`, `output_text`, `refusal`.
    #[serde(rename = "type")]
    pub kind: String,
    /// With `input_text` and `output_text`.
    pub text: Option<String>,
    /// With `refusal`.
    pub refusal: Option<String>,
    /// With `input_image`: a `data:` or `http(s):` URL.
    pub image_url: Option<String>,
    /// With `input_image`: `auto`, `low` or `high`.
    pub detail: Option<String>,
    /// With `input_image` and `input_file`: the id of an uploaded file.
    pub file_id: Option<String>,
    /// With `input_file`: a `data:` URL, or bare base64.
    pub file_data: Option<String>,
    /// With `input_file`: where the document is.
    pub file_url: Option<String>,
    /// With `input_file`: the document's name.
    pub filename: Option<String>,
    /// Cache the prompt up to this part.
    pub prompt_cache_breakpoint: Option<CacheBreakpoint>,
}

/// `prompt_cache_breakpoint`: cache the prompt up to here.
#[derive(Debug, Clone, Deserialize)]
pub struct CacheBreakpoint {
    /// `30m` or `12h`.
    pub ttl: Option<String>,
}

/// Reads a string or an array. An untagged enum would buffer the value, lose the path of an error inside of it, and copy every image once more.
struct StringOrArray<T, S, P> {
    expecting: &'static str,
    string: S,
    array: fn(Vec<P>) -> T,
}

impl<'de, T, S: FnOnce(String) -> T, P: Deserialize<'de>> Visitor<'de> for StringOrArray<T, S, P> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expecting)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        Ok((self.string)(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<T, E> {
        Ok((self.string)(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<T, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(elements)).map(self.array)
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a string or an array of input items";
        deserializer.deserialize_any(StringOrArray { expecting, string: Self::Text, array: Self::Items })
    }
}

impl<'de> Deserialize<'de> for InputContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expecting = "a string or an array of content parts";
        deserializer.deserialize_any(StringOrArray { expecting, string: Self::Text, array: Self::Parts })
    }
}
