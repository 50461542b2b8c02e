//! The ways to a real Consul: its Unix socket, HTTPS with certificates of both sides, and a wire that is cut.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nova_hashistack::consul::snapshot::{SnapshotError, verify};
use nova_hashistack::consul::{Consistency, TxnOperation};
use nova_hashistack::{ConsulClient, ConsulConfig, HashistackError, TlsConfig};
use nova_test_support::server::{ConsulLaunch, ServerCertificate};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use nova_test_support::wire::{Mode, Wire};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

fn client(address: &str, tls: TlsConfig) -> anyhow::Result<ConsulClient> {
    Ok(ConsulClient::new(ConsulConfig { tls, ..ConsulConfig::new(address.parse()?) })?)
}

/// Bytes that do not compress.
fn noise(kib: u32, seed: u32) -> Vec<u8> {
    (0..kib * 256)
        .flat_map(|n| (n ^ seed).wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes())
        .collect()
}

#[tokio::test]
async fn a_unix_socket_leads_to_consul() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&format!("unix://{}", consul.socket().display()), TlsConfig::default())?;
    client.kv().put("nova/config", "x").await?;
    assert_eq!(client.kv().list("nova/", Consistency::Consistent).await?.value.len(), 1);
    Ok(())
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Writes `<file>.pem` and `<file>.key`.
    fn write(&self, folder: &Path, file: &str, name: &str) -> anyhow::Result<()> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        std::fs::write(folder.join(format!("{file}.pem")), certificate.pem())?;
        std::fs::write(folder.join(format!("{file}.key")), key.serialize_pem())?;
        Ok(())
    }
}

#[tokio::test]
async fn https_needs_a_certificate_that_consul_trusts_and_takes_its_successor() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    let (authority, strangers) = (Authority::new()?, Authority::new()?);
    std::fs::write(file("ca.pem"), &authority.pem)?;
    authority.write(folder.path(), "server", "server.dc1.consul")?;
    strangers.write(folder.path(), "client", "nova-proxy")?;
    let certificate = ServerCertificate {
        ca_file: file("ca.pem"),
        cert_file: file("server.pem"),
        key_file: file("server.key"),
    };
    let consul = ConsulLaunch::new().with_certificate(certificate).start().await?;
    let tls = TlsConfig {
        ca_file: Some(file("ca.pem")),
        cert_file: Some(file("client.pem")),
        key_file: Some(file("client.key")),
        server_name: Some("server.dc1.consul".to_owned()),
    };
    let address = format!("https://{}", consul.https_address().context("it has HTTPS")?);
    let client = client(&address, tls)?;
    let error = client.kv().put("nova/config", "x").await.unwrap_err();
    assert!(matches!(error, HashistackError::Unreachable { .. }), "{error}");
    authority.write(folder.path(), "client", "nova-proxy")?;
    client.kv().put("nova/config", "x").await?;
    Ok(())
}

#[tokio::test]
async fn a_snapshot_that_is_cut_short_on_its_way_is_not_kept() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let wire = Wire::to(consul.address()).await?;
    let client = client(&format!("http://{}", wire.address()), TlsConfig::default())?;
    for number in 0..8 {
        client.kv().put(&format!("nova/{number}"), noise(500, number)).await?;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("consul.snap");
    let whole = client.snapshots().save(&path, Consistency::Default).await?;
    let unfinished = folder.path().join("consul.snap.unfinished");

    wire.set(Mode::Delay(Duration::from_millis(20)));
    let cut = async {
        wait_for("some of the snapshot", DEADLINE, async || {
            let bytes = std::fs::metadata(&unfinished).map_or(0, |file| file.len());
            Ok(if bytes > 0 { Look::Ready(bytes) } else { Look::NotYet(bytes) })
        })
        .await?;
        wire.set(Mode::Cut);
        anyhow::Ok(())
    };
    let snapshots = client.snapshots();
    let (saved, cut) = tokio::join!(snapshots.save(&path, Consistency::Default), cut);
    cut?;
    let error = saved.unwrap_err();
    assert!(matches!(error, SnapshotError::Consul(HashistackError::Unreachable { .. })), "{error:?}");
    assert_eq!(verify(&path)?, whole, "the last one stays");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1, "nothing else is left");
    Ok(())
}

#[tokio::test]
async fn a_transaction_of_many_times_the_limit_is_told_as_too_large() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&format!("http://{}", consul.address()), TlsConfig::default())?;
    for mebibytes in [1, 4, 16] {
        let set =
            |number| TxnOperation::Set { key: format!("nova/{number}"), value: noise(512, number).into() };
        let error = client.txn((0..mebibytes * 2).map(set).collect()).await.unwrap_err();
        assert!(error.is_too_large(), "{mebibytes} MiB: {error:?}");
    }
    Ok(())
}
