//! The listeners of the API: how connections are taken, bounded and ended. What a request means is for the routes.
//!
//! HTTP/1.1 alone, since operators and checks need no more, and every way that a peer can hold something open has its limit here.

mod connection;
mod socket;
mod stall;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nova_lifecycle::Tasks;
use nova_telemetry::keys;
use slog::{Logger, info, warn};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::routes::HttpService;

pub use socket::{Listener, SocketError};
pub use tls::{ApiTls, ApiTlsFiles, TlsFault};

/// How many connections a listener has at once. Over it, new ones wait in the kernel.
const MAX_CONNECTIONS: usize = 256;

/// The pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// How often the log tells of failed accepts.
const ACCEPT_LOG: Duration = Duration::from_secs(10);

/// One listener and what it answers with.
pub struct ApiServer<S> {
    listener: Listener,
    routes: S,
    tasks: Tasks,
    log: Logger,
}

impl<S: HttpService> ApiServer<S> {
    /// Nothing runs yet.
    pub fn new(listener: Listener, routes: S, tasks: &Tasks, log: Logger) -> Self {
        Self { listener, routes, tasks: tasks.clone(), log }
    }

    /// Takes connections until the drain. They are on the tracker of connections, for which the drain waits.
    pub async fn run(self) {
        let shutdown = self.tasks.shutdown().clone();
        info!(self.log, "serving the API"; keys::LISTEN => self.listener.name());
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut told: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.draining().cancelled() => break,
                accepted = self.accept(&places) => accepted,
            };
            match accepted {
                Ok((stream, place)) => {
                    let served =
                        connection::serve(stream, self.routes.clone(), shutdown.clone(), self.log.clone());
                    self.tasks.spawn_connection("api_connection", async move {
                        served.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    if told.is_none_or(|at| at.elapsed() >= ACCEPT_LOG) {
                        told = Some(Instant::now());
                        warn!(self.log, "a connection could not be taken: {error}"; keys::LISTEN => self.listener.name());
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // The socket goes at once: whoever comes now is to find another instance.
        drop(self.listener);
        shutdown.stopped().await;
    }

    async fn accept(
        &self,
        places: &Arc<Semaphore>,
    ) -> io::Result<(socket::Accepted, tokio::sync::OwnedSemaphorePermit)> {
        let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
        Ok((self.listener.accept().await?, place))
    }
}
