//! The command line: `serve`, `check`, `schema`, `keys`.
//!
//! The one place of the library that prints. Exit codes: 0 done, 1 failed or the configuration is faulty, 2 the command was used wrongly, 3 a drain was cut short.

mod check;
mod keys;
mod open_files;
mod serve;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use serve::crypto_provider;

/// The OpenAI API, answered by Amazon Bedrock Nova.
#[derive(Debug, Parser)]
#[command(
    name = "nova-proxy",
    version = nova_config::version_with_commit(),
    after_help = "Examples:\n  nova-proxy serve --config /etc/nova/proxy.hcl\n  nova-proxy check proxy.hcl models.hcl\n  nova-proxy keys add --keys-file /etc/nova/keys.json --name search-team"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT, then drain. SIGHUP, or a changed file, reloads.
    Serve(ServeArgs),
    /// Tell every fault of a configuration: file, line, what is wrong, what to write.
    Check(CheckArgs),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Make, list and disable API keys in a keys file.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Configuration files in HCL; later ones win.
    #[arg(
        long = "config",
        value_name = "FILE",
        required = true,
        env = "NOVA_PROXY_CONFIG",
        value_delimiter = ','
    )]
    config: Vec<PathBuf>,
    /// Print one line of JSON with the bound addresses to standard output when ready.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Configuration files in HCL; later ones win.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the faults as JSON.
    #[arg(long)]
    json: bool,
}

/// A drain was cut short.
const EXIT_FORCED: u8 = 3;

/// Runs the command line.
///
/// # Errors
/// When a command fails for a reason that is not its exit code's.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema => {
            print(&serde_json::to_string_pretty(&nova_config::json_schema())?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Keys(command) => keys::run(command),
    }
}

/// Prints a line. A reader who has gone (`| head`) is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a line of diagnosis.
fn complain(text: &str) {
    // There is nowhere left to report a standard error that cannot be written.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
