//! The programs under test, started for one test: `nova-local up`, or a `nova-proxy` of its own beside its simulator.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::client::{Call, Ended, Reply, Stream};
use nova_test_support::process::{Launch, Process};
use serde_json::{Value, json};

use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Simulator};

/// A model that every configuration of the tests serves, by the default mapping of OpenAI's names.
pub(crate) const MODEL: &str = "gpt-4o-mini";

/// How long a program may take to stop when nothing is open.
pub(crate) const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// The text of a configuration, but for the addresses that the bed knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Further lines of the `bedrock` block.
    pub(crate) bedrock: String,
    /// Lines of the `auth` block; nobody is asked for a key when empty.
    pub(crate) auth: String,
    /// Further top-level lines and blocks.
    pub(crate) rest: String,
    /// Where the proxy calls Bedrock, when not at the simulator itself.
    pub(crate) endpoint: Option<String>,
}

/// Running programs and how to reach them.
#[derive(Debug)]
pub(crate) struct Bed {
    /// `http://HOST:PORT`, without `/v1`.
    pub(crate) root: String,
    /// The key that requests carry.
    pub(crate) key: String,
    /// The simulator in the region that the proxy calls.
    pub(crate) simulator: Simulator,
    /// Where its admin listener is: an address or a path, as the proxy says it. Only when the bed's own proxy has one.
    pub(crate) admin: Option<String>,
    metrics: String,
    local: Process,
    /// Only when the bed runs a proxy of its own.
    pub(crate) proxy: Option<Process>,
    pub(crate) settings: Settings,
}

