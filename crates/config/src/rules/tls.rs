//! The rules of `tls { … }`: one place that the certificate comes from, and what has to stand beside it.
//!
//! Whether the files are there, and whether Vault signs, are the program's to find.

use std::path::PathBuf;

use super::{Broken, rule, vault};
use crate::config::{CertificateConfig, TlsConfig};
use crate::schema::{RawTls, RawVaultCertificate};

/// What else the configuration has.
#[derive(Clone, Copy)]
pub(super) struct Beside {
    pub(super) has_metrics: bool,
    pub(super) has_vault: bool,
}

/// TLS of the listeners.
pub(super) fn tls(raw: &RawTls, beside: Beside, broken: &mut Vec<Broken>) -> Option<TlsConfig> {
    if raw.metrics && !beside.has_metrics {
        let fix = "write metrics (an address), or leave tls.metrics out";
        broken.push(rule("tls.metrics", "is true, and there is no metrics listener", fix));
    }
    let certificate = match &raw.vault_certificate {
        Some(of_vault) => signed(raw, of_vault, beside, broken),
        None => files(raw, broken),
    }?;
    Some(TlsConfig {
        certificate,
        client_ca_file: raw.client_ca_file.as_ref().map(PathBuf::from),
        min_version: raw.min_version,
        metrics: raw.metrics,
    })
}

fn files(raw: &RawTls, broken: &mut Vec<Broken>) -> Option<CertificateConfig> {
    match (&raw.cert_file, &raw.key_file) {
        (Some(cert), Some(key)) => {
            return Some(CertificateConfig::Files {
                cert_file: PathBuf::from(cert),
                key_file: PathBuf::from(key),
            });
        }
        (Some(_), None) => {
            let problem = "is written without tls.key_file";
            broken.push(rule("tls.cert_file", problem, "write the path of the file with its private key"));
        }
        (None, Some(_)) => {
            let problem = "is written without tls.cert_file";
            broken.push(rule("tls.key_file", problem, "write the path of the file with the certificate"));
        }
        (None, None) => {
            let fix = "write cert_file and key_file, or vault_certificate { role = … common_name = … }";
            broken.push(rule("tls", "names no certificate", fix));
        }
    }
    None
}

fn signed(
    raw: &RawTls,
    of_vault: &RawVaultCertificate,
    beside: Beside,
    broken: &mut Vec<Broken>,
) -> Option<CertificateConfig> {
    const PATH: &str = "tls.vault_certificate";
    let before = broken.len();
    if raw.cert_file.is_some() || raw.key_file.is_some() {
        let problem = "stands beside files, and a listener has one certificate";
        broken.push(rule(PATH, problem, "keep it, or cert_file and key_file"));
    }
    let certificate = vault::certificate(PATH, of_vault, beside.has_vault, broken);
    (broken.len() == before).then_some(CertificateConfig::Vault(certificate))
}
