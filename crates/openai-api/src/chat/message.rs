//! A message of the conversation.
//!
//! The API reference has one type per role. Here they are one flat type, so that an error of a field names the field and not the whole
//! message; `nova-translate` checks which fields a role may have.

use std::fmt;

use serde::de::{SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::cache_control::CacheControl;
use super::tool::ToolCall;

/// Who speaks.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq, Hash)]
#[serde(try_from = "String")]
pub enum Role {
    /// Instructions of the application, in the words of reasoning models.
    Developer,
    /// Instructions of the application.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// The result of a call of the deprecated `functions`.
    Function,
}

/// By way of a string, so that another type is told as such: serde_json calls a number in an enum's place a syntax error.
impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "developer" => Ok(Self::Developer),
            "system" => Ok(Self::System),
            "user" => Ok(Self::User),
            "assistant" => Ok(Self::Assistant),
            "tool" => Ok(Self::Tool),
            "function" => Ok(Self::Function),
            // What was sent is not repeated: it may be anything, a prompt too.
            _ => Err("unknown role, expected developer, system, user, assistant or tool".to_owned()),
        }
    }
}

/// One message.
#[derive(Debug, Clone, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said. May be absent for an assistant that only calls tools.
    pub content: Option<Content>,
    /// Tells participants of one role apart.
    pub name: Option<String>,
    /// The assistant's refusal.
    pub refusal: Option<String>,
    /// The tools that the assistant called.
    pub tool_calls: Option<Vec<ToolCall>>,
    /// Which call a tool message answers.
    pub tool_call_id: Option<String>,
    /// The deprecated form of `tool_calls`.
    pub function_call: Option<Value>,
    /// A reference to earlier audio output.
    pub audio: Option<Value>,
    /// Extension: the assistant's reasoning, as several providers return it.
    pub reasoning_content: Option<String>,
    /// Extension: cache the prompt up to the end of this message.
    pub cache_control: Option<CacheControl>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The content of a message: a string, or parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Plain text.
    Text(String),
    /// Parts in order.
    Parts(Vec<ContentPart>),
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An untagged enum would buffer the value, lose the path of an error inside of it, and copy every image once more.
        struct ContentVisitor;

        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or an array of content parts")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
            }
        }

        deserializer.deserialize_any(ContentVisitor)
    }
}

/// One part of a message. `kind` is the field `type`, and says which of the others is set.
#[derive(Debug, Clone, Deserialize, PartialEq)]
pub struct ContentPart {
    /// `text`, `image_url`, `input_audio`, `file` or `refusal`.
    #[serde(rename = "type")]
    pub kind: String,
    /// With `text`.
    pub text: Option<String>,
    /// With `image_url`.
    pub image_url: Option<ImageUrl>,
    /// With `input_audio`.
    pub input_audio: Option<AudioInput>,
    /// With `file`.
    pub file: Option<FileInput>,
    /// With `refusal`.
    pub refusal: Option<String>,
    /// Extension: cache the prompt up to this part.
    pub cache_control: Option<CacheControl>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An image by `data:` or `http(s):` URL.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct ImageUrl {
    /// Where the image is, or the image itself.
    pub url: String,
    /// `auto`, `low` or `high`.
    pub detail: Option<String>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Audio input.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct AudioInput {
    /// `wav` or `mp3`.
    pub format: Option<String>,
}

/// A document.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct FileInput {
    /// A `data:` URL, or bare base64.
    pub file_data: Option<String>,
    /// The id of an uploaded file.
    pub file_id: Option<String>,
    /// The document's name.
    pub filename: Option<String>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
