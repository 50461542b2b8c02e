//! Input items to chat messages.
//!
//! Chat has one message for what an assistant says and calls; Responses has an item for each. Neighboring items of the assistant become one
//! message, and the outputs of its calls stand right behind it, wherever the caller put them.

use std::collections::{HashMap, VecDeque};

use openai_api::chat::{
    CacheControl, Content, ContentPart, FileInput, FunctionCall, ImageUrl, Message, Role, ToolCall,
};
use openai_api::responses::{Input, InputContent, InputItem, InputPart};
use serde_json::Map;

use super::origin::{MessageOrigin, Place};
use crate::TranslateError;
use crate::note::{Note, NoteKind};

/// The conversation in chat's terms.
#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) messages: Vec<Message>,
    pub(super) origins: Vec<MessageOrigin>,
    pub(super) notes: Vec<Note>,
    /// What the assistant says and calls, as far as it was read.
    turn: Option<Turn>,
    /// The outputs that no call has taken yet, by the id of the call.
    outputs: HashMap<String, VecDeque<Output>>,
}

#[derive(Debug, Default)]
struct Turn {
    first: usize,
    parts: Vec<ContentPart>,
    places: Vec<Place>,
    calls: Vec<ToolCall>,
    call_items: Vec<usize>,
}

#[derive(Debug)]
struct Output {
    item: usize,
    content: Option<InputContent>,
}

impl Messages {
    /// Adds instructions that stand before the input.
    pub(super) fn instructions(&mut self, text: String) {
        let place = Place::Instructions;
        self.push(blank(Role::System, Some(Content::Text(text))), place, place, Vec::new());
    }

    /// Adds the input.
    pub(super) fn input(&mut self, input: Input) -> Result<(), TranslateError> {
        match input {
            Input::Text(text) => {
                let place = Place::Input;
                self.push(blank(Role::User, Some(Content::Text(text))), place, place, Vec::new());
                Ok(())
            }
            Input::Items(items) if items.is_empty() => Err(TranslateError::invalid(
                "input",
                "input is empty: send a string or at least one user message",
            )),
            Input::Items(items) => self.items(items),
        }
    }

    fn items(&mut self, mut items: Vec<InputItem>) -> Result<(), TranslateError> {
        self.collect_outputs(&mut items)?;
        let end = items.len();
        for (index, item) in items.into_iter().enumerate() {
            match item.kind.as_deref() {
                None | Some("message") => self.message(index, item)?,
                Some("function_call") => self.call(index, item)?,
                Some("function_call_output") => self.end_turn(index)?,
                Some("reasoning") => {
                    self.note(NoteKind::Dropped, "input.reasoning", "Nova does not take earlier reasoning")
                }
                Some(other) => return Err(unknown_item(index, other)),
            }
        }
        self.end_turn(end)?;
        let left =
            self.outputs.iter().flat_map(|(id, outputs)| outputs.front().map(|first| (first.item, id)));
        match left.min() {
            None => Ok(()),
            Some((item, id)) => Err(TranslateError::invalid(
                format!("input[{item}].call_id"),
                format!(
                    "no function_call before this output has the call_id {id:?}, or it has an output already"
                ),
            )),
        }
    }

    fn collect_outputs(&mut self, items: &mut [InputItem]) -> Result<(), TranslateError> {
        for (index, item) in items.iter_mut().enumerate() {
            if item.kind.as_deref() == Some("function_call_output") {
                let id =
                    item.call_id.take().ok_or_else(|| missing(index, "function_call_output", "call_id"))?;
                let output = Output { item: index, content: item.output.take() };
                self.outputs.entry(id).or_default().push_back(output);
            }
        }
        Ok(())
    }