impl Bed {
    /// The system as the README's first command starts it.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Ok(Self::start_local().await?.0)
    }

    /// The system, and what `nova-local up` said of it.
    async fn start_local() -> anyhow::Result<(Self, Value)> {
        let mut local =
            Launch::new(Program::Local.path()?).args(["up", "--listen", "127.0.0.1:0", "--json"]).start()?;
        let ready = local.ready_line().await?;
        let text = |value: &Value| {
            value.as_str().map(str::to_owned).with_context(|| format!("a string is missing in {ready}"))
        };
        let base = text(&ready["base_url"])?;
        let bed = Self {
            root: base.strip_suffix("/v1").with_context(|| format!("{base} does not end in /v1"))?.to_owned(),
            key: text(&ready["api_key"])?,
            simulator: Simulator { endpoint: text(&ready["simulator"][REGION])? },
            admin: None,
            metrics: text(&ready["metrics"])?,
            local,
            proxy: None,
            settings: Settings::default(),
        };
        Ok((bed, ready))
    }

    /// A `nova-proxy serve` with its own configuration, beside a simulator.
    pub(crate) async fn with(settings: Settings) -> anyhow::Result<Self> {
        Self::with_program(settings, proxy_command()?).await
    }

    /// As [`Self::with`], with a proxy that is started by this command, to which its arguments are added.
    pub(crate) async fn with_program(settings: Settings, program: Launch) -> anyhow::Result<Self> {
        Self::with_endpoint(settings, program, str::to_owned).await
    }

    /// As [`Self::with_program`], with the simulator called by the URL that `named` makes of its own.
    pub(crate) async fn with_endpoint(
        mut settings: Settings,
        program: Launch,
        named: impl FnOnce(&str) -> String,
    ) -> anyhow::Result<Self> {
        let (bed, _ready) = Self::start_local().await?;
        let endpoint = settings.endpoint.take();
        settings.endpoint = Some(endpoint.unwrap_or_else(|| named(&bed.simulator.endpoint)));
        bed.run_proxy(settings, program).await
    }

    /// As [`Self::with`], with settings made for the endpoint of the simulator's region `other`, which is returned too.
    pub(crate) async fn with_regions(
        other: &str,
        settings: impl FnOnce(&str) -> Settings,
    ) -> anyhow::Result<(Self, Simulator)> {
        let (bed, ready) = Self::start_local().await?;
        let endpoint = ready["simulator"][other].as_str();
        let endpoint = endpoint.with_context(|| format!("no {other} in {ready}"))?.to_owned();
        let bed = bed.run_proxy(settings(&endpoint), proxy_command()?).await?;
        Ok((bed, Simulator { endpoint }))
    }

    /// Runs a `nova-proxy` with these settings, in place of the one before if there was one.
    pub(crate) async fn run_proxy(self, settings: Settings, program: Launch) -> anyhow::Result<Self> {
        let mut bed = self;
        bed.settings = settings;
        let config = bed.write_config(&bed.settings)?;
        bed.start_proxy(config, program).await?;
        Ok(bed)
    }

    /// Starts a `nova-proxy` with this configuration, in place of the one before if there was one.
    pub(crate) async fn start_proxy(&mut self, config: PathBuf, program: Launch) -> anyhow::Result<()> {
        let mut proxy = program.args(["serve", "--json", "--config"]).arg(config).start()?;
        let ready = proxy.ready_line().await?;
        let listen = ready["listen"].as_str().with_context(|| format!("no listen in {ready}"))?;
        let metrics = ready["metrics"].as_str().with_context(|| format!("no metrics in {ready}"))?;
        self.root = format!("http://{listen}");
        self.admin = ready["admin"].as_str().map(str::to_owned);
        self.metrics = if metrics.starts_with("http") {
            metrics.to_owned()
        } else {
            format!("http://{metrics}/metrics")
        };
        self.proxy = Some(proxy);
        Ok(())
    }

    /// Where the configuration of the bed's own proxy is.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.local.folder().join("proxy.hcl")
    }

    /// Writes the configuration for these settings and returns its path. The file is replaced in one step.
    pub(crate) fn write_config(&self, settings: &Settings) -> anyhow::Result<PathBuf> {
        let endpoint = settings.endpoint.as_ref().unwrap_or(&self.simulator.endpoint);
        let auth = if settings.auth.is_empty() { "none = true" } else { &settings.auth };
        self.write_config_text(&format!(
            "listen = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\n\nbedrock {{\n  region = \"{REGION}\"\n  \
             endpoint = \"{endpoint}\"\n  {}\n}}\n\nauth {{\n  {auth}\n}}\n\n{}\n",
            settings.bedrock, settings.rest
        ))
    }

    /// Replaces the configuration file by this text in one step.
    pub(crate) fn write_config_text(&self, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.config_path();
        let next = path.with_extension("next");
        fs::write(&next, text)?;
        fs::rename(&next, &path)?;
        Ok(path)
    }

    /// A request to the API with the bed's key.
    pub(crate) fn call(&self, method: Method, path: &str) -> anyhow::Result<Call> {
        Call::new(method, &format!("{}{path}", self.root))?
            .header("authorization", &format!("Bearer {}", self.key))
    }

    /// A chat request in the making.
    pub(crate) fn chat_call(&self, request: &Value) -> anyhow::Result<Call> {
        self.post_call("/v1/chat/completions", request)
    }

    /// A request in the making that posts JSON to `path`.
    pub(crate) fn post_call(&self, path: &str, request: &Value) -> anyhow::Result<Call> {
        let call = self.call(Method::POST, path)?.header("content-type", "application/json")?;
        Ok(call.body(request.to_string()))
    }

    /// Posts JSON to `path` and reads the whole answer, whatever its status.
    pub(crate) async fn post(&self, path: &str, request: &Value) -> anyhow::Result<Reply> {
        self.post_call(path, request)?.send().await
    }

    /// Posts JSON to `path` and returns the body of its 200.
    pub(crate) async fn post_ok(&self, path: &str, request: &Value) -> anyhow::Result<Value> {
        let reply = self.post(path, request).await?;
        ensure!(reply.status == 200, "{request}\nanswered {} {}", reply.status, reply.text());
        reply.json()
    }

    /// Sends a chat request and reads the whole answer, whatever its status.
    pub(crate) async fn chat(&self, request: &Value) -> anyhow::Result<Reply> {
        self.chat_call(request)?.send().await
    }

    /// Sends a chat request and returns the body of its 200.
    pub(crate) async fn chat_ok(&self, request: &Value) -> anyhow::Result<Value> {
        let reply = self.chat(request).await?;
        ensure!(reply.status == 200, "{request}\nanswered {} {}", reply.status, reply.text());
        reply.json()
    }

    /// Sends a chat request whose answer is a stream.
    pub(crate) async fn stream(&self, request: &Value) -> anyhow::Result<Stream> {
        let mut request = request.clone();
        request["stream"] = json!(true);
        self.chat_call(&request)?.stream().await
    }

    /// Sends a chat request whose answer is a stream, and reads it to its end.
    pub(crate) async fn stream_to_end(&self, request: &Value) -> anyhow::Result<Ended> {
        let stream = self.stream(request).await?;
        let status = stream.status;
        let ended = stream.finish().await;
        ensure!(status == 200, "{request}\nanswered {status} {}", ended.raw);
        Ok(ended)
    }

    /// Proves that the programs are well: a plain request is answered.
    pub(crate) async fn still_serves(&self) -> anyhow::Result<()> {
        let answer = self.chat_ok(&ask("Are you there?")).await.context("a good request afterwards")?;
        ensure!(answer["choices"][0]["finish_reason"] == "stop", "a good request afterwards got {answer}");
        Ok(())
    }

    /// The page that Prometheus reads.
    pub(crate) async fn metrics_page(&self) -> anyhow::Result<String> {
        let reply = Call::new(Method::GET, &self.metrics)?.send().await?;
        ensure!(reply.status == 200, "GET {}: {} {}", self.metrics, reply.status, reply.text());
        Ok(reply.text())
    }

    /// Whether traffic should come here, and why not.
    pub(crate) async fn readiness_page(&self) -> anyhow::Result<Reply> {
        let root = self.metrics.strip_suffix("/metrics").context("metrics that are not at /metrics")?;
        Call::new(Method::GET, &format!("{root}/health"))?.send().await
    }

    /// The bed's own proxy.
    pub(crate) fn own_proxy(&mut self) -> anyhow::Result<&mut Process> {
        self.proxy.as_mut().context("this bed runs no proxy of its own")
    }

    /// Stops `nova-local up` and returns its exit code.
    pub(crate) async fn stop_local(self) -> anyhow::Result<Option<i32>> {
        Ok(self.local.stop(STOP_DEADLINE).await?.code())
    }
}

