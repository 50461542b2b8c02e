//! Responses: `POST /v1/responses`.
//!
//! Source: OpenAI API reference, "Create a model response", "The response object", "Streaming events". Only what works without state kept by
//! the server has types of its own; the rest is read as plain JSON, so that it can be refused by name.

mod event;
mod input;
mod object;
mod output;
mod request;
mod tool;

pub use event::{ErrorEvent, StreamEvent};
pub use input::{CacheBreakpoint, Input, InputContent, InputItem, InputPart};
pub use object::{IncompleteDetails, ReasoningEcho, ResponseError, ResponseObject, ResponseUsage, Status};
pub use object::{InputTokensDetails, OutputTokensDetails};
pub use output::{ItemStatus, OutputItem, OutputPart};
pub use request::{Reasoning, ResponsesRequest, ResponsesStreamOptions, TextConfig, TextFormat};
pub use tool::{FunctionTool, ToolChoice, ToolChoiceObject, ToolName};
