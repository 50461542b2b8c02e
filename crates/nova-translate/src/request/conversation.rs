//! OpenAI's messages to Converse's turns.
//!
//! Converse is stricter than OpenAI: roles alternate, the first turn is the user's, no block is blank, and all results of a turn's tool calls
//! stand together in the next one. What can be brought into that form without loss is; what cannot is refused with the index of the message.

use openai_api::chat::{Message as ChatMessage, Role};

use super::content::{self, Allowed, Piece};
use super::document::DocumentNames;
use super::tool_call::{self, OpenCalls};
use super::tools::Tools;
use super::{Context, ToolNames, cache, neutral, params};
use crate::TranslateError;
use crate::converse::{
    CachePoint, ContentBlock, Message, RequestRole, SystemBlock, ToolResult, ToolResultContent,
};
use crate::note::Notes;

/// What stands where Converse demands text and the caller has none.
const PLACEHOLDER: &str = ".";

/// The conversation in Converse's terms.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) system: Vec<SystemBlock>,
    pub(super) messages: Vec<Message>,
    pub(super) tool_names: ToolNames,
}

/// Translates the messages.
pub(super) fn translate(
    messages: Vec<ChatMessage>,
    tools: &Tools,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<Conversation, TranslateError> {
    if messages.is_empty() {
        return Err(TranslateError::invalid("messages", "messages is empty: send at least one user message"));
    }
    let conversation =
        Conversation { system: Vec::new(), messages: Vec::new(), tool_names: tools.names.clone() };
    let mut builder = Builder {
        conversation,
        documents: DocumentNames::default(),
        open_calls: OpenCalls::default(),
        neutral: tools.neutral,
        context,
        notes,
    };
    for (index, message) in messages.into_iter().enumerate() {
        builder.add(index, message)?;
    }
    builder.finish()
}

struct Builder<'a> {
    conversation: Conversation,
    documents: DocumentNames,
    open_calls: OpenCalls,
    /// Tool calls and results are told as text, because the model must not or cannot call tools in this request.
    neutral: bool,
    context: Context<'a>,
    notes: &'a mut Notes,
}

