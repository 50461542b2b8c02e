//! The HTTP/1.1 client under the calls: connections by hyper, and a pool of those at rest.
//!
//! HTTP/1.1 because a stream then has a connection of its own: one lost connection costs one stream, and dropping a stream closes
//! it, which is how Bedrock learns that nobody reads any more.

mod body;
mod link;
mod pool;

use std::error::Error as StdError;
use std::future::poll_fn;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use super::config::UpstreamConfig;
use super::connect::{ConnectTimeout, TimedConnector};
use super::error::{UpstreamError, UpstreamErrorKind, UpstreamSetupError};
use super::https_proxy::ProxyConnector;
pub use body::AnswerBody;
use link::{Link, SendFault};
use pool::{Place, Pool};

/// Probes on a quiet connection: a peer that vanished is found 30 s after its last sign of life, however long the answer may take,
/// and in time for another region. The first, the time between them, and how many stay without an answer.
const TCP_KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(15), Duration::from_secs(5), 3);

/// How long what was sent may stay without an acknowledgment: while something is on its way there are no probes.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

type BoxError = Box<dyn StdError + Send + Sync>;

/// The client of all calls. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    connector: TimedConnector<HttpsConnector<ProxyConnector>>,
    pool: Arc<Pool>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The URL leads nowhere.
    #[error("the url has no host")]
    NoHost,
    /// There is no connection.
    #[error("no connection")]
    Connect(#[source] BoxError),
    /// The connection broke before the answer began.
    #[error("the connection broke")]
    Lost(#[source] hyper::Error),
}

impl HttpClient {
    /// Sends a request with an absolute URL, over a connection at rest or a new one.
    ///
    /// A connection at rest may turn out to have been closed, in which case nothing was sent and another one is tried. Dropping the
    /// future, or the body of the answer, closes the connection.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn request(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<AnswerBody>, RequestError> {
        let uri = request.uri().clone();
        let (Some(scheme), Some(authority)) = (uri.scheme().cloned(), uri.authority().cloned()) else {
            return Err(RequestError::NoHost);
        };
        let place = Place { scheme, authority };
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
        if !request.headers().contains_key(HOST) {
            let host = HeaderValue::from_str(&host(&uri)).map_err(|_| RequestError::NoHost)?;
            request.headers_mut().insert(HOST, host);
        }
        while let Some(mut link) = self.pool.take(&place) {
            match link.send(request).await {
                Ok(response) => return Ok(self.answer(response, link, place)),
                Err(SendFault::Unsent(unsent, _closed)) => request = *unsent,
                Err(SendFault::Lost(error)) => return Err(RequestError::Lost(error)),
            }
        }
        let mut link = self.connect(uri).await?;
        match link.send(request).await {
            Ok(response) => Ok(self.answer(response, link, place)),
            Err(SendFault::Unsent(_, error) | SendFault::Lost(error)) => Err(RequestError::Lost(error)),
        }
    }

    /// Closes connections that have rested for long or that the other side has closed. To be called every few seconds.
    pub fn close_unused(&self) {
        self.pool.close_unused();
    }

    #[cfg(test)]
    pub(super) fn resting(&self) -> usize {
        self.pool.resting()
    }

    async fn connect(&self, uri: Uri) -> Result<Link, RequestError> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(RequestError::Connect)?;
        let io = connector.call(uri).await.map_err(RequestError::Connect)?;
        Link::over(io).await.map_err(RequestError::Lost)
    }

    fn answer(
        &self,
        response: Response<hyper::body::Incoming>,
        link: Link,
        place: Place,
    ) -> Response<AnswerBody> {
        response.map(|incoming| AnswerBody::new(incoming, link, Arc::clone(&self.pool), place))
    }
}

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
    Ok(HttpClient {
        connector: TimedConnector::new(https, config.connect_timeout),
        pool: Arc::new(Pool::new(config.pool_idle_timeout, config.pool_max_idle_per_host)),
    })
}

/// The `host` header: the authority without a port that is the scheme's own.
pub(super) fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.port_u16(), uri.scheme_str()) {
        (None, _) | (Some(443), Some("https")) | (Some(80), Some("http")) => host.to_owned(),
        (Some(port), _) => format!("{host}:{port}"),
    }
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
pub(super) fn transport_error(error: RequestError, uri: &Uri) -> UpstreamError {
    use UpstreamErrorKind as Kind;
    let host = uri.authority().map_or("bedrock", |authority| authority.as_str());
    let (kind, message) = if let Some(limit) = connect_limit(&error) {
        let limit = limit.as_secs_f32();
        (
            Kind::ConnectTimeout,
            format!("no connection to {host} within {limit} s (connect_timeout); is it routed and resolved?"),
        )
    } else if matches!(error, RequestError::Connect(_) | RequestError::NoHost) {
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
fn connect_limit(error: &RequestError) -> Option<Duration> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(present) = cause {
        if let Some(timeout) = present.downcast_ref::<ConnectTimeout>() {
            return Some(timeout.limit);
        }
        cause = present.source();
    }
    None
}
