//! The pooled HTTP/1.1 client under the calls.
//!
//! HTTP/1.1 because a stream then has a connection of its own: one lost connection costs one stream, and dropping a stream closes
//! it, which is how Bedrock learns that nobody reads any more.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::config::UpstreamConfig;
use super::connect::{ConnectTimeout, TimedConnector};
use super::error::{UpstreamError, UpstreamErrorKind, UpstreamSetupError};
use super::https_proxy::ProxyConnector;

/// Probes on a quiet connection: a peer that vanished is found 30 s after its last sign of life, however long the answer may take,
/// and in time for another region. The first, the time between them, and how many stay without an answer.
const TCP_KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(15), Duration::from_secs(5), 3);

/// How long what was sent may stay without an acknowledgment: while something is on its way there are no probes.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// The client type of all calls.
pub type HttpClient = Client<TimedConnector<HttpsConnector<ProxyConnector>>, Full<Bytes>>;

/// Which schemes the client speaks. `http` is for endpoint overrides alone.
#[derive(Debug, Clone, Copy)]
pub struct Schemes {
    /// Over TLS.
    pub https: bool,
    /// In the clear.
    pub http: bool,
}

/// Builds the client. Without `https` no root certificates are needed, and none are trusted.
///
/// # Errors
/// The root certificates cannot be read, or there are none.
pub fn build(config: &UpstreamConfig, schemes: Schemes) -> Result<HttpClient, UpstreamSetupError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let (first, every, unanswered) = TCP_KEEPALIVE;
    tcp.set_keepalive(Some(first));
    tcp.set_keepalive_interval(Some(every));
    tcp.set_keepalive_retries(Some(unanswered));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    let tcp = ProxyConnector::new(tcp, config.proxy.clone());
    let builder = HttpsConnectorBuilder::new();
    let builder = if !schemes.https {
        // An empty root store: should an `https` URL ever get here, its handshake fails instead of trusting anybody.
        builder.with_tls_config(tls(RootCertStore::empty()).map_err(UpstreamSetupError::RootCertificates)?)
    } else if let Some(path) = &config.ca_file {
        let fault = |source| UpstreamSetupError::CaFile { path: path.clone(), source };
        builder.with_tls_config(bundle(path).and_then(tls).map_err(fault)?)
    } else {
        let native = builder.with_provider_and_native_roots(aws_lc_rs::default_provider());
        native.map_err(UpstreamSetupError::RootCertificates)?
    };
    let builder = if schemes.http { builder.https_or_http() } else { builder.https_only() };
    let https = builder.enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(config.pool_idle_timeout)
        .pool_max_idle_per_host(config.pool_max_idle_per_host)
        .build(TimedConnector::new(https, config.connect_timeout)))
}

fn tls(roots: RootCertStore) -> io::Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// The certificates of a PEM file, of which there must be one at least.
fn bundle(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(io::Error::other)? {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::other("it holds no certificate"));
    }
    Ok(roots)
}

/// What a failure of the HTTP client is: no connection, or a connection lost.
pub(super) fn transport_error(error: ClientError, uri: &Uri) -> UpstreamError {
    use UpstreamErrorKind as Kind;
    let host = uri.authority().map_or("bedrock", |authority| authority.as_str());
    let (kind, message) = if let Some(limit) = connect_limit(&error) {
        let limit = limit.as_secs_f32();
        (
            Kind::ConnectTimeout,
            format!("no connection to {host} within {limit} s (connect_timeout); is it routed and resolved?"),
        )
    } else if error.is_connect() {
        (
            Kind::ConnectFailed,
            format!("no connection to {host}; check dns, routes, firewalls and certificates"),
        )
    } else {
        (Kind::ConnectionLost, format!("the connection to {host} broke before it began to answer"))
    };
    UpstreamError::new(kind, message).with_source(error)
}

/// The limit, when it is the connection's setup that took too long.
fn connect_limit(error: &ClientError) -> Option<Duration> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(present) = cause {
        if let Some(timeout) = present.downcast_ref::<ConnectTimeout>() {
            return Some(timeout.limit);
        }
        cause = present.source();
    }
    None
}