impl Builder<'_> {
    fn add(&mut self, index: usize, mut message: ChatMessage) -> Result<(), TranslateError> {
        self.note_what_is_left_out(index, &mut message)?;
        if message.role != Role::Tool {
            self.open_calls.close()?;
        }
        match message.role {
            Role::System | Role::Developer => self.add_instructions(index, message),
            Role::User => self.add_user(index, message),
            Role::Assistant => self.add_assistant(index, message),
            Role::Tool => self.add_tool_result(index, message),
            Role::Function => {
                let message = "the role \"function\" is not supported: OpenAI replaced it with \"tool\"";
                Err(TranslateError::unsupported(format!("messages[{index}].role"), message))
            }
        }
    }

    /// Instructions before the conversation go to `system`. Later ones stay where they are, as marked text of the user's turn: moving them to
    /// the front would change their meaning and invalidate the cached prefix.
    fn add_instructions(&mut self, index: usize, message: ChatMessage) -> Result<(), TranslateError> {
        let pieces = self.pieces(index, &message.role, message.content)?;
        let cached = cache::is_wanted(message.cache_control.as_ref(), pieces.is_empty(), self.notes)?;
        if self.conversation.messages.is_empty() {
            self.conversation.system.extend(content::into_system(pieces));
            if cached && !matches!(self.conversation.system.last(), Some(SystemBlock::CachePoint(_))) {
                self.conversation.system.push(SystemBlock::CachePoint(CachePoint::DEFAULT));
            }
            return Ok(());
        }
        self.notes.rewrite(
            format!("messages[{index}]"),
            "Converse has instructions before the conversation only: these are sent as text of the user's turn, marked <system>",
        );
        let mark = |piece| match piece {
            Piece::Text(text) => ContentBlock::Text(format!("<system>\n{text}\n</system>")),
            other => other.into(),
        };
        let blocks = pieces.into_iter().map(mark).collect();
        self.push(RequestRole::User, blocks, cached);
        Ok(())
    }

    fn add_user(&mut self, index: usize, message: ChatMessage) -> Result<(), TranslateError> {
        let pieces = self.pieces(index, &message.role, message.content)?;
        let cached = cache::is_wanted(message.cache_control.as_ref(), pieces.is_empty(), self.notes)?;
        if pieces.is_empty() {
            self.notes.rewrite(
                format!("messages[{index}]"),
                "an empty message is left out, because Bedrock refuses it",
            );
        }
        self.push(RequestRole::User, pieces.into_iter().map(ContentBlock::from).collect(), cached);
        Ok(())
    }

    fn add_assistant(&mut self, index: usize, message: ChatMessage) -> Result<(), TranslateError> {
        let mut blocks: Vec<ContentBlock> =
            self.pieces(index, &message.role, message.content)?.into_iter().map(ContentBlock::from).collect();
        blocks.extend(message.refusal.filter(|text| !text.trim().is_empty()).map(ContentBlock::Text));
        let calls = message.tool_calls.unwrap_or_default();
        self.open_calls.open(index, &calls)?;
        for (call_index, call) in calls.into_iter().enumerate() {
            let path = format!("messages[{index}].tool_calls[{call_index}]");
            let name = call.function.as_ref().map(|function| function.name.clone()).unwrap_or_default();
            let (id, sent_id) = (call.id.clone(), self.open_calls.sent_id(call_index));
            let tool_use =
                tool_call::translate(call, sent_id, &path, &mut self.conversation.tool_names, self.notes)?;
            blocks.push(if self.neutral {
                self.notes.rewrite("messages", neutral::REWRITTEN);
                neutral::call(&id, &name, &tool_use.input)
            } else {
                ContentBlock::ToolUse(tool_use)
            });
        }
        let cached = cache::is_wanted(message.cache_control.as_ref(), blocks.is_empty(), self.notes)?;
        self.push(RequestRole::Assistant, blocks, cached);
        Ok(())
    }

    fn add_tool_result(&mut self, index: usize, message: ChatMessage) -> Result<(), TranslateError> {
        let call = self.open_calls.answer(index, message.tool_call_id.as_deref())?;
        let pieces = self.pieces(index, &message.role, message.content)?;
        let mut content = content::into_tool_result(pieces, self.notes)?;
        if message.cache_control.is_some() {
            self.notes.drop("cache_control", "Nova refuses cache points in turns with tool results")?;
        }
        if content.is_empty() {
            // Bedrock refuses blank text here too, and a result that is missing altogether would be refused as unanswered.
            content.push(ToolResultContent::Text("(no output)".to_owned()));
        }
        let blocks = if self.neutral {
            neutral::result(&call.id, &call.name, content)
        } else {
            vec![ContentBlock::ToolResult(ToolResult { tool_use_id: call.sent_id, content })]
        };
        self.push(RequestRole::User, blocks, false);
        Ok(())
    }

    fn pieces(
        &mut self,
        index: usize,
        role: &Role,
        content: Option<openai_api::chat::Content>,
    ) -> Result<Vec<Piece>, TranslateError> {
        let allowed =
            if matches!(role, Role::User | Role::Tool) { Allowed::Everything } else { Allowed::Text };
        content::translate(
            content,
            &format!("messages[{index}].content"),
            allowed,
            self.context,
            &mut self.documents,
            self.notes,
        )
    }

    /// Adds blocks to the turn of `role`, which is the last one if that role is speaking already.
    fn push(&mut self, role: RequestRole, mut blocks: Vec<ContentBlock>, cached: bool) {
        if blocks.is_empty() {
            return;
        }
        if cached && !matches!(blocks.last(), Some(ContentBlock::CachePoint(_))) {
            blocks.push(ContentBlock::CachePoint(CachePoint::DEFAULT));
        }
        match self.conversation.messages.last_mut() {
            Some(last) if last.role == role => last.content.append(&mut blocks),
            _ => self.conversation.messages.push(Message { role, content: blocks }),
        }
    }

    fn finish(mut self) -> Result<Conversation, TranslateError> {
        self.open_calls.close()?;
        let messages = &mut self.conversation.messages;
        if messages.is_empty()
            && self.conversation.system.iter().any(|block| matches!(block, SystemBlock::Text(_)))
        {
            let content = vec![ContentBlock::Text(PLACEHOLDER.to_owned())];
            messages.push(Message { role: RequestRole::User, content });
            self.notes.rewrite(
                "messages",
                "Converse wants a turn of the user: there are instructions only, and \".\" was put behind them",
            );
        }
        if messages.is_empty() {
            let message =
                "no message has any content for the model: send at least one user message that is not blank";
            return Err(TranslateError::invalid("messages", message));
        }
        if messages.first().is_some_and(|first| first.role == RequestRole::Assistant) {
            let content = vec![ContentBlock::Text(PLACEHOLDER.to_owned())];
            messages.insert(0, Message { role: RequestRole::User, content });
            self.notes.rewrite(
                "messages",
                "a conversation begins with the user in Converse: a turn with \".\" was put first",
            );
        }
        for message in messages.iter_mut() {
            let has = |wanted: fn(&ContentBlock) -> bool| message.content.iter().any(wanted);
            if has(|block| matches!(block, ContentBlock::Document(_)))
                && !has(|block| matches!(block, ContentBlock::Text(_)))
            {
                message.content.push(ContentBlock::Text(PLACEHOLDER.to_owned()));
                self.notes.rewrite("messages", "Converse wants text beside a document: \".\" was added");
            }
        }
        Ok(self.conversation)
    }

    fn note_what_is_left_out(
        &mut self,
        index: usize,
        message: &mut ChatMessage,
    ) -> Result<(), TranslateError> {
        if message.function_call.as_ref().is_some_and(|call| !call.is_null()) {
            let text = "function_call is not supported: OpenAI replaced it with tool_calls";
            return Err(TranslateError::unsupported(format!("messages[{index}].function_call"), text));
        }
        if message.audio.as_ref().is_some_and(|audio| !audio.is_null()) {
            let text = "earlier audio output cannot be referred to: send its transcript as content";
            return Err(TranslateError::unsupported(format!("messages[{index}].audio"), text));
        }
        // The name of a tool message repeats the name of the call that it answers.
        if message.name.is_some() && message.role != Role::Tool {
            self.notes
                .drop("messages.name", "Converse has no names of participants: write them into the text")?;
        }
        if message.reasoning_content.as_deref().is_some_and(|text| !text.is_empty()) {
            self.notes.rewrite(
                "messages.reasoning_content",
                "Nova does not take earlier reasoning, and does not need it",
            );
        }
        params::drop_unknown(&message.rest, "messages.*", self.notes)?;
        for call in message.tool_calls.iter_mut().flatten() {
            // Clients that collect a stream replay the place of each call in it.
            call.rest.shift_remove("index");
            params::drop_unknown(&call.rest, "messages.tool_calls.*", self.notes)?;
        }
        Ok(())
    }
}
