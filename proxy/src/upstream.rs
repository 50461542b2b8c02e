//! The calls to Bedrock: `Converse`, `ConverseStream`, `InvokeModel` and `CountTokens`, signed, sent, retried and decoded to events.
//!
//! This module works on bytes. It owns the endpoint, the signature, the connections, the credentials, the retries before the
//! first byte and the framing of the event stream. What is inside a request, an answer or an event belongs to `nova-translate`;
//! the walk from region to region is made by `call.rs`, by the rules of [`region`]; which status a caller gets belongs to `error.rs`.
//!
//! A broken stream never looks like a finished one: [`EventStream::next`] gives `None` only after the model's `messageStop` was
//! received and every byte of the body was decoded and verified.

pub mod attempt;
mod aws_http;
pub mod breaker;
pub mod breakers;
pub mod client;
pub mod clock;
pub mod config;
pub mod connect;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod event_decoder;
pub mod event_stream;
pub mod exception;
pub mod http_client;
pub mod https_proxy;
mod operation;
pub mod region;
pub mod reply;
mod request;
pub mod retry;
mod secrets_manager;
pub mod sign;

#[cfg(test)]
mod frames;
#[cfg(test)]
mod scripted_server;
#[cfg(test)]
mod tests;

pub use attempt::{Attempt, AttemptOutcome, Attempts};
pub(crate) use aws_http::client as aws_http_client;
pub use breaker::{BreakerConfig, BreakerState, Transitions};
pub use breakers::{BreakerKey, Breakers};
pub use client::{BedrockClient, Call};
pub use config::{RetryConfig, UpstreamConfig};
pub use credentials::{
    AssumedRole, CachedCredentials, CredentialCacheConfig, CredentialError, CredentialSource,
    CredentialStanding, DefaultChain, KeptCredentials, RoleConfig, VaultCredentials,
};
pub use error::{Phase, TimeoutKind, UpstreamError, UpstreamErrorKind, UpstreamSetupError};
pub use event_decoder::{Event, EventType};
pub use event_stream::EventStream;
pub use https_proxy::HttpsProxy;
pub(crate) use operation::{Converse, ConverseStream, CountTokens, InvokeModel, Operation};
pub use region::Spill;
pub use reply::Reply;
pub(crate) use retry::draw;
pub use secrets_manager::{
    ENDPOINT_VARIABLE as SECRETS_MANAGER_ENDPOINT, SecretsManager, SecretsManagerError,
};
