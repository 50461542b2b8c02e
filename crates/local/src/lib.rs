//! nova-local: the whole system on one machine.
//!
//! `cli` owns the command line; each subcommand has a file of its own, and `cluster` is what three of them are about. `main.rs` only calls [`run`].

pub mod archives;
pub mod cli;
pub mod cluster;
pub mod down;
pub mod sim;
pub mod status;
mod traffic;
pub mod up;

use std::process::ExitCode;

use anyhow::Context as _;

use cli::{Cli, Command};

/// Runs the command that was given until it ends, or until SIGINT or SIGTERM.
///
/// # Errors
/// What the command could not do, with its causes.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    match cli.command {
        Command::Up(args) => runtime.block_on(up::run(*args)).map(|()| ExitCode::SUCCESS),
        Command::Status(args) => runtime.block_on(status::run(args)),
        Command::Down(args) => runtime.block_on(down::run(args)),
        Command::Sim(args) => runtime.block_on(sim::run(args)).map(|()| ExitCode::SUCCESS),
        Command::ServeArchives(args) => runtime.block_on(archives::run(args)).map(|()| ExitCode::SUCCESS),
    }
}
