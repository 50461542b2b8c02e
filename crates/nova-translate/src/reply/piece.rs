//! What one event adds to an answer, whatever the form that the caller reads it in.

use openai_api::chat::{Delta, FunctionDelta, ToolCallDelta};

/// A piece of a streamed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The answer begins. Comes once, before all others.
    Start,
    /// More text.
    Text(&'a str),
    /// More reasoning.
    Reasoning(&'a str),
    /// A call begins.
    CallStart {
        /// Which call, counted from 0 without gaps.
        index: u32,
        /// Repeated by the result that answers the call.
        id: &'a str,
        /// The caller's own name of the tool.
        name: &'a str,
    },
    /// More of a call's arguments.
    CallArguments {
        /// Which call.
        index: u32,
        /// A piece of JSON text.
        text: &'a str,
    },
    /// A call's arguments are complete, unless the whole answer turns out to be cut off there.
    CallEnd {
        /// Which call.
        index: u32,
    },
}

impl<'a> Piece<'a> {
    /// The piece in a chat chunk. The end of a call has no chunk.
    #[must_use]
    pub fn chat_delta(self) -> Option<Delta<'a>> {
        let call = |index, id, name, arguments| {
            let kind = Option::and(id, Some("function"));
            let call = ToolCallDelta { index, id, kind, function: FunctionDelta { name, arguments } };
            Delta { tool_calls: Some([call]), ..Delta::default() }
        };
        Some(match self {
            Self::Start => Delta { role: Some("assistant"), content: Some(""), ..Delta::default() },
            Self::Text(text) => Delta { content: Some(text), ..Delta::default() },
            Self::Reasoning(text) => Delta { reasoning_content: Some(text), ..Delta::default() },
            Self::CallStart { index, id, name } => call(index, Some(id), Some(name), ""),
            Self::CallArguments { index, text } => call(index, None, None, text),
            Self::CallEnd { .. } => return None,
        })
    }
}
