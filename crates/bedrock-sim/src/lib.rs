//! A simulator of Amazon Bedrock Runtime for tests, training and local runs: Converse and ConverseStream for
//! Amazon Nova, InvokeModel for Amazon's embeddings and images, CountTokens; strict where Bedrock is strict, with
//! faults on demand and a bill of its own.
//!
//! It is an oracle. It shares no type with the programs that it tests: the shapes come from AWS's own service
//! model (`model/converse.json`), signatures are verified by code of its own, and what it bills is computed
//! here. `tests/boto3` and `tests/aws_sdk.rs` hold it against the parsers of two AWS SDKs.
//!
//! Beside Bedrock each region has AWS's STS at the path `/`: what AssumeRole gives, Bedrock takes until it expires. At the same path is
//! Secrets Manager's GetSecretValue: what it gives, a test says by `PUT /_sim/secrets`.
//!
//! It leaves to others: InvokeModel for text, guardrails and everything else of Bedrock (answered with
//! `UnknownOperationException`), TLS, IAM policies.
//!
//! ```no_run
//! # async fn run() -> Result<(), bedrock_sim::SimulatorError> {
//! use bedrock_sim::{Simulator, SimulatorConfig};
//! let simulator = Simulator::start(SimulatorConfig::default()).await?;
//! let endpoint = simulator.endpoint("us-east-1"); // for AWS_ENDPOINT_URL_BEDROCK_RUNTIME
//! # drop(endpoint);
//! simulator.stop().await
//! # }
//! ```
//!
//! # What it answers
//! An echo of the last user message, the same for the same request but for ids and time. Tools: with
//! `toolChoice` `any` or `tool` one call whose input is a valid instance of the tool's schema; with `auto` a call
//! of every tool that the last user message names; after tool results a text that quotes them. Nova 2 with
//! reasoning: a block `[REDACTED]` first. `maxTokens` and `stopSequences` cut the answer. Tokens follow the rule
//! in [`Usage`] and the constants beside it: one for every four characters of a text, rounded up, and fixed
//! numbers for an image ([`IMAGE_TOKENS`]), a document ([`DOCUMENT_TOKENS`]) and a video ([`VIDEO_TOKENS`]);
//! reasoning costs 16, 64 or 256 tokens at low, medium or high effort. Cache points make the prefix before them
//! a cache write at first and a cache read for five minutes after.
//!
//! InvokeModel answers an embedding model with a vector of length one that follows from the text alone, and Nova
//! Canvas with PNG images of one pixel, whose color follows from the prompt, the seed and the image's place. The
//! answer of Nova's embeddings has the tokens in the header `x-amzn-bedrock-input-token-count` alone, that of Titan
//! in its body too. CountTokens refuses every Nova model, as AWS does, unless a script says otherwise.
//!
//! # Scripts
//! The last user message (its text, or a text in its tool results), or the text of InvokeModel, may hold `[[sim {json}]]`:
//!
//! | key | meaning |
//! |---|---|
//! | `text` | the answer's text |
//! | `deltas` | the answer's text as a list of deltas |
//! | `chunks` | how many deltas each block has |
//! | `tool_uses` | calls: `[{name, input, id?, raw_input?}]`; `raw_input` is streamed verbatim |
//! | `reasoning` | a reasoning block before the answer |
//! | `stop_reason` | any string |
//! | `usage` | `input_tokens`, `output_tokens`, `cache_read_input_tokens`, `cache_write_input_tokens` (or AWS's names) |
//! | `guardrail` | `true`: blocked by a guardrail, with a trace |
//! | `blocked_images` | InvokeModel for images: so many are held back by the content filters |
//! | `counts_tokens` | `true`: CountTokens counts, although it is a Nova model |
//! | `first_byte_delay_ms`, `delta_delay_ms` | pauses before the response's head and before each delta |
//! | `error` | `{type, message?, status?, members?, after_events?}`: an exception; with `after_events` in the stream (Converse has it at once) |
//! | `disconnect` | `true`: a reset instead of a response |
//! | `disconnect_after_events` | a reset after that many events; for a whole answer after half of the body |
//! | `end_after_events` | a clean end of the body after that many events |
//! | `hang`, `hang_after_events` | silence, from the start or after that many events |
//! | `corrupt_event` | the index of an event whose checksum is broken |
//! | `unknown_event` | the index before which an event of an unknown type is sent |
//! | `trailing_bytes` | that many bytes of an unfinished frame at the end (below 12 they stay undecoded) |
//! | `empty_stream` | `true`: status 200 and no event |
//! | `malformed_body`, `empty_output` | half a JSON body; Converse: an empty message; InvokeModel: `{}` |
//! | `times`, `key` | the faults (from `error` on) apply to the first `times` requests with that `key` |
//!
//! A script that does not parse is refused with a `ValidationException` that says why.
//!
//! # Controls
//! On each listener, unsigned: `GET /_sim/health`, `GET /_sim/bill`, `GET /_sim/invocations?last=n`,
//! `GET /_sim/requests?last=n`, `GET|PUT|DELETE /_sim/faults` (a JSON list of [`FaultRule`]), `PUT /_sim/secrets`
//! (names to `{text}`, `{binary}` in base64, or `{error: {name, message}}`), `POST /_sim/reset`.
//! Rules hold for the listener's region, or the region that they name. [`Control`] is the same in process.
//! Records are rings whose sizes are in [`Limits`].

mod answer;
mod auth;
mod catalogue;
mod config;
mod connection;
mod control;
mod count_tokens;
mod error;
mod exception;
mod faults;
mod frame;
mod invoke;
mod ledger;
mod plan;
mod prompt_cache;
mod request_body;
mod ring;
mod route;
mod script;
mod secrets_manager;
mod service;
mod service_model;
mod shape;
mod simulator;
mod state;
mod stream;
mod sts;
mod tokens;
mod validate;

pub use config::{
    Credential, DEFAULT_ACCESS_KEY_ID, DEFAULT_APPLICATION_PROFILE, DEFAULT_SECRET_ACCESS_KEY, Limits,
    RegionConfig, SimulatorConfig,
};
pub use error::SimulatorError;
pub use exception::ACCOUNT_ID;
pub use faults::{FaultRule, RuleError};
pub use ledger::{Bill, BillLine, CapturedRequest, Invocation};
pub use simulator::Simulator;
pub use state::Control;
pub use tokens::{DOCUMENT_TOKENS, IMAGE_TOKENS, Usage, VIDEO_TOKENS};
