//! The command line: `run`, `check`, `schema`, `config`, `rollout`, `setup`, `prices`, `cost`.
//!
//! The one place of the library that prints. Exit codes: 0 done, 1 failed or refused, 2 the command was used wrongly,
//! 3 somebody else was quicker and nothing was done, or the daemon's drain was cut short, 4 not confirmed or not reached in time,
//! 5 there is something to do, and a plan does nothing.

mod config;
mod connection;
mod cost;
mod output;
mod prices;
mod rollout;
mod run;
mod setup;
mod table;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// The control plane of Bedrock Nova Proxy.
#[derive(Debug, Parser)]
#[command(
    name = "nova-agent",
    version = nova_config::version_with_commit(),
    after_help = "Examples:\n  nova-agent config status\n  nova-agent config push prod.hcl -m 'more concurrency'\n  nova-agent config rollback 11\n  nova-agent rollout status\n  nova-agent rollout watch nova-proxy\n  nova-agent setup consul --apply\n  nova-agent prices show nova-lite\n  nova-agent cost estimate --traffic traffic.hcl --region us-east-1"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon until SIGTERM or SIGINT. SIGHUP reads the configuration files again.
    Run(run::RunArgs),
    /// Tell every fault of the daemon's configuration: file, line, what is wrong, what to write.
    Check(run::CheckArgs),
    /// Print the JSON Schema of the daemon's configuration.
    Schema,
    /// The configuration of all instances, in Consul's key-value store: see, check, change, undo.
    Config(Box<config::ConfigArgs>),
    /// New versions of jobs as they come into force: see, follow, wait, decide, explain.
    Rollout(Box<rollout::RolloutArgs>),
    /// Bring what the product needs into Consul, Vault or Nomad: policies, roles, engines, logins of tasks.
    Setup(Box<setup::SetupArgs>),
    /// Prices of Bedrock: see, compare, check, renew.
    Prices(Box<prices::PricesArgs>),
    /// What Bedrock costs: estimate.
    Cost(Box<cost::CostArgs>),
}

/// Something failed, or an instance refused.
pub const FAILED: u8 = 1;
/// Somebody else was quicker, and nothing was done.
const CONFLICT: u8 = 3;
/// It was written, and not every instance has confirmed it in time; or what was waited for did not come in time.
const UNCONFIRMED: u8 = 4;
/// There is something to do, and a plan does nothing.
const PENDING: u8 = 5;

/// Makes aws-lc-rs the TLS provider of the process. Called first in `main`.
///
/// # Errors
/// When another one was chosen before.
pub fn crypto_provider() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider was chosen before aws-lc-rs"))
}

/// Runs the command line.
///
/// # Errors
/// When a command fails for a reason that is not its exit code's.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => run::check(&args),
        Command::Schema => run::schema(),
        Command::Config(args) => runtime()?.block_on(config::run(*args)),
        Command::Rollout(args) => runtime()?.block_on(rollout::run(*args)),
        Command::Setup(args) => runtime()?.block_on(setup::run(*args)),
        Command::Prices(args) => prices::run(&args),
        Command::Cost(args) => cost::run(&args),
    }
}

/// What commands run on, each of which does one thing after the other.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime cannot start")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        let mut cli = Cli::command();
        cli.build();
        for group in ["config", "rollout", "setup", "prices", "cost"] {
            let commands = cli.find_subcommand(group).unwrap().get_subcommands();
            for command in commands.filter(|command| command.get_name() != "help") {
                let name = command.get_name();
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    help.contains(&format!("nova-agent {group} {name}")),
                    "{group} {name} has no example"
                );
            }
        }
    }

    /// Commands that pages tell an operator to type are parsed as if they were typed.
    #[test]
    fn commands_of_the_runbooks_are_commands_of_this_program() {
        let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        let mut pages = vec![docs.join("how-to/rollouts.md"), docs.join("how-to/estimate-cost.md")];
        pages.extend(std::fs::read_dir(docs.join("runbooks")).unwrap().map(|entry| entry.unwrap().path()));
        let mut count = 0;
        for page in pages {
            let text = std::fs::read_to_string(&page).unwrap();
            for line in text.lines().map(str::trim).filter(|line| line.starts_with("nova-agent ")) {
                let command = line.split(" | ").next().unwrap_or(line);
                let parsed = Cli::try_parse_from(words(command));
                assert!(parsed.is_ok(), "{}: {line}: {}", page.display(), parsed.unwrap_err());
                count += 1;
            }
        }
        assert!(count > 20, "only {count} commands were found");
    }

    /// The words of a line, as a shell parts them where it quotes with single quotes alone.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut is_quoted = false;
        for letter in line.chars() {
            match (letter, is_quoted) {
                ('\'', _) => is_quoted = !is_quoted,
                (' ', false) => words.push(String::new()),
                _ => words.last_mut().unwrap().push(letter),
            }
        }
        words
    }
}
