//! `nova-agent verify`: whether what is deployed is as it should be.

mod gate;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use nova_hashistack::ConsulClient;
use tokio::time::{Instant, sleep};

use super::checks::{BedrockArgs, CheckArgs, duration, nomad, vault};
use super::connection::{ProcessVariables, ScopeArgs, Variables, filled, path};
use crate::fleet::Fleet;
use crate::setup::names;
use crate::verify::check::Command;
use crate::verify::gather::{self, Deployment, RequestPlan, Servers};
use crate::verify::report::Report;
use crate::verify::rules::Rules;

/// How long is waited between two looks of --wait.
const PAUSE: Duration = Duration::from_secs(3);

/// The variable with the API key.
const KEY: &str = "NOVA_API_KEY";

/// Tell whether what is deployed is as it should be.
#[derive(Debug, Args)]
#[command(
    after_help = "Nomad and Vault are looked at where NOMAD_ADDR and VAULT_ADDR are set, as NOMAD_TOKEN and VAULT_TOKEN.\n\nExit code 0 when nothing failed, 1 otherwise, 2 when the command was used wrongly.\n\nExamples:\n  nova-agent verify\n  nova-agent verify --instances 3 --model gpt-4o --wait 5m --strict\n  nova-agent verify --json --without agent-leader --without agent-active | jq '.checks[] | select(.status == \"failed\")'"
)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    checks: CheckArgs,
    /// Look again until nothing fails, for so long at most.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
    /// Answer a rollout's webhook gate at this loopback address until told to end: 200 where nothing fails, 409 with what does.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["wait", "json"])]
    serve: Option<SocketAddr>,
    #[command(flatten)]
    expected: ExpectedArgs,
    #[command(flatten)]
    requests: RequestArgs,
    #[command(flatten)]
    bedrock: BedrockArgs,
}

/// What is expected.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is expected")]
struct ExpectedArgs {
    /// How many instances there are to be at least; what Nomad runs counts too.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    instances: usize,
    /// The proxy's job in Nomad.
    #[arg(long, value_name = "NAME", default_value = names::JOB)]
    job: String,
    /// Its namespace.
    #[arg(long, value_name = "NAME", env = "NOMAD_NAMESPACE", default_value = names::NAMESPACE)]
    nomad_namespace: String,
    /// How far clocks may be apart.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    max_skew: Duration,
    /// How old a secret may be; without it only its own end counts.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_secret_age: Option<Duration>,
}

/// Synthetic requests.
#[derive(Debug, Args)]
#[command(next_help_heading = "Requests (a key comes from NOVA_API_KEY or a file)")]
struct RequestArgs {
    /// Ask this model; may be repeated. Without it all are asked that the key may use.
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<String>,
    /// Make no request: none is paid for, and nothing is known of models.
    #[arg(long, conflicts_with = "models")]
    no_requests: bool,
    /// A file with the API key; it wins over NOVA_API_KEY.
    #[arg(long, value_name = "FILE", value_parser = path())]
    api_key_file: Option<PathBuf>,
    /// The API speaks TLS; its certificates are verified as those of the metrics listeners.
    #[arg(long)]
    https: bool,
    /// How long one request may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    request_timeout: Duration,
}

impl RequestArgs {
    fn plan(&self, variables: &dyn Variables) -> anyhow::Result<Result<RequestPlan, String>> {
        if self.no_requests {
            return Ok(Err("--no-requests was given".to_owned()));
        }
        let key = match filled(self.api_key_file.as_ref()) {
            Some(file) => {
                let text = std::fs::read_to_string(&file);
                Some(text.with_context(|| format!("the API key cannot be read from {}", file.display()))?)
            }
            None => variables.get(KEY),
        };
        Ok(Ok(RequestPlan {
            models: self.models.clone(),
            key: gather::secret(key),
            is_https: self.https,
            patience: self.request_timeout,
        }))
    }
}

pub(super) async fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let variables = &ProcessVariables;
    let config = args.scope.consul(variables)?;
    let consul_address = config.address.to_string();
    let consul = ConsulClient::new(config)?;
    let tls = args.scope.listener_tls();
    let deployment = Deployment {
        kv_prefix: args.scope.prefix().to_owned(),
        fleet: Fleet::new(consul.clone(), args.scope.service(), tls.clone()),
        job: args.expected.job.clone(),
        namespace: args.expected.nomad_namespace.clone(),
        tls,
        requests: args.requests.plan(variables)?,
        bedrock: args.bedrock.places(variables),
    };
    let servers = Servers { consul, consul_address, nomad: nomad(variables)?, vault: vault(variables)? };
    let rules = Rules {
        instances: args.expected.instances,
        max_skew: args.expected.max_skew,
        max_secret_age: args.expected.max_secret_age,
        ..Rules::default()
    };
    let left_out = args.checks.left_out();
    let look = async || {
        // It holds a question to everybody: too much for a stack.
        let facts = Box::pin(gather::deployed(&servers, &deployment, rules.clone())).await;
        let report = Report::of(Command::Verify, &facts, &left_out);
        let is_good = args.checks.is_good(&report);
        (report, is_good)
    };
    if let Some(address) = args.serve {
        gate::serve(address, look).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let until = args.wait.map(|wait| Instant::now() + wait);
    loop {
        let (report, is_good) = look().await;
        if is_good || until.is_none_or(|until| Instant::now() + PAUSE >= until) {
            return args.checks.show(&report);
        }
        sleep(PAUSE).await;
    }
}
