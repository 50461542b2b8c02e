//! The events of ConverseStream.

use std::borrow::Cow;

use serde::Deserialize;

use super::response::{ServedTier, TokenUsage};

/// One event. Its kind is a header of the frame (`:event-type`), its members are the frame's payload.
#[derive(Debug)]
pub enum Event<'a> {
    /// The answer begins.
    MessageStart(MessageStart),
    /// A block begins. Sent for tool use only.
    ContentBlockStart(ContentBlockStart<'a>),
    /// More of a block.
    ContentBlockDelta(ContentBlockDelta<'a>),
    /// A block ends.
    ContentBlockStop(ContentBlockStop),
    /// The answer ends.
    MessageStop(MessageStop<'a>),
    /// The usage.
    Metadata(Metadata),
    /// A kind that AWS added since.
    Unknown,
}

impl<'a> Event<'a> {
    /// Reads the payload of an event of the kind `event_type`.
    ///
    /// # Errors
    /// When the payload of a known kind has not its shape.
    pub fn parse(event_type: &str, payload: &'a [u8]) -> Result<Self, serde_json::Error> {
        Ok(match event_type {
            "messageStart" => Self::MessageStart(serde_json::from_slice(payload)?),
            "contentBlockStart" => Self::ContentBlockStart(serde_json::from_slice(payload)?),
            "contentBlockDelta" => Self::ContentBlockDelta(serde_json::from_slice(payload)?),
            "contentBlockStop" => Self::ContentBlockStop(serde_json::from_slice(payload)?),
            "messageStop" => Self::MessageStop(serde_json::from_slice(payload)?),
            "metadata" => Self::Metadata(serde_json::from_slice(payload)?),
            _ => Self::Unknown,
        })
    }
}

/// The answer begins. Its role is always `assistant`.
#[derive(Debug, Deserialize)]
pub struct MessageStart {}

/// A block begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentBlockStart<'a> {
    /// Which block.
    pub content_block_index: u32,
    /// What begins.
    #[serde(borrow)]
    pub start: BlockStart<'a>,
}

/// What begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStart<'a> {
    /// A call.
    #[serde(borrow)]
    pub tool_use: Option<ToolUseStart<'a>>,
}

/// A call begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolUseStart<'a> {
    /// The call's id.
    #[serde(borrow)]
    pub tool_use_id: Cow<'a, str>,
    /// The tool.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
}

/// More of a block.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentBlockDelta<'a> {
    /// Which block.
    pub content_block_index: u32,
    /// What is added.
    #[serde(borrow)]
    pub delta: BlockDelta<'a>,
}

/// What is added: one of the members is set, or none if the kind is new.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockDelta<'a> {
    /// Text.
    #[serde(borrow)]
    pub text: Option<EventText<'a>>,
    /// Arguments of a call.
    #[serde(borrow)]
    pub tool_use: Option<ToolUseDelta<'a>>,
    /// Reasoning.
    #[serde(borrow)]
    pub reasoning_content: Option<ReasoningDelta<'a>>,
}

/// More of a call's arguments.
#[derive(Debug, Deserialize)]
pub struct ToolUseDelta<'a> {
    /// A piece of JSON text.
    #[serde(borrow)]
    pub input: Cow<'a, str>,
}

/// More of the reasoning.
#[derive(Debug, Default, Deserialize)]
pub struct ReasoningDelta<'a> {
    /// The text; `[REDACTED]` from Nova 2.
    #[serde(borrow)]
    pub text: Option<EventText<'a>>,
}

/// Text that is borrowed from the frame unless it holds an escape. serde borrows a `Cow` field, but not a `Cow` within an `Option`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct EventText<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A block ends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContentBlockStop {
    /// Which block.
    pub content_block_index: u32,
}

/// The answer ends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageStop<'a> {
    /// Why.
    #[serde(borrow)]
    pub stop_reason: Cow<'a, str>,
}

/// What follows the answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// What it costs.
    pub usage: Option<TokenUsage>,
    /// The tier that served the call.
    pub service_tier: Option<ServedTier>,
}
