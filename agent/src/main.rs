//! `nova-agent`: the program. What it does is in the library.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use nova_agent::cli::{Cli, FAILED, crypto_provider, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match crypto_provider().and_then(|()| run(cli)) {
        Ok(code) => code,
        Err(error) => {
            // There is nowhere left to report a standard error that cannot be written; the exit code tells.
            drop(writeln!(std::io::stderr(), "nova-agent: {error:#}"));
            ExitCode::from(FAILED)
        }
    }
}
