//! `nova-proxy serve`.

use std::process::ExitCode;

use anyhow::Context;
use nova_config::{AdminAddress, Loaded, LogFormat, ProcessEnvironment, load};
use nova_lifecycle::{OsSignals, Outcome};
use nova_telemetry::log::{Log, LogConfig, LogOutput};
use nova_telemetry::metrics;
use serde_json::json;

use super::{EXIT_FORCED, ServeArgs, complain, open_files, print};
use crate::app::{App, Listeners, Surroundings};
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
    let loaded = match load(&args.config, &ProcessEnvironment) {
        Ok(loaded) => loaded,
        Err(faults) => {
            complain(&faults.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    let log = Log::start(&LogConfig {
        level: level(loaded.config.runtime.log_level),
        format: match loaded.config.bootstrap.log_format {
            LogFormat::Json => nova_telemetry::log::LogFormat::Json,
            LogFormat::Text => nova_telemetry::log::LogFormat::Text,
        },
        output: LogOutput::Stderr,
    })
    .context("the log cannot start")?;
    log.bridge_libraries().context("the log cannot take over the libraries' log")?;
    open_files::raise(loaded.config.bootstrap.server.max_connections, log.root());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let outcome = runtime.block_on(serve(args, loaded, config_watch, &log))?;
    Ok(match outcome {
        Outcome::Drained => ExitCode::SUCCESS,
        Outcome::Forced => ExitCode::from(EXIT_FORCED),
    })
}

async fn serve(
    args: &ServeArgs,
    loaded: Loaded,
    config_watch: FileWatch,
    log: &Log,
) -> anyhow::Result<Outcome> {
    let metrics = metrics::install(env!("CARGO_PKG_VERSION"), &loaded.config.bootstrap.ring)?;
    let signals = OsSignals::install().context("signals cannot be received")?;
    let listeners = Listeners::bind(&loaded).await?;
    let admin = match (&loaded.config.bootstrap.admin, &listeners.admin) {
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
        credential_source: None,
    };
    let app = App::build(loaded, surroundings)?;
    if args.json {
        // Bound sockets queue connections from here on, so that whoever reads this may connect at once.
        print(&ready.to_string())?;
    }
    Ok(app.run(listeners, signals).await?)
}
