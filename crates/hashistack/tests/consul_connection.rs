//! The ways to a real Consul: its Unix socket, HTTPS with certificates of both sides, and a wire that is cut.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use nova_hashistack::consul::{Consistency, TxnOperation};
use nova_hashistack::snapshot::{SnapshotError, verify};
use nova_hashistack::{ConsulClient, ConsulConfig, HashistackError, TlsConfig};
use nova_test_support::pki::{Authority, write_authorities, write_pair};
use nova_test_support::server::{ConsulLaunch, ServerCertificate};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use nova_test_support::wire::{Mode, Wire};

/// The name in Consul's certificate.
const SERVER: &str = "server.dc1.consul";

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

#[tokio::test]
async fn https_needs_a_certificate_that_consul_trusts_and_takes_its_successor() -> anyhow::Result<()> {
    let (server, own) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (authority, strangers) = (Authority::new("consul")?, Authority::new("strangers")?);
    for folder in [&server, &own] {
        write_authorities(folder.path(), &[&authority])?;
    }
    write_pair(server.path(), &authority.issue(SERVER)?)?;
    write_pair(own.path(), &strangers.issue("nova-proxy")?)?;
    let certificate = ServerCertificate {
        ca_file: server.path().join("ca.pem"),
        cert_file: server.path().join("cert.pem"),
        key_file: server.path().join("key.pem"),
    };
    let consul = ConsulLaunch::new().with_certificate(certificate).start().await?;
    let tls = TlsConfig {
        ca_file: Some(own.path().join("ca.pem")),
        cert_file: Some(own.path().join("cert.pem")),
        key_file: Some(own.path().join("key.pem")),
        server_name: Some(SERVER.to_owned()),
        ..TlsConfig::default()
    };
    let address = format!("https://{}", consul.https_address().context("it has HTTPS")?);
    let client = client(&address, tls)?;
    let error = client.kv().put("nova/config", "x").await.unwrap_err();
    assert!(matches!(error, HashistackError::Unreachable { .. }), "{error}");
    write_pair(own.path(), &authority.issue("nova-proxy")?)?;
    client.kv().put("nova/config", "x").await?;
    Ok(())
}

/// The bytes of what is not yet a snapshot.
fn unfinished(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name() != "consul.snap" {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
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

    wire.set(Mode::Delay(Duration::from_millis(20)));
    let cut = async {
        wait_for("some of the snapshot", DEADLINE, async || {
            let bytes = unfinished(folder.path())?;
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
    assert!(matches!(error, SnapshotError::Server(HashistackError::Unreachable { .. })), "{error:?}");
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
