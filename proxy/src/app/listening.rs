//! The listeners at work: what each serves, and when each stops.
//!
//! The API stops taking connections when a drain says so; metrics and operators are served until the process ends.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nova_config::ServerConfig;
use nova_lifecycle::Tasks;
use nova_telemetry::keys;
use slog::{Logger, o, warn};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::routes::HttpService;
use crate::server::{ListenSocket, Server, ServerSettings, ServerStats, ServerTls, StopTokens, TrustedHops};

/// How long streams have for their last event once a stop is forced, before their connections are dropped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Connections of operators: a few people and an agent.
const ADMIN_CONNECTIONS: u32 = 64;

/// What all listeners have in common.
pub(super) struct Listening<'a> {
    pub(super) tasks: &'a Tasks,
    pub(super) config: &'a ServerConfig,
    pub(super) log: &'a Logger,
}

impl Listening<'_> {
    /// Serves one listener. Its connections are spawned on the tracker of `stop`, which tells whether a drain waits for them; a listener that
    /// is lost makes the process useless, and starts a drain.
    pub(super) fn serve(
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
    pub(super) fn serve_operators(&self, listener: ListenSocket, service: impl HttpService) {
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
pub(super) fn stop_tokens(tasks: &Tasks) -> StopTokens {
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
pub(super) fn stop_at_the_end(tasks: &Tasks) -> CancellationToken {
    let (shutdown, token) = (tasks.shutdown().clone(), CancellationToken::new());
    let stop = token.clone();
    tasks.spawn("stop_at_the_end", async move {
        shutdown.stopped().await;
        stop.cancel();
    });
    token
}
