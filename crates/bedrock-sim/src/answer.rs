//! What the simulated model says: the content blocks, the stop reason and the usage of one answer.
//!
//! Pure and deterministic: the same request has the same answer, but for the ids of tool calls. How an answer
//! becomes a body or a stream is in `wire` and `plan`.

mod echo;
mod limits;
mod schema_instance;
mod tool_calls;

use serde_json::{Map, Value, json};

use crate::catalogue::Model;
use crate::script::{Script, ScriptedToolUse};
use crate::tokens::{self, Usage};
use crate::validate::additional_fields::effort;

pub(crate) use echo::last_user_message;

/// The text of a reasoning block, as Nova 2 sends it.
const REDACTED: &str = "[REDACTED]";
/// What a guardrail says in the model's place.
const BLOCKED: &str = "Sorry, the model cannot answer this question.";
/// Characters of a delta where a script does not say how many deltas there are.
const DELTA_CHARACTERS: usize = 16;

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) blocks: Vec<Block>,
    pub(crate) stop_reason: String,
    pub(crate) usage: Usage,
    /// A guardrail intervened: the answer carries a trace.
    pub(crate) guardrail: bool,
}

/// One content block, in the pieces in which a stream sends it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) kind: BlockKind,
    pub(crate) pieces: Vec<String>,
    /// What the block costs; reasoning costs more than it shows.
    pub(crate) tokens: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BlockKind {
    Reasoning,
    Text,
    /// The pieces are the input's JSON text.
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
}

impl Block {
    fn text(text: &str, chunks: Option<usize>) -> Self {
        Self { kind: BlockKind::Text, pieces: split(text, chunks), tokens: tokens::of_text(text) }
    }

    fn reasoning(text: &str, tokens: u64) -> Self {
        Self { kind: BlockKind::Reasoning, pieces: vec![text.to_owned()], tokens }
    }

    fn tool_use(call: ScriptedToolUse, chunks: Option<usize>) -> Self {
        let input = if call.input.is_null() { Value::Object(Map::new()) } else { call.input };
        let json = call.raw_input.unwrap_or_else(|| input.to_string());
        let id = call.id.unwrap_or_else(|| format!("tooluse_{}", uuid::Uuid::new_v4().simple()));
        Self {
            pieces: split(&json, chunks),
            tokens: tokens::of_text(&json) + tokens::of_text(&call.name),
            kind: BlockKind::ToolUse { id, name: call.name, input },
        }
    }
}

/// Answers a valid request. `input` is the usage of its input.
pub(crate) fn answer(body: &Value, model: &Model, script: Option<&Script>, input: Usage) -> Answer {
    let fallback = Script::default();
    let script = script.unwrap_or(&fallback);
    let mut blocks = Vec::new();
    if let Some(text) = &script.reasoning {
        blocks.push(Block::reasoning(text, tokens::of_text(text)));
    } else if let Some(effort) = effort(body) {
        blocks.push(Block::reasoning(REDACTED, tokens::of_effort(effort)));
    }
    if script.guardrail {
        blocks.push(Block::text(BLOCKED, script.chunks));
    } else {
        speech(&mut blocks, body, model, script);
    }
    let limited = limits::apply(blocks, body, model);
    let calls = limited.blocks.iter().any(|block| matches!(block.kind, BlockKind::ToolUse { .. }));
    let natural = if script.guardrail {
        "guardrail_intervened"
    } else if let Some(reason) = limited.reason {
        reason
    } else if calls {
        "tool_use"
    } else {
        "end_turn"
    };
    let output_tokens = limited.blocks.iter().map(|block| block.tokens).sum::<u64>().max(1);
    Answer {
        stop_reason: script.stop_reason.clone().unwrap_or_else(|| natural.to_owned()),
        usage: scripted_usage(Usage { output_tokens, ..input }, script),
        guardrail: script.guardrail,
        blocks: limited.blocks,
    }
}

/// The text and the tool calls.
fn speech(blocks: &mut Vec<Block>, body: &Value, model: &Model, script: &Script) {
    if let Some(deltas) = &script.deltas {
        let tokens = tokens::of_text(&deltas.concat());
        blocks.push(Block { kind: BlockKind::Text, pieces: deltas.clone(), tokens });
    } else if let Some(text) = &script.text {
        blocks.push(Block::text(text, script.chunks));
    }
    if let Some(calls) = &script.tool_uses {
        blocks.extend(calls.iter().cloned().map(|call| Block::tool_use(call, script.chunks)));
    }
    if script.deltas.is_some() || script.text.is_some() || script.tool_uses.is_some() {
        return;
    }
    let calls = tool_calls::choose(body);
    if calls.is_empty() {
        blocks.push(Block::text(&echo::reply(body, model), script.chunks));
    } else {
        blocks.extend(calls.into_iter().map(|call| Block::tool_use(call, script.chunks)));
    }
}

pub(crate) fn scripted_usage(counted: Usage, script: &Script) -> Usage {
    let Some(usage) = &script.usage else { return counted };
    Usage {
        input_tokens: usage.input_tokens.unwrap_or(counted.input_tokens),
        output_tokens: usage.output_tokens.unwrap_or(counted.output_tokens),
        cache_read_input_tokens: usage.cache_read_input_tokens.unwrap_or(counted.cache_read_input_tokens),
        cache_write_input_tokens: usage.cache_write_input_tokens.unwrap_or(counted.cache_write_input_tokens),
        images: counted.images,
    }
}

/// Cuts a text into pieces that differ by at most one character in length; at least one piece.
fn split(text: &str, chunks: Option<usize>) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let wanted =
        chunks.unwrap_or_else(|| letters.len().div_ceil(DELTA_CHARACTERS)).clamp(1, letters.len().max(1));
    (0..wanted)
        .map(|piece| {
            let from = piece * letters.len() / wanted;
            let to = (piece + 1) * letters.len() / wanted;
            letters.get(from..to).unwrap_or_default().iter().collect()
        })
        .collect()
}

/// The body of a Converse response.
pub(crate) fn converse_body(answer: &Answer, request: &Value, empty_output: bool) -> Value {
    let content: Vec<Value> = answer.blocks.iter().map(content_block).collect();
    let mut body = json!({
        "metrics": {"latencyMs": latency_ms(answer)},
        "output": {"message": {"content": if empty_output { Vec::new() } else { content }, "role": "assistant"}},
        "stopReason": answer.stop_reason,
        "usage": answer.usage.wire(),
    });
    extend(&mut body, answer, request);
    body
}

/// What a body and a stream's metadata event have in common beside usage and metrics.
pub(crate) fn extend(target: &mut Value, answer: &Answer, request: &Value) {
    for key in ["serviceTier", "performanceConfig"] {
        if let Some(value) = request.get(key).filter(|value| !value.is_null()) {
            target[key] = value.clone();
        }
    }
    if answer.guardrail {
        target["trace"] = json!({"guardrail": {"actionReason": "Guardrail blocked."}});
    }
}

/// A latency that depends on the answer alone, so that equal requests have equal bytes.
pub(crate) fn latency_ms(answer: &Answer) -> u64 {
    answer.usage.output_tokens.saturating_add(100)
}

fn content_block(block: &Block) -> Value {
    match &block.kind {
        BlockKind::Reasoning => {
            json!({"reasoningContent": {"reasoningText": {"text": block.pieces.concat()}}})
        }
        BlockKind::Text => json!({"text": block.pieces.concat()}),
        BlockKind::ToolUse { id, name, input } => {
            json!({"toolUse": {"input": input, "name": name, "toolUseId": id}})
        }
    }
}

#[cfg(test)]
mod tests;
