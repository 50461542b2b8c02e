//! Bedrock's wire types of Converse and ConverseStream.
//!
//! Source: Amazon Bedrock API Reference, actions Converse and ConverseStream. The order of the fields is that in which AWS's Rust SDK writes
//! them, so that both send the same bytes for the same input.

mod count_tokens;
mod event;
mod request;
mod response;

pub use count_tokens::{CountTokensRequest, CountTokensResponse};
pub use event::{
    BlockDelta, BlockStart, ContentBlockDelta, ContentBlockStart, ContentBlockStop, Event, EventText,
    MessageStart, MessageStop, Metadata, ReasoningDelta, ToolUseDelta, ToolUseStart,
};
pub use request::{
    AdditionalFields, AnyTool, Base64, CachePoint, CachePointKind, ContentBlock, ConverseRequest, Document,
    GuardrailConfig, GuardrailTrace, Image, InferenceConfig, InferenceFields, InputSchema, Message,
    NamedTool, ReasoningConfig, ReasoningKind, RequestRole, ServiceTier, Source, SystemBlock, Tool,
    ToolChoice, ToolConfig, ToolResult, ToolResultContent, ToolSpec, ToolUse,
};
pub use response::{
    ConverseResponse, ReasoningBlock, ReasoningText, ResponseBlock, ResponseMessage, ResponseOutput,
    ServedTier, TokenUsage, ToolUseBlock,
};
