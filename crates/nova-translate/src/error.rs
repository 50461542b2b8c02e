//! Why a request cannot be translated. The caller gets these words, so they say what to change.

/// A request that cannot be sent to Nova. It becomes a 400 with OpenAI's `param` and `code`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TranslateError {
    /// What is wrong and what to write instead.
    pub message: String,
    /// The path of the parameter, such as `messages[2].content[0].image_url.url`.
    pub param: Option<String>,
    /// A word for programs, such as `unsupported_parameter`.
    pub code: &'static str,
}

impl TranslateError {
    /// A value that breaks a rule.
    pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()), code: "invalid_value" }
    }

    /// Something that OpenAI has and Nova has not.
    pub(crate) fn unsupported(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()), code: "unsupported_parameter" }
    }

    /// A field that the API requires.
    pub(crate) fn missing(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()), code: "missing_required_parameter" }
    }
}
