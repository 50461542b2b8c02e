//! The plan of a stream: every frame, pause and break, before the first byte is sent.
//!
//! Pure. `stream` carries it out.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::{Answer, Block, BlockKind, extend, latency_ms};
use crate::exception::Exception;
use crate::frame;
use crate::script::Script;
use crate::service_model::ServiceModel;
use crate::tokens::CHARACTERS_PER_TOKEN;

/// One step of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Pause(Duration),
    /// Sends bytes. `output_tokens` is what the client has been sent by then.
    Send {
        bytes: Bytes,
        output_tokens: u64,
    },
    /// Never goes on; ends when the client leaves.
    Hang,
    /// Resets the connection.
    Reset,
}

/// An event, and the output tokens sent when it is out.
struct Event {
    name: &'static str,
    payload: Value,
    output_tokens: u64,
    delta: bool,
}

/// The steps that stream `answer`.
pub(crate) fn stream(answer: &Answer, request: &Value, script: &Script, model: &ServiceModel) -> Vec<Step> {
    let fault = &script.fault;
    let mut events = if fault.empty_stream { Vec::new() } else { events(answer, request) };
    if let Some(index) = fault.unknown_event {
        let at = index.min(events.len());
        let sent =
            at.checked_sub(1).and_then(|before| events.get(before)).map_or(0, |event| event.output_tokens);
        let payload = json!({"future": true});
        events.insert(at, Event { name: "futureEvent", payload, output_tokens: sent, delta: false });
    }
    let error = fault.error.as_ref().filter(|error| error.after_events.is_some());
    let mut steps = Vec::new();
    let pause = |steps: &mut Vec<Step>, ms: u64| {
        if ms > 0 {
            steps.push(Step::Pause(Duration::from_millis(ms)));
        }
    };
    let mut sent = 0;
    // One turn more than there are events: a break may come after the last of them.
    for index in 0..=events.len() {
        if let Some(error) =
            error.filter(|error| error.after_events.map(|after| after.min(events.len())) == Some(index))
        {
            let exception = scripted(error, model);
            steps.push(Step::Send { bytes: frame::exception(&exception), output_tokens: sent });
            return steps;
        }
        if fault.disconnect_after_events.map(|after| after.min(events.len())) == Some(index) {
            steps.push(Step::Reset);
            return steps;
        }
        if fault.end_after_events == Some(index) {
            break;
        }
        if fault.hang_after_events.map(|after| after.min(events.len())) == Some(index) {
            steps.push(Step::Hang);
            return steps;
        }
        let Some(event) = events.get(index) else { break };
        if event.delta {
            pause(&mut steps, script.delta_delay_ms);
        }
        let bytes = frame::event(event.name, &event.payload);
        let bytes = if fault.corrupt_event == Some(index) { frame::corrupt(&bytes) } else { bytes };
        sent = event.output_tokens;
        steps.push(Step::Send { bytes, output_tokens: sent });
    }
    if fault.trailing_bytes > 0 {
        steps.push(Step::Send { bytes: frame::garbage(fault.trailing_bytes), output_tokens: sent });
    }
    steps
}

/// The exception that a script asks for.
pub(crate) fn scripted(error: &crate::script::ScriptedError, model: &ServiceModel) -> Exception {
    let mut exception = Exception::named(&error.name, model);
    if let Some(message) = &error.message {
        exception.message.clone_from(message);
    }
    if let Some(status) = error.status.and_then(|status| http::StatusCode::from_u16(status).ok()) {
        exception.status = status;
    }
    exception.members.extend(error.members.clone());
    exception
}

fn events(answer: &Answer, request: &Value) -> Vec<Event> {
    let quiet = |name, payload, output_tokens| Event { name, payload, output_tokens, delta: false };
    let mut events = vec![quiet("messageStart", json!({"role": "assistant"}), 0)];
    let mut sent = 0;
    for (index, block) in answer.blocks.iter().enumerate() {
        if let BlockKind::ToolUse { id, name, .. } = &block.kind {
            let start =
                json!({"contentBlockIndex": index, "start": {"toolUse": {"name": name, "toolUseId": id}}});
            events.push(quiet("contentBlockStart", start, sent));
        }
        deltas(&mut events, index, block, sent);
        sent += block.tokens;
        events.push(quiet("contentBlockStop", json!({"contentBlockIndex": index}), sent));
    }
    // What a script says was used is what counts, once the answer is complete.
    let total = answer.usage.output_tokens;
    events.push(quiet("messageStop", json!({"stopReason": answer.stop_reason}), total));
    let mut metadata = json!({"metrics": {"latencyMs": latency_ms(answer)}, "usage": answer.usage.wire()});
    extend(&mut metadata, answer, request);
    events.push(quiet("metadata", metadata, total));
    events
}

fn deltas(events: &mut Vec<Event>, index: usize, block: &Block, before: u64) {
    let mut characters = 0;
    for (number, piece) in block.pieces.iter().enumerate() {
        characters += piece.chars().count();
        let delta = match block.kind {
            BlockKind::Reasoning => json!({"reasoningContent": {"text": piece}}),
            BlockKind::Text => json!({"text": piece}),
            BlockKind::ToolUse { .. } => json!({"toolUse": {"input": piece}}),
        };
        let last = number + 1 == block.pieces.len();
        let sent = if last { block.tokens } else { characters.div_ceil(CHARACTERS_PER_TOKEN) as u64 };
        events.push(Event {
            name: "contentBlockDelta",
            payload: json!({"contentBlockIndex": index, "delta": delta}),
            output_tokens: before + sent,
            delta: true,
        });
    }
}

#[cfg(test)]
mod tests;
