//! `nova-proxy serve`.

use std::process::ExitCode;

use anyhow::Context;
use nova_config::{AdminAddress, LogFormat};
use nova_lifecycle::{OsSignals, Outcome};
use nova_telemetry::log::{Log, LogConfig, LogOutput};
use nova_telemetry::metrics;
use serde_json::json;

use super::{EXIT_FORCED, ServeArgs, complain, open_files, print};
use crate::app::{self, App, FirstConfig, Listeners, Surroundings};
use crate::reload::{FileWatch, level};

/// Makes aws-lc-rs the TLS provider of the process. Called first in `main`.
///
/// # Errors
/// When another one was chosen before.
pub fn crypto_provider() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider was chosen before aws-lc-rs"))
}

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let config_watch = FileWatch::new(args.config.clone());
    let first = match FirstConfig::read(&args.config) {
        Ok(first) => first,
        Err(faults) => {
            complain(&faults.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    let log = Log::start(&LogConfig {
        level: level(first.files.config.runtime.log_level),
        format: match first.files.config.bootstrap.log_format {
            LogFormat::Json => nova_telemetry::log::LogFormat::Json,
            LogFormat::Text => nova_telemetry::log::LogFormat::Text,
        },
        output: LogOutput::Stderr,
    })
    .context("the log cannot start")?;
    log.bridge_libraries().context("the log cannot take over the libraries' log")?;
    open_files::raise(first.files.config.bootstrap.server.max_connections, log.root());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let outcome = runtime.block_on(serve(args, first, config_watch, &log))?;
    Ok(match outcome {
        Outcome::Drained => ExitCode::SUCCESS,
        Outcome::Forced => ExitCode::from(EXIT_FORCED),
    })
}

async fn serve(
    args: &ServeArgs,
    first: FirstConfig,
    config_watch: FileWatch,
    log: &Log,
) -> anyhow::Result<Outcome> {
    let metrics = metrics::install(nova_config::running_version(), &first.files.config.bootstrap.ring)?;
    let signals = OsSignals::install().context("signals cannot be received")?;
    let listeners = Listeners::bind(&first.files).await?;
    let admin = match (&first.files.config.bootstrap.admin, &listeners.admin) {
        (Some(AdminAddress::Unix(path)), _) => Some(path.display().to_string()),
        (_, Some(listener)) => Some(listener.name()?),
        _ => None,
    };
    let ready = json!({
        "admin": admin,
        "listen": listeners.api.local_addr()?.to_string(),
        "metrics": listeners.metrics.as_ref().and_then(|listener| listener.local_addr().ok()).map(|address| address.to_string()),
    });
    let surroundings = Surroundings {
        log: log.root().clone(),
        log_level: log.level().clone(),
        metrics,
        config_watch,
        instance: app::instance(&first.files.config.bootstrap, listeners.api.local_addr()?.port()),
        credential_source: None,
    };
    let first = first.with_documents(log.root()).await?;
    let app = App::build(first, surroundings)?;
    if args.json {
        // Bound sockets queue connections from here on, so that whoever reads this may connect at once.
        print(&ready.to_string())?;
    }
    Ok(app.run(listeners, signals).await?)
}
