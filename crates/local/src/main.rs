//! The nova-local program: reads the command line and reports how it ended.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match nova_local::run(nova_local::cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed; the exit code still tells.
            if writeln!(std::io::stderr(), "nova-local: {error:#}").is_err() {
                return ExitCode::from(2);
            }
            ExitCode::FAILURE
        }
    }
}
