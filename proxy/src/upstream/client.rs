//! The client: one call as a line of attempts, each signed, sent and read.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Error as ClientError;
use tokio::time::{Instant, sleep, timeout_at};

use super::attempt::Attempts;
use super::clock::{SigningClock, WallClock};
use super::config::UpstreamConfig;
use super::connect::ConnectTimeout;
use super::credentials::{CachedCredentials, CredentialError, SigningCredentials, chain};
use super::endpoint::Endpoint;
use super::error::{UpstreamError, UpstreamErrorKind, UpstreamSetupError};
use super::event_stream::EventStream;
use super::http_client::{self, HttpClient};
use super::reply::{self, Reply};
use super::retry::{self, Decision, Failure};
use super::sign;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("nova-proxy/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// One call: what to ask of which model, where.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// A model id, inference profile id or ARN, not encoded.
    pub model_id: &'a str,
    /// The region to ask.
    pub region: &'a str,
    /// The Converse request in JSON, sent as it is.
    pub body: Bytes,
    /// Replaces the configured limit, for a caller with a deadline of its own.
    pub first_byte_timeout: Option<Duration>,
}

/// Talks to Bedrock Runtime. Cheap to clone; clones share connections and credentials.
#[derive(Debug, Clone)]
pub struct BedrockClient {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: UpstreamConfig,
    endpoint: Endpoint,
    http: HttpClient,
    credentials: Arc<CachedCredentials>,
    clock: SigningClock,
}

impl BedrockClient {
    /// Builds the client. Nothing is connected and no credentials are loaded before the first call.
    ///
    /// # Errors
    /// The endpoint settings are wrong, or the machine has no root certificates.
    pub fn new(
        config: UpstreamConfig,
        credentials: Arc<CachedCredentials>,
        now: WallClock,
    ) -> Result<Self, UpstreamSetupError> {
        let endpoint = Endpoint::from_config(&config)?;
        let http =
            http_client::build(&config, endpoint.is_tls()).map_err(UpstreamSetupError::RootCertificates)?;
        let clock = SigningClock::new(now);
        Ok(Self { shared: Arc::new(Shared { config, endpoint, http, credentials, clock }) })
    }

    /// How far Bedrock's clock is ahead of this machine's, in seconds, once a refused signature has taught it. For metrics.
    pub fn clock_offset_seconds(&self) -> i64 {
        self.shared.clock.offset_seconds()
    }

    /// Asks for a whole answer.
    ///
    /// Every attempt is recorded in `attempts`, also when the call is dropped.
    ///
    /// # Errors
    /// The last attempt's failure; see [`UpstreamErrorKind`].
    pub async fn converse(&self, call: &Call<'_>, attempts: &mut Attempts) -> Result<Reply, UpstreamError> {
        self.run::<Converse>(call, attempts).await
    }

    /// Asks for a streamed answer. Resolves when its first event has come, so that an exception sent before keeps its meaning and
    /// can be tried again.
    ///
    /// Every attempt is recorded in `attempts`, also when the call is dropped. What goes wrong after the first event is reported
    /// by the stream and never tried again.
    ///
    /// # Errors
    /// The last attempt's failure; see [`UpstreamErrorKind`].
    pub async fn converse_stream(
        &self,
        call: &Call<'_>,
        attempts: &mut Attempts,
    ) -> Result<EventStream, UpstreamError> {
        self.run::<ConverseStream>(call, attempts).await
    }

    async fn run<O: Operation>(
        &self,
        call: &Call<'_>,
        attempts: &mut Attempts,
    ) -> Result<O::Answer, UpstreamError> {
        let shared = &*self.shared;
        let began = Instant::now();
        let request = Prepared::new(&shared.endpoint, call, O::PATH)?;
        let mut credentials = shared.credentials.get().await.map_err(no_credentials)?;
        let mut made = 0;
        let mut refusal_answered = false;
        loop {
            let open = attempts.begin(call.region);
            let result = shared.attempt::<O>(&request, call, &credentials).await;
            let mut error = match result {
                Ok(answer) => {
                    open.answered(O::aws_request_id(&answer));
                    return Ok(answer);
                }
                Err(error) => error,
            };
            open.failed(&error);
            error.retried = made;
            made += 1;
            let failure = Failure {
                kind: error.kind,
                phase: error.phase,
                attempts: made,
                elapsed: began.elapsed(),
                retry_after: error.retry_after,
                clock_corrected: error.clock_corrected,
                refusal_answered,
            };
            refusal_answered |= error.kind == UpstreamErrorKind::CredentialsRejected;
            credentials = match retry::decide(&shared.config.retry, &failure, retry::draw()) {
                Decision::Stop => return Err(error),
                Decision::RetryAfter(delay) => {
                    sleep(delay).await;
                    shared.credentials.get().await.map_err(no_credentials)?
                }
                Decision::RetryWithFreshCredentials => match shared.credentials.replace(&credentials).await {
                    Ok(Some(fresh)) => fresh,
                    Ok(None) => return Err(error),
                    Err(failure) => return Err(not_replaced(error, &failure)),
                },
            };
        }
    }
}

