//! The way of AWS's own libraries to STS and its kin: the same connections as calls to Bedrock have.
//!
//! Certificates, proxies and timeouts of connections are thereby one set of rules, and a network that lets Bedrock through lets
//! the credentials through too.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient as AwsHttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use tokio::time::timeout;

use super::config::UpstreamConfig;
use super::error::UpstreamSetupError;
use super::http_client::{self, HttpClient, Schemes};

/// Credentials are a few KiB; whatever is longer is something else.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The limit of one exchange, beside that of its connection, where AWS's library has none.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);

/// A client for AWS's libraries that connects as calls with `config` do.
///
/// # Errors
/// The bundle of certificates cannot be used. The machine's own are read when they are first needed, which takes longer than the rest of
/// the start and mostly never comes: credentials of the environment or of a metadata service need none.
pub(crate) fn client(config: &UpstreamConfig) -> Result<SharedHttpClient, UpstreamSetupError> {
    let transport = Transport(Arc::new(Lazy::new(config)));
    if config.ca_file.is_some() {
        transport.0.get()?;
    }
    Ok(SharedHttpClient::new(transport))
}

#[derive(Debug, Clone)]
struct Transport(Arc<Lazy>);

/// A client that is built when it is first used.
#[derive(Debug)]
pub(super) struct Lazy {
    config: UpstreamConfig,
    http: OnceLock<HttpClient>,
}

impl Lazy {
    pub(super) fn new(config: &UpstreamConfig) -> Self {
        Self { config: config.clone(), http: OnceLock::new() }
    }

    pub(super) fn get(&self) -> Result<HttpClient, UpstreamSetupError> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let both = Schemes { https: true, http: true };
        let http = match http_client::build(&self.config, both) {
            // A machine without certificates of its own: a call over TLS fails on its own, and others may do without.
            Err(UpstreamSetupError::RootCertificates(_)) => {
                http_client::build(&self.config, Schemes { https: false, ..both })?
            }
            built => built?,
        };
        Ok(self.http.get_or_init(|| http).clone())
    }
}

impl AwsHttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let (connect, read) = (settings.connect_timeout(), settings.read_timeout());
        let limit = connect.unwrap_or_default() + read.unwrap_or(EXCHANGE_LIMIT);
        SharedHttpConnector::new(Exchange { http: Arc::clone(&self.0), limit })
    }
}

#[derive(Debug)]
struct Exchange {
    http: Arc<Lazy>,
    limit: Duration,
}

impl HttpConnector for Exchange {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (http, limit) = (Arc::clone(&self.http), self.limit);
        HttpConnectorFuture::new(async move {
            let http = http.get().map_err(|error| ConnectorError::user(error.into()))?;
            timeout(limit, exchange(http, request))
                .await
                .map_err(|late| ConnectorError::timeout(late.into()))?
        })
    }
}

async fn exchange(http: HttpClient, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    let response = http.request(http::Request::from_parts(parts, Full::new(body))).await;
    let response = response.map_err(|error| ConnectorError::io(error.into()))?;
    let (parts, body) = response.into_parts();
    let body: Bytes =
        Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(ConnectorError::io)?.to_bytes();
    let response = http::Response::from_parts(parts, SdkBody::from(body));
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}
