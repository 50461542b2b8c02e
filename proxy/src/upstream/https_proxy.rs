//! The way to Bedrock through an HTTP proxy: `HTTPS_PROXY`, `NO_PROXY` and their families, by `CONNECT`.
//!
//! What the variables mean is hyper-util's to say. Only calls over TLS go through a proxy: what is called in the clear is a simulator or a
//! name within the customer's own network.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A proxy of a kind that is not spoken.
#[derive(Debug, thiserror::Error)]
#[error(
    "the proxy for {host} is reached by {scheme}, which is not supported; write http://host:port into HTTPS_PROXY"
)]
pub struct ProxyError {
    host: String,
    scheme: String,
}

/// Which hosts are reached through which proxy.
#[derive(Clone)]
pub struct HttpsProxy(Arc<Matcher>);

impl fmt::Debug for HttpsProxy {
    /// Without the proxy's address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpsProxy(..)")
    }
}

impl HttpsProxy {
    /// As `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, or their lower-case forms.
    #[must_use]
    pub fn from_env() -> Self {
        Self(Arc::new(Matcher::from_env()))
    }

    /// As if these were the values of `HTTPS_PROXY` and `NO_PROXY`.
    #[must_use]
    pub fn new(https_proxy: &str, no_proxy: &str) -> Self {
        Self(Arc::new(Matcher::builder().https(https_proxy.to_owned()).no(no_proxy.to_owned()).build()))
    }

    /// Whether the proxy for `target`, if there is one, can be used.
    ///
    /// # Errors
    /// It is reached by TLS or SOCKS.
    pub fn check(&self, target: &Uri) -> Result<(), ProxyError> {
        let Some(proxy) = self.0.intercept(target) else { return Ok(()) };
        match proxy.uri().scheme_str() {
            Some("http") => Ok(()),
            scheme => Err(ProxyError {
                host: target.host().unwrap_or_default().to_owned(),
                scheme: scheme.unwrap_or("nothing").to_owned(),
            }),
        }
    }
}

/// Makes TCP connections to a target, or to the proxy before it.
#[derive(Debug, Clone)]
pub struct ProxyConnector {
    tcp: HttpConnector,
    proxy: Option<HttpsProxy>,
}

impl ProxyConnector {
    /// Connects by `tcp`, through `proxy` where it says so.
    #[must_use]
    pub fn new(tcp: HttpConnector, proxy: Option<HttpsProxy>) -> Self {
        Self { tcp, proxy }
    }
}

impl Service<Uri> for ProxyConnector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let is_tls = target.scheme_str() == Some("https");
        let proxy = self.proxy.as_ref().filter(|_| is_tls);
        if let Some(Err(error)) = proxy.map(|proxy| proxy.check(&target)) {
            return Box::pin(std::future::ready(Err(error.into())));
        }
        let Some(through) = proxy.and_then(|proxy| proxy.0.intercept(&target)) else {
            let connecting = self.tcp.call(target);
            return Box::pin(async move { connecting.await.map_err(Into::into) });
        };
        let mut tunnel = Tunnel::new(through.uri().clone(), self.tcp.clone());
        if let Some(auth) = through.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let connecting = tunnel.call(target);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const BEDROCK: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/";

    #[rstest]
    #[case("", true)]
    #[case("other.example", true)]
    #[case(".amazonaws.com", false)]
    #[case("*", false)]
    fn no_proxy_names_hosts_that_are_called_directly(#[case] no_proxy: &str, #[case] proxied: bool) {
        let proxy = HttpsProxy::new("http://proxy.example:3128", no_proxy);
        assert_eq!(proxy.0.intercept(&Uri::from_static(BEDROCK)).is_some(), proxied);
    }

    #[rstest]
    #[case("http://proxy.example:3128", true)]
    #[case("proxy.example:3128", true)]
    #[case("https://proxy.example:3128", false)]
    #[case("socks5://proxy.example:1080", false)]
    fn a_proxy_of_another_kind_is_refused(#[case] https_proxy: &str, #[case] accepted: bool) {
        let checked = HttpsProxy::new(https_proxy, "").check(&Uri::from_static(BEDROCK));
        assert_eq!(checked.is_ok(), accepted, "{checked:?}");
    }

    #[test]
    fn the_proxy_s_password_does_not_show_in_debug_output() {
        let proxy = HttpsProxy::new("http://user:secret@proxy.example:3128", "");
        assert!(!format!("{proxy:?}").contains("secret"));
    }
}
