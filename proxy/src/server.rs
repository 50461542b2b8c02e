//! The listener and its connections: what a socket may do before a request exists, and how sockets end.
//!
//! Owns the accept loop, the limit of connections, timeouts of a connection and the drain. Leaves to others:
//! what a request means (`routes/`), how long a request may take (`pipeline.rs`), and binding and signals
//! (the composition root).

mod activity;
mod certificate;
mod conn;
mod framing;
mod hops;
mod listener;
pub mod proxy_header;
mod socket;
mod stall;
mod tls;
mod transport;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use certificate::{CertificateError, ClientCertificate};
pub use hops::TrustedHops;
pub use listener::{DrainOutcome, Server, ServerStats, StopTokens};
pub use socket::ListenSocket;
pub use tls::{CertificateSource, ClientRules, Identity, ServerTls, TlsError};

/// Where a request came from. Each request carries it in its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The other end of the connection: of TCP, or as a trusted load balancer tells in its PROXY header.
    pub address: SocketAddr,
    /// The client as far as the request's headers can be believed; else the same as `address`.
    pub client: IpAddr,
    /// The certificate that it has shown, verified. Only where the listener asks for one.
    pub certificate: Option<Arc<ClientCertificate>>,
}

impl Peer {
    /// Before any header has been read.
    fn of(address: SocketAddr, certificate: Option<Arc<ClientCertificate>>) -> Self {
        Self { address, client: address.ip().to_canonical(), certificate }
    }
}

/// Limits of a listener and its connections. The composition root fills it from the configuration.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Connections open at once. Over it, new ones wait in the kernel's accept backlog.
    pub max_connections: u32,
    /// Longest time from accept to the end of the PROXY header and of the TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time from the first byte of an HTTP/1 request head (or from accept, for the first request of a
    /// connection) to its end.
    pub header_read_timeout: Duration,
    /// How long a connection without open requests is kept. Load balancers reuse a connection for about
    /// 60 s: ours must close later than theirs, or requests race with the close and fail.
    pub idle_timeout: Duration,
    /// How long a client may take no byte at all while we have something to write: on the socket, or on a stream of HTTP/2.
    pub write_timeout: Duration,
    /// How long a stopping listener keeps an HTTP/1 connection that rests, for a request that is on its way already. Closing at
    /// once would cross it, and a load balancer must not send a POST twice, because nobody knows whether it was read.
    pub linger: Duration,
    /// Header fields of one HTTP/1 request.
    pub max_headers: usize,
    /// Bytes of a request head, in both versions of HTTP. HTTP/1 rounds it up to 8 KiB, the least that hyper
    /// buffers.
    pub max_header_bytes: u32,
    /// Open streams of one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// How often an HTTP/2 peer is pinged, to find dead ones.
    pub http2_keep_alive_interval: Duration,
    /// How long an HTTP/2 peer may take to answer a ping.
    pub http2_keep_alive_timeout: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(60),
            linger: Duration::from_secs(1),
            max_headers: 100,
            max_header_bytes: 32 * 1024,
            max_concurrent_streams: 250,
            http2_keep_alive_interval: Duration::from_secs(30),
            http2_keep_alive_timeout: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests;
