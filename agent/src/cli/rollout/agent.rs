//! The agent's API as the command line calls it: where it is, as whom it is asked, and where a redirect to the leader leads.
//!
//! Owns the connection. What the answers mean is for the commands.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use nova_hashistack::transport::{
    Answer, Call, Dialect, HashistackError, OpenAnswer, TlsConfig, TokenSource, Transport, TransportConfig,
};
use nova_hashistack::{Address, Retries};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::super::connection::{Variables, filled, named, path};
use super::super::output::complain;
use super::target::Target;

/// Where the agent listens where its configuration says nothing else.
pub(super) const DEFAULT_ADDRESS: &str = "unix:///run/nova-agent/agent.sock";
/// The largest answer: a record has some 40 KB, and there may be hundreds of them.
const MAX_ANSWER: usize = 16 << 20;
/// How long the stream of events may be silent: the agent says that it is there more often than that.
const EVENTS_PATIENCE: Duration = Duration::from_secs(45);
/// How often a write is sent on: once, to the leader, and once more where that has changed meanwhile.
const MAX_REDIRECTS: usize = 2;
/// Temporary Redirect (RFC 9110, section 15.4.8): the same method and body go to the address that is named.
const TEMPORARY_REDIRECT: u16 = 307;

/// The names of the agent's headers: it takes Nomad's tokens.
static AGENT: Dialect = Dialect {
    product: "nova-agent",
    token: "x-nomad-token",
    index: None,
    known_leader: None,
    last_contact: None,
    filtered: None,
    words,
};

/// The text of a refusal, which the agent gives as `{"error": {"code", "message", "hint"}}`.
fn words(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let error = body.get("error")?;
    let message = error.get("message")?.as_str()?;
    match error.get("hint").and_then(Value::as_str).filter(|hint| !hint.is_empty()) {
        Some(hint) => Some(format!("{message}: {hint}")),
        None => Some(message.to_owned()),
    }
}

/// The connection to the agent. A token is taken from NOMAD_TOKEN or a file, never from the command line, which others can see.
#[derive(Debug, Args)]
#[command(next_help_heading = "Agent (over TCP a token of Nomad's comes from NOMAD_TOKEN or a file)")]
pub(super) struct AgentArgs {
    /// Address of an agent: unix:///…, http://… or https://…; any instance will do [default: unix:///run/nova-agent/agent.sock].
    #[arg(long, value_name = "ADDRESS", env = "NOVA_AGENT_ADDR", global = true)]
    address: Option<String>,
    /// A file with the token; it wins over NOMAD_TOKEN.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOVA_AGENT_TOKEN_FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Certificates of the authorities that the agent's certificate may come from, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOVA_AGENT_CACERT", global = true)]
    ca_file: Option<PathBuf>,
    /// A client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOVA_AGENT_CLIENT_CERT", global = true)]
    client_cert: Option<PathBuf>,
    /// The key of the client certificate, PEM.
    #[arg(long, value_name = "FILE", value_parser = path(), env = "NOVA_AGENT_CLIENT_KEY", global = true)]
    client_key: Option<PathBuf>,
    /// The name in the agent's certificate, where it is not that of the address.
    #[arg(long, value_name = "NAME", env = "NOVA_AGENT_TLS_SERVER_NAME", global = true)]
    tls_server_name: Option<String>,
}

impl AgentArgs {
    /// Prepares the connection; nothing is sent yet.
    pub(super) fn connect(&self, variables: &dyn Variables) -> anyhow::Result<AgentClient> {
        let text = named(self.address.as_ref()).unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let address = text
            .parse()
            .context("the address of the agent, in NOVA_AGENT_ADDR or --address, cannot be used")?;
        let token = match (filled(self.token_file.as_ref()), variables.get("NOMAD_TOKEN")) {
            (Some(file), _) => TokenSource::file(file),
            (None, Some(token)) => TokenSource::Fixed(SecretString::from(token)),
            (None, None) => TokenSource::None,
        };
        let tls = TlsConfig {
            ca_file: filled(self.ca_file.as_ref()),
            cert_file: filled(self.client_cert.as_ref()),
            key_file: filled(self.client_key.as_ref()),
            server_name: named(self.tls_server_name.as_ref()),
            ..TlsConfig::default()
        };
        AgentClient::new(address, token, tls)
    }

