//! `nova-agent setup nomad`.

use std::process::ExitCode;

use clap::Args;
use nova_hashistack::nomad::JobAcl;

use super::super::connection::ProcessVariables;
use super::connection::NomadArgs;
use super::faults::Surroundings;
use super::{About, ModeArgs, NameArgs, carry_out};
use crate::setup::names;
use crate::setup::nomad::{NomadNames, NomadSetup, things};

#[derive(Debug, Args)]
pub(super) struct NomadSetupArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    names: NameArgs,
    /// The agent's job, whose task has the policy by its identity.
    #[arg(long, value_name = "NAME", default_value = names::AGENT, value_parser = names::name, help_heading = "Names")]
    agent_job: String,
    /// The group of the agent's task.
    #[arg(long, value_name = "NAME", default_value = "agent", value_parser = names::name, help_heading = "Names")]
    agent_group: String,
    /// The agent's task.
    #[arg(long, value_name = "NAME", default_value = names::AGENT, value_parser = names::name, help_heading = "Names")]
    agent_task: String,
    #[command(flatten)]
    nomad: NomadArgs,
}

const RIGHTS: &str = "has to be a management token: Nomad lets no other write policies and namespaces";

pub(super) async fn run(args: &NomadSetupArgs) -> anyhow::Result<ExitCode> {
    let namespace = args.names.nomad_namespace.clone();
    let wanted = things(&NomadNames {
        names: args.names.names.clone(),
        namespace: namespace.clone(),
        job: args.names.job.clone(),
        agent: JobAcl {
            namespace,
            job: args.agent_job.clone(),
            group: args.agent_group.clone(),
            task: args.agent_task.clone(),
        },
    });
    let client = args.nomad.client(&ProcessVariables)?;
    let about = About { product: "Nomad", address: args.nomad.address().to_owned(), left_to_you: Vec::new() };
    let surroundings = Surroundings {
        address: "NOMAD_ADDR or --address to the address of a Nomad agent",
        asked: about.address.clone(),
        token: "NOMAD_TOKEN",
        rights: RIGHTS.to_owned(),
    };
    let asking = client.clone();
    let lacking = async |_: &[_]| {
        let own = asking.token_self().await?;
        let is_lacking = own.kind != "management";
        Ok(is_lacking.then(|| format!("the token {:?} of NOMAD_TOKEN or --token-file {RIGHTS}", own.name)))
    };
    let outcome = carry_out(&NomadSetup::new(client, wanted), &about, &args.mode, lacking).await;
    outcome.map_err(|error| surroundings.explain(error))
}
