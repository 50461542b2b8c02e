//! `nova-agent setup vault`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::super::connection::ProcessVariables;
use super::super::output::complain;
use super::connection::{KeysArgs, VaultArgs};
use super::faults::Surroundings;
use super::{About, Lacking, ModeArgs, NameArgs, carry_out};
use crate::setup::apply::Planned;
use crate::setup::names::{self, Task};
use crate::setup::vault::{self, Part, Right, VaultNames, VaultSetup, VaultThing, things};

/// The command was used wrongly.
const USAGE: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct VaultSetupArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    names: NameArgs,
    /// The role at AWS that the proxy's credentials are of, as ARN; may be repeated. Needed unless --without aws.
    #[arg(long = "role-arn", value_name = "ARN", value_parser = arn)]
    role_arns: Vec<String>,
    /// An engine that is not set up, with all that is in it; may be repeated.
    #[arg(long, value_name = "ENGINE")]
    without: Vec<Engine>,
    /// A name that certificates may be for; may be repeated.
    #[arg(long = "domain", value_name = "NAME", default_value = "nova-proxy.service.consul", value_parser = names::name)]
    domains: Vec<String>,
    #[command(flatten)]
    places: PlaceArgs,
    #[command(flatten)]
    keys: KeysArgs,
    #[command(flatten)]
    vault: VaultArgs,
}

/// Where things are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
struct PlaceArgs {
    /// The proxy's task.
    #[arg(long, value_name = "NAME", default_value = names::JOB, value_parser = names::name)]
    task: String,
    /// The agent's job.
    #[arg(long, value_name = "NAME", default_value = names::AGENT, value_parser = names::name)]
    agent_job: String,
    /// The agent's task.
    #[arg(long, value_name = "NAME", default_value = names::AGENT, value_parser = names::name)]
    agent_task: String,
    /// Where the AWS engine is mounted.
    #[arg(long, value_name = "PATH", default_value = "aws", value_parser = names::path)]
    aws_mount: String,
    /// The role of the AWS engine.
    #[arg(long, value_name = "NAME", default_value = names::AWS_ROLE, value_parser = names::name)]
    aws_role: String,
    /// Where the PKI engine is mounted.
    #[arg(long, value_name = "PATH", default_value = "pki", value_parser = names::path)]
    pki_mount: String,
    /// The role of the PKI engine.
    #[arg(long, value_name = "NAME", default_value = names::JOB, value_parser = names::name)]
    pki_role: String,
    /// Where the key-value engine is mounted, version 2.
    #[arg(long, value_name = "PATH", default_value = "kv", value_parser = names::path)]
    kv_mount: String,
    /// The folder of the proxy's secrets in it.
    #[arg(long, value_name = "PATH", default_value = names::NAMES, value_parser = names::path)]
    kv_path: String,
    /// Where the transit engine is mounted.
    #[arg(long, value_name = "PATH", default_value = "transit", value_parser = names::path)]
    transit_mount: String,
    /// Where the auth method of Nomad's tasks is mounted.
    #[arg(long, value_name = "PATH", default_value = names::JWT_MOUNT, value_parser = names::path)]
    jwt_mount: String,
}

/// An engine that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// AWS credentials
    Aws,
    /// Certificates
    Pki,
    /// Secrets
    Kv,
    /// Keys of backups and of the audit log
    Transit,
}

impl From<Engine> for Part {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Aws => Self::Aws,
            Engine::Pki => Self::Pki,
            Engine::Kv => Self::Kv,
            Engine::Transit => Self::Transit,
        }
    }
}

/// The name of a role in IAM, of any partition of AWS.
fn arn(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, role]
            if partition.starts_with("aws")
                && account.len() == 12
                && account.chars().all(|digit| digit.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("write the ARN of a role, such as arn:aws:iam::123456789012:role/nova".to_owned()),
    }
}

