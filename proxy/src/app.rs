//! The composition root: from a configuration to a running proxy, top to bottom.
//!
//! Listeners and signals come in as parameters, so that a test or another program can run the whole proxy within itself.

mod build;
mod gauges;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nova_config::{AdminAddress, Loaded, ServerConfig};
use nova_lifecycle::{ConditionHandle, Outcome, Readiness, Shutdown, SignalSource, Tasks, watch_signals};
use nova_telemetry::log::LevelControl;
use nova_telemetry::metrics::{MetricsHandle, UPKEEP_EVERY};
use nova_telemetry::{error_chain, keys};
use slog::{Logger, info, o, warn};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::reload::{FileWatch, Reloader, Watches};
use crate::routes::{self, HttpService, RenderMetrics};
use crate::server::{ListenSocket, Server, ServerSettings, ServerStats, ServerTls, StopTokens, TrustedHops};
use crate::services::SharedServices;
use crate::upstream::{CachedCredentials, CredentialSource};

pub(crate) use build::concurrency;
pub use build::{BuildError, Checked, check, snapshot};

/// How long streams have for their last event once a stop is forced, before their connections are dropped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long to wait between attempts to load the first AWS credentials: at first, and at most.
const FIRST_CREDENTIALS_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// How long background tasks have to end after the drain.
const FINISH_GRACE: Duration = Duration::from_secs(2);

/// Connections of operators: a few people and an agent.
const ADMIN_CONNECTIONS: u32 = 64;

/// The addresses to serve on, bound already.
#[derive(Debug)]
pub struct Listeners {
    /// The OpenAI API.
    pub api: TcpListener,
    /// Metrics and health.
    pub metrics: Option<TcpListener>,
    /// What operators ask and change.
    pub admin: Option<ListenSocket>,
}

impl Listeners {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// When an address cannot be bound; the error names it.
    pub async fn bind(loaded: &Loaded) -> Result<Self, BuildError> {
        let bind = |address: SocketAddr| {
            ListenSocket::bind_tcp(address).map_err(|source| BuildError::Bind { address, source })
        };
        let bootstrap = &loaded.config.bootstrap;
        let api = bind(bootstrap.listen)?;
        let metrics = match bootstrap.metrics {
            Some(address) => Some(bind(address)?),
            None => None,
        };
        let admin = match &bootstrap.admin {
            Some(AdminAddress::Tcp(address)) => Some(bind(*address)?.into()),
            Some(AdminAddress::Unix(path)) => {
                let refused = |source| BuildError::BindUnix { path: path.clone(), source };
                Some(ListenSocket::bind_unix(path).await.map_err(refused)?)
            }
            None => None,
        };
        Ok(Self { api, metrics, admin })
    }
}

/// What the program gives to the proxy beside its configuration.
pub struct Surroundings {
    /// The log's root.
    pub log: Logger,
    /// Changes the log's level at a reload.
    pub log_level: LevelControl,
    /// Renders the metrics.
    pub metrics: MetricsHandle,
    /// The files of the configuration, looked at before they were read, and read again at a reload. Of no files: there is nothing to reload.
    pub config_watch: FileWatch,
    /// Where AWS credentials come from; `None` is the AWS SDK's own chain.
    pub credential_source: Option<Arc<dyn CredentialSource>>,
}

/// A proxy that is built and not yet running.
pub struct App {
    services: SharedServices,
    credentials: Arc<CachedCredentials>,
    surroundings: Surroundings,
    tls: Option<Arc<ServerTls>>,
    watches: Watches,
    tasks: Tasks,
}

impl App {
    /// Builds every component.
    ///
    /// # Errors
    /// When a part of the configuration cannot be put into force; nothing has been started then.
    pub fn build(loaded: Loaded, surroundings: Surroundings) -> Result<Self, BuildError> {
        let shutdown = Shutdown::new();
        let count_failure = Arc::new(|task| {
            metrics::counter!(nova_telemetry::metrics::TASK_FAILURES_TOTAL, keys::TASK => task).increment(1);
        });
        let tasks = Tasks::new(shutdown.clone(), &surroundings.log).with_failure_hook(count_failure);
        let watches = Watches::before_reading(surroundings.config_watch.clone(), &loaded.config.bootstrap);
        let credentials = build::credentials(&loaded, &surroundings)?;
        let tls = build::tls(&loaded, &surroundings)?;
        let services = build::services(loaded, &credentials, &surroundings, shutdown)?;
        Ok(Self { services, credentials, surroundings, tls, watches, tasks })
    }

