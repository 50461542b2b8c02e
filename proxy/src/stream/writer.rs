//! Server-sent events in OpenAI's form.
//!
//! Source: WHATWG HTML, section 9.2 (server-sent events), and OpenAI API reference, "Streaming": unnamed events of chunks, `[DONE]` last.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use nova_translate::reply::Finish;
use openai_api::chat::{ChatChunk, ChunkChoice, Delta, Usage};
use serde::Serialize;

use crate::error::ApiError;

/// The parts that all chunks of an answer share.
#[derive(Debug)]
pub struct ChunkHead {
    /// `chatcmpl-…`.
    pub id: String,
    /// Unix time in seconds.
    pub created: u64,
    /// The model's name as the caller gave it.
    pub model: String,
    /// The tier that was asked for.
    pub service_tier: Option<String>,
}

/// Writes events into a buffer.
#[derive(Debug)]
pub struct EventWriter {
    head: Arc<ChunkHead>,
    /// With `include_usage`, every chunk says `"usage": null`.
    usage_is_null: bool,
    buffer: BytesMut,
}

impl EventWriter {
    /// Begins with an empty buffer.
    #[must_use]
    pub fn new(head: Arc<ChunkHead>, include_usage: bool) -> Self {
        Self { head, usage_is_null: include_usage, buffer: BytesMut::new() }
    }

    /// Whether nothing waits to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// What waits to be sent.
    pub fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// A piece of a choice's message.
    pub fn delta(&mut self, index: u32, delta: Delta<'_>) {
        self.chunk(&[ChunkChoice {
            index,
            delta,
            logprobs: None,
            finish_reason: None,
            native_finish_reason: None,
        }]);
    }

    /// The end of a choice.
    pub fn finish(&mut self, index: u32, finish: &Finish) {
        let native_finish_reason = finish.native.as_deref();
        let delta = Delta::default();
        self.chunk(&[ChunkChoice {
            index,
            delta,
            logprobs: None,
            finish_reason: Some(finish.reason),
            native_finish_reason,
        }]);
    }

    /// The usage of the whole request.
    pub fn usage(&mut self, usage: Usage) {
        self.write_chunk(&[], Some(Some(usage)));
    }

    /// The end of a complete stream.
    pub fn done(&mut self) {
        self.buffer.put_slice(b"data: [DONE]\n\n");
    }

    /// The end of a broken stream.
    pub fn error(&mut self, error: &ApiError) {
        self.buffer.put_slice(b"event: error\n");
        self.data(&error.body());
    }

    /// A comment that keeps intermediaries from closing a quiet connection.
    pub fn keep_alive(&mut self) {
        self.buffer.put_slice(b": keep-alive\n\n");
    }

    fn chunk(&mut self, choices: &[ChunkChoice<'_>]) {
        self.write_chunk(choices, self.usage_is_null.then_some(None));
    }

    fn write_chunk(&mut self, choices: &[ChunkChoice<'_>], usage: Option<Option<Usage>>) {
        let head = Arc::clone(&self.head);
        self.data(&ChatChunk {
            id: &head.id,
            object: ChatChunk::OBJECT,
            created: head.created,
            model: &head.model,
            service_tier: head.service_tier.as_deref(),
            system_fingerprint: None,
            choices,
            usage,
        });
    }

    fn data(&mut self, value: &impl Serialize) {
        self.buffer.put_slice(b"data: ");
        let before = self.buffer.len();
        // JSON has no line breaks of its own, so that one `data` line holds it. The types hold strings and numbers alone and the buffer
        // grows, so that writing cannot fail; should it ever, the event is empty rather than half.
        if serde_json::to_writer((&mut self.buffer).writer(), value).is_err() {
            self.buffer.truncate(before);
        }
        self.buffer.put_slice(b"\n\n");
    }
}
