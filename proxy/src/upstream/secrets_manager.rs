//! AWS Secrets Manager: one call, GetSecretValue, signed and sent as calls to Bedrock are.
//!
//! Source: "AWS Secrets Manager API Reference", GetSecretValue, in the protocol AWS JSON 1.1.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::aws_http::Lazy;
use super::clock::{SigningClock, WallClock};
use super::config::UpstreamConfig;
use super::credentials::{CachedCredentials, CredentialError, SigningCredentials};
use super::endpoint::{dns_suffix, is_region};
use super::error::UpstreamSetupError;
use super::exception::Exception;
use super::http_client::{self, RequestError};
use super::sign::{self, SignError};

/// The standard variable of an endpoint that replaces AWS's own.
pub const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";
/// The name that calls are signed for, and that hosts begin with.
const SERVICE: &str = "secretsmanager";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const OPERATION: HeaderValue = HeaderValue::from_static("secretsmanager.GetSecretValue");
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
/// A secret has 64 KiB at most, in base64 a third more, and a name around it.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// The limit of one exchange, connection included.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);

/// Why no secret was given.
#[derive(Debug, thiserror::Error)]
pub enum SecretsManagerError {
    /// There is nothing to sign with.
    #[error("there are no aws credentials to ask AWS Secrets Manager with")]
    Credentials(#[source] Arc<CredentialError>),
    /// The region or the endpoint makes no URL.
    #[error(
        "AWS Secrets Manager has no address in `{region}`; check the region, and {ENDPOINT_VARIABLE} if it is set"
    )]
    Address {
        /// The region.
        region: String,
    },
    /// The request cannot be signed.
    #[error("the request to AWS Secrets Manager cannot be signed")]
    Sign(#[from] SignError),
    /// The certificates that calls trust cannot be used.
    #[error("AWS Secrets Manager cannot be called")]
    Setup(#[from] UpstreamSetupError),
    /// No connection, or it broke.
    #[error("AWS Secrets Manager at {host} gives no answer; check dns, routes, firewalls and certificates")]
    Unreachable {
        /// The host.
        host: String,
        /// What the connection said.
        #[source]
        source: RequestError,
    },
    /// The answer broke off, or is too large.
    #[error("the answer of AWS Secrets Manager cannot be read to its end")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("AWS Secrets Manager at {host} did not answer within {} s; can this machine reach it?", EXCHANGE_LIMIT.as_secs())]
    TimedOut {
        /// The host.
        host: String,
    },
    /// AWS refuses.
    #[error("AWS Secrets Manager refuses it: {exception}: {message}; {}", advice(exception))]
    Refused {
        /// The exception's name, or the status.
        exception: String,
        /// AWS's text.
        message: String,
    },
    /// What came is no secret.
    #[error(
        "AWS Secrets Manager answered with neither SecretString nor SecretBinary; is the endpoint its own?"
    )]
    NoSecret,
}

/// What to do about an exception of the API's reference.
fn advice(exception: &str) -> &'static str {
    match exception {
        "ResourceNotFoundException" => {
            "compare the name, or the ARN, and the region with what `aws secretsmanager list-secrets` shows"
        }
        "AccessDeniedException" => {
            "let the role use secretsmanager:GetSecretValue on it, and kms:Decrypt where a key of your own encrypts it"
        }
        "DecryptionFailure" => "its KMS key is gone, disabled, or closed to this role",
        "InvalidRequestException" => {
            "it may be marked for deletion: `aws secretsmanager restore-secret` brings it back"
        }
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            "check the credentials and the clock of this machine"
        }
        _ => "it is asked again",
    }
}

/// Reads secrets in one region, or in that of their ARN.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: Lazy,
    config: UpstreamConfig,
    /// Replaces AWS's own address.
    endpoint: Option<String>,
    credentials: Arc<CachedCredentials>,
    clock: SigningClock,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    secret_string: Option<SecretString>,
    secret_binary: Option<SecretString>,
}

impl SecretsManager {
    /// Prepares calls that connect as those to Bedrock do, signed with the same credentials. Nothing is sent.
    #[must_use]
    pub fn new(
        config: &UpstreamConfig,
        endpoint: Option<String>,
        credentials: Arc<CachedCredentials>,
        now: WallClock,
    ) -> Self {
        let (http, clock) = (Lazy::new(config), SigningClock::new(now));
        Self { shared: Arc::new(Shared { http, config: config.clone(), endpoint, credentials, clock }) }
    }

