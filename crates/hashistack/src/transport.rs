//! One transport for every product: it sends a call with the token in force and reads a bounded answer.
//!
//! Owns connections, certificates, tokens, limits and errors. What paths and bodies mean is for the clients.

mod address;
mod answer;
mod call;
mod client;
mod dialect;
mod error;
mod identity;
mod one_login;
mod retry;
mod stamp;
mod tls;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

pub use address::{Address, AddressError};
pub use answer::{Answer, Head, OpenAnswer};
pub use call::{Call, CallName, MAX_ANSWER};
pub use dialect::Dialect;
pub use error::{HashistackError, Refusal};
pub use identity::ClientIdentity;
#[cfg(test)]
pub(crate) use one_login::LEAST_PAUSE;
pub(crate) use one_login::{Issued, Issuer, OneLogin};
pub use retry::Retries;
pub use tls::{TlsConfig, TlsError};
pub use token::{Login, Pending, TokenError, TokenFile, TokenSource};

use call::CallToken;
use client::{ClientSettings, HttpClient};

/// How long a connection may take: the agent is on this machine or in this datacenter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a call may take in all. Consul's own client has no limit; a server that needs longer than this will not answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a refusal's text is kept: a sentence, not a page.
const REFUSAL_TEXT: usize = 512;

/// What a transport is made of.
#[derive(Debug)]
pub struct TransportConfig {
    /// Where the server listens.
    pub address: Address,
    /// Certificates, for an `https://` address.
    pub tls: TlsConfig,
    /// Where tokens come from.
    pub token: TokenSource,
    /// The product's names for things.
    pub dialect: &'static Dialect,
    /// Parameters of every call: namespace, partition, datacenter, region.
    pub query: Vec<(&'static str, String)>,
    /// Headers of every call, where a product has its namespace there.
    pub headers: http::HeaderMap,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a call may take where it names no limit of its own.
    pub call_timeout: Duration,
}

impl TransportConfig {
    /// The server at this address, without a token, in the product's default namespace.
    pub fn new(address: Address, dialect: &'static Dialect) -> Self {
        Self {
            address,
            tls: TlsConfig::default(),
            token: TokenSource::None,
            dialect,
            query: Vec::new(),
            headers: http::HeaderMap::new(),
            connect_timeout: CONNECT_TIMEOUT,
            call_timeout: CALL_TIMEOUT,
        }
    }
}

/// Sends calls to one server. Clones share connections and the token.
#[derive(Clone)]
pub struct Transport {
    shared: Arc<Shared>,
    /// Parameters of every call.
    query: Arc<[(&'static str, String)]>,
    retries: Option<Retries>,
}

struct Shared {
    client: HttpClient,
    /// What paths are put after.
    base: String,
    /// The server, as messages name it.
    server: Arc<str>,
    token: TokenSource,
    dialect: &'static Dialect,
    headers: http::HeaderMap,
    call_timeout: Duration,
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transport").field("server", &self.shared.server).finish_non_exhaustive()
    }
}

impl Transport {
    /// Prepares a client; nothing is sent yet, and no token is read.
    ///
    /// # Errors
    /// When a certificate cannot be used, or `server_name` is no host name.
    pub fn new(config: TransportConfig) -> Result<Self, HashistackError> {
        let server = format!("{} {}", config.dialect.product, config.address);
        let base = match &config.tls.server_name {
            Some(name) if config.address.is_https() => config.address.named(name)?.base().to_owned(),
            _ => config.address.base().to_owned(),
        };
        let settings = ClientSettings {
            address: config.address,
            tls: config.tls,
            connect_timeout: config.connect_timeout,
        };
        let shared = Shared {
            client: HttpClient::new(settings)?,
            base,
            server: server.into(),
            token: config.token,
            dialect: config.dialect,
            headers: config.headers,
            call_timeout: config.call_timeout,
        };
        Ok(Self { shared: Arc::new(shared), query: config.query.into(), retries: None })
    }

    /// The same transport, whose calls have another value of this parameter.
    pub(crate) fn with_query(&self, name: &'static str, value: String) -> Self {
        let others = self.query.iter().filter(|(known, _)| *known != name).cloned();
        let query = others.chain([(name, value)]).collect();
        Self { query, ..self.clone() }
    }

