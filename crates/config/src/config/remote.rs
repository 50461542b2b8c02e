//! Where Consul and Vault are reached, and by which certificates: the same for both.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// Where a server of HashiCorp's listens. Displays as a URL, `http://`, `https://` or `unix://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteAddress {
    /// An http or https URL.
    Url(Url),
    /// A Unix socket, by its absolute path.
    Unix(PathBuf),
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url.as_str().trim_end_matches('/')),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// The certificates of a connection to it. All are absent where the address is not https.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteTlsConfig {
    /// The authorities that are trusted in place of the machine's own, in PEM.
    pub ca_file: Option<PathBuf>,
    /// The client certificate, in PEM; there is a key where it is.
    pub cert_file: Option<PathBuf>,
    /// The client certificate's private key, in PEM.
    pub key_file: Option<PathBuf>,
    /// The name in its certificate, where it is not that of the address.
    pub server_name: Option<String>,
}
