//! The error object that OpenAI's SDKs turn into their exceptions.

use serde::Serialize;

/// The body of an error response, and the data of an error event within a stream.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorObject,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct ErrorObject {
    /// For a person: what failed, why, what to do next.
    pub message: String,
    /// The class, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The parameter at fault, as a path: `messages[2].content`.
    pub param: Option<String>,
    /// For a program, such as `model_not_found`.
    pub code: Option<&'static str>,
    /// Extension: AWS's id of the failed call, which AWS's support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_request_id: Option<String>,
}