/// `nova-proxy` with credentials that the simulator accepts.
pub(crate) fn proxy_command() -> anyhow::Result<Launch> {
    proxy_command_of(Program::Proxy)
}

/// As [`proxy_command`], for this build of it.
pub(crate) fn proxy_command_of(program: Program) -> anyhow::Result<Launch> {
    Ok(Launch::new(program.path()?)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY))
}

/// A chat request with one user message.
pub(crate) fn ask(text: &str) -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": text }] })
}

/// A chat request whose answer is scripted.
pub(crate) fn ask_script(script: &Value) -> Value {
    ask(&crate::simulator::scripted(script))
}

/// A request with further members.
pub(crate) fn with(mut request: Value, members: Value) -> Value {
    if let (Some(request), Value::Object(members)) = (request.as_object_mut(), members) {
        request.extend(members);
    }
    request
}

/// Checks an error answer: status, OpenAI's shape, code.
pub(crate) fn expect_error(reply: &Reply, status: u16, code: Option<&str>) -> anyhow::Result<Value> {
    ensure!(reply.status.as_u16() == status, "expected {status}, got {} {}", reply.status, reply.text());
    let body = reply.json()?;
    let error = body["error"].as_object().with_context(|| format!("no error object in {body}"))?;
    for member in ["message", "type", "param", "code"] {
        ensure!(error.contains_key(member), "the error lacks {member}: {body}");
    }
    ensure!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "no message in {body}");
    ensure!(error["type"].is_string(), "no type in {body}");
    if let Some(code) = code {
        ensure!(error["code"] == code, "expected the code {code}, got {body}");
    }
    ensure!(
        reply.header("x-request-id").is_some(),
        "an error answer without x-request-id: {:?}",
        reply.headers
    );
    Ok(body["error"].clone())
}
