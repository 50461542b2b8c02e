//! `nova-local sim`: the Bedrock simulator as a program, for any AWS SDK.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::Context as _;
use bedrock_sim::{
    Credential, DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, RegionConfig, Simulator, SimulatorConfig,
};
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "Examples:
  nova-local sim
      Two regions on free ports; prints their addresses.

  nova-local sim --region us-east-1=127.0.0.1:9999 --region eu-central-1
      Chosen regions; one on a chosen port.

  nova-local sim --json
      One line of JSON when ready, for scripts.

  AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:9999 AWS_REGION=us-east-1 \\
  AWS_ACCESS_KEY_ID=AKIDSIMULATOR AWS_SECRET_ACCESS_KEY=simulator-secret-access-key \\
  aws bedrock-runtime converse --model-id us.amazon.nova-lite-v1:0 \\
      --messages '[{\"role\":\"user\",\"content\":[{\"text\":\"hello\"}]}]'
      Any AWS SDK or tool speaks to it.

  A prompt may hold a script that says how to answer or fail:
      [[sim {\"error\":{\"type\":\"ThrottlingException\"}}]]";

/// The options of `nova-local sim`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct SimArgs {
    /// A region to serve, and where [default: us-east-1 and us-west-2 on free ports]
    #[arg(long = "region", value_name = "NAME[=ADDRESS]")]
    pub regions: Vec<RegionArg>,

    /// The access key id that may sign requests
    #[arg(long, value_name = "ID", default_value = DEFAULT_ACCESS_KEY_ID)]
    pub access_key_id: String,

    /// The secret of the access key
    #[arg(long, value_name = "SECRET", default_value = DEFAULT_SECRET_ACCESS_KEY)]
    pub secret_access_key: String,

    /// The session token that signed requests must carry
    #[arg(long, value_name = "TOKEN")]
    pub session_token: Option<String>,

    /// A Bedrock API key that is accepted as a bearer token
    #[arg(long = "api-key", value_name = "KEY")]
    pub api_keys: Vec<String>,

    /// Print one line of JSON when ready, instead of text
    #[arg(long)]
    pub json: bool,
}

/// `us-east-1` or `us-east-1=127.0.0.1:9999`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionArg(RegionConfig);

impl FromStr for RegionArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, address) =
            text.split_once('=').map_or((text, None), |(name, address)| (name, Some(address)));
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(legal) {
            return Err(format!("`{name}` is not a region name: write one such as us-east-1"));
        }
        let Some(address) = address else { return Ok(Self(RegionConfig::on_free_port(name))) };
        let address: SocketAddr = address
            .parse()
            .map_err(|_| format!("`{address}` is not an address: write one such as 127.0.0.1:9999"))?;
        Ok(Self(RegionConfig { name: name.to_owned(), address }))
    }
}

impl SimArgs {
    fn config(&self) -> SimulatorConfig {
        let mut config = SimulatorConfig {
            credentials: vec![Credential {
                access_key_id: self.access_key_id.clone(),
                secret_access_key: self.secret_access_key.clone(),
                session_token: self.session_token.clone(),
            }],
            bearer_tokens: self.api_keys.clone(),
            ..SimulatorConfig::default()
        };
        if !self.regions.is_empty() {
            config.regions = self.regions.iter().map(|region| region.0.clone()).collect();
        }
        config
    }
}

/// Runs the simulator until SIGINT or SIGTERM.
///
/// # Errors
/// A region that cannot be served, standard output that is closed, or a stop that does not end.
pub async fn run(args: SimArgs) -> anyhow::Result<()> {
    // Before the first line is printed, so that a signal right after it is not lost.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let simulator = Simulator::start(args.config()).await.context("cannot start the simulator")?;
    announce(&args, &simulator).context("cannot print the endpoints")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    simulator.stop().await.context("cannot stop the simulator")
}

fn announce(args: &SimArgs, simulator: &Simulator) -> std::io::Result<()> {
    let text = if args.json { as_json(args, simulator) } else { as_text(args, simulator) };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// One line: `{"simulator": {region: url}, "access_key_id": …, "secret_access_key": …}`.
fn as_json(args: &SimArgs, simulator: &Simulator) -> String {
    let line = json!({
        "simulator": simulator.endpoints(),
        "access_key_id": args.access_key_id,
        "secret_access_key": args.secret_access_key,
    });
    format!("{line}\n")
}

fn as_text(args: &SimArgs, simulator: &Simulator) -> String {
    let endpoints = simulator.endpoints();
    let mut text = String::from("Bedrock simulator\n");
    // Writing to a String cannot fail.
    for (region, url) in &endpoints {
        let _written = writeln!(text, "  {region:<16} {url}");
    }
    if let Some((region, url)) = endpoints.first_key_value() {
        let _written = writeln!(
            text,
            "\nWith boto3:\n  \
             boto3.client(\"bedrock-runtime\", region_name=\"{region}\", endpoint_url=\"{url}\",\n      \
             aws_access_key_id=\"{}\", aws_secret_access_key=\"{}\")\n\n\
             Bill and records: {url}/_sim/bill, {url}/_sim/invocations\n\
             Stop with Ctrl-C.",
            args.access_key_id, args.secret_access_key
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::{Cli, Command};

    fn parse(arguments: &[&str]) -> Result<SimArgs, clap::Error> {
        let Command::Sim(args) = Cli::try_parse_from(["nova-local", "sim"].iter().chain(arguments))?.command
        else {
            unreachable!("the subcommand is sim");
        };
        Ok(args)
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn regions_have_a_name_and_may_have_an_address() {
        let args = parse(&["--region", "us-east-1=127.0.0.1:9999", "--region", "eu-central-1"]).unwrap();
        let regions = args.config().regions;
        assert_eq!(regions[0].address, "127.0.0.1:9999".parse().unwrap());
        assert_eq!((regions[1].name.as_str(), regions[1].address.port()), ("eu-central-1", 0));
    }

    #[test]
    fn a_wrong_region_says_what_to_write() {
        for (text, advice) in [
            ("=127.0.0.1:1", "such as us-east-1"),
            ("US EAST", "such as us-east-1"),
            ("us-east-1=here", "such as 127.0.0.1:9999"),
        ] {
            let message = parse(&["--region", text]).unwrap_err().to_string();
            assert!(message.contains(advice), "{text}: {message}");
        }
    }

    #[tokio::test]
    async fn the_announcement_names_every_endpoint_and_key() {
        let args = parse(&["--json", "--access-key-id", "AKID", "--secret-access-key", "s"]).unwrap();
        let simulator = Simulator::start(args.config()).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&as_json(&args, &simulator)).unwrap();
        assert_eq!(json["simulator"]["us-west-2"], simulator.endpoint("us-west-2"));
        assert_eq!(json["access_key_id"], "AKID");
        let text = as_text(&args, &simulator);
        assert!(text.contains(&simulator.endpoint("us-east-1")) && text.contains("boto3.client"), "{text}");
        simulator.stop().await.unwrap();
    }
}
