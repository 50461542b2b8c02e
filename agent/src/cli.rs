//! The command line: `config`.
//!
//! The one place of the library that prints. Exit codes: 0 done, 1 failed or refused, 2 the command was used wrongly,
//! 3 somebody else was quicker and nothing was written, 4 written but not confirmed in time.

mod config;
mod connection;
mod output;
mod table;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// The control plane of Bedrock Nova Proxy.
#[derive(Debug, Parser)]
#[command(
    name = "nova-agent",
    version = nova_config::version_with_commit(),
    after_help = "Examples:\n  nova-agent config status\n  nova-agent config push prod.hcl -m 'more concurrency'\n  nova-agent config rollback 11"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The configuration of all instances, in Consul's key-value store: see, check, change, undo.
    Config(Box<config::ConfigArgs>),
}

/// Something failed, or an instance refused.
pub const FAILED: u8 = 1;
/// Somebody else wrote first, and nothing was written.
const CONFLICT: u8 = 3;
/// It was written, and not every instance has confirmed it in time.
const UNCONFIRMED: u8 = 4;

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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    match cli.command {
        Command::Config(args) => runtime.block_on(config::run(*args)),
    }
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
        let config = cli.find_subcommand("config").unwrap();
        for command in config.get_subcommands().filter(|command| command.get_name() != "help") {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("nova-agent config"), "{} has no example", command.get_name());
        }
    }
}