    /// What an operator does about an error; none where the error says it all.
    pub(super) fn advice(&self, error: &HashistackError) -> Option<String> {
        let status = error.refusal().map(|refusal| refusal.status);
        match (error, status) {
            (HashistackError::Unreachable { .. } | HashistackError::TimedOut { .. }, _) => {
                let now = named(self.address.as_ref()).map_or_else(
                    || format!("neither is set, so {DEFAULT_ADDRESS} was asked"),
                    |address| format!("it is {address} now"),
                );
                Some(format!("set NOVA_AGENT_ADDR or --address to the address of an agent: {now}"))
            }
            (_, Some(401)) => Some(
                "put a token of Nomad's into NOMAD_TOKEN, or name its file by --token-file; on the agent's machine its socket asks \
                 for none"
                    .to_owned(),
            ),
            (_, Some(403)) => Some(
                "the token comes from NOMAD_TOKEN or --token-file; access.nomad in the agent's configuration says which of \
                 Nomad's policies may look and which may decide"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// A list of records, as they are stored: members of later versions are passed on.
#[derive(Debug, Deserialize)]
struct Listed {
    rollouts: Vec<Value>,
}

/// A client of one agent, and of the leader that it names.
#[derive(Clone, Debug)]
pub(super) struct AgentClient {
    transport: Transport,
    address: Address,
    token: TokenSource,
    tls: TlsConfig,
}

impl AgentClient {
    fn new(address: Address, token: TokenSource, tls: TlsConfig) -> anyhow::Result<Self> {
        let config = TransportConfig {
            tls: tls.clone(),
            token: token.clone(),
            ..TransportConfig::new(address.clone(), &AGENT)
        };
        Ok(Self { transport: Transport::new(config)?.retrying(Retries::default()), address, token, tls })
    }

    /// The records of all rollouts.
    pub(super) async fn rollouts(&self) -> Result<Vec<Value>, HashistackError> {
        self.list(Call::get("/v1/rollouts")).await
    }

    /// The record of a target; nothing where there is none.
    pub(super) async fn rollout(&self, target: &Target) -> Result<Option<Value>, HashistackError> {
        let call = target.of(Call::get("/v1/rollouts"))?.accepting(&[404]).max_answer(MAX_ANSWER);
        let answer = self.transport.send(&call).await?;
        if answer.head.status == 404 { Ok(None) } else { answer.json().map(Some) }
    }

    /// The records of a target that have ended, the newest first.
    pub(super) async fn history(&self, target: &Target) -> Result<Vec<Value>, HashistackError> {
        self.list(target.of(Call::get("/v1/rollouts"))?.segment("history")?).await
    }

    async fn list(&self, call: Call) -> Result<Vec<Value>, HashistackError> {
        let listed: Listed = self.transport.send(&call.max_answer(MAX_ANSWER)).await?.json()?;
        Ok(listed.rollouts)
    }

    /// Opens the stream of events.
    pub(super) async fn events(&self) -> Result<OpenAnswer, HashistackError> {
        self.transport.open(&Call::get("/v1/events").timeout(EVENTS_PATIENCE)).await
    }

    /// Sends a command, to the leader where another instance was asked.
    ///
    /// Where a redirect leads is judged here, because the token goes there too: never from a connection with TLS to one without.
    pub(super) async fn command(&self, target: &Target, verb: &str, body: &Value) -> anyhow::Result<Answer> {
        let mut client = self.clone();
        for _ in 0..=MAX_REDIRECTS {
            let call = target.of(Call::post("/v1/rollouts"))?.segment(verb)?.json(body)?;
            let open = client.transport.open(&call.accepting(&[TEMPORARY_REDIRECT])).await?;
            if open.head.status != TEMPORARY_REDIRECT {
                return Ok(open.read(MAX_ANSWER).await?);
            }
            let location =
                open.header("location").context("the agent sends on to a leader and does not say where")?;
            let leader = client.leader(location)?;
            complain(&format!("sent on to the leader at {}", leader.address));
            client = leader;
        }
        bail!(
            "the agents send the command from one to the other: they do not agree who leads; try again in some seconds"
        )
    }

    /// The client of the leader that a redirect names.
    fn leader(&self, location: &str) -> anyhow::Result<Self> {
        let origin = origin(location).with_context(|| {
            format!("the agent sends on to {location:?}, which is no address of a leader")
        })?;
        let address: Address = origin.parse()?;
        ensure!(
            !self.address.is_https() || address.is_https(),
            "the agent sends on to {address}, which would carry the token without TLS: set advertise of the leader to an \
             https address, or ask the leader's socket"
        );
        Self::new(address, self.token.clone(), self.tls.clone())
    }
}

/// The part of a URL that is before its path: the path is that of the call.
fn origin(location: &str) -> Option<&str> {
    let (scheme, rest) = location.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
    location.get(..scheme.len() + "://".len() + host.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;
    use rstest::rstest;

    use super::*;
    use crate::scripted::{Answer, Scripted, answer};

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        agent: AgentArgs,
    }

    fn client(arguments: &[&str], token: &'static str) -> anyhow::Result<AgentClient> {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let variables: BTreeMap<&str, &str> =
            [("NOMAD_TOKEN", token)].into_iter().filter(|(_, token)| !token.is_empty()).collect();
        Program::parse_from([&["program"], arguments].concat()).agent.connect(&variables)
    }

    #[rstest]
    #[case(&["--address=unix:///run/a.sock"], "unix:///run/a.sock")]
    #[case(&["--address="], DEFAULT_ADDRESS)]
    #[case(&["--address=agent.internal:8600"], "http://agent.internal:8600")]
    fn the_address_is_that_of_the_option_or_the_socket(#[case] arguments: &[&str], #[case] expected: &str) {
        assert_eq!(client(arguments, "").unwrap().address.to_string(), expected);
    }

    #[test]
    fn a_token_does_not_show() {
        assert!(!format!("{:?}", client(&["--address=a:1"], "very-secret").unwrap()).contains("very-secret"));
    }

    #[rstest]
    #[case("http://10.0.0.2:8600/v1/rollouts/default/web/abort", Some("http://10.0.0.2:8600"))]
    #[case("https://leader", Some("https://leader"))]
    #[case("/v1/rollouts", None)]
    #[case("http:///v1", None)]
    fn a_redirect_is_read_as_far_as_its_host(#[case] location: &str, #[case] expected: Option<&str>) {
        assert_eq!(origin(location), expected);
    }

    #[test]
    fn a_redirect_never_takes_the_token_out_of_tls() {
        let client = client(&["--address=https://agent.internal:8600"], "t").unwrap();
        let refused = client.leader("http://10.0.0.2:8600/v1/rollouts/default/web/abort").unwrap_err();
        assert!(refused.to_string().contains("without TLS"), "{refused}");
        assert!(client.leader("https://10.0.0.2:8600/x").is_ok());
    }

    fn target() -> Target {
        Target { namespace: "default".to_owned(), job: "team/web".to_owned() }
    }

    #[tokio::test]
    async fn a_command_is_sent_on_to_the_leader_with_its_token_and_body() {
        let leader = Scripted::start(|_asked| answer(202, r#"{"phase":{"name":"baking","step":0}}"#)).await;
        let location = format!("location: http://{}/v1/ignored\r\n", leader.address);
        let follower = Scripted::start(move |_asked| Answer::Whole(307, location.clone(), Vec::new())).await;
        let client = client(&["--address", &follower.address], "the-token").unwrap();
        let body = serde_json::json!({ "deployment_id": "d", "reason": "r" });
        let answer = client.command(&target(), "abort", &body).await.unwrap();
        assert_eq!(answer.head.status, 202);
        let asked = leader.asked();
        assert_eq!(leader.calls(), ["POST /v1/rollouts/default/team%2Fweb/abort"]);
        assert_eq!(asked[0].header("x-nomad-token"), Some("the-token"));
        assert_eq!(serde_json::from_slice::<Value>(&asked[0].body).unwrap(), body);
    }

    #[tokio::test]
    async fn agents_that_send_a_command_to_each_other_for_ever_are_given_up() {
        let location = std::sync::Arc::new(std::sync::OnceLock::new());
        let own = std::sync::Arc::clone(&location);
        let follower = Scripted::start(move |_asked| {
            let address: &String = own.get().unwrap();
            Answer::Whole(307, format!("location: http://{address}/\r\n"), Vec::new())
        })
        .await;
        location.set(follower.address.clone()).unwrap();
        let client = client(&["--address", &follower.address], "").unwrap();
        let error = client.command(&target(), "abort", &Value::Null).await.unwrap_err();
        assert!(error.to_string().contains("do not agree who leads"), "{error}");
        assert_eq!(follower.calls().len(), MAX_REDIRECTS + 1);
    }

    #[rstest]
    #[case(401, "NOMAD_TOKEN")]
    #[case(403, "access.nomad")]
    #[tokio::test]
    async fn a_refusal_is_told_in_the_words_of_the_agent_with_what_to_set(
        #[case] status: u16,
        #[case] advice: &str,
    ) {
        let body = r#"{"error":{"code":"c","message":"not you","hint":"ask ada"}}"#;
        let server = Scripted::start(move |_asked| answer(status, body)).await;
        let arguments = ["program", "--address", &server.address];
        let agent = Program::parse_from(arguments).agent;
        let error = agent.connect(&BTreeMap::<&str, &str>::new()).unwrap().rollouts().await.unwrap_err();
        assert!(error.to_string().contains("not you: ask ada"), "{error}");
        assert!(agent.advice(&error).unwrap().contains(advice));
    }

    #[tokio::test]
    async fn an_agent_that_is_not_there_is_told_with_its_address_and_the_variable() {
        let agent = Program::parse_from(["program", "--address", "unix:///nowhere/agent.sock"]).agent;
        let error = agent.connect(&BTreeMap::<&str, &str>::new()).unwrap().rollouts().await.unwrap_err();
        let advice = agent.advice(&error).unwrap();
        assert!(
            advice.contains("NOVA_AGENT_ADDR") && advice.contains("unix:///nowhere/agent.sock"),
            "{advice}"
        );
    }
}
