//! Steps that are put to one server, and what it said.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::Context;
use http::Method;
use nova_test_support::server::Api;
use nova_test_support::wait::{Look, wait_for};
use serde_json::Value;

/// How long a real server may take for what it does by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// One step. `{name}` in a path or a body is what an earlier step has kept under this name.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A call whose answer is compared.
    Call { method: Method, path: String, body: String, kept: Vec<(&'static str, &'static str)> },
    /// Waits until a JSON pointer into what is read has this value, and compares what is read then.
    Until { path: String, wanted: Vec<(&'static str, Value)> },
}

/// A call.
pub(super) fn call(method: Method, path: &str, body: impl ToString) -> Step {
    Step::Call { method, path: path.to_owned(), body: body.to_string(), kept: Vec::new() }
}

/// A read.
pub(super) fn get(path: &str) -> Step {
    call(Method::GET, path, "")
}

/// A write by PUT.
pub(super) fn put(path: &str, body: impl ToString) -> Step {
    call(Method::PUT, path, body)
}

/// Waits for values at JSON pointers.
pub(super) fn until(path: &str, wanted: impl IntoIterator<Item = (&'static str, Value)>) -> Step {
    Step::Until { path: path.to_owned(), wanted: wanted.into_iter().collect() }
}

impl Step {
    /// Keeps what a JSON pointer finds in the answer, or, where the pointer is `index`, the index that came with it.
    pub(super) fn keep(mut self, name: &'static str, pointer: &'static str) -> Self {
        if let Self::Call { kept, .. } = &mut self {
            kept.push((name, pointer));
        }
        self
    }
}

/// What a server said to one step.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) step: String,
    pub(super) status: u16,
    pub(super) index: Option<u64>,
    /// JSON, or text as a string.
    pub(super) body: Value,
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, status, index, body } = self;
        write!(
            formatter,
            "{step} {status} {} {body}",
            index.map_or_else(|| "-".to_owned(), |index| index.to_string())
        )
    }
}

/// Puts all steps to one server.
///
/// # Errors
/// When it does not answer, or what is waited for does not come.
pub(super) async fn transcript(api: &Api, steps: &[Step]) -> anyhow::Result<Vec<Told>> {
    let mut kept = BTreeMap::new();
    let mut transcript = Vec::new();
    for step in steps {
        let told = match step {
            Step::Call { method, path, body, kept: to_keep } => {
                let told = tell(api, method, &filled(path, &kept), &filled(body, &kept)).await?;
                for (name, pointer) in to_keep {
                    let found = if *pointer == "index" {
                        told.index.map(Value::from)
                    } else {
                        told.body.pointer(pointer).cloned()
                    };
                    let found = found.with_context(|| format!("no {pointer} in {told:?}"))?;
                    kept.insert(*name, found.as_str().map_or_else(|| found.to_string(), str::to_owned));
                }
                told
            }
            Step::Until { path, wanted } => {
                let path = filled(path, &kept);
                wait_for(&format!("{wanted:?} at {path}"), PATIENCE, async || {
                    let told = tell(api, &Method::GET, &path, "").await?;
                    let is_there =
                        wanted.iter().all(|(pointer, value)| told.body.pointer(pointer) == Some(value));
                    Ok(if is_there { Look::Ready(told) } else { Look::NotYet(told) })
                })
                .await?
            }
        };
        transcript.push(told);
    }
    Ok(transcript)
}

async fn tell(api: &Api, method: &Method, path: &str, body: &str) -> anyhow::Result<Told> {
    let reply = api.send(method.clone(), path, body).await?;
    let index = ["x-consul-index", "x-nomad-index"].iter().find_map(|name| reply.header(name)?.parse().ok());
    let text = reply.text();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Told { step: format!("{method} {path}"), status: reply.status.as_u16(), index, body })
}

fn filled(text: &str, kept: &BTreeMap<&'static str, String>) -> String {
    kept.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}
