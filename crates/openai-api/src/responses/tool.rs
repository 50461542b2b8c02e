//! Tools and the choice among them, in the flat form of Responses.

use std::fmt;

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::RawJson;

/// A tool that the model may call. `kind` is the field `type`. Written back in the response as it was read.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct FunctionTool {
    /// `function`. OpenAI's own tools (`web_search`, `file_search`, …) have other kinds.
    #[serde(rename = "type")]
    pub kind: String,
    /// Letters, digits, underscores and dashes, at most 64.
    pub name: Option<String>,
    /// When and how to call it.
    pub description: Option<String>,
    /// JSON Schema of the arguments. Absent: none.
    pub parameters: Option<RawJson>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
}

/// `tool_choice`: a word or an object.
#[derive(Debug, Clone)]
pub enum ToolChoice {
    /// `none`, `auto` or `required`.
    Mode(String),
    /// A named function, or a restriction to some tools.
    Object(Box<ToolChoiceObject>),
}

/// The object form of `tool_choice`. `kind` is the field `type`.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ToolChoiceObject {
    /// `function` or `allowed_tools`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function, with `function`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `auto` or `required`, with `allowed_tools`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The tools that may be called, with `allowed_tools`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<ToolName>>,
}

/// One entry of the tools that may be called.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct ToolName {
    /// `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ToolChoiceVisitor;

        impl<'de> Visitor<'de> for ToolChoiceVisitor {
            type Value = ToolChoice;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("\"none\", \"auto\", \"required\" or an object that names a function")
            }

            fn visit_str<E: serde::de::Error>(self, mode: &str) -> Result<ToolChoice, E> {
                Ok(ToolChoice::Mode(mode.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<ToolChoice, A::Error> {
                ToolChoiceObject::deserialize(MapAccessDeserializer::new(object))
                    .map(|object| ToolChoice::Object(Box::new(object)))
            }
        }

        deserializer.deserialize_any(ToolChoiceVisitor)
    }
}

impl Serialize for ToolChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Mode(mode) => serializer.serialize_str(mode),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}
