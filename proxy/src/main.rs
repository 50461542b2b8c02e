//! `nova-proxy`: the program. What it does is in the library.

use std::process::ExitCode;

use clap::Parser;
use nova_proxy::cli::{Cli, crypto_provider, run};

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    crypto_provider()?;
    run(cli)
}
