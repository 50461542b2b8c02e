//! The command line of nova-local.

use clap::{Parser, Subcommand};

use crate::archives::ArchivesArgs;
use crate::down::DownArgs;
use crate::sim::SimArgs;
use crate::status::StatusArgs;
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
    /// Run the Bedrock simulator and the proxy in front of it; with --cluster on real servers of Consul, Vault and Nomad
    Up(Box<UpArgs>),
    /// Show how the cluster of this machine stands
    Status(StatusArgs),
    /// End the cluster of this machine, and leave nothing of it
    Down(DownArgs),
    /// Run the Bedrock simulator alone
    Sim(SimArgs),
    /// Serve the archives of a folder: a part of the cluster
    #[command(hide = true)]
    ServeArchives(ArchivesArgs),
}