    fn message(&mut self, index: usize, item: InputItem) -> Result<(), TranslateError> {
        let role = item.role.ok_or_else(|| missing(index, "message", "role"))?;
        match role {
            Role::Assistant => {
                let turn = self.turn(index);
                match item.content {
                    None => {}
                    Some(InputContent::Text(text)) => {
                        turn.parts.push(text_part(text));
                        turn.places.push(Place::Field(index, "content"));
                    }
                    Some(InputContent::Parts(parts)) => {
                        let (parts, mut places) = convert_parts(parts, index, "content")?;
                        turn.parts.extend(parts);
                        turn.places.append(&mut places);
                    }
                }
            }
            Role::User | Role::System | Role::Developer => {
                self.end_turn(index)?;
                let (content, places) = convert_content(item.content, index, "content")?;
                let origin = (Place::Item(index), Place::Field(index, "content"));
                self.push(blank(role, content), origin.0, origin.1, places);
            }
            Role::Tool | Role::Function => {
                return Err(TranslateError::invalid(
                    format!("input[{index}].role"),
                    "results are items of their own here: write {\"type\": \"function_call_output\", \"call_id\": \"…\", \"output\": \"…\"}",
                ));
            }
        }
        Ok(())
    }

    fn call(&mut self, index: usize, item: InputItem) -> Result<(), TranslateError> {
        let need = |field| missing(index, "function_call", field);
        let id = item.call_id.ok_or_else(|| need("call_id"))?;
        let name = item.name.ok_or_else(|| need("name"))?;
        let function = FunctionCall { name, arguments: item.arguments };
        let turn = self.turn(index);
        turn.calls.push(ToolCall {
            id,
            kind: Some("function".to_owned()),
            function: Some(function),
            rest: serde_json::Map::new(),
        });
        turn.call_items.push(index);
        Ok(())
    }

    fn turn(&mut self, index: usize) -> &mut Turn {
        self.turn.get_or_insert_with(|| Turn { first: index, ..Turn::default() })
    }

    /// Ends the assistant's turn before the item at `next`: its message, and the outputs of its calls.
    fn end_turn(&mut self, next: usize) -> Result<(), TranslateError> {
        let Some(turn) = self.turn.take() else { return Ok(()) };
        let mut answers = Vec::with_capacity(turn.calls.len());
        for (call, item) in turn.calls.iter().zip(&turn.call_items) {
            answers.push((call.id.clone(), self.take_output(&call.id, *item)?));
        }
        let expected_until = next.saturating_add(turn.calls.len());
        let content = (!turn.parts.is_empty()).then_some(Content::Parts(turn.parts));
        let tool_calls = (!turn.calls.is_empty()).then_some(turn.calls);
        let message = Message { tool_calls, ..blank(Role::Assistant, content) };
        let item = Place::Item(turn.first);
        self.origins.push(MessageOrigin { item, content: item, parts: turn.places, calls: turn.call_items });
        self.messages.push(message);
        for (id, output) in answers {
            if output.item >= expected_until {
                self.note(
                    NoteKind::Rewritten,
                    "input",
                    "Converse wants the outputs of calls right behind them: some were moved there",
                );
            }
            let (content, places) = convert_content(output.content, output.item, "output")?;
            let message = Message { tool_call_id: Some(id), ..blank(Role::Tool, content) };
            self.push(message, Place::Item(output.item), Place::Field(output.item, "output"), places);
        }
        Ok(())
    }

    fn take_output(&mut self, id: &str, call: usize) -> Result<Output, TranslateError> {
        let outputs = self.outputs.get_mut(id);
        let output = outputs.filter(|outputs| outputs.front().is_some_and(|first| first.item > call));
        output.and_then(VecDeque::pop_front).ok_or_else(|| {
            let message = format!(
                "the function_call {id:?} has no function_call_output behind it: send one for each call, an empty one if need be"
            );
            TranslateError::invalid(format!("input[{call}].call_id"), message)
        })
    }

    fn push(&mut self, message: Message, item: Place, content: Place, parts: Vec<Place>) {
        self.messages.push(message);
        self.origins.push(MessageOrigin { item, content, parts, calls: Vec::new() });
    }

    fn note(&mut self, kind: NoteKind, param: &'static str, reason: &'static str) {
        self.notes.push(Note { kind, param: param.into(), reason: reason.into() });
    }
}

fn unknown_item(index: usize, kind: &str) -> TranslateError {
    let path = format!("input[{index}].type");
    let message = if kind == "item_reference" {
        "no items are stored here: send the item itself instead of a reference".to_owned()
    } else {
        format!(
            "items of type {kind:?} are not available here: write \"message\", \"function_call\" or \"function_call_output\""
        )
    };
    TranslateError::unsupported(path, message)
}