    /// Asks for a drain, for a program that runs the proxy within itself.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.tasks.shutdown().clone()
    }

    /// What has to hold before the proxy is ready, for a program that says when it is.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.services.readiness.clone()
    }

    /// Serves until a signal or [`Self::shutdown`] says otherwise, then drains.
    ///
    /// # Errors
    /// When a listener has no address of its own.
    pub async fn run(
        self,
        listeners: Listeners,
        signals: impl SignalSource + 'static,
    ) -> io::Result<Outcome> {
        let Self { services, credentials, surroundings, tls, watches, tasks } = self;
        let bootstrap = services.snapshots.current().loaded.config.bootstrap.clone();
        let metrics_tls = bootstrap.tls.is_some_and(|tls| tls.metrics);
        let server = bootstrap.server;
        let log = surroundings.log.new(o!(keys::COMPONENT => "app"));
        let reload = Arc::new(Notify::new());

        let signal_reload = Arc::clone(&reload);
        tasks.spawn(
            "signals",
            watch_signals(signals, tasks.shutdown().clone(), log.clone(), move || signal_reload.notify_one()),
        );
        tasks.spawn(
            "credentials",
            keep_credentials(
                credentials.clone(),
                services.readiness.declare("credentials", "not loaded yet"),
                tasks.shutdown().clone(),
                log.clone(),
            ),
        );
        let reloader = Reloader::new(services.clone(), credentials, &surroundings, tls.clone());
        tasks.spawn("reload", reloader.run(watches, reload, tasks.shutdown().clone()));
        let upkeep = upkeep(surroundings.metrics.clone(), services.clone(), tasks.shutdown().clone());
        tasks.spawn("upkeep", upkeep);

        let stop = stop_tokens(&tasks);
        // Metrics and health are read while requests drain, so that this listener stops with the process only.
        let at_the_end = stop_at_the_end(&tasks);
        let stop_late =
            StopTokens { announced: at_the_end.clone(), draining: at_the_end, forced: stop.forced.clone() };
        info!(log, "serving the OpenAI API"; keys::LISTEN => %listeners.api.local_addr()?, keys::VERSION => env!("CARGO_PKG_VERSION"));
        let listening = Listening { tasks: &tasks, config: &server, log: &surroundings.log };
        let stats = listening.serve(
            "api",
            listeners.api,
            routes::api(&services),
            tls.clone(),
            build::hops(&server),
            (stop, tasks.connections().clone()),
        );
        if let Some(listener) = listeners.metrics {
            info!(log, "serving metrics"; keys::LISTEN => %listener.local_addr()?);
            let render: RenderMetrics =
                gauges::renderer(surroundings.metrics.clone(), services.clone(), stats);
            let tls = tls.filter(|_| metrics_tls);
            listening.serve(
                "metrics",
                listener,
                routes::metrics(&services, render),
                tls,
                TrustedHops::default(),
                (stop_late, TaskTracker::new()),
            );
        }

        if let Some(listener) = listeners.admin {
            info!(log, "serving operators"; keys::LISTEN => listener.name()?);
            listening.serve_operators(listener, routes::admin(&services, surroundings.log_level.clone()));
        }

        tasks.shutdown().set_ready();
        tasks.shutdown().requested().await;
        let outcome = tasks.drain(server.drain_min_delay, server.drain_timeout).await;
        tasks.finish(FINISH_GRACE).await;
        Ok(outcome)
    }
}

/// What all listeners have in common.
struct Listening<'a> {
    tasks: &'a Tasks,
    config: &'a ServerConfig,
    log: &'a Logger,
}

