//! What the model said, item by item.

use serde::Serialize;

/// One item of the output.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutputItem {
    /// What is said to the caller.
    Message {
        /// `msg_…`.
        id: String,
        /// Whether all of it is there.
        status: ItemStatus,
        /// Always `assistant`.
        role: &'static str,
        /// One part of text.
        content: Vec<OutputPart>,
    },
    /// A call that the model asks for.
    FunctionCall {
        /// `fc_…`.
        id: String,
        /// Whether all of it is there.
        status: ItemStatus,
        /// A JSON object as text.
        arguments: String,
        /// Repeated by the output that answers the call.
        call_id: String,
        /// The name that the request gave the function.
        name: String,
    },
    /// The model's reasoning, where it is readable.
    Reasoning {
        /// `rs_…`.
        id: String,
        /// Whether all of it is there.
        status: ItemStatus,
        /// Nova sums nothing up: always empty.
        summary: [(); 0],
        /// One part of reasoning.
        content: Vec<OutputPart>,
    },
}

/// One part of an item.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OutputPart {
    /// Text of a message.
    OutputText {
        /// Nova cites nothing: always empty.
        annotations: [(); 0],
        /// Never available from Nova: always empty.
        logprobs: [(); 0],
        /// The text.
        text: String,
    },
    /// Text of the reasoning.
    ReasoningText {
        /// The text.
        text: String,
    },
}

/// Whether all of an item is there.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// More comes.
    InProgress,
    /// All of it.
    Completed,
    /// It was cut off.
    Incomplete,
}

impl OutputItem {
    /// The item's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Message { id, .. } | Self::FunctionCall { id, .. } | Self::Reasoning { id, .. } => id,
        }
    }

    /// Says whether all of the item is there.
    pub fn set_status(&mut self, new: ItemStatus) {
        match self {
            Self::Message { status, .. }
            | Self::FunctionCall { status, .. }
            | Self::Reasoning { status, .. } => *status = new,
        }
    }

    /// The parts; a call has none.
    #[must_use]
    pub fn parts(&self) -> &[OutputPart] {
        match self {
            Self::Message { content, .. } | Self::Reasoning { content, .. } => content,
            Self::FunctionCall { .. } => &[],
        }
    }
}

impl OutputPart {
    /// A part of a message.
    #[must_use]
    pub fn output_text(text: String) -> Self {
        Self::OutputText { annotations: [], logprobs: [], text }
    }

    /// The text of the part.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::OutputText { text, .. } | Self::ReasoningText { text } => text,
        }
    }
}
