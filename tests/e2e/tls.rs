//! A certificate that is renewed under the running program. Handshakes themselves are tested where they are made.

use std::path::Path;

use anyhow::Context;
use base64::Engine;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rcgen::{CertificateParams, KeyPair};
use rustix::process::Signal;

use crate::bed::{Bed, Settings, proxy_command};

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Writes a new self-signed pair; `with_key` says whether its key is written too.
fn renew(folder: &Path, with_key: bool) {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["nova.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("cert.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
    if with_key {
        std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    }
}

fn settings(folder: &Path) -> Settings {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let rest =
        format!("tls {{\n  cert_file = \"{}\"\n  key_file = \"{}\"\n}}", cert.display(), key.display());
    Settings { rest, ..Settings::default() }
}

/// Waits until the proxy has logged a text this many times.
async fn logged(bed: &Bed, times: usize, text: &str) {
    wait_for(&format!("{times} times {text:?}"), DEADLINE, async || {
        let log = bed.proxy.as_ref().context("no proxy")?.stderr()?;
        Ok(if log.matches(text).count() >= times { Look::Ready(()) } else { Look::NotYet(log) })
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_applied_and_a_half_renewed_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    renew(folder.path(), true);
    let mut bed = Bed::with(settings(folder.path())).await.unwrap();
    logged(&bed, 1, "TLS certificate in force").await;

    renew(folder.path(), false);
    logged(&bed, 1, "TLS certificate refused, the last good one stays in force").await;
    assert!(bed.metrics_page().await.unwrap().contains("nova_proxy_tls_reloads_total"));
    renew(folder.path(), true);
    logged(&bed, 2, "TLS certificate in force").await;
    bed.own_proxy().unwrap().signal(Signal::HUP).unwrap();
    logged(&bed, 3, "TLS certificate in force").await;
    assert!(bed.own_proxy().unwrap().is_running().unwrap());
}

#[tokio::test]
async fn a_start_with_a_certificate_that_is_not_there_says_which_file() {
    let folder = tempfile::tempdir().unwrap();
    let bed = Bed::start().await.unwrap();
    let config = bed.write_config(&settings(folder.path())).unwrap();
    let finished =
        proxy_command().unwrap().args(["serve", "--json", "--config"]).arg(config).finish().await.unwrap();
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("cert.pem; check the path"), "{}", finished.stderr);
}