impl Listening<'_> {
    /// Serves one listener. Its connections are spawned on the tracker of `stop`, which tells whether a drain waits for them; a listener that
    /// is lost makes the process useless, and starts a drain.
    fn serve(
        &self,
        name: &'static str,
        listener: TcpListener,
        service: impl HttpService,
        tls: Option<Arc<ServerTls>>,
        hops: TrustedHops,
        (stop, connections): (StopTokens, TaskTracker),
    ) -> Arc<ServerStats> {
        let settings = self.settings();
        let log = self.log.new(o!(keys::COMPONENT => "server", "listener" => name));
        let server = Server::new(settings, service, log.clone()).with_tls(tls).with_hops(hops);
        let stats = server.stats();
        self.tasks.spawn_critical(name, async move {
            let outcome = server.run(listener, stop, connections).await;
            if outcome.forced_connections > 0 {
                warn!(log, "connections were dropped before their end"; keys::LEFT => outcome.forced_connections);
            }
        });
        stats
    }

    /// Serves the admin listener until the process ends: a drain is when operators look.
    fn serve_operators(&self, listener: ListenSocket, service: impl HttpService) {
        let log = self.log.new(o!(keys::COMPONENT => "server", "listener" => "admin"));
        let settings = ServerSettings { max_connections: ADMIN_CONNECTIONS, ..self.settings() };
        let server = Server::new(settings, service, log);
        let [announced, draining, forced] = [(); 3].map(|()| CancellationToken::new());
        let stop = StopTokens { announced, draining, forced };
        let (forced, shutdown) = (stop.forced.clone(), self.tasks.shutdown().clone());
        self.tasks.spawn("admin", async move {
            let mut serving = pin!(server.run(listener, stop, TaskTracker::new()));
            tokio::select! {
                _ = serving.as_mut() => {}
                () = shutdown.stopped() => {
                    forced.cancel();
                    serving.await;
                }
            }
        });
    }

    fn settings(&self) -> ServerSettings {
        let usual = ServerSettings::default();
        ServerSettings {
            // A drain with hardly any time is not used up by connections that rest, and then called a forced one.
            linger: usual.linger.min(self.config.drain_timeout / 2),
            max_connections: u32::try_from(self.config.max_connections).unwrap_or(u32::MAX),
            handshake_timeout: self.config.header_timeout,
            header_read_timeout: self.config.header_timeout,
            idle_timeout: self.config.idle_timeout,
            write_timeout: self.config.write_timeout,
            ..usual
        }
    }
}

/// Streams get their last event when a stop is forced; only then are connections dropped.
fn stop_tokens(tasks: &Tasks) -> StopTokens {
    let shutdown = tasks.shutdown().clone();
    let stop = StopTokens {
        announced: shutdown.announced().clone(),
        draining: shutdown.draining().clone(),
        forced: CancellationToken::new(),
    };
    let forced = stop.forced.clone();
    tasks.spawn("last_words", async move {
        tokio::select! {
            () = shutdown.forced().cancelled() => tokio::time::sleep(LAST_WORDS).await,
            () = shutdown.stopped() => {}
        }
        forced.cancel();
    });
    stop
}

/// Cancelled when the process stops, after the drain.
fn stop_at_the_end(tasks: &Tasks) -> CancellationToken {
    let (shutdown, token) = (tasks.shutdown().clone(), CancellationToken::new());
    let stop = token.clone();
    tasks.spawn("stop_at_the_end", async move {
        shutdown.stopped().await;
        stop.cancel();
    });
    token
}

/// Loads credentials before the first request needs them, and keeps them fresh. Until there are some, another instance may do better, so
/// that this one is not ready; once there were some it stays so, and the log tells of failed renewals.
async fn keep_credentials(
    credentials: Arc<CachedCredentials>,
    ready: ConditionHandle,
    shutdown: Shutdown,
    log: Logger,
) {
    if credentials.bearer_key().is_some() {
        ready.hold("an API key of Bedrock");
        return shutdown.stopped().await;
    }
    let keep = async {
        let mut pause = FIRST_CREDENTIALS_PAUSE.0;
        while let Err(error) = credentials.get().await {
            let error = error_chain(&*error);
            warn!(log, "no AWS credentials yet; requests fail until there are some"; keys::ERROR => &error, "retry_in_s" => pause.as_secs());
            ready.fail(error);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(FIRST_CREDENTIALS_PAUSE.1);
        }
        ready.hold("loaded");
        credentials.keep_fresh().await;
    };
    tokio::select! {
        () = keep => {}
        () = shutdown.stopped() => {}
    }
}

/// Histograms pile up values until somebody takes them in, and connections that Bedrock has closed stay until somebody looks.
async fn upkeep(metrics: MetricsHandle, services: SharedServices, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                metrics.upkeep();
                services.snapshots.current().bedrock.close_unused_connections();
            }
            () = shutdown.stopped() => return,
        }
    }
}
