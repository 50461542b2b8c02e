//! One chat request: the first, by which `up` knows that all parts work together.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// The most of an answer that is read.
const MAX_ANSWER: usize = 1 << 20;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The body of the request, which the welcome shows too.
pub(super) fn body() -> Value {
    json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hello!" }] })
}

/// Asks an instance, and returns what it said.
///
/// # Errors
/// When it does not answer as OpenAI does, or not in time.
pub(super) async fn ask(address: SocketAddr, key: &SecretString) -> anyhow::Result<String> {
    let answered = tokio::time::timeout(PATIENCE, answer(address, key)).await;
    answered.with_context(|| {
        format!("{address} has not answered the first request within {} s", PATIENCE.as_secs())
    })?
}

async fn answer(address: SocketAddr, key: &SecretString) -> anyhow::Result<String> {
    let request = Request::post(format!("http://{address}/v1/chat/completions"))
        .header("authorization", format!("Bearer {}", key.expose_secret()))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body().to_string())))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) =
        client.request(request).await.with_context(|| format!("{address} does not answer"))?.into_parts();
    let body =
        Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    let text = String::from_utf8_lossy(&body);
    if !head.status.is_success() {
        bail!("{address} answered the first request with {}: {text}", head.status);
    }
    let answer: Value = serde_json::from_slice(&body).context("the first answer is no JSON")?;
    let said = answer["choices"][0]["message"]["content"].as_str();
    said.map(str::to_owned).with_context(|| format!("the first answer says nothing: {text}"))
}
