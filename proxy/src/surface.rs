//! The APIs that callers speak. Each is read into a chat request, and each writes answers in a form of its own; all between is the same.

use std::sync::Arc;

use nova_translate::TranslateError;
use nova_translate::catalogue::Target;
use nova_translate::reply::{Answer, Finish};
use nova_translate::request::{self, Options, RemoteImages, Translation};
use nova_translate::responses::{self, Origin, ResponseBuilder, ResponseHead};
use openai_api::chat::{ChatCompletion, ChatRequest, Choice, Usage};
use openai_api::responses::ResponsesRequest;
use uuid::Uuid;

use crate::error::ApiError;
use crate::parse;
use crate::stream::{ChunkHead, EventWriter};

/// Which API a route speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/responses`.
    Responses,
}

/// A request, read.
#[derive(Debug)]
pub struct Asked {
    /// What is asked for.
    pub chat: ChatRequest,
    /// In whose form.
    pub form: Form,
}

/// The form of a request, and so of its answer.
#[derive(Debug)]
pub enum Form {
    /// Chat, as it came.
    Chat,
    /// Responses, and where the chat request came from.
    Responses(Box<Origin>),
}

/// An answer in one piece.
pub enum Whole {
    /// A chat completion.
    Chat(Box<ChatCompletion>),
    /// A response.
    Response(Box<ResponseBuilder>),
}

/// What an answer tells beside what the model said.
#[derive(Debug, Clone)]
pub struct AnswerHead {
    /// The model's name, as the caller gave it.
    pub model: String,
    /// Unix time in seconds.
    pub created: u64,
    /// The tier that was asked for. Bedrock tells at the end which one served.
    pub service_tier: &'static str,
}

impl Surface {
    /// The route's name in metrics and records.
    #[must_use]
    pub fn route(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it is not what the API takes.
    pub fn parse(self, body: &[u8]) -> Result<Asked, ApiError> {
        match self {
            Self::ChatCompletions => Ok(Asked { chat: parse::json(body)?, form: Form::Chat }),
            Self::Responses => {
                let converted = responses::convert(parse::json::<ResponsesRequest>(body)?)?;
                Ok(Asked { chat: converted.chat, form: Form::Responses(Box::new(converted.origin)) })
            }
        }
    }
}

impl Form {
    /// Translates the chat request. What is refused or noted is told in the words of the caller's API.
    ///
    /// # Errors
    /// As [`request::translate`].
    pub fn translate(
        &self,
        chat: ChatRequest,
        target: &Target,
        options: &Options,
        images: &RemoteImages,
    ) -> Result<Translation, TranslateError> {
        match self {
            Self::Chat => request::translate(chat, target, options, images),
            Self::Responses(origin) => origin.translate(chat, target, options, images),
        }
    }

    /// The error with its parameter in the words of the caller's API.
    #[must_use]
    pub fn error(&self, error: ApiError) -> ApiError {
        match self {
            Self::Chat => error,
            Self::Responses(origin) => error.rename_param(|param| origin.param(param)),
        }
    }

    /// Writes answers that came in one piece.
    #[must_use]
    pub fn whole(self, head: AnswerHead, answers: Vec<Answer>, usage: Option<Usage>) -> Whole {
        match (self, answers.first()) {
            // A request for a response asks for one answer, and one was given.
            (Self::Responses(origin), Some(answer)) => {
                let echo = origin.into_echo();
                Whole::Response(Box::new(ResponseBuilder::whole(head.response(), echo, answer, usage)))
            }
            _ => Whole::Chat(Box::new(completion(head, answers, usage))),
        }
    }

    /// Writes answers as they come.
    #[must_use]
    pub fn writer(self, head: AnswerHead, include_usage: bool) -> EventWriter {
        match self {
            Self::Chat => EventWriter::chat(head.chunk(), include_usage),
            Self::Responses(origin) => {
                EventWriter::responses(ResponseBuilder::new(head.response(), origin.into_echo()))
            }
        }
    }
}

impl AnswerHead {
    fn response(self) -> ResponseHead {
        ResponseHead {
            suffix: Uuid::new_v4().simple().to_string(),
            created_at: self.created,
            service_tier: self.service_tier.to_owned(),
        }
    }

    fn chunk(self) -> Arc<ChunkHead> {
        Arc::new(ChunkHead {
            id: completion_id(),
            created: self.created,
            model: self.model,
            service_tier: Some(self.service_tier.to_owned()),
        })
    }
}

fn completion(head: AnswerHead, answers: Vec<Answer>, usage: Option<Usage>) -> ChatCompletion {
    let served_tier = answers.iter().find_map(|answer| answer.service_tier.clone());
    let choice = |(index, Answer { message, finish: Finish { reason, native }, .. })| Choice {
        index,
        message,
        logprobs: None,
        finish_reason: reason,
        native_finish_reason: native,
    };
    ChatCompletion {
        id: completion_id(),
        object: ChatCompletion::OBJECT,
        created: head.created,
        model: head.model,
        choices: (0..).zip(answers).map(choice).collect(),
        usage,
        service_tier: Some(served_tier.unwrap_or_else(|| head.service_tier.to_owned())),
        system_fingerprint: None,
    }
}

fn completion_id() -> String {
    format!("chatcmpl-{}", Uuid::new_v4().simple())
}
