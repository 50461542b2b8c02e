//! nova-local: the whole system on one machine.
//!
//! `cli` owns the command line; each subcommand has a file of its own. `main.rs` only calls [`run`].

pub mod cli;
pub mod sim;
mod traffic;
pub mod up;

use anyhow::Context as _;

use cli::{Cli, Command};

/// Runs the command that was given until it ends, or until SIGINT or SIGTERM.
///
/// # Errors
/// What the command could not do, with its causes.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    match cli.command {
        Command::Up(args) => runtime.block_on(up::run(args)),
        Command::Sim(args) => runtime.block_on(sim::run(args)),
    }
}
