//! Raw calls of a server's HTTP API, as one token or another.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, ensure};
use http::Method;
use serde_json::Value;

use crate::client::{Call, Reply};

/// The API of one server, called with one token.
#[derive(Debug, Clone)]
pub struct Api {
    address: SocketAddr,
    header: &'static str,
    token: Option<String>,
}

impl Api {
    /// `header` is the one in which this server takes a token.
    pub(super) fn new(port: u16, header: &'static str, token: Option<&str>) -> Self {
        Self { address: (Ipv4Addr::LOCALHOST, port).into(), header, token: token.map(str::to_owned) }
    }

    /// That of a server that nobody needs a token for.
    pub(crate) fn at(address: SocketAddr, header: &'static str) -> Self {
        Self { address, header, token: None }
    }

    /// The same API called with this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same API called without a token.
    pub fn anonymous(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The token that calls carry.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A call in the making, with the token; `path` begins with `/v1/`.
    ///
    /// # Errors
    /// When the path makes no URL.
    pub fn call(&self, method: Method, path: &str) -> anyhow::Result<Call> {
        let call = Call::new(method, &format!("http://{}{path}", self.address))?;
        match &self.token {
            Some(token) => call.header(self.header, token),
            None => Ok(call),
        }
    }

    /// Sends a call with this body and reads the answer, whatever its status.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn send(&self, method: Method, path: &str, body: &str) -> anyhow::Result<Reply> {
        self.call(method, path)?.body(body.to_owned()).send().await
    }

    /// The JSON at a path; null when a 2xx answer is empty.
    ///
    /// # Errors
    /// When the answer is not 2xx, or no JSON.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        expect(Method::GET, path, self.send(Method::GET, path, "").await?)
    }

    /// Puts JSON, and returns the JSON of the answer as [`Self::get`] does.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        expect(Method::PUT, path, self.send(Method::PUT, path, &body.to_string()).await?)
    }

    /// Posts JSON, and returns the JSON of the answer as [`Self::get`] does.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        expect(Method::POST, path, self.send(Method::POST, path, &body.to_string()).await?)
    }
}

fn expect(method: Method, path: &str, reply: Reply) -> anyhow::Result<Value> {
    ensure!(reply.status.is_success(), "{method} {path} answered {}: {}", reply.status, reply.text());
    if reply.body.is_empty() {
        return Ok(Value::Null);
    }
    reply.json().with_context(|| format!("{method} {path}"))
}
