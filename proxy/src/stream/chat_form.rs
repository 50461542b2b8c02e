//! A streamed answer in the form of chat: unnamed events of chunks, `[DONE]` last. Source: OpenAI API reference, "Streaming".

use std::sync::Arc;

use nova_translate::reply::{Finish, Piece};
use openai_api::chat::{ChatChunk, ChunkChoice, Delta, Usage};

use super::sse::SseBuffer;
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

/// Writes chunks.
#[derive(Debug)]
pub(super) struct ChatForm {
    pub(super) head: Arc<ChunkHead>,
    /// Whether the caller wants the usage at the end. Then every chunk before it says `"usage": null`.
    pub(super) include_usage: bool,
}

impl ChatForm {
    pub(super) fn piece(&self, index: u32, piece: Piece<'_>, buffer: &mut SseBuffer) {
        if let Some(delta) = piece.chat_delta() {
            self.choice(
                ChunkChoice { index, delta, logprobs: None, finish_reason: None, native_finish_reason: None },
                buffer,
            );
        }
    }

    pub(super) fn finish(&self, index: u32, finish: &Finish, buffer: &mut SseBuffer) {
        let choice = ChunkChoice {
            index,
            delta: Delta::default(),
            logprobs: None,
            finish_reason: Some(finish.reason),
            native_finish_reason: finish.native.as_deref(),
        };
        self.choice(choice, buffer);
    }

    pub(super) fn done(&self, usage: Option<Usage>, buffer: &mut SseBuffer) {
        if let Some(usage) = usage.filter(|_| self.include_usage) {
            self.chunk(&[], Some(Some(usage)), buffer);
        }
        buffer.literal(b"data: [DONE]\n\n");
    }

    pub(super) fn error(error: &ApiError, buffer: &mut SseBuffer) {
        buffer.named("error", &error.body());
    }

    fn choice(&self, choice: ChunkChoice<'_>, buffer: &mut SseBuffer) {
        self.chunk(&[choice], self.include_usage.then_some(None), buffer);
    }

    fn chunk(&self, choices: &[ChunkChoice<'_>], usage: Option<Option<Usage>>, buffer: &mut SseBuffer) {
        buffer.data(&ChatChunk {
            id: &self.head.id,
            object: ChatChunk::OBJECT,
            created: self.head.created,
            model: &self.head.model,
            service_tier: self.head.service_tier.as_deref(),
            system_fingerprint: None,
            choices,
            usage,
        });
    }
}
