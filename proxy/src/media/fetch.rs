//! The fetch itself: judge the URL, resolve, judge the addresses, connect to one of these, read within limits.
//!
//! Each fetch has a connection of its own, driven by the fetch's future: no pool whose connections were judged
//! for another request, and nothing that outlives a cancelled fetch.

mod connect;
mod resolve;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, LOCATION, USER_AGENT};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector};
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;
use url::{Host, Position, Url};

use super::address::{AddressKind, classify};
use super::{FetchError, FetchedImage, ImageFetchSettings, ImageMediaType};
use connect::CheckedAddresses;
pub use resolve::{Resolve, SystemResolver};

/// A response head over these limits is no image server's.
const MAX_RESPONSE_HEADERS: usize = 100;
const MAX_RESPONSE_HEAD_BYTES: usize = 64 * 1024;

const AGENT: HeaderValue = HeaderValue::from_static("nova-proxy-image-fetch");
const ACCEPTED: HeaderValue = HeaderValue::from_static("image/png, image/jpeg, image/gif, image/webp");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Fetches images within an operator's limits.
#[derive(Debug)]
pub struct ImageFetcher<R = SystemResolver> {
    settings: ImageFetchSettings,
    resolver: R,
    tls: Arc<ClientConfig>,
    turns: Semaphore,
}

/// One step of a fetch: the image, or where it went.
enum Answer {
    Image(FetchedImage),
    Elsewhere(Url),
}

impl ImageFetcher {
    /// A fetcher with the system's resolver and trusted certificates. Reads certificate files.
    ///
    /// # Errors
    ///
    /// When the system has no trusted certificates, or TLS cannot be set up.
    pub fn with_system(settings: ImageFetchSettings) -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_native_roots()?
            .with_no_client_auth();
        Ok(Self::new(settings, SystemResolver, tls))
    }
}

impl<R: Resolve> ImageFetcher<R> {
    /// A fetcher with a resolver and TLS settings of the caller's.
    pub fn new(settings: ImageFetchSettings, resolver: R, tls: ClientConfig) -> Self {
        let turns = Semaphore::new(settings.max_concurrent.clamp(1, Semaphore::MAX_PERMITS));
        Self { settings, resolver, tls: Arc::new(tls), turns }
    }

    /// Fetches the image that `url` names.
    ///
    /// # Errors
    ///
    /// What [`FetchError`] lists, as a text for the caller of the API.
    pub async fn fetch(&self, url: &Url) -> Result<FetchedImage, FetchError> {
        if self.settings.allow_hosts.is_empty() {
            return Err(FetchError::Disabled);
        }
        // Judged before the turn, so that what can never be fetched waits for nobody.
        self.check_url(url)?;
        let limit = self.settings.timeout;
        let deadline = Instant::now() + limit;
        let Ok(Ok(_turn)) = timeout_at(deadline, self.turns.acquire()).await else {
            return Err(FetchError::Busy);
        };
        timeout_at(deadline, self.follow(url)).await.map_err(|_| FetchError::Timeout { limit })?
    }

    async fn follow(&self, first: &Url) -> Result<FetchedImage, FetchError> {
        let limit = self.settings.max_redirects;
        let mut answer = self.ask(first, self.addresses(first).await?).await?;
        for _ in 0..limit {
            let target = match answer {
                Answer::Image(image) => return Ok(image),
                Answer::Elsewhere(target) => target,
            };
            let judged = match self.check_url(&target) {
                Ok(()) => self.addresses(&target).await,
                Err(refusal) => Err(refusal),
            };
            let addresses = judged.map_err(|refusal| FetchError::RedirectNotAllowed {
                host: host_text(first),
                source: Box::new(refusal),
            })?;
            answer = self.ask(&target, addresses).await?;
        }
        match answer {
            Answer::Image(image) => Ok(image),
            Answer::Elsewhere(_) => Err(FetchError::TooManyRedirects { limit }),
        }
    }

