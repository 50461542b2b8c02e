//! The rules of where a server of HashiCorp's is reached, and by which certificates.

use std::path::PathBuf;

use url::Url;

use super::{Broken, rule};
use crate::config::{RemoteAddress, RemoteTlsConfig};

/// The fields of a block that says where a server is, as faults name them.
pub struct RemoteFields {
    /// The name of the product.
    pub product: &'static str,
    /// An address that it may have.
    pub example: &'static str,
    /// The URL.
    pub address: &'static str,
    /// The authorities of its certificate.
    pub ca_file: &'static str,
    /// The client's certificate.
    pub cert_file: &'static str,
    /// The key of that.
    pub key_file: &'static str,
    /// The name in its certificate.
    pub server_name: &'static str,
}

impl RemoteFields {
    /// Checks the address, and the fields of the certificates in the order of [`RemoteFields`]. What is wrong is put into `broken`;
    /// there is nothing where the address cannot be used.
    #[must_use]
    pub fn check(
        &self,
        address: &str,
        tls: [&Option<String>; 4],
        broken: &mut Vec<Broken>,
    ) -> Option<(RemoteAddress, RemoteTlsConfig)> {
        let tls = self.tls(address, tls, broken);
        Some((self.address(address, broken)?, tls))
    }

    fn address(&self, text: &str, broken: &mut Vec<Broken>) -> Option<RemoteAddress> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Some(RemoteAddress::Unix(PathBuf::from(path)));
        }
        let problem = match Url::parse(text) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                format!("holds a user name, and {} wants a token", self.product)
            }
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                "has a query or a fragment, which a base URL cannot have".to_owned()
            }
            Ok(url) => return Some(RemoteAddress::Url(url)),
            Err(error) => format!("is not a URL ({error})"),
        };
        let fix = format!("write scheme, host and port, such as \"{}\"", self.example);
        broken.push(rule(self.address, problem, fix));
        None
    }

    fn tls(&self, address: &str, asked: [&Option<String>; 4], broken: &mut Vec<Broken>) -> RemoteTlsConfig {
        let [ca_file, cert_file, key_file, server_name] = asked;
        if !address.starts_with("https://") {
            // Who names certificates believes that the token travels encrypted.
            let fields = [self.ca_file, self.cert_file, self.key_file, self.server_name];
            for (field, _) in fields.into_iter().zip(asked).filter(|(_, value)| value.is_some()) {
                let problem = format!("asks for TLS, and {} does not begin with https://", self.address);
                broken.push(rule(
                    field,
                    problem,
                    "write an https address, or take it out, of the environment too",
                ));
            }
        }
        match (cert_file, key_file) {
            (Some(_), None) => {
                let fix = "write key_file (the path of the file with the certificate's private key)";
                broken.push(rule(self.cert_file, "stands without key_file", fix));
            }
            (None, Some(_)) => {
                let fix = "write cert_file (the path of the file with the client certificate)";
                broken.push(rule(self.key_file, "stands without cert_file", fix));
            }
            _ => {}
        }
        RemoteTlsConfig {
            ca_file: ca_file.as_ref().map(PathBuf::from),
            cert_file: cert_file.as_ref().map(PathBuf::from),
            key_file: key_file.as_ref().map(PathBuf::from),
            server_name: server_name.clone(),
        }
    }
}
