//! What a client makes of a finished stream, and the rules that every stream keeps.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use nova_test_support::client::Ended;
use serde_json::Value;

/// How a stream ended, with what it brought.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The chunks, in order.
    pub(crate) chunks: Vec<Value>,
    /// The text of the first choice.
    pub(crate) text: String,
    /// Name and arguments of the tool calls of the first choice, by index.
    pub(crate) tool_calls: BTreeMap<u64, ToolCall>,
    /// The reason of each choice that was finished.
    pub(crate) finish_reasons: BTreeMap<u64, String>,
    /// Usage, when the stream gave it.
    pub(crate) usage: Option<Value>,
    /// The one terminal event.
    pub(crate) terminal: Terminal,
}

/// The last event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Terminal {
    /// `data: [DONE]`.
    Done,
    /// `event: error` with this error object.
    Error(Value),
}

/// A tool call put together from its deltas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// Reads a finished stream and checks the contract: exactly one terminal event, at the end, and nothing that contradicts it.
pub(crate) fn read(ended: &Ended) -> anyhow::Result<Outcome> {
    read_events(ended).with_context(|| format!("in the stream {:?}", ended.raw))
}

fn read_events(ended: &Ended) -> anyhow::Result<Outcome> {
    if let Some(broken) = &ended.broken {
        bail!("the HTTP body broke instead of ending: {broken}");
    }
    ensure!(!ended.within_an_event, "the body ended within an event");
    let (last, chunks) = ended.events.split_last().context("the stream has no event at all")?;
    let terminal = match (last.name.as_str(), last.data.as_str()) {
        ("message", "[DONE]") => Terminal::Done,
        ("error", data) => {
            let body: Value = serde_json::from_str(data).context("the error event is not JSON")?;
            ensure!(body["error"]["message"].is_string(), "the error event has no error.message: {body}");
            Terminal::Error(body["error"].clone())
        }
        _ => bail!("the last event is neither [DONE] nor an error: {last:?}"),
    };
    let mut outcome = Outcome {
        chunks: Vec::new(),
        text: String::new(),
        tool_calls: BTreeMap::new(),
        finish_reasons: BTreeMap::new(),
        usage: None,
        terminal,
    };
    for event in chunks {
        ensure!(
            event.name == "message" && event.data != "[DONE]",
            "a terminal event before the end: {event:?}"
        );
        let chunk: Value =
            serde_json::from_str(&event.data).with_context(|| format!("not JSON: {:?}", event.data))?;
        outcome.take(&chunk).with_context(|| format!("in the chunk {chunk}"))?;
        outcome.chunks.push(chunk);
    }
    outcome.check_end()?;
    Ok(outcome)
}

impl Outcome {
    fn take(&mut self, chunk: &Value) -> anyhow::Result<()> {
        ensure!(chunk["object"] == "chat.completion.chunk", "not a chunk");
        ensure!(chunk.get("error").is_none(), "an error inside a chunk");
        if let Some(first) = self.chunks.first() {
            ensure!(first["id"] == chunk["id"] && first["model"] == chunk["model"], "id or model changed");
        } else {
            ensure!(
                chunk["choices"][0]["delta"]["role"] == "assistant",
                "the first chunk does not open with the role"
            );
        }
        if chunk["usage"].is_object() {
            ensure!(self.usage.is_none(), "usage came twice");
            self.usage = Some(chunk["usage"].clone());
        }
        for choice in chunk["choices"].as_array().context("no choices")? {
            let index = choice["index"].as_u64().context("a choice without an index")?;
            ensure!(
                !self.finish_reasons.contains_key(&index),
                "a delta after the finish_reason of choice {index}"
            );
            if index == 0 {
                self.take_delta(&choice["delta"])?;
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                self.finish_reasons.insert(index, reason.to_owned());
            }
        }
        Ok(())
    }

    fn take_delta(&mut self, delta: &Value) -> anyhow::Result<()> {
        self.text.push_str(delta["content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().context("a tool call without an index")?;
            let is_new = !self.tool_calls.contains_key(&index);
            let known = self.tool_calls.entry(index).or_default();
            if is_new {
                ensure!(
                    call["id"].is_string() && call["type"] == "function",
                    "a tool call opens without id and type"
                );
                known.id = call["id"].as_str().unwrap_or_default().to_owned();
                known.name =
                    call["function"]["name"].as_str().context("a tool call opens without a name")?.to_owned();
            }
            known.arguments.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        Ok(())
    }

    fn check_end(&self) -> anyhow::Result<()> {
        match &self.terminal {
            Terminal::Done => {
                ensure!(!self.finish_reasons.is_empty(), "[DONE] without a finish_reason");
                let finished = ["stop", "length", "tool_calls", "content_filter", "function_call"];
                let known = self.finish_reasons.values().all(|reason| finished.contains(&reason.as_str()));
                ensure!(known, "finish reasons that OpenAI does not have: {:?}", self.finish_reasons);
            }
            Terminal::Error(_) => {
                ensure!(
                    self.finish_reasons.is_empty(),
                    "a broken stream claims to be finished: {:?}",
                    self.finish_reasons
                );
            }
        }
        Ok(())
    }

    /// The error of a broken stream.
    pub(crate) fn error(&self) -> anyhow::Result<&Value> {
        match &self.terminal {
            Terminal::Error(error) => Ok(error),
            Terminal::Done => bail!("expected a broken stream, got [DONE] after {:?}", self.text),
        }
    }

    /// Checks that the stream ended well, for the given reason.
    pub(crate) fn finished(&self, reason: &str) -> anyhow::Result<&Self> {
        ensure!(self.terminal == Terminal::Done, "expected [DONE], got {:?}", self.terminal);
        let got = self.finish_reasons.get(&0);
        ensure!(got.is_some_and(|got| got == reason), "expected the finish_reason {reason}, got {got:?}");
        Ok(self)
    }
}