    /// Judges what can be told without the network.
    fn check_url(&self, url: &Url) -> Result<(), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Credentials);
        }
        if self.settings.allow_hosts.iter().any(|pattern| pattern.allows(url)) {
            Ok(())
        } else {
            let port = url.port_or_known_default().unwrap_or_default();
            Err(FetchError::HostNotAllowed { host: host_text(url), port })
        }
    }

    /// Resolves the host and judges every address: one that is not allowed refuses them all, since a name that
    /// stands for both kinds is meant to be tried twice.
    async fn addresses(&self, url: &Url) -> Result<CheckedAddresses, FetchError> {
        let host = host_text(url);
        let addresses = match url.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) => self.resolver.resolve(name).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let allowed = |kind| match kind {
            AddressKind::Public => true,
            AddressKind::Private => self.settings.allow_private_networks,
            AddressKind::Metadata => false,
        };
        if addresses.is_empty() {
            Err(FetchError::NoAddress { host })
        } else if addresses.iter().all(|address| allowed(classify(*address))) {
            Ok(CheckedAddresses::new(&addresses, url.port_or_known_default().unwrap_or_default()))
        } else {
            Err(FetchError::AddressNotAllowed { host })
        }
    }

    /// One request on one connection to addresses that were judged for it.
    async fn ask(&self, url: &Url, addresses: CheckedAddresses) -> Result<Answer, FetchError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| FetchError::Connection {
            host: host_text(url),
            source,
        };
        let uri: Uri = url.as_str().parse().map_err(|error: http::uri::InvalidUri| failed(error.into()))?;
        let stream =
            HttpsConnector::from((addresses, Arc::clone(&self.tls))).call(uri).await.map_err(failed)?;
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(MAX_RESPONSE_HEADERS)
            .max_buf_size(MAX_RESPONSE_HEAD_BYTES)
            .handshake(stream)
            .await
            .map_err(|error| failed(error.into()))?;
        let request = request(url).map_err(|error| failed(error.into()))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| failed(error.into()))?;
            self.read(url, response).await
        };
        drive(connection, answer).await
    }

    async fn read(&self, url: &Url, response: Response<Incoming>) -> Result<Answer, FetchError> {
        let status = response.status();
        if status.is_redirection()
            && let Some(location) = response.headers().get(LOCATION)
        {
            return redirect_target(url, location)
                .map(Answer::Elsewhere)
                .ok_or_else(|| FetchError::Redirect { host: host_text(url) });
        }
        if !status.is_success() {
            return Err(FetchError::Status { host: host_text(url), status: status.as_u16() });
        }
        let bytes = self.read_body(url, response.into_body()).await?;
        let media_type = ImageMediaType::sniff(&bytes).ok_or(FetchError::MediaType)?;
        Ok(Answer::Image(FetchedImage { bytes, media_type }))
    }

    /// Counts what comes, whatever length the server claims.
    async fn read_body(&self, url: &Url, body: Incoming) -> Result<Bytes, FetchError> {
        let limit = self.settings.max_bytes;
        let mut body = pin!(body);
        let mut image = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame
                .map_err(|error| FetchError::Connection { host: host_text(url), source: error.into() })?;
            let Ok(bytes) = frame.into_data() else { continue };
            if bytes.len() > limit.saturating_sub(image.len()) {
                return Err(FetchError::TooLarge { limit });
            }
            image.extend_from_slice(&bytes);
            // What is no image by its first bytes is not read to its end.
            if image.len() >= SNIFFED_BYTES && ImageMediaType::sniff(&image).is_none() {
                return Err(FetchError::MediaType);
            }
        }
        Ok(image.freeze())
    }
}

/// As many bytes as the longest signature needs.
const SNIFFED_BYTES: usize = 14;

/// Polls the connection beside the exchange it carries, in one future.
async fn drive<T>(
    connection: impl Future<Output = hyper::Result<()>>,
    exchange: impl Future<Output = T>,
) -> T {
    let (mut connection, mut exchange) = (pin!(connection), pin!(exchange));
    tokio::select! {
        biased;
        answer = exchange.as_mut() => return answer,
        // A failure reaches the exchange too, as that of its request or body.
        _ended = connection.as_mut() => {}
    }
    exchange.await
}

fn request(url: &Url) -> http::Result<Request<Empty<Bytes>>> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let host = &url[Position::BeforeHost..Position::AfterPort];
    Request::get(target)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, ACCEPTED)
        .header(ACCEPT_ENCODING, IDENTITY)
        .body(Empty::new())
}

/// Where a redirect leads, as seen from `url`. Never from https to http: what was asked for in private would be
/// answered in the open.
fn redirect_target(url: &Url, location: &HeaderValue) -> Option<Url> {
    let target = url.join(location.to_str().ok()?).ok()?;
    (url.scheme() != "https" || target.scheme() != "http").then_some(target)
}

/// The host for a message: as written, without path and query, which may hold a signature.
fn host_text(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
