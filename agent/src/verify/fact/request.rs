//! What became of synthetic requests.

use super::Asked;

/// What became of one request: nothing to be said, or what is wrong.
pub type Tried = Result<(), String>;

/// What became of the API key in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFact {
    /// The region.
    pub region: String,
    /// How many models it may use.
    pub models: Asked<usize>,
}

/// What became of one model in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFact {
    /// The region.
    pub region: String,
    /// The name that was asked for.
    pub model: String,
    /// The instance that was asked.
    pub instance: String,
    /// A plain question. None: the model is not one for conversations, and says so.
    pub plain: Option<Tried>,
    /// A streamed one; none where it was not tried, because the plain one failed.
    pub stream: Option<Tried>,
    /// One that a tool has to be called for; likewise.
    pub tools: Option<Tried>,
    /// How many requests the instance has to have counted.
    pub sent: u32,
}
