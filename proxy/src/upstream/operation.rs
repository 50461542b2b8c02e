//! The operations, as far as they differ: their path, and what a success is read into.

use std::future::Future;

use http::Response;
use tokio::time::Instant;

use super::config::UpstreamConfig;
use super::error::UpstreamError;
use super::event_stream::EventStream;
use super::http_client::AnswerBody;
use super::reply::{self, Reply};

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// One of Bedrock's operations, as far as they differ.
pub(crate) trait Operation {
    /// What a success is read into.
    type Answer: Send;
    /// The last segment of the URL's path.
    const PATH: &'static str;
    /// Whether the answer comes event by event, the first of them soon.
    const STREAMED: bool;

    /// Reads a success. `deadline` is when the first byte of the answer is due.
    fn read(
        response: Response<AnswerBody>,
        deadline: Instant,
        config: &UpstreamConfig,
    ) -> impl Future<Output = Result<Self::Answer, UpstreamError>> + Send;

    fn aws_request_id(answer: &Self::Answer) -> Option<&str>;
}

/// The whole answer.
#[derive(Debug)]
pub(crate) struct Converse;
/// The streamed answer, from its first event on.
#[derive(Debug)]
pub(crate) struct ConverseStream;

/// The answer of a model in its own form, for what Converse has not: vectors and images.
#[derive(Debug)]
pub(crate) struct InvokeModel;
/// How many tokens a conversation has. Free, and asked of a model id alone, never of an inference profile.
#[derive(Debug)]
pub(crate) struct CountTokens;

/// An operation whose answer is one JSON object.
pub(crate) trait WholeOperation {
    /// As [`Operation::PATH`].
    const PATH: &'static str;
}

impl WholeOperation for Converse {
    const PATH: &'static str = "converse";
}

impl WholeOperation for InvokeModel {
    const PATH: &'static str = "invoke";
}

impl WholeOperation for CountTokens {
    const PATH: &'static str = "count-tokens";
}

impl<O: WholeOperation> Operation for O {
    type Answer = Reply;
    const PATH: &'static str = <O as WholeOperation>::PATH;
    const STREAMED: bool = false;

    async fn read(
        response: Response<AnswerBody>,
        _deadline: Instant,
        config: &UpstreamConfig,
    ) -> Result<Reply, UpstreamError> {
        reply::read_reply(response, config.stream_idle_timeout, config.max_reply_bytes).await
    }

    fn aws_request_id(answer: &Reply) -> Option<&str> {
        answer.aws_request_id.as_deref()
    }
}

impl Operation for ConverseStream {
    type Answer = EventStream;
    const PATH: &'static str = "converse-stream";
    const STREAMED: bool = true;

    async fn read(
        response: Response<AnswerBody>,
        deadline: Instant,
        config: &UpstreamConfig,
    ) -> Result<EventStream, UpstreamError> {
        if !reply::has_media_type(response.headers(), EVENT_STREAM) {
            return Err(reply::read_unexpected(response, config.stream_idle_timeout, EVENT_STREAM).await);
        }
        let request_id = reply::aws_request_id(response.headers()).map(Into::into);
        let mut stream = EventStream::new(response.into_body(), request_id, config.stream_idle_timeout);
        stream.peek_first(deadline).await?;
        Ok(stream)
    }

    fn aws_request_id(answer: &EventStream) -> Option<&str> {
        answer.aws_request_id()
    }
}