    /// The newest version of a secret, by its name or ARN.
    ///
    /// # Errors
    /// See [`SecretsManagerError`].
    pub async fn read(&self, id: &str) -> Result<SecretSlice<u8>, SecretsManagerError> {
        let shared = &*self.shared;
        let held = shared.credentials.get().await.map_err(SecretsManagerError::Credentials)?;
        let signed_at = shared.clock.now();
        let (status, date, body) = shared.exchange(id, &held).await?;
        let exception = match read(status, &body) {
            Ok(secret) => return Ok(secret),
            Err(Refused::NoSecret) => return Err(SecretsManagerError::NoSecret),
            Err(Refused::Exception(exception)) => exception,
        };
        // A refusal of the signature alone is worth a second try: with a clock that is right, or with other credentials.
        let name = exception.name.as_deref().unwrap_or_default();
        let is_of_signature = matches!(
            name,
            "InvalidSignatureException"
                | "RequestExpired"
                | "UnrecognizedClientException"
                | "ExpiredTokenException"
        );
        let is_clock = is_of_signature && date.is_some_and(|date| shared.clock.learn(&date, signed_at));
        let again = match (is_of_signature, is_clock) {
            (false, _) => None,
            (true, true) => Some(held),
            (true, false) => {
                shared.credentials.replace(&held).await.map_err(SecretsManagerError::Credentials)?
            }
        };
        let Some(held) = again else { return Err(refused(status, exception)) };
        let (status, _, body) = shared.exchange(id, &held).await?;
        read(status, &body).map_err(|refusal| match refusal {
            Refused::NoSecret => SecretsManagerError::NoSecret,
            Refused::Exception(exception) => refused(status, exception),
        })
    }
}

/// What is no secret.
enum Refused {
    Exception(Exception),
    NoSecret,
}

fn read(status: StatusCode, body: &[u8]) -> Result<SecretSlice<u8>, Refused> {
    if status != StatusCode::OK {
        return Err(Refused::Exception(Exception::parse(None, body)));
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_content| Refused::NoSecret)?;
    if let Some(text) = answer.secret_string {
        return Ok(SecretSlice::from(text.expose_secret().as_bytes().to_vec()));
    }
    let base64 = answer.secret_binary.ok_or(Refused::NoSecret)?;
    let bytes = STANDARD.decode(base64.expose_secret()).map_err(|_content| Refused::NoSecret)?;
    Ok(SecretSlice::from(bytes))
}

fn refused(status: StatusCode, exception: Exception) -> SecretsManagerError {
    let name = exception.name.unwrap_or_else(|| format!("status {}", status.as_u16()));
    SecretsManagerError::Refused { exception: name, message: exception.message }
}

impl Shared {
    /// The region of an ARN, else the home region.
    fn region<'a>(&'a self, id: &'a str) -> &'a str {
        let of_arn = id.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(2));
        of_arn.filter(|region| !region.is_empty()).unwrap_or(&self.config.region)
    }

    fn uri(&self, region: &str) -> Result<Uri, SecretsManagerError> {
        let address = || SecretsManagerError::Address { region: region.to_owned() };
        if !is_region(region) {
            return Err(address());
        }
        let url = match &self.endpoint {
            Some(endpoint) => format!("{}/", endpoint.trim_end_matches('/')),
            None => {
                let fips = if self.config.use_fips { "-fips" } else { "" };
                let suffix = dns_suffix(region, self.config.use_dual_stack);
                format!("https://{SERVICE}{fips}.{region}.{suffix}/")
            }
        };
        url.parse().map_err(|_invalid| address())
    }

    async fn exchange(
        &self,
        id: &str,
        held: &SigningCredentials,
    ) -> Result<(StatusCode, Option<String>, Bytes), SecretsManagerError> {
        let region = self.region(id);
        let uri = self.uri(region)?;
        let host = http_client::host(&uri);
        let body = Bytes::from(json!({ "SecretId": id }).to_string());
        let (mut parts, ()) = Request::new(()).into_parts();
        (parts.method, parts.uri) = (Method::POST, uri);
        let host_header = HeaderValue::from_str(&host);
        let host_header =
            host_header.map_err(|_| SecretsManagerError::Address { region: region.to_owned() })?;
        parts.headers.insert(HOST, host_header);
        parts.headers.insert(CONTENT_TYPE, JSON);
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        parts.headers.insert(TARGET, OPERATION);
        let digest = sign::body_sha256(&body);
        sign::sign_for(SERVICE, &mut parts, &digest, region, held.signer(), self.clock.now())?;
        let request = Request::from_parts(parts, Full::new(body));
        let http = self.http.get()?;
        let whole = async {
            let response = http.request(request).await;
            let response =
                response.map_err(|source| SecretsManagerError::Unreachable { host: host.clone(), source })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
            let body = body.map_err(SecretsManagerError::BrokenOff)?.to_bytes();
            let date = head.headers.get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
            Ok((head.status, date, body))
        };
        match timeout(EXCHANGE_LIMIT, whole).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(SecretsManagerError::TimedOut { host: host.clone() }),
        }
    }
}

#[cfg(test)]
mod tests;
