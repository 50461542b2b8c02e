//! What the request decided about reading the answer.

use crate::request::ToolNames;

/// What the request decided about reading the answer.
#[derive(Debug, Clone, Default)]
pub struct ReplyPlan {
    /// The caller's own names of tools.
    pub(crate) tool_names: ToolNames,
    /// The synthetic tool whose arguments are the content.
    pub(crate) structured: Option<String>,
    /// Text may begin with `<thinking>…</thinking>`.
    pub(crate) split_thinking: bool,
    /// `parallel_tool_calls: false`: Nova has no such switch, so calls after the first are left out. The model asks for them again in the next turn.
    pub(crate) single_tool_call: bool,
    /// The caller wants the usage at the end of the stream.
    pub include_usage: bool,
}

impl ReplyPlan {
    /// Whether `name` is the tool that stands for the response format.
    pub(crate) fn is_structured(&self, name: &str) -> bool {
        self.structured.as_deref() == Some(name)
    }
}
