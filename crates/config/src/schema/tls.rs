//! `tls { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RawVaultCertificate;

/// The certificate of the listeners: of files, which are read again when they change and on SIGHUP, or of Vault's PKI engine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTls {
    /// The path of the file with the certificate and its chain, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) cert_file: Option<String>,
    /// The path of the file with the certificate's private key, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) key_file: Option<String>,
    /// The certificate of Vault's PKI engine, in place of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vault_certificate: Option<RawVaultCertificate>,
    /// The path of the file with the authorities of client certificates, in PEM. With it, a client without a certificate of theirs is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) client_ca_file: Option<String>,
    /// The oldest version of TLS that is spoken.
    #[serde(default)]
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) min_version: TlsVersion,
    /// Whether the metrics listener speaks TLS too, under the same rules.
    #[serde(default)]
    #[schemars(extend("x-tier" = "bootstrap"))]
    pub(crate) metrics: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}
