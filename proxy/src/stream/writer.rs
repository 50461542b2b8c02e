//! Server-sent events in the form that the caller's API has: which form writes what.

use std::sync::Arc;

use bytes::Bytes;
use nova_translate::reply::{Finish, Piece};
use nova_translate::responses::ResponseBuilder;
use openai_api::chat::Usage;

use super::chat_form::{ChatForm, ChunkHead};
use super::responses_form::ResponsesForm;
use super::sse::SseBuffer;
use crate::error::ApiError;

/// Writes events into a buffer.
#[derive(Debug)]
pub struct EventWriter {
    form: Form,
    buffer: SseBuffer,
}

#[derive(Debug)]
enum Form {
    Chat(ChatForm),
    Responses(Box<ResponsesForm>),
}

impl EventWriter {
    /// Writes chunks. With `include_usage`, the last one carries the usage.
    #[must_use]
    pub fn chat(head: Arc<ChunkHead>, include_usage: bool) -> Self {
        Self { form: Form::Chat(ChatForm { head, include_usage }), buffer: SseBuffer::default() }
    }

    /// Writes the events of a response.
    #[must_use]
    pub fn responses(builder: ResponseBuilder) -> Self {
        let form = Form::Responses(Box::new(ResponsesForm::new(builder)));
        Self { form, buffer: SseBuffer::default() }
    }

    /// Whether nothing waits to be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.len() == 0
    }

    /// How many bytes wait to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// What waits to be sent.
    pub fn take(&mut self) -> Bytes {
        self.buffer.take()
    }

    /// What stands before the first piece. Chat has nothing there.
    pub fn begin(&mut self) {
        if let Form::Responses(form) = &mut self.form {
            form.begin(&mut self.buffer);
        }
    }

    /// A piece of an answer.
    pub fn piece(&mut self, index: u32, piece: Piece<'_>) {
        match &mut self.form {
            Form::Chat(form) => form.piece(index, piece, &mut self.buffer),
            Form::Responses(form) => form.piece(piece, &mut self.buffer),
        }
    }

    /// The end of an answer.
    pub fn finish(&mut self, index: u32, finish: &Finish) {
        match &mut self.form {
            Form::Chat(form) => form.finish(index, finish, &mut self.buffer),
            Form::Responses(form) => form.finish(finish),
        }
    }

    /// The end of a complete stream, with the usage of all answers if it is known.
    pub fn done(&mut self, usage: Option<Usage>) {
        match &mut self.form {
            Form::Chat(form) => form.done(usage, &mut self.buffer),
            Form::Responses(form) => form.done(usage, &mut self.buffer),
        }
    }

    /// Tells that the error to come is the model's own.
    pub fn model_broke_off(&mut self) {
        if let Form::Responses(form) = &mut self.form {
            form.model_broke_off();
        }
    }

    /// The end of a broken stream.
    pub fn error(&mut self, error: &ApiError, usage: Option<Usage>) {
        match &mut self.form {
            Form::Chat(_) => ChatForm::error(error, &mut self.buffer),
            Form::Responses(form) => form.error(error, usage, &mut self.buffer),
        }
    }

    /// A comment that keeps intermediaries from closing a quiet connection.
    pub fn keep_alive(&mut self) {
        self.buffer.literal(b": keep-alive\n\n");
    }
}
