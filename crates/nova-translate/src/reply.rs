//! A Converse answer in OpenAI's terms, whole ([`read`]) or as it comes ([`StreamTranslator`]).
//!
//! What comes is told in [`Piece`]s, which each API writes in its own form: chat as deltas ([`Piece::chat_delta`]), Responses as the events
//! of [`crate::responses::ResponseBuilder`].
//!
//! Ids, times and the writing of bytes belong to `nova-proxy`.

mod piece;
mod plan;
mod stop_reason;
mod stream;
mod thinking;
mod usage;
mod whole;

pub use piece::Piece;
pub use plan::ReplyPlan;
pub use stop_reason::Finish;
pub use stream::StreamTranslator;
pub use usage::{sum, to_openai as usage};
pub use whole::{Answer, read};

/// An answer that cannot be given to the caller. The call was made, and costs what Bedrock reported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A 200 without a message in it.
    #[error("Bedrock's answer holds no message")]
    NoOutput,
    /// The model broke off. The stop reason says how.
    #[error("the model ended with {0}: its output cannot be used, send the request again")]
    Failed(String),
    /// Events in an order that the API does not have.
    #[error("Bedrock sent {0}, which does not fit the stream so far")]
    Protocol(&'static str),
    /// The stream ended before the model said that it was done.
    #[error("the stream ended before the answer was complete")]
    Truncated,
}
