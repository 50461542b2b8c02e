//! Where the parts of a chat request came from, for errors and notes that speak of the caller's own parameters.

use std::borrow::Cow;
use std::fmt;

use openai_api::chat::ChatRequest;

use super::Echo;
use crate::TranslateError;
use crate::catalogue::Target;
use crate::note::{Note, NoteKind, Notes};
use crate::request::{self, Options, RemoteImages, Translation};

/// Parameters of chat that have another name in Responses, the longer ones first. Each stands for all that is within it, too.
const NAMES: [(&str, &str); 13] = [
    ("tool_choice.allowed_tools.tools", "tool_choice.tools"),
    ("tool_choice.allowed_tools.mode", "tool_choice.mode"),
    ("tool_choice.function.name", "tool_choice.name"),
    ("response_format.json_schema", "text.format"),
    ("response_format", "text.format"),
    ("messages.reasoning_content", "input.reasoning"),
    ("messages", "input"),
    ("max_completion_tokens", "max_output_tokens"),
    ("max_tokens", "max_output_tokens"),
    ("reasoning_effort", "reasoning.effort"),
    ("image_url.detail", "input_image.detail"),
    ("cache_control", "prompt_cache_breakpoint"),
    ("verbosity", "text.verbosity"),
];

/// What messages about one parameter say of others.
const WORDS: [(&str, &str); 3] = [
    ("with reasoning_effort", "with reasoning.effort"),
    ("a part of type \"image_url\"", "a part of type \"input_image\""),
    ("a part of type \"file\"", "a part of type \"input_file\""),
];

/// Where a chat request came from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// One per message of the chat request.
    pub(super) messages: Vec<MessageOrigin>,
    /// What the conversion changed.
    pub(super) notes: Vec<Note>,
    /// What the response repeats.
    pub(super) echo: Echo,
}

/// Where a message came from.
#[derive(Debug, Clone)]
pub(super) struct MessageOrigin {
    pub(super) item: Place,
    /// Its content, where that is one string.
    pub(super) content: Place,
    /// Its parts, where there are any.
    pub(super) parts: Vec<Place>,
    /// The items of its calls.
    pub(super) calls: Vec<usize>,
}

/// A place in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Instructions,
    Input,
    Item(usize),
    /// The field of an item, `content` or `output`.
    Field(usize, &'static str),
    /// An element of such a field.
    Part(usize, &'static str, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instructions => formatter.write_str("instructions"),
            Self::Input => formatter.write_str("input"),
            Self::Item(item) => write!(formatter, "input[{item}]"),
            Self::Field(item, field) => write!(formatter, "input[{item}].{field}"),
            Self::Part(item, field, part) => write!(formatter, "input[{item}].{field}[{part}]"),
        }
    }
}

impl Origin {
    /// Translates the chat request that was converted, as [`request::translate`] does, in the words of Responses.
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
        let mut notes = Notes::new(options.strict);
        for note in &self.notes {
            match note.kind {
                NoteKind::Dropped => notes.drop(note.param.clone(), note.reason.clone())?,
                NoteKind::Rewritten => notes.rewrite(note.param.clone(), note.reason.clone()),
            }
        }
        let mut translation =
            request::translate(chat, target, options, images).map_err(|error| self.error(error))?;
        let renamed = translation.notes.drain(..).map(|note| Note {
            param: self.param(&note.param).map_or_else(|| note.param.clone(), Cow::Owned),
            ..note
        });
        translation.notes = notes.into_vec().into_iter().chain(renamed).collect();
        Ok(translation)
    }

    /// The caller's parameter that a parameter of the chat request stands for, where it has another path.
    #[must_use]
    pub fn param(&self, chat: &str) -> Option<String> {
        if let Some((index, tail)) = indexed(chat, "messages") {
            return self.messages.get(index).map(|message| message.path(tail));
        }
        if let Some((index, tail)) = indexed(chat, "tools") {
            return tail.strip_prefix(".function").map(|tail| format!("tools[{index}]{tail}"));
        }
        NAMES.iter().find_map(|(own, name)| {
            let tail = chat.strip_prefix(own)?;
            let is_within = tail.is_empty() || tail.starts_with(['.', '[']);
            is_within.then(|| format!("{name}{tail}"))
        })
    }

    /// What the response repeats of the request.
    #[must_use]
    pub fn into_echo(self) -> Echo {
        self.echo
    }

    fn error(&self, error: TranslateError) -> TranslateError {
        let Some((chat, param)) =
            error.param.as_deref().and_then(|chat| Some((chat.to_owned(), self.param(chat)?)))
        else {
            return error;
        };
        // Some messages repeat the parameter.
        let renamed = error.message.replacen(&chat, &param, 1);
        let message = WORDS.iter().fold(renamed, |message, (chat, own)| message.replace(chat, own));
        TranslateError { message, param: Some(param), code: error.code }
    }
}

impl MessageOrigin {
    /// The path of what is at `tail` within the message.
    fn path(&self, tail: &str) -> String {
        if let Some((part, tail)) = indexed(tail, ".content") {
            let place = self.parts.get(part).copied().unwrap_or(self.content);
            let tail = match tail {
                ".image_url.url" => ".image_url",
                ".file.file_data" => ".file_data",
                ".file.file_id" => ".file_id",
                other => other,
            };
            return format!("{place}{tail}");
        }
        if let Some((call, tail)) = indexed(tail, ".tool_calls") {
            let place = self.calls.get(call).map_or(self.item, |item| Place::Item(*item));
            let tail =
                if tail == ".id" { ".call_id" } else { tail.strip_prefix(".function").unwrap_or(tail) };
            return format!("{place}{tail}");
        }
        match tail {
            ".content" => self.content.to_string(),
            ".tool_call_id" => format!("{}.call_id", self.item),
            other => format!("{}{other}", self.item),
        }
    }
}

/// Splits `name[7].rest` into 7 and `.rest`.
fn indexed<'a>(path: &'a str, name: &str) -> Option<(usize, &'a str)> {
    let (index, tail) = path.strip_prefix(name)?.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, tail))
}
