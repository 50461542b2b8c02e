//! `nova-agent preflight`: whether the product could be set up here.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nova_hashistack::{ConsulClient, TlsConfig};

use super::checks::{BedrockArgs, CheckArgs, duration, nomad, place, vault};
use super::connection::{ConsulArgs, ProcessVariables, Variables};
use crate::verify::check::Command;
use crate::verify::gather::{self, BedrockRequest, Credentials, Place, Servers, Site, place_name};
use crate::verify::report::Report;
use crate::verify::rules::Rules;

/// Tell whether the product could be set up here.
#[derive(Debug, Args)]
#[command(
    after_help = "Run it on a machine that is as those that the proxy is to run on. Nomad and Vault are looked at where NOMAD_ADDR and VAULT_ADDR are set.\n\nExit code 0 when nothing failed, 1 otherwise, 2 when the command was used wrongly.\n\nExamples:\n  nova-agent preflight --region us-east-1 --region us-west-2\n  nova-agent preflight --region us-east-1 --vault-role nova-bedrock --host-volume nova-data --drain 600s --json"
)]
pub(super) struct PreflightArgs {
    #[command(flatten)]
    checks: CheckArgs,
    /// A region that is to be called; may be repeated. Without it AWS_REGION.
    #[arg(long = "region", value_name = "REGION", help_heading = "Bedrock")]
    regions: Vec<String>,
    /// A model or an inference profile that is to answer a request of one token; may be repeated.
    #[arg(
        long = "model",
        value_name = "ID",
        default_value = "amazon.nova-lite-v1:0",
        help_heading = "Bedrock"
    )]
    models: Vec<String>,
    /// Ask no model: nothing is paid for, and nothing is known of permissions and quotas.
    #[arg(long, help_heading = "Bedrock")]
    no_requests: bool,
    /// The role of Vault's AWS engine that gives the credentials; otherwise the environment does.
    #[arg(long, value_name = "NAME", help_heading = "Bedrock")]
    vault_role: Option<String>,
    /// Where that engine is mounted.
    #[arg(long, value_name = "PATH", default_value = "aws", help_heading = "Bedrock")]
    vault_mount: String,
    #[command(flatten)]
    bedrock: BedrockArgs,
    /// An address that has to be free; may be repeated. Without it those of the proxy's usual listeners.
    #[arg(long = "listen", value_name = "HOST:PORT", default_values = ["0.0.0.0:8080", "127.0.0.1:8081", "0.0.0.0:8082"], help_heading = "This machine")]
    ports: Vec<String>,
    /// Another place that has to be reached, such as that of releases; may be repeated.
    #[arg(long = "place", value_name = "NAME=URL", value_parser = named, help_heading = "Network")]
    places: Vec<(String, String)>,
    /// The task driver of the job.
    #[arg(long, value_name = "NAME", default_value = "exec", help_heading = "Nomad")]
    driver: String,
    /// The host volume of the job, if it has one.
    #[arg(long, value_name = "NAME", help_heading = "Nomad")]
    host_volume: Option<String>,
    /// How long an instance is to drain.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration, help_heading = "Nomad")]
    drain: Duration,
    /// How far clocks may be apart.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    max_skew: Duration,
    #[command(flatten)]
    consul: ConsulArgs,
}

pub(super) async fn run(args: &PreflightArgs) -> anyhow::Result<ExitCode> {
    let variables = &ProcessVariables;
    let config = args.consul.config(variables)?;
    let consul_address = config.address.to_string();
    let consul = ConsulClient::new(config)?;
    let servers = Servers { consul, consul_address, nomad: nomad(variables)?, vault: vault(variables)? };
    let rules = Rules {
        max_skew: args.max_skew,
        driver: args.driver.clone(),
        host_volume: args.host_volume.clone(),
        drain: args.drain,
        ..Rules::default()
    };
    let site = args.site(variables)?;
    // It holds a question to everybody: too much for a stack.
    let facts = Box::pin(gather::site(&servers, &site, rules)).await;
    args.checks.show(&Report::of(Command::Preflight, &facts, &args.checks.left_out()))
}

impl PreflightArgs {
    fn site(&self, variables: &dyn Variables) -> anyhow::Result<Site> {
        let mut regions: BTreeSet<String> = self.regions.iter().cloned().collect();
        if regions.is_empty() {
            regions.extend(variables.get("AWS_REGION").or_else(|| variables.get("AWS_DEFAULT_REGION")));
        }
        let mut bedrock = self.bedrock.places(variables);
        let mut places: Vec<Place> = Vec::new();
        for region in &regions {
            let found = place(&place_name(region), &bedrock.url(region), &bedrock.tls, variables)?;
            bedrock.detour = bedrock.detour.or_else(|| found.detour.clone());
            places.push(found);
        }
        for (name, url) in &self.places {
            places.push(place(name, url, &TlsConfig::default(), variables)?);
        }
        let credentials = if self.no_requests {
            Err("--no-requests was given".to_owned())
        } else {
            Ok(self.credentials(variables))
        };
        let bedrock = BedrockRequest { places: bedrock, regions, models: self.models.clone(), credentials };
        Ok(Site { ports: self.ports.clone(), places, bedrock })
    }

    /// In the order in which the proxy takes them: an API key first.
    fn credentials(&self, variables: &dyn Variables) -> Credentials {
        if let Some(role) = &self.vault_role {
            return Credentials::Vault { mount: self.vault_mount.clone(), role: role.clone() };
        }
        if let Some(key) = gather::secret(variables.get("AWS_BEARER_TOKEN_BEDROCK")) {
            return Credentials::ApiKey(key);
        }
        let secret = gather::secret(variables.get("AWS_SECRET_ACCESS_KEY"));
        match (variables.get("AWS_ACCESS_KEY_ID"), secret) {
            (Some(id), Some(secret)) => Credentials::Keys {
                id,
                secret,
                session_token: gather::secret(variables.get("AWS_SESSION_TOKEN")),
            },
            _ => Credentials::Missing,
        }
    }
}

fn named(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && url::Url::parse(url).is_ok_and(|url| url.has_host()) => {
            Ok((name.to_owned(), url.to_owned()))
        }
        _ => Err("write NAME=https://host".to_owned()),
    }
}
