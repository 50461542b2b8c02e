//! The client: one call as a line of attempts, each signed, sent and read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderValue, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};

use super::attempt::Attempts;
use super::clock::{SigningClock, WallClock};
use super::config::UpstreamConfig;
use super::credentials::{CachedCredentials, CredentialError, SigningCredentials, chain};
use super::endpoint::Endpoint;
use super::error::{UpstreamError, UpstreamErrorKind, UpstreamSetupError};
use super::event_stream::EventStream;
use super::http_client::{self, HttpClient, Schemes};
use super::operation::{Converse, ConverseStream, Operation};
use super::region::{self, Spill};
use super::reply::{self, Reply};
use super::request::{self, PreparedRequest};
use super::retry::{self, Decision, Failure};

/// One call: what to ask of which model, where.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// A model id, inference profile id or ARN, not encoded.
    pub model_id: &'a str,
    /// The region to ask.
    pub region: &'a str,
    /// The request in JSON, sent as it is.
    pub body: Bytes,
    /// Replaces the configured limit, for a caller with a deadline of its own.
    pub first_byte_timeout: Option<Duration>,
    /// Failures that are given back at once, because another region stands ready for them.
    pub spill: Spill,
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
    /// The header that stands in for signatures, where a Bedrock API key is given.
    bearer: Option<HeaderValue>,
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
        let regions = || [&config.region].into_iter().chain(&config.failover_regions);
        let schemes = Schemes {
            https: regions().any(|region| endpoint.is_tls(region)),
            http: regions().any(|region| !endpoint.is_tls(region)),
        };
        if let Some(proxy) = &config.proxy {
            for region in regions().filter(|region| endpoint.is_tls(region)) {
                proxy.check(&endpoint.uri(region, "check", Converse::PATH)?)?;
            }
        }
        let http = http_client::build(&config, schemes)?;
        let clock = SigningClock::new(now);
        let bearer = credentials.bearer_key().map(request::bearer).transpose()?;
        Ok(Self { shared: Arc::new(Shared { config, endpoint, http, credentials, bearer, clock }) })
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

    /// Closes connections that nobody uses. To be called every few seconds.
    pub fn close_unused_connections(&self) {
        self.shared.http.close_unused();
    }

    /// How many connections rest.
    #[cfg(test)]
    pub(super) fn resting_connections(&self) -> usize {
        self.shared.http.resting()
    }

    /// Tells how long after its beginning a request may still turn to another region or attempt.
    pub fn retry_budget(&self) -> Duration {
        self.shared.config.retry.total_budget
    }

    pub(crate) async fn run<O: Operation>(
        &self,
        call: &Call<'_>,
        attempts: &mut Attempts,
    ) -> Result<O::Answer, UpstreamError> {
        let shared = &*self.shared;
        let began = Instant::now();
        let request = PreparedRequest::new(&shared.endpoint, call, O::PATH)?;
        let mut credentials = shared.credentials().await?;
        let mut made = 0;
        let mut refusal_answered = false;
        loop {
            let open = attempts.begin(call.region);
            let result = shared.attempt::<O>(&request, call, credentials.as_deref()).await;
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
            if region::moves_on(call.spill, error.kind, error.phase) {
                return Err(error);
            }
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
                    shared.credentials().await?
                }
                Decision::RetryWithFreshCredentials => match shared.fresh(credentials.as_deref()).await {
                    Ok(Some(fresh)) => Some(fresh),
                    Ok(None) => return Err(error),
                    Err(failure) => return Err(not_replaced(error, &failure)),
                },
            };
        }
    }
}

impl Shared {
    /// What to sign with; none where a Bedrock API key stands in.
    async fn credentials(&self) -> Result<Option<Arc<SigningCredentials>>, UpstreamError> {
        match &self.bearer {
            Some(_) => Ok(None),
            None => self.credentials.get().await.map(Some).map_err(no_credentials),
        }
    }

    /// Others than the refused ones, if there are any.
    async fn fresh(
        &self,
        refused: Option<&SigningCredentials>,
    ) -> Result<Option<Arc<SigningCredentials>>, Arc<CredentialError>> {
        match refused {
            Some(refused) => self.credentials.replace(refused).await,
            None => Ok(None),
        }
    }

    async fn attempt<O: Operation>(
        &self,
        request: &PreparedRequest,
        call: &Call<'_>,
        credentials: Option<&SigningCredentials>,
    ) -> Result<O::Answer, UpstreamError> {
        let limit = call.first_byte_timeout.unwrap_or(self.config.first_byte_timeout);
        let deadline = Instant::now() + limit;
        let signed_at = self.clock.now();
        let signed = match (&self.bearer, credentials) {
            (None, Some(credentials)) => request.sign(call, credentials, &self.clock)?,
            (bearer, _) => request.with_authorization(call, bearer.as_ref()),
        };
        let response = match timeout_at(deadline, self.http.request(signed)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(http_client::transport_error(error, &request.uri)),
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
            error.clock_corrected = date.is_some_and(|date| self.clock.learn(&date, signed_at));
        }
        Err(error)
    }
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
