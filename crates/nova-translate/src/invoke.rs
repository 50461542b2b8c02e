//! What answers of InvokeModel have in common: why one cannot be given to the caller.

/// An answer of InvokeModel that cannot be used. The call was made, and may have to be paid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// Not the JSON that the model answers in.
    #[error("Bedrock's answer cannot be read (line {line}, column {column})")]
    Unreadable {
        /// Where it stops to make sense.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// JSON that is not what was asked for.
    #[error("Bedrock's answer is not what was asked for: {0}")]
    Unfit(String),
    /// The model says that it failed.
    #[error("the model failed: {0}: send the request again, changed")]
    Failed(String),
    /// The content filters of the model held images back.
    #[error("{held_back} of {asked} images were held back by the model's content filters: change the prompt")]
    Blocked {
        /// How many were asked for.
        asked: u32,
        /// How many are missing.
        held_back: u32,
    },
}

impl From<serde_json::Error> for InvokeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable { line: error.line(), column: error.column() }
    }
}
