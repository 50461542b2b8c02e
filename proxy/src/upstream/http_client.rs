//! The pooled HTTP/1.1 client under the calls.
//!
//! HTTP/1.1 because a stream then has a connection of its own: one lost connection costs one stream, and dropping a stream closes
//! it, which is how Bedrock learns that nobody reads any more.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use super::config::UpstreamConfig;
use super::connect::TimedConnector;

/// Probes on a quiet connection, so that a stream whose peer vanished is found even before its idle limit.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// The client type of all calls.
pub type HttpClient = Client<TimedConnector<HttpsConnector<HttpConnector>>, Full<Bytes>>;

/// Builds the client. With `tls` it speaks `https` only; without, which only an endpoint override can ask for, `http` only.
///
/// # Errors
/// The machine's root certificates cannot be read, or there are none.
pub fn build(config: &UpstreamConfig, tls: bool) -> io::Result<HttpClient> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    let https = if tls {
        HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(aws_lc_rs::default_provider())?
            .https_only()
            .enable_http1()
            .wrap_connector(tcp)
    } else {
        // An empty root store: should an `https` URL ever get here, its handshake fails instead of trusting anybody.
        let no_roots = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        HttpsConnectorBuilder::new()
            .with_tls_config(no_roots)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp)
    };
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.pool_idle_timeout)
        .pool_max_idle_per_host(config.pool_max_idle_per_host)
        .build(TimedConnector::new(https, config.connect_timeout)))
}