impl VaultSetupArgs {
    fn names(&self) -> anyhow::Result<VaultNames> {
        let places = &self.places;
        let task = |job: &String, task: &String| Task {
            namespace: self.names.nomad_namespace.clone(),
            job: job.clone(),
            task: task.clone(),
        };
        Ok(VaultNames {
            names: self.names.names.clone(),
            without: self.without.iter().copied().map(Part::from).collect(),
            aws_mount: places.aws_mount.clone(),
            aws_role: places.aws_role.clone(),
            role_arns: self.role_arns.clone(),
            pki_mount: places.pki_mount.clone(),
            pki_role: places.pki_role.clone(),
            domains: self.domains.clone(),
            kv_mount: places.kv_mount.clone(),
            kv_path: places.kv_path.clone(),
            transit_mount: places.transit_mount.clone(),
            jwt_mount: places.jwt_mount.clone(),
            proxy: task(&self.names.job, &places.task),
            agent: task(&places.agent_job, &places.agent_task),
            keys: self.keys.read()?,
        })
    }

    /// What no command can know.
    fn left_to_you(&self) -> Vec<String> {
        let PlaceArgs { aws_mount, pki_mount, .. } = &self.places;
        let aws = (!self.without.contains(&Engine::Aws))
            .then(|| format!("{aws_mount}/config/root, which says as whom Vault calls AWS"));
        let pki = (!self.without.contains(&Engine::Pki))
            .then(|| format!("an authority in {pki_mount}, which signs the certificates"));
        aws.into_iter().chain(pki).collect()
    }
}

pub(super) async fn run(args: &VaultSetupArgs) -> anyhow::Result<ExitCode> {
    if args.role_arns.is_empty() && !args.without.contains(&Engine::Aws) {
        complain(
            "nova-agent: --role-arn is missing: write the role at AWS that the proxy is to have, or --without aws",
        );
        return Ok(ExitCode::from(USAGE));
    }
    let wanted = things(&args.names()?)?;
    let needed: Vec<Right> = wanted.iter().flat_map(|thing| vault::rights(thing, args.mode.apply)).collect();
    let about =
        About { product: "Vault", address: args.vault.address().to_owned(), left_to_you: args.left_to_you() };
    let surroundings = Surroundings {
        address: "VAULT_ADDR or --address to the address of a Vault",
        asked: about.address.clone(),
        token: "VAULT_TOKEN",
        rights: format!("needs a policy with all of this:\n{}", vault::policy(&needed)),
    };
    let server = VaultSetup::new(args.vault.client(&ProcessVariables)?, wanted.clone());
    let lacking = async |planned: &[Planned]| lacking(&server, &wanted, planned).await;
    let outcome = carry_out(&server, &about, &args.mode, lacking).await;
    outcome.map_err(|error| surroundings.explain(error))
}

/// What the token lacks for the writes of a plan.
async fn lacking(server: &VaultSetup, wanted: &[VaultThing], planned: &[Planned]) -> anyhow::Result<Lacking> {
    let written = wanted.iter().zip(planned).filter(|(_, planned)| planned.step.writes());
    let needed: Vec<Right> = written.flat_map(|(thing, _)| vault::rights(thing, true)).collect();
    let paths: Vec<String> = needed.iter().map(|right| right.path.clone()).collect();
    // A token that may not ask is tried out: the refusal of a write tells what it needs.
    let Some(capabilities) = server.capabilities(&paths).await? else { return Ok(None) };
    let lacking = vault::lacking(&needed, &capabilities);
    let text = || {
        format!(
            "the token of VAULT_TOKEN or --token-file may not write all of this; it lacks:\n{}",
            vault::policy(&lacking)
        )
    };
    Ok((!lacking.is_empty()).then(text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("arn:aws:iam::123456789012:role/nova", true)]
    #[case("arn:aws-us-gov:iam::123456789012:role/team/nova", true)]
    #[case("arn:aws:iam::123456789012:user/nova", false)]
    #[case("arn:aws:iam::12345:role/nova", false)]
    #[case("arn:aws:iam::123456789012:role/", false)]
    #[case("nova", false)]
    fn a_role_of_aws_is_named_by_its_arn(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(arn(text).is_ok(), is_one);
    }
}