impl Shared {
    async fn attempt<O: Operation>(
        &self,
        request: &Prepared,
        call: &Call<'_>,
        credentials: &SigningCredentials,
    ) -> Result<O::Answer, UpstreamError> {
        let limit = call.first_byte_timeout.unwrap_or(self.config.first_byte_timeout);
        let deadline = Instant::now() + limit;
        let signed = request.sign(call, credentials, &self.clock)?;
        let response = match timeout_at(deadline, self.http.request(signed)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(transport_error(error, &request.uri)),
            Err(_elapsed) => {
                let waited = limit.as_secs_f32();
                return Err(UpstreamError::new(
                    UpstreamErrorKind::FirstByteTimeout,
                    format!("bedrock did not begin to answer within {waited} s (first_byte_timeout)"),
                ));
            }
        };
        if response.status() == StatusCode::OK && !response.headers().contains_key("x-amzn-errortype") {
            return O::read(response, deadline, &self.config).await;
        }
        let date = response.headers().get(DATE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut error = reply::read_refusal(response, self.config.stream_idle_timeout).await;
        if error.kind == UpstreamErrorKind::CredentialsRejected {
            error.clock_corrected = date.is_some_and(|date| self.clock.learn(&date));
        }
        Err(error)
    }
}

/// What is the same in every attempt of a call.
struct Prepared {
    uri: Uri,
    headers: HeaderMap,
    body_sha256: String,
}

impl Prepared {
    fn new(endpoint: &Endpoint, call: &Call<'_>, path: &str) -> Result<Self, UpstreamError> {
        let bad = UpstreamErrorKind::BadRequestParts;
        let uri = endpoint
            .uri(call.region, call.model_id, path)
            .map_err(|error| UpstreamError::new(bad, chain(&error)))?;
        let mut headers = HeaderMap::with_capacity(8);
        let host = HeaderValue::from_str(&host(&uri)).map_err(|error| {
            UpstreamError::new(bad, "the endpoint's host is no header value").with_source(error)
        })?;
        headers.insert(HOST, host);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(call.body.len()));
        headers.insert(USER_AGENT, AGENT);
        Ok(Self { uri, headers, body_sha256: sign::body_sha256(&call.body) })
    }

    fn sign(
        &self,
        call: &Call<'_>,
        credentials: &SigningCredentials,
        clock: &SigningClock,
    ) -> Result<Request<Full<Bytes>>, UpstreamError> {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = Method::POST;
        parts.uri = self.uri.clone();
        parts.headers = self.headers.clone();
        sign::sign(&mut parts, &self.body_sha256, call.region, credentials.identity(), clock.now()).map_err(
            |error| {
                let message = format!("the request cannot be signed: {}", chain(&error));
                UpstreamError::new(UpstreamErrorKind::BadRequestParts, message)
            },
        )?;
        Ok(Request::from_parts(parts, Full::new(call.body.clone())))
    }
}

/// The `host` header: the authority without a port that is the scheme's own.
fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    match (uri.port_u16(), uri.scheme_str()) {
        (None, _) | (Some(443), Some("https")) | (Some(80), Some("http")) => host.to_owned(),
        (Some(port), _) => format!("{host}:{port}"),
    }
}

/// One of Bedrock's operations, as far as they differ.
trait Operation {
    type Answer;
    const PATH: &'static str;

    /// Reads a success.
    fn read(
        response: Response<Incoming>,
        deadline: Instant,
        config: &UpstreamConfig,
    ) -> impl Future<Output = Result<Self::Answer, UpstreamError>> + Send;

    fn aws_request_id(answer: &Self::Answer) -> Option<&str>;
}

struct Converse;
struct ConverseStream;

impl Operation for Converse {
    type Answer = Reply;
    const PATH: &'static str = "converse";

    async fn read(
        response: Response<Incoming>,
        _deadline: Instant,
        config: &UpstreamConfig,
    ) -> Result<Reply, UpstreamError> {
        reply::read_reply(response, config.stream_idle_timeout, config.max_reply_bytes).await
    }

    fn aws_request_id(answer: &Reply) -> Option<&str> {
        answer.aws_request_id.as_deref()
    }
}

impl Operation for ConverseStream {
    type Answer = EventStream;
    const PATH: &'static str = "converse-stream";

    async fn read(
        response: Response<Incoming>,
        deadline: Instant,
        config: &UpstreamConfig,
    ) -> Result<EventStream, UpstreamError> {
        if !reply::has_media_type(response.headers(), EVENT_STREAM) {
            return Err(reply::read_unexpected(response, config.stream_idle_timeout, EVENT_STREAM).await);
        }
        let request_id = reply::aws_request_id(response.headers()).map(Into::into);
        let mut stream = EventStream::new(response.into_body(), request_id, config.stream_idle_timeout);
        stream.peek_first(deadline).await?;
        Ok(stream)
    }

    fn aws_request_id(answer: &EventStream) -> Option<&str> {
        answer.aws_request_id()
    }
}

fn transport_error(error: ClientError, uri: &Uri) -> UpstreamError {
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

fn no_credentials(error: Arc<CredentialError>) -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::NoCredentials, chain(&error))
}

/// The refusal, with why there were no other credentials to try.
fn not_replaced(mut refusal: UpstreamError, failure: &CredentialError) -> UpstreamError {
    refusal.message =
        format!("{} (and loading other credentials failed: {})", refusal.message, chain(failure)).into();
    refusal
}
