//! `nova-local up`: the proxy before the Bedrock simulator, in one process, until SIGINT or SIGTERM.
//!
//! The proxy is the real one, configured by a real file: editing that file is a way to try a reload.

mod files;
mod welcome;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use bedrock_sim::{DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, Simulator, SimulatorConfig};
use clap::Args;
use futures_util::future::BoxFuture;
use nova_lifecycle::OsSignals;
use nova_proxy::app::{self, App, FirstConfig, Listeners, Surroundings};
use nova_proxy::reload::FileWatch;
use nova_proxy::upstream::CredentialSource;
use nova_telemetry::log::{Log, LogConfig, LogFormat, LogOutput};
use slog::{Drain as _, Duplicate, Logger, o};

use crate::cluster::{self, ClusterArgs};
use crate::traffic::TrafficDrain;
use files::LocalFiles;
use welcome::Welcome;

/// The key that callers send. It is no secret: the proxy listens on loopback, and the simulator costs nothing.
pub const API_KEY: &str = "sk-nova-local";

/// The region that the proxy calls.
const REGION: &str = "us-east-1";

/// The options of `nova-local up`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  nova-local up
      Serve on http://127.0.0.1:8080/v1 with the key sk-nova-local.

  nova-local up --listen 127.0.0.1:0 --json
      Serve on free ports; one line of JSON when ready, for scripts.

  nova-local up --config models.hcl
      With a configuration of your own on top of the built-in one.

  nova-local up --cluster
      Real servers of Consul, Vault and Nomad, and the proxy as a job of Nomad's. It runs on in the background.

  nova-local up --cluster --release nova-0.1.0-linux-amd64.tar.gz --free-ports
      The same with a release, beside servers that are there already.")]
pub struct UpArgs {
    /// The address of the OpenAI API
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", conflicts_with = "cluster")]
    pub listen: SocketAddr,

    /// The address of the metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", conflicts_with = "cluster")]
    pub metrics: SocketAddr,

    /// A configuration file that is laid over the built-in one; may be repeated
    #[arg(long = "config", value_name = "FILE", conflicts_with = "cluster")]
    pub config: Vec<PathBuf>,

    /// Print one line of JSON when ready, instead of text
    #[arg(long)]
    pub json: bool,

    /// Run real servers of Consul, Vault and Nomad in the background, and the proxy in them
    #[arg(long)]
    pub cluster: bool,

    /// What else the cluster is to be
    #[command(flatten)]
    pub in_cluster: ClusterArgs,
}

/// The credentials that the simulator accepts.
#[derive(Debug)]
struct SimulatorCredentials;

impl CredentialSource for SimulatorCredentials {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        let credentials =
            Credentials::new(DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, None, None, "bedrock-sim");
        Box::pin(std::future::ready(Ok(credentials)))
    }

    fn describe(&self) -> String {
        "the simulator's built-in credentials".to_owned()
    }
}

/// Runs simulator and proxy until a signal.
///
/// # Errors
/// A port that is taken, a configuration that is refused, or a stop that does not end.
pub async fn run(args: UpArgs) -> anyhow::Result<()> {
    if args.cluster {
        nova_proxy::cli::crypto_provider()?;
        return cluster::up(args.in_cluster, args.json).await;
    }
    anyhow::ensure!(
        args.listen.ip().is_loopback() && args.metrics.ip().is_loopback(),
        "nova-local listens on loopback addresses only, because everybody knows its API key: write 127.0.0.1, or run nova-proxy"
    );
    nova_proxy::cli::crypto_provider()?;
    // Before anything is printed, so that a signal right after it is not lost.
    let signals = OsSignals::install().context("cannot listen for signals")?;
    let simulator =
        Simulator::start(SimulatorConfig::default()).await.context("cannot start the simulator")?;
    let files =
        LocalFiles::write(&args, &simulator.endpoint(REGION)).context("cannot write the proxy's files")?;
    let mut config_files = vec![files.config.clone()];
    config_files.extend(args.config.iter().cloned());
    let config_watch = FileWatch::new(config_files.clone());
    let first = FirstConfig::read(&config_files).map_err(|faults| anyhow::anyhow!("{faults}"))?;

    // Warnings and errors as text; requests as one short line each.
    let log = Log::start(&LogConfig {
        level: slog::Level::Warning,
        format: LogFormat::Text,
        output: LogOutput::Stderr,
    })?;
    log.bridge_libraries().context("cannot take over the libraries' log")?;
    let root = Logger::root(Duplicate::new(TrafficDrain, log.root().clone()).fuse(), o!());
    let listeners = Listeners::bind(&first.files)
        .await
        .context("choose another port with --listen 127.0.0.1:8090, or 127.0.0.1:0 for a free one")?;
    let first = first.with_documents(&root).await?;
    let bootstrap = &first.files.config.bootstrap;
    let surroundings = Surroundings {
        log: root,
        log_level: log.level().clone(),
        metrics: nova_telemetry::metrics::install(nova_config::running_version(), &bootstrap.ring)?,
        config_watch,
        instance: app::instance(bootstrap, listeners.api.local_addr()?.port()),
        credential_source: Some(Arc::new(SimulatorCredentials)),
    };
    let welcome = Welcome::of(&listeners, &simulator, &files)?;
    let app = App::build(first, surroundings)?;
    let readiness = app.readiness();
    let mut running = pin!(app.run(listeners, signals));
    // Whoever reads the welcome may ask at once, also whether the proxy is ready.
    let early = tokio::select! {
        ended = &mut running => Some(ended),
        () = readiness.wait_ready() => None,
    };
    let ended = if let Some(ended) = early {
        ended
    } else {
        welcome.print(args.json)?;
        running.await
    };
    ended.context("the proxy failed")?;
    simulator.stop().await.context("cannot stop the simulator")
}
