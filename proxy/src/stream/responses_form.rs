//! A streamed answer in the form of Responses: named events, of which the last tells how it ended.
//!
//! Source: OpenAI API reference, "Responses", "Streaming events". There is no `[DONE]`.

use nova_translate::reply::{Finish, Piece};
use nova_translate::responses::ResponseBuilder;
use openai_api::chat::Usage;
use openai_api::responses::StreamEvent;

use super::sse::SseBuffer;
use crate::error::ApiError;

/// Writes the events of a response.
#[derive(Debug)]
pub(super) struct ResponsesForm {
    builder: ResponseBuilder,
    /// Why the answer ended, kept until its usage is known.
    finish: Option<Finish>,
    /// The model itself ended the answer as unusable.
    model_broke_off: bool,
}

impl ResponsesForm {
    pub(super) fn new(builder: ResponseBuilder) -> Self {
        Self { builder, finish: None, model_broke_off: false }
    }

    pub(super) fn begin(&mut self, buffer: &mut SseBuffer) {
        self.builder.begin(&mut |event| write(event, buffer));
    }

    pub(super) fn piece(&mut self, piece: Piece<'_>, buffer: &mut SseBuffer) {
        self.builder.piece(piece, &mut |event| write(event, buffer));
    }

    pub(super) fn finish(&mut self, finish: &Finish) {
        self.finish = Some(finish.clone());
    }

    pub(super) fn done(&mut self, usage: Option<Usage>, buffer: &mut SseBuffer) {
        if let Some(finish) = self.finish.take() {
            self.builder.finish(&finish, usage, &mut |event| write(event, buffer));
        }
    }

    pub(super) fn model_broke_off(&mut self) {
        self.model_broke_off = true;
    }

    /// What the model spoiled is a failed response, with all that is known of it; what broke on the way is an error.
    pub(super) fn error(&mut self, error: &ApiError, usage: Option<Usage>, buffer: &mut SseBuffer) {
        let mut emit = |event: &StreamEvent<'_>| write(event, buffer);
        if self.model_broke_off {
            self.builder.fail(error.message().to_owned(), usage, &mut emit);
        } else {
            self.builder.error(&error.body().error, &mut emit);
        }
    }
}

fn write(event: &StreamEvent<'_>, buffer: &mut SseBuffer) {
    buffer.named(event.name(), event);
}
