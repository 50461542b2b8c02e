//! Where a server listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// The address of an HTTP API: `http://`, `https://`, or `unix://` with the absolute path of a socket.
///
/// A bare `host:port` means `http://`, as HashiCorp's own clients take it. A path after the host is kept: it is that of a
/// reverse proxy in front of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    base: Url,
    socket: Option<PathBuf>,
}

/// Why a text is no address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It cannot be read as a URL.
    #[error("{text:?} is no address; write http://host:port, https://host:port or unix:///path/to/socket")]
    NoUrl {
        /// The text.
        text: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// It is a URL that an API cannot have.
    #[error(
        "the address {text:?} {why}; write http://host:port, https://host:port or unix:///path/to/socket"
    )]
    Unfit {
        /// The text, without its password if it had one.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Address {
    /// The URL that paths are put after: without a query, and without a slash at its end.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The socket, where the address is one.
    pub(super) fn socket(&self) -> Option<&PathBuf> {
        self.socket.as_ref()
    }

    /// True when connections are made with TLS.
    pub fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The host of the URL; `localhost` for a socket.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    /// The same address with another host: that which the certificate is for.
    pub(super) fn named(&self, host: &str) -> Result<Self, AddressError> {
        let mut base = self.base.clone();
        let fault = |source| AddressError::NoUrl { text: host.to_owned(), source };
        base.set_host(Some(host)).map_err(fault)?;
        if !matches!(base.host(), Some(url::Host::Domain(_))) {
            return Err(AddressError::Unfit {
                text: host.to_owned(),
                why: "is no host name for server_name",
            });
        }
        Ok(Self { base, socket: self.socket.clone() })
    }

    fn of_socket(text: &str, path: &str) -> Result<Self, AddressError> {
        if !path.starts_with('/') || path.len() == 1 {
            let why = "names no absolute path of a socket";
            return Err(AddressError::Unfit { text: text.to_owned(), why });
        }
        let fault = |source| AddressError::NoUrl { text: text.to_owned(), source };
        Ok(Self { base: Url::parse("http://localhost").map_err(fault)?, socket: Some(PathBuf::from(path)) })
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::of_socket(text, path);
        }
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let base =
            Url::parse(&whole).map_err(|source| AddressError::NoUrl { text: text.to_owned(), source })?;
        let unfit = |why| {
            // A password must not get into a message.
            let shown = if base.password().is_some() { "…" } else { text };
            Err(AddressError::Unfit { text: shown.to_owned(), why })
        };
        if !matches!(base.scheme(), "http" | "https") {
            return unfit("has a scheme that no API is served by");
        }
        if !base.username().is_empty() || base.password().is_some() {
            return unfit("holds a user or a password, which no API here reads");
        }
        if base.query().is_some() || base.fragment().is_some() {
            return unfit("holds a query or a fragment");
        }
        Ok(Self { base, socket: None })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(formatter, "unix://{}", path.display()),
            None => formatter.write_str(self.base()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("http://127.0.0.1:8500", "http://127.0.0.1:8500", false)]
    #[case::bare("127.0.0.1:8500", "http://127.0.0.1:8500", false)]
    #[case::bare_name("consul.internal:8500", "http://consul.internal:8500", false)]
    #[case::tls("https://consul.internal:8501/", "https://consul.internal:8501", true)]
    #[case::path("https://gate.internal/consul/", "https://gate.internal/consul", true)]
    #[case::v6("http://[::1]:8500", "http://[::1]:8500", false)]
    #[case::socket("unix:///run/consul.sock", "unix:///run/consul.sock", false)]
    fn addresses_of_every_form_are_read(#[case] text: &str, #[case] shown: &str, #[case] https: bool) {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_string(), shown);
        assert_eq!(address.is_https(), https);
    }

    #[rstest]
    #[case::empty("", "is no address")]
    #[case::scheme("ftp://consul:21", "has a scheme that no API is served by")]
    #[case::password("http://user:secret@consul:8500", "holds a user or a password")]
    #[case::query("http://consul:8500/?token=secret", "holds a query")]
    #[case::relative_socket("unix://consul.sock", "names no absolute path")]
    fn an_unfit_address_is_refused_with_what_to_write(#[case] text: &str, #[case] why: &str) {
        let message = text.parse::<Address>().unwrap_err().to_string();
        assert!(message.contains(why) && message.contains("https://host:port"), "{message}");
        assert!(!message.contains("user:secret"), "{message}");
    }

    #[test]
    fn the_name_of_a_certificate_replaces_the_host_alone() {
        let address: Address = "https://10.0.0.7:8501/consul".parse().unwrap();
        assert_eq!(
            address.named("server.dc1.consul").unwrap().base(),
            "https://server.dc1.consul:8501/consul"
        );
        assert!(address.named("10.0.0.8").is_err());
    }
}
