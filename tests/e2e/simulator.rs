//! The simulator as a test sees it: scripts inside prompts, and its control endpoints.
//!
//! Every assumption about the shape of `/_sim/…` is here.

use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::wait::{Look, wait_for};
use serde_json::Value;

/// The region that the programs under test call.
pub(crate) const REGION: &str = "us-east-1";

/// The credentials that the simulator accepts.
pub(crate) const ACCESS_KEY_ID: &str = "AKIDSIMULATOR";
pub(crate) const SECRET_ACCESS_KEY: &str = "simulator-secret-access-key";

/// A prompt that makes the simulator follow a script.
pub(crate) fn scripted(script: &Value) -> String {
    format!("Follow the script. [[sim {script}]]")
}

/// The control endpoints of one region.
#[derive(Debug, Clone)]
pub(crate) struct Simulator {
    /// The endpoint, as given to an AWS SDK.
    pub(crate) endpoint: String,
}

/// A request as the simulator received it.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Captured {
    /// The body as JSON.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body).context("the captured body is not JSON")
    }
}

impl Simulator {
    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let reply = Call::new(Method::GET, &format!("{}/_sim/{path}", self.endpoint))?.send().await?;
        ensure!(reply.status.is_success(), "GET /_sim/{path}: {} {}", reply.status, reply.text());
        reply.json()
    }

    /// The log of calls, oldest first.
    pub(crate) async fn invocations(&self) -> anyhow::Result<Vec<Value>> {
        entries(&self.get("invocations").await?, "invocations")
    }

    /// How many requests have arrived, also those that have no answer yet.
    pub(crate) async fn received(&self) -> anyhow::Result<usize> {
        Ok(entries(&self.get("requests").await?, "requests")?.len())
    }

    /// How many calls were billed since the start, in all regions.
    pub(crate) async fn billed_calls(&self) -> anyhow::Result<u64> {
        let bill = self.get("bill").await?;
        let lines = entries(&bill, "lines")?;
        lines.iter().map(|line| line["requests"].as_u64().context("no requests in a line of the bill")).sum()
    }

    /// The newest request that the simulator received.
    pub(crate) async fn last_request(&self) -> anyhow::Result<Captured> {
        let requests = entries(&self.get("requests?last=1").await?, "requests")?;
        let request = requests.last().context("the simulator has received no request")?;
        let text = |key: &str| {
            request[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {request}"))
        };
        Ok(Captured {
            method: text("method")?,
            path: text("path")?,
            content_type: header(&request["headers"], "content-type")
                .context("the request has no content-type")?,
            body: STANDARD.decode(text("body")?).context("decode the captured body")?,
        })
    }

    /// Waits until a call for which `accept` holds is in the log.
    pub(crate) async fn invocation_where(
        &self,
        what: &str,
        accept: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        wait_for(what, Duration::from_secs(15), async || {
            let invocations = self.invocations().await?;
            let found = invocations.iter().find(|invocation| accept(invocation)).cloned();
            Ok(found.map_or(Look::NotYet(invocations), Look::Ready))
        })
        .await
    }
}

/// True when the caller had left before the answer was complete.
pub(crate) fn client_left(invocation: &Value) -> bool {
    invocation["client_went_away"] == true
}

/// The list that an answer has under this name.
fn entries(value: &Value, name: &str) -> anyhow::Result<Vec<Value>> {
    value[name].as_array().cloned().with_context(|| format!("no list of {name} in {value}"))
}

/// The value of a header in a list of pairs.
fn header(headers: &Value, name: &str) -> Option<String> {
    let mut pairs = headers.as_array()?.iter();
    let pair = pairs.find(|pair| pair[0].as_str().is_some_and(|key| key.eq_ignore_ascii_case(name)))?;
    pair[1].as_str().map(str::to_owned)
}
