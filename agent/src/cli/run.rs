//! `nova-agent run`, `check` and `schema`: the daemon, and what its configuration may say.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use nova_config::{LogFormat, ProcessEnvironment};
use nova_lifecycle::{OsSignals, Outcome};
use nova_telemetry::log::{Log, LogConfig, LogOutput};
use nova_telemetry::metrics::install_table;
use serde_json::json;

use super::output::{complain, fault_json, print};
use crate::app::{self, Agent, Listeners, Surroundings};
use crate::config::{self, LoadedAgent};
use crate::metrics;

/// A drain was cut short.
const EXIT_FORCED: u8 = 3;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nova-agent run --config /etc/nova/agent.hcl")]
pub(super) struct RunArgs {
    /// Configuration files in HCL; later ones win.
    #[arg(
        long = "config",
        value_name = "FILE",
        required = true,
        env = "NOVA_AGENT_CONFIG",
        value_delimiter = ','
    )]
    config: Vec<PathBuf>,
    /// Print one line of JSON with the sockets to standard output when they are bound.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nova-agent check agent.hcl")]
pub(super) struct CheckArgs {
    /// Configuration files in HCL; later ones win.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the faults as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the daemon until it is told to stop.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let loaded = match config::load(&args.config, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&faults.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    let log = Log::start(&LogConfig {
        level: app::level(loaded.config.log_level),
        format: match loaded.config.log_format {
            LogFormat::Json => nova_telemetry::log::LogFormat::Json,
            LogFormat::Text => nova_telemetry::log::LogFormat::Text,
        },
        output: LogOutput::Stderr,
    })
    .context("the log cannot start")?;
    log.bridge_libraries().context("the log cannot take over the libraries' log")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    Ok(match runtime.block_on(serve(args, loaded, &log))? {
        Outcome::Drained => ExitCode::SUCCESS,
        Outcome::Forced => ExitCode::from(EXIT_FORCED),
    })
}

async fn serve(args: &RunArgs, loaded: LoadedAgent, log: &Log) -> anyhow::Result<Outcome> {
    let metrics = install_table(metrics::METRICS, &[("version", nova_config::running_version())])?;
    let signals = OsSignals::install().context("signals cannot be received")?;
    let instance = app::instance(loaded.config.instance.as_deref());
    let listeners = Listeners::bind(&loaded.config).await?;
    let surroundings = Surroundings {
        log: log.root().clone(),
        log_level: Some(log.level().clone()),
        metrics: Some(metrics),
        files: args.config.clone(),
        instance: instance.clone(),
    };
    let agent = Agent::build(loaded, surroundings)?;
    if args.json {
        // Bound sockets queue connections from here on, so that whoever reads this may connect at once.
        let listen = listeners.tcp.as_ref().and_then(|tcp| tcp.address()).map(|address| address.to_string());
        let socket = listeners.unix.as_ref().map(|unix| unix.name());
        print(&json!({ "instance": instance, "socket": socket, "listen": listen }).to_string())?;
    }
    Ok(agent.run(listeners, signals).await)
}

/// Tells every fault of the files.
pub(super) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let faults = match config::load(&args.files, &ProcessEnvironment) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.as_slice().to_vec(),
    };
    if args.json {
        let shown: Vec<_> = faults.iter().map(fault_json).collect();
        print(&json!({ "valid": faults.is_empty(), "faults": shown }).to_string())?;
    } else {
        faults.iter().for_each(|fault| complain(&fault.to_string()));
        if faults.is_empty() {
            print("the configuration is valid")?;
        }
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the JSON Schema.
pub(super) fn schema() -> anyhow::Result<ExitCode> {
    print(&serde_json::to_string_pretty(&config::json_schema()?)?)?;
    Ok(ExitCode::SUCCESS)
}
