//! The PKI engine: certificates for keys that stay where they were made.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{below, envelope};
use crate::transport::{Call, HashistackError, Transport};

/// A mount of the engine.
#[derive(Debug, Clone, Copy)]
pub struct PkiEngine<'c> {
    transport: &'c Transport,
    mount: &'c str,
}

/// What is to be signed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SigningRequest {
    /// The certificate signing request, in PEM.
    pub csr: String,
    /// The subject's common name, which the role has to allow.
    pub common_name: String,
    /// Further names, parted by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alt_names: String,
    /// IP addresses, parted by commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip_sans: String,
    /// URIs, parted by commas: a SPIFFE id is one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uri_sans: String,
    /// How long it is to last, such as `72h`; as the role says where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

/// A certificate, in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SignedCertificate {
    /// The certificate itself.
    pub certificate: String,
    /// Who signed it.
    pub issuing_ca: String,
    /// Who signed it and who vouches for them, up to the root or the last that Vault knows.
    #[serde(default)]
    pub ca_chain: Vec<String>,
    /// When it ends, in seconds since the epoch.
    pub expiration: i64,
    /// Its serial number in hexadecimal, parted by colons.
    pub serial_number: String,
}

impl SignedCertificate {
    /// The certificate and those that vouch for it, as far as Vault knows them, the certificate itself first.
    pub fn chain(&self) -> String {
        let mut chain = self.certificate.trim().to_owned();
        for authority in self.ca_chain.iter().map(|pem| pem.trim()) {
            chain.push('\n');
            chain.push_str(authority);
        }
        chain.push('\n');
        chain
    }
}

impl<'c> PkiEngine<'c> {
    pub(super) fn new(transport: &'c Transport, mount: &'c str) -> Self {
        Self { transport, mount }
    }

    /// Makes an authority whose key never leaves Vault, and makes it the one that signs.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where the time, such as `87600h`, is longer than the mount allows.
    pub async fn generate_root(&self, common_name: &str, ttl: &str) -> Result<(), HashistackError> {
        let body = json!({ "common_name": common_name, "ttl": ttl });
        let call = below(Call::post, self.mount, "root")?.path("generate/internal")?.json(&body)?;
        self.transport.send(&call).await.map(drop)
    }

    /// Has a request signed by the rules of a role.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where the role does not allow a name, or is gone.
    pub async fn sign(
        &self,
        role: &str,
        request: &SigningRequest,
    ) -> Result<SignedCertificate, HashistackError> {
        let call = below(Call::post, self.mount, "sign")?.segment(role)?.json(request)?;
        let answer = self.transport.send(&call).await?;
        let read: envelope::Envelope<SignedCertificate> = envelope::read(&answer)?;
        Ok(read.data)
    }
}
