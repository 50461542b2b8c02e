//! `nova-bench`: what `nova-proxy` costs, beside nginx and beside nothing, in front of the same upstream and in one run.
//!
//! Owns the load, the stand-in for Bedrock and the measuring. It judges no time: `docs/performance.md` does. What guards against
//! regressions are counts of instructions (`bench/benches/instructions`), which are held against their limits here.

mod client;
mod cpu;
mod instructions;
mod judge;
mod latency;
mod load;
mod machine;
mod open_streams;
mod pace;
mod report;
mod run;
mod scenario;
mod soak;
mod target;
mod upstream;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Benchmarks of nova-proxy.
#[derive(Debug, Parser)]
#[command(name = "nova-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Direct, nginx and nova-proxy side by side.
    #[command(
        after_help = "Examples:\n  nova-bench run\n  nova-bench run --rounds 1 --seconds 1 --only small\n  nova-bench run --json figures.json"
    )]
    Run(run::RunArgs),
    /// Memory of many open streams.
    #[command(after_help = "Example:\n  nova-bench streams --count 10000")]
    Streams(open_streams::StreamsArgs),
    /// One part of a long run at a steady rate; call it again until it says that the run is complete.
    #[command(
        after_help = "Example:\n  until nova-bench soak --state /tmp/soak --minutes 60 --part-minutes 8; do :; done\n\nExit code: 0 when the run is complete, 3 when parts are left, 1 when a part failed."
    )]
    Soak(soak::SoakArgs),
    /// How often the judge of rollouts cries wolf, and how early it tells, beside thresholds and a repeated test.
    #[command(
        after_help = "Examples:\n  nova-bench judge\n  nova-bench judge --hours 100 --regression-hours 50 --json figures.json"
    )]
    Judge(judge::JudgeArgs),
    /// Instruction counts on standard input, held against their limits.
    #[command(
        after_help = "bench/instructions counts and calls this.\n\nExit code: 0 when every count is within its limit, 1 otherwise."
    )]
    Instructions(instructions::InstructionsArgs),
    /// The stand-in for Bedrock alone, as the other commands start it.
    #[command(hide = true)]
    Upstream {
        #[arg(default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

/// The programs that are measured.
#[derive(Debug, Clone, clap::Args)]
struct Programs {
    /// The proxy, best built with `--profile dist`.
    #[arg(long, env = "NOVA_PROXY_BIN", default_value = "target/dist/nova-proxy", value_name = "FILE")]
    proxy: PathBuf,
    /// nginx.
    #[arg(long, env = "NOVA_NGINX_BIN", default_value = "nginx", value_name = "FILE")]
    nginx: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match Cli::parse().command {
            Command::Run(args) => run::run(&args).await.map(|()| ExitCode::SUCCESS),
            Command::Streams(args) => open_streams::run(&args).await.map(|()| ExitCode::SUCCESS),
            Command::Soak(args) => soak::run(&args).await,
            Command::Judge(args) => judge::run(&args).map(|()| ExitCode::SUCCESS),
            Command::Instructions(args) => instructions::run(&args),
            Command::Upstream { listen } => upstream::run(listen).await.map(|()| ExitCode::SUCCESS),
        }
    })
}
