//! Chat completions: `POST /v1/chat/completions`.
//!
//! Source: OpenAI API reference, "Create chat completion", "The chat completion object", "The chat completion chunk object".

mod cache_control;
mod chunk;
mod message;
mod request;
mod response;
mod tool;

pub use cache_control::CacheControl;
pub use chunk::{ChatChunk, ChunkChoice, Delta, FunctionDelta, ToolCallDelta};
pub use message::{AudioInput, Content, ContentPart, FileInput, ImageUrl, Message, Role};
pub use request::{ChatRequest, Effort, JsonSchemaFormat, ResponseFormat, Stop, StreamOptions};
pub use response::{
    AssistantMessage, ChatCompletion, Choice, CompletionTokensDetails, FinishReason, FunctionCallOut,
    PromptTokensDetails, ToolCallOut, Usage,
};
pub use tool::{
    AllowedTool, AllowedTools, FunctionCall, FunctionDefinition, FunctionName, Tool, ToolCall, ToolChoice,
    ToolChoiceObject,
};
