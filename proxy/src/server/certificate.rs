//! The certificate that a client has shown: the names that authentication may go by.
//!
//! That it is genuine has been checked by the handshake; what its names allow is for `auth/` to say.

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A verified client certificate's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The subject's distinguished name, such as `CN=batch, O=Example`.
    pub subject: String,
    /// The serial number in hexadecimal, as its authority's list of revocations has it.
    pub serial: String,
    /// DNS names of the subject alternative name.
    pub dns_names: Vec<String>,
    /// URIs of the subject alternative name, a SPIFFE id among them.
    pub uris: Vec<String>,
    /// When it ends.
    pub not_after: Timestamp,
}

/// Why a certificate cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is not one of X.509: {0}")]
pub struct CertificateError(String);

impl ClientCertificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it is not X.509 (RFC 5280), or ends at a time that no calendar has.
    pub fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let refuse = |error: &dyn std::fmt::Display| CertificateError(error.to_string());
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| refuse(&error))?;
        let not_after = Timestamp::from_second(certificate.validity().not_after.timestamp())
            .map_err(|error| refuse(&error))?;
        let names = certificate.subject_alternative_name().map_err(|error| refuse(&error))?;
        let (mut dns_names, mut uris) = (Vec::new(), Vec::new());
        for name in names.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => dns_names.push((*name).to_owned()),
                GeneralName::URI(uri) => uris.push((*uri).to_owned()),
                _ => {}
            }
        }
        Ok(Self {
            subject: certificate.subject().to_string(),
            serial: certificate.raw_serial_as_string(),
            dns_names,
            uris,
            not_after,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn names_are_read() {
        let mut params = CertificateParams::new(vec!["batch.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "batch");
        params.subject_alt_names.push(SanType::URI("spiffe://example/batch".try_into().unwrap()));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = ClientCertificate::read(certificate.der()).unwrap();
        assert!(read.subject.contains("CN=batch"), "{read:?}");
        assert_eq!(read.dns_names, ["batch.example"]);
        assert_eq!(read.uris, ["spiffe://example/batch"]);
        assert!(!read.serial.is_empty() && read.not_after > Timestamp::now());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(ClientCertificate::read(&bytes).is_err());
        }
    }
}
