//! One connection: its handshake, its requests, and how it ends.

use std::pin::pin;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nova_lifecycle::Shutdown;
use slog::{Logger, debug};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::socket::Accepted;
use super::stall::Watched;
use crate::api::Peer;
use crate::api::routes::HttpService;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long the head of a request may take; a connection that rests for so long ends.
const HEAD: Duration = Duration::from_secs(60);

/// The largest head of a request, in which a token has some thousand bytes.
const MAX_HEAD: usize = 32 << 10;

/// Serves a connection to its end.
pub(super) async fn serve(accepted: Accepted, routes: impl HttpService, shutdown: Shutdown, log: Logger) {
    match accepted {
        Accepted::Unix { stream, peer } => requests(stream, peer, routes, &shutdown, &log).await,
        Accepted::Tcp { stream, peer, tls: None } => requests(stream, peer, routes, &shutdown, &log).await,
        Accepted::Tcp { stream, peer, tls: Some(tls) } => {
            let shaken = tokio::select! {
                shaken = timeout(HANDSHAKE, tls.acceptor().accept(stream)) => shaken,
                () = shutdown.draining().cancelled() => return,
            };
            match shaken {
                Ok(Ok(stream)) => requests(stream, peer, routes, &shutdown, &log).await,
                Ok(Err(error)) => debug!(log, "a handshake failed: {error}"; "peer" => ?peer),
                Err(_elapsed) => debug!(log, "a handshake took too long"; "peer" => ?peer),
            }
        }
    }
}

async fn requests<I>(io: I, peer: Peer, routes: impl HttpService, shutdown: &Shutdown, log: &Logger)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let mut routes = routes.clone();
        async move { tower_service::Service::call(&mut routes, request).await }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MAX_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Watched::new(io)), service));
    let mut is_leaving = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(log, "a connection ended early: {error}"; "peer" => ?peer);
                }
                return;
            }
            () = shutdown.draining().cancelled(), if !is_leaving => {
                is_leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            () = shutdown.forced().cancelled() => {
                shutdown.report_cut();
                return;
            }
        }
    }
}
