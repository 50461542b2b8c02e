//! The command line of nova-local.

use clap::{Parser, Subcommand};

use crate::sim::SimArgs;
use crate::up::UpArgs;

/// The whole system on one machine.
#[derive(Debug, Parser)]
#[command(name = "nova-local", version = nova_config::version_with_commit(), max_term_width = 100)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the Bedrock simulator and the proxy in front of it
    Up(UpArgs),
    /// Run the Bedrock simulator alone
    Sim(SimArgs),
}
