//! What is printed when the system is ready: where it is, and what to try.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;

use bedrock_sim::Simulator;
use nova_proxy::app::Listeners;
use serde_json::json;

use super::API_KEY;
use super::files::LocalFiles;

/// Addresses and paths of a running system.
#[derive(Debug)]
pub(super) struct Welcome {
    api: SocketAddr,
    metrics: Option<SocketAddr>,
    simulator: BTreeMap<String, String>,
    config: String,
}

impl Welcome {
    /// Collects them.
    ///
    /// # Errors
    /// When a socket has no address.
    pub(super) fn of(listeners: &Listeners, simulator: &Simulator, files: &LocalFiles) -> io::Result<Self> {
        Ok(Self {
            api: listeners.api.local_addr()?,
            metrics: listeners.metrics.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?,
            simulator: simulator.endpoints(),
            config: files.config.display().to_string(),
        })
    }

    /// Prints them.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(super) fn print(&self, as_json: bool) -> io::Result<()> {
        let text = if as_json { self.json() } else { self.text() };
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    fn base_url(&self) -> String {
        format!("http://{}/v1", self.api)
    }

    fn metrics_url(&self) -> Option<String> {
        self.metrics.map(|address| format!("http://{address}/metrics"))
    }

    fn json(&self) -> String {
        let line = json!({
            "base_url": self.base_url(), "api_key": API_KEY, "simulator": self.simulator,
            "metrics": self.metrics_url(), "config": self.config,
        });
        format!("{line}\n")
    }

    fn text(&self) -> String {
        let (url, metrics) = (self.base_url(), self.metrics_url().unwrap_or_default());
        let simulator: String = self
            .simulator
            .iter()
            .map(|(region, url)| format!("  simulator      {url} ({region})\n"))
            .collect();
        format!(
            "Bedrock Nova Proxy is ready. Answers come from a simulator: nothing leaves this machine.

  OpenAI API     {url}
  API key        {API_KEY}
  metrics        {metrics}
{simulator}  configuration  {} (edit it: changes apply at once)

Try it:

  curl {url}/chat/completions -H 'authorization: Bearer {API_KEY}' -H 'content-type: application/json' \\
    -d '{{\"model\": \"gpt-4o\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello!\"}}]}}'

  python3 -c \"from openai import OpenAI; print(OpenAI(base_url='{url}', api_key='{API_KEY}').chat.completions.create(
    model='gpt-4o', messages=[{{'role': 'user', 'content': 'Hello!'}}]).choices[0].message.content)\"

Requests show below. Stop with Ctrl-C.

",
            self.config
        )
    }
}