fn missing(index: usize, kind: &str, field: &str) -> TranslateError {
    let message = format!("an item of type {kind:?} needs the field {field}");
    TranslateError::missing(format!("input[{index}].{field}"), message)
}

fn convert_content(
    content: Option<InputContent>,
    item: usize,
    field: &'static str,
) -> Result<(Option<Content>, Vec<Place>), TranslateError> {
    Ok(match content {
        None => (None, Vec::new()),
        Some(InputContent::Text(text)) => (Some(Content::Text(text)), Vec::new()),
        Some(InputContent::Parts(parts)) => {
            let (parts, places) = convert_parts(parts, item, field)?;
            (Some(Content::Parts(parts)), places)
        }
    })
}

fn convert_parts(
    parts: Vec<InputPart>,
    item: usize,
    field: &'static str,
) -> Result<(Vec<ContentPart>, Vec<Place>), TranslateError> {
    let places: Vec<Place> = (0..parts.len()).map(|index| Place::Part(item, field, index)).collect();
    let parts = parts.into_iter().zip(&places).map(|(part, place)| convert_part(part, *place));
    Ok((parts.collect::<Result<_, _>>()?, places))
}

fn convert_part(part: InputPart, place: Place) -> Result<ContentPart, TranslateError> {
    let missing = |field: &str| {
        let message = format!("a part of type {:?} needs the field {field}", part.kind);
        TranslateError::missing(format!("{place}.{field}"), message)
    };
    let unsupported =
        |field: &str, message: &str| Err(TranslateError::unsupported(format!("{place}.{field}"), message));
    let converted = match part.kind.as_str() {
        "input_text" | "output_text" | "text" => text_part(part.text.ok_or_else(|| missing("text"))?),
        "refusal" => {
            let refusal = part.refusal.ok_or_else(|| missing("refusal"))?;
            ContentPart { refusal: Some(refusal), ..empty_part("refusal") }
        }
        "input_image" => match (part.image_url, part.file_id) {
            (Some(url), _) => ContentPart {
                image_url: Some(ImageUrl { url, detail: part.detail, rest: serde_json::Map::new() }),
                ..empty_part("image_url")
            },
            (None, Some(_)) => {
                return unsupported(
                    "file_id",
                    "there are no uploaded files here: send the image in image_url, as data:image/png;base64,…",
                );
            }
            (None, None) => return Err(missing("image_url")),
        },
        "input_file" => {
            if part.file_url.is_some() && part.file_data.is_none() {
                return unsupported(
                    "file_url",
                    "documents are not fetched here: send the document itself in file_data, as data:application/pdf;base64,…",
                );
            }
            let file = FileInput {
                file_data: part.file_data,
                file_id: part.file_id,
                filename: part.filename,
                rest: serde_json::Map::new(),
            };
            ContentPart { file: Some(file), ..empty_part("file") }
        }
        "input_audio" => empty_part("input_audio"),
        other => {
            let message = format!(
                "{other:?} is not a content part that is known here: write \"input_text\", \"input_image\" or \"input_file\""
            );
            return Err(TranslateError::invalid(format!("{place}.type"), message));
        }
    };
    let cache_control = part
        .prompt_cache_breakpoint
        .map(|point| CacheControl { kind: "ephemeral".to_owned(), ttl: point.ttl });
    Ok(ContentPart { cache_control, ..converted })
}

fn text_part(text: String) -> ContentPart {
    ContentPart { text: Some(text), ..empty_part("text") }
}

fn empty_part(kind: &str) -> ContentPart {
    ContentPart {
        rest: serde_json::Map::new(),
        kind: kind.to_owned(),
        text: None,
        image_url: None,
        input_audio: None,
        file: None,
        refusal: None,
        cache_control: None,
    }
}

fn blank(role: Role, content: Option<Content>) -> Message {
    Message {
        role,
        content,
        name: None,
        refusal: None,
        tool_calls: None,
        tool_call_id: None,
        function_call: None,
        audio: None,
        reasoning_content: None,
        cache_control: None,
        rest: Map::new(),
    }
}
