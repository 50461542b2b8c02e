//! One POST of JSON to somebody else's address: to ask whether a rollout may go on, and to tell what it did.
//!
//! Owns which addresses are called, the limits, the signature, and what a status means. When it is asked and what comes of the
//! answer is for the gates; tries after a failure are for `notify`.

mod signature;

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use nova_hashistack::TlsConfig;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use url::{Host, Url};

pub use signature::SIGNATURE_HEADER;

/// How much of an answer is kept as its reason: a sentence, not a page.
const REASON: usize = 256;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a call may take at most, whatever a policy says. Whoever is asked answers what is known; who has to think says no, and is
/// asked again.
pub const LONGEST: Duration = Duration::from_secs(30);

/// Which addresses may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destinations {
    /// Whether `http://` is taken for other hosts than this machine. What is sent and what is answered can be changed on the way then.
    pub allow_plain_http: bool,
    /// The hosts that may be called; any where there are none. Whoever may write a policy chooses an address among them.
    pub hosts: Vec<String>,
}

/// An address, with what shows there who calls.
#[derive(Clone, Debug)]
pub struct Endpoint {
    url: Url,
    timeout: Duration,
    token: Option<SecretString>,
    secret: Option<SecretString>,
}

/// Why an address is not called.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It cannot be read.
    #[error("{text:?} is no url; write https://host/path")]
    NoUrl {
        /// The text, without what may be secret in it.
        text: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// It is not one that is allowed.
    #[error("{host} is not called: {why}")]
    Refused {
        /// The host.
        host: String,
        /// Why not, and what to do.
        why: &'static str,
    },
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status of 2xx: yes.
    Open,
    /// A status of 4xx: no, with what was said.
    Refused(String),
}

/// Why there is neither a yes nor a no.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No whole answer came.
    #[error("{host} gave no answer")]
    Unreachable {
        /// The host.
        host: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is neither.
    #[error("{host} answered with {status}, which is neither 2xx nor 4xx; redirects are not followed")]
    Unexpected {
        /// The host.
        host: String,
        /// The status.
        status: u16,
    },
    /// What was to be sent cannot be written.
    #[error("what was to be sent to {host} cannot be written as json")]
    Body {
        /// The host.
        host: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

/// Why no calls can be made at all.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The certificates of authorities cannot be used.
    #[error(transparent)]
    Tls(#[from] nova_hashistack::transport::TlsError),
    /// The client cannot be built.
    #[error("the client for webhooks cannot be built")]
    Client(#[source] reqwest::Error),
}

/// Calls endpoints. Clones share connections.
#[derive(Clone, Debug)]
pub struct Webhooks {
    client: reqwest::Client,
}

impl Endpoint {
    /// An address that may be called.
    ///
    /// # Errors
    /// When it is none, or not one of those that are allowed.
    pub fn new(text: &str, timeout: Duration, allowed: &Destinations) -> Result<Self, EndpointError> {
        let url = Url::parse(text).map_err(|source| {
            // What follows the host may be a secret.
            let told: String = text.split(['?', '#']).next().unwrap_or_default().chars().take(60).collect();
            EndpointError::NoUrl { text: told, source }
        })?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let refused = |why| Err(EndpointError::Refused { host: host.clone(), why });
        match url.scheme() {
            "https" => {}
            "http" if allowed.allow_plain_http || is_this_machine(&url) => {}
            "http" => {
                return refused(
                    "it is neither https:// nor on this machine; use https://, or allow plain http",
                );
            }
            _ => return refused("its scheme is neither https nor http"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it has a name or a password in it; calls are signed with a secret of their own");
        }
        if !allowed.hosts.is_empty() && !allowed.hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) {
            return refused("the agent's configuration does not list its host");
        }
        Ok(Self { url, timeout: timeout.min(LONGEST), token: None, secret: None })
    }

    /// The same, whose calls carry this token: `authorization: Bearer`.
    #[must_use]
    pub fn with_token(self, token: Option<SecretString>) -> Self {
        Self { token, ..self }
    }

    /// The same, whose calls are signed with this secret: [`SIGNATURE_HEADER`].
    #[must_use]
    pub fn signed(self, secret: Option<SecretString>) -> Self {
        Self { secret, ..self }
    }

    /// The host, which is what messages name: the rest may be secret.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl Webhooks {
    /// A client that trusts these authorities, or those of the system.
    ///
    /// # Errors
    /// When their certificates cannot be used.
    pub fn new(tls: &TlsConfig) -> Result<Self, ClientError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.read()?)
            // Where the policy says, and nowhere else: neither a variable of the environment nor an answer leads calls astray.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("nova-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError::Client)?;
        Ok(Self { client })
    }

    /// Posts `body`, signed for the moment `at` where the endpoint has a secret.
    ///
    /// # Errors
    /// When no answer comes in time, or one that is neither 2xx nor 4xx, or the token is none that a header can hold.
    pub async fn post<T: Serialize + ?Sized>(
        &self,
        endpoint: &Endpoint,
        body: &T,
        at: jiff::Timestamp,
    ) -> Result<Reply, WebhookError> {
        let host = || endpoint.host().to_owned();
        let body: Bytes =
            serde_json::to_vec(body).map_err(|source| WebhookError::Body { host: host(), source })?.into();
        let mut request = self
            .client
            .post(endpoint.url.clone())
            .timeout(endpoint.timeout)
            .header("content-type", "application/json")
            .body(body.clone());
        if let Some(token) = &endpoint.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(secret) = &endpoint.secret {
            request = request.header(SIGNATURE_HEADER, signature::of(secret, at, &body));
        }
        // The URL is left out of what is told: its path and query may be a secret.
        let unreachable =
            |source: reqwest::Error| WebhookError::Unreachable { host: host(), source: source.without_url() };
        let response = request.send().await.map_err(unreachable)?;
        match response.status().as_u16() {
            200..=299 => Ok(Reply::Open),
            status @ 400..=499 => {
                let said = beginning(response).await;
                Ok(Reply::Refused(if said.is_empty() { format!("status {status}") } else { said }))
            }
            status => Err(WebhookError::Unexpected { host: host(), status }),
        }
    }
}

/// The beginning of an answer as one line of text. A status is an answer with or without it.
async fn beginning(mut response: reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < REASON {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            _ => break,
        }
    }
    bytes.truncate(REASON);
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    String::from_utf8_lossy(&bytes).chars().map(plain).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;
