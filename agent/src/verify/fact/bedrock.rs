//! What Bedrock said to a request of one token.

/// With what Bedrock was called. What is secret in it is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BedrockCredentials {
    /// Where they come from: `the environment`, `Vault, role nova-bedrock`.
    pub source: String,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BedrockCall {
    /// The region.
    pub region: String,
    /// The model or inference profile.
    pub model: String,
    /// What was answered.
    pub answer: BedrockAnswer,
}

/// What Bedrock answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BedrockAnswer {
    /// It answered the question.
    Answered,
    /// It does not know the credentials, or the signature is wrong: AWS's exception and its text.
    Unauthenticated(String),
    /// The credentials may not ask this model.
    Denied(String),
    /// It does not know the model, or not under this name in this region.
    UnknownModel(String),
    /// The account's quota is used up, or is none.
    Throttled(String),
    /// Something else.
    Other(String),
    /// It could not be asked, for this reason.
    NotAsked(String),
}
