//! Tools, the choice among them, and calls of them.

use std::fmt;

use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::cache_control::CacheControl;
use crate::RawJson;

/// A tool that the model may call. `kind` is the field `type`.
#[derive(Debug, Clone, Deserialize)]
pub struct Tool {
    /// `function`. Other kinds (`custom`) exist at OpenAI.
    #[serde(rename = "type")]
    pub kind: String,
    /// With `function`.
    pub function: Option<FunctionDefinition>,
    /// Extension: cache the prompt up to this tool.
    pub cache_control: Option<CacheControl>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A function that the model may call.
#[derive(Debug, Clone, Deserialize)]
pub struct FunctionDefinition {
    /// Letters, digits, underscores and dashes, at most 64.
    pub name: String,
    /// When and how to call it.
    pub description: Option<String>,
    /// JSON Schema of the arguments. Absent: none.
    pub parameters: Option<RawJson>,
    /// Whether arguments must follow the schema exactly.
    pub strict: Option<bool>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A call that the assistant made.
#[derive(Debug, Clone, Deserialize)]
pub struct ToolCall {
    /// The call's id, which the tool message repeats.
    pub id: String,
    /// `function`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What was called.
    pub function: Option<FunctionCall>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The function of a call, and its arguments as the model wrote them: usually, but not surely, a JSON object.
#[derive(Debug, Clone, Deserialize)]
pub struct FunctionCall {
    /// The function's name.
    pub name: String,
    /// The arguments as text.
    pub arguments: Option<String>,
}

/// `tool_choice`: a word or an object.
#[derive(Debug, Clone)]
pub enum ToolChoice {
    /// `none`, `auto` or `required`.
    Mode(String),
    /// A named function, or a restriction to some tools.
    Object(Box<ToolChoiceObject>),
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

/// The object form of `tool_choice`. `kind` is the field `type`.
#[derive(Debug, Clone, Deserialize)]
pub struct ToolChoiceObject {
    /// `function` or `allowed_tools`.
    #[serde(rename = "type")]
    pub kind: String,
    /// With `function`.
    pub function: Option<FunctionName>,
    /// With `allowed_tools`.
    pub allowed_tools: Option<AllowedTools>,
}

/// A function by name.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct FunctionName {
    /// The function's name.
    pub name: String,
}

/// A restriction of the choice to some of the tools.
#[derive(Debug, Clone, Deserialize)]
pub struct AllowedTools {
    /// `auto` or `required`.
    pub mode: String,
    /// The tools that may be called.
    pub tools: Vec<AllowedTool>,
}

/// One entry of `allowed_tools.tools`.
#[derive(Debug, Clone, Deserialize)]
pub struct AllowedTool {
    /// The function.
    pub function: Option<FunctionName>,
}