    /// The same transport, which sends calls that may be repeated again when their failure may pass.
    pub fn retrying(&self, retries: Retries) -> Self {
        Self { retries: Some(retries), ..self.clone() }
    }

    /// The same transport, which sends every call once.
    pub fn without_retries(&self) -> Self {
        Self { retries: None, ..self.clone() }
    }

    /// Why the certificates as they are now are not in force, if they are not: new ones that cannot be used leave the old
    /// ones in force.
    pub fn certificate_fault(&self) -> Option<Arc<HashistackError>> {
        self.shared.client.fault()
    }

    /// Sends the call and reads the whole answer.
    ///
    /// # Errors
    /// Everything but a status of 2xx, and those that the call accepts.
    pub async fn send(&self, call: &Call) -> Result<Answer, HashistackError> {
        match self.retries {
            Some(retries) if call.idempotent => self.send_again(call, retries).await,
            _ => self.send_once(call).await,
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Answer, HashistackError> {
        let after = call.timeout.unwrap_or(self.shared.call_timeout);
        let whole = async { self.open(call).await?.read(call.max_answer).await };
        match tokio::time::timeout(after, whole).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(HashistackError::TimedOut { call: self.name(call), after }),
        }
    }

    /// Sends the call and leaves the body of the answer to the caller, chunk by chunk.
    ///
    /// # Errors
    /// As [`Self::send`], as far as the head tells.
    pub async fn open(&self, call: &Call) -> Result<OpenAnswer, HashistackError> {
        let token = match &call.token {
            CallToken::OfTransport => self.shared.token.token().await?,
            CallToken::Own(token) => Some(token.clone()),
            CallToken::None => None,
        };
        let refusal = match self.judge(call, self.dispatch(call, token.as_ref()).await?).await {
            Err(HashistackError::Refused(refusal))
                if refusal.status == 403 && matches!(call.token, CallToken::OfTransport) =>
            {
                refusal
            }
            judged => return judged,
        };
        // A 403 was not executed, so that any call may be sent once more with another token.
        match self.shared.token.replacement(token.as_ref(), &refusal).await? {
            Some(other) => self.judge(call, self.dispatch(call, Some(&other)).await?).await,
            None => Err(refusal.into()),
        }
    }

    async fn dispatch(
        &self,
        call: &Call,
        token: Option<&SecretString>,
    ) -> Result<OpenAnswer, HashistackError> {
        let common = self.query.iter().map(|(name, value)| (*name, value.as_str()));
        let url = format!("{}{}", self.shared.base, call.target(common));
        let mut request = self
            .shared
            .client
            .current()
            .await
            .request(call.method.clone(), url)
            .headers(self.shared.headers.clone())
            .body(call.body.open().await?);
        if let Some(token) = token {
            request = request.header(self.shared.dialect.token, token::header(token)?);
        }
        let patience = call.timeout.unwrap_or(self.shared.call_timeout);
        let call = self.name(call);
        let sent = tokio::time::timeout(patience, request.send()).await;
        let response = match sent {
            Ok(response) => response.map_err(|error| unreachable(&call, error))?,
            Err(_elapsed) => return Err(HashistackError::TimedOut { call, after: patience }),
        };
        let head = Head::read(response.status().as_u16(), response.headers(), self.shared.dialect);
        Ok(OpenAnswer { head, call, response, patience })
    }

    /// Parts answers from refusals.
    async fn judge(&self, call: &Call, open: OpenAnswer) -> Result<OpenAnswer, HashistackError> {
        let Head { status, index, .. } = open.head;
        if (200..300).contains(&status) || call.accepted.contains(&status) {
            return Ok(open);
        }
        let call = open.call.clone();
        let text = open.beginning(REFUSAL_TEXT).await;
        let text = (self.shared.dialect.words)(&text).unwrap_or(text);
        Err(Refusal { call, status, text, index }.into())
    }

    fn name(&self, call: &Call) -> CallName {
        CallName {
            method: call.method.clone(),
            path: call.path.clone(),
            server: Arc::clone(&self.shared.server),
        }
    }
}

/// A failure of the connection, without its URL: the query is not for messages, and the call is named beside it.
fn unreachable(call: &CallName, error: reqwest::Error) -> HashistackError {
    HashistackError::Unreachable { call: call.clone(), source: Box::new(error.without_url()) }
}

#[cfg(test)]
mod tests;
