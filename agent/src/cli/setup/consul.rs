//! `nova-agent setup consul`.

use std::process::ExitCode;

use clap::Args;
use nova_hashistack::{ConsulClient, Retries};

use super::super::connection::{ConsulArgs, ProcessVariables};
use super::connection::KeysArgs;
use super::faults::Surroundings;
use super::{About, ModeArgs, NameArgs, carry_out};
use crate::documents;
use crate::setup::consul::{ConsulNames, ConsulSetup, things};
use crate::setup::names;

#[derive(Debug, Args)]
pub(super) struct ConsulSetupArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    names: NameArgs,
    /// The prefix of the configuration's keys.
    #[arg(long, value_name = "PREFIX", env = "NOVA_KV_PREFIX", default_value = names::PREFIX, value_parser = prefix, help_heading = "Names")]
    kv_prefix: String,
    /// The service of the instances in the catalog.
    #[arg(long, value_name = "NAME", default_value = names::SERVICE, value_parser = names::name, help_heading = "Names")]
    service: String,
    /// The auth method by which tasks of Nomad log in.
    #[arg(long, value_name = "NAME", default_value = names::AUTH_METHOD, value_parser = names::name, help_heading = "Names")]
    auth_method: String,
    /// The agent's job, whose tasks log in as the agent.
    #[arg(long, value_name = "NAME", default_value = names::AGENT, value_parser = names::name, help_heading = "Names")]
    agent_job: String,
    #[command(flatten)]
    keys: KeysArgs,
    #[command(flatten)]
    consul: ConsulArgs,
}

/// A prefix that says in a policy what it says as a key.
fn prefix(text: &str) -> Result<String, String> {
    documents::prefix(text).and_then(|prefix| names::path(&prefix))
}

pub(super) async fn run(args: &ConsulSetupArgs) -> anyhow::Result<ExitCode> {
    let config = args.consul.config(&ProcessVariables)?;
    let address = config.address.to_string();
    let wanted = things(&ConsulNames {
        names: args.names.names.clone(),
        prefix: args.kv_prefix.clone(),
        service: args.service.clone(),
        auth_method: args.auth_method.clone(),
        namespace: args.names.nomad_namespace.clone(),
        job: args.names.job.clone(),
        agent_job: args.agent_job.clone(),
        keys: args.keys.read()?,
    })?;
    let client = ConsulClient::new(config)?.retrying(Retries::default());
    let about = About { product: "Consul", address: address.clone(), left_to_you: Vec::new() };
    let surroundings = Surroundings {
        address: "CONSUL_HTTP_ADDR or --http-addr to the address of a Consul agent",
        asked: address,
        token: "CONSUL_HTTP_TOKEN",
        rights: "needs a policy with acl = \"write\", as global-management has; for a plan acl = \"read\" is enough".to_owned(),
    };
    // Consul has no way to ask what a token may do; the first write tells, before anything was written.
    let outcome = carry_out(&ConsulSetup::new(client, wanted), &about, &args.mode, async |_| Ok(None)).await;
    outcome.map_err(|error| surroundings.explain(error))
}
