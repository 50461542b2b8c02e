//! The client certificate that Consul is shown, from Vault's PKI engine: Consul lets nobody in without one, and each lasts for seconds.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::pki::{Authority, write_authorities, write_pair};
use nova_test_support::process::Launch;
use nova_test_support::server::{Consul, ConsulLaunch, ServerCertificate, Vault, VaultLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::Value;
use tempfile::TempDir;

use super::HOUR;
use super::chain::{pki_engine, pki_role};
use crate::bed::{Bed, STOP_DEADLINE, Settings, ask, proxy_command};
use crate::load::{Connections, Load, tcp};

/// The name in Consul's certificate.
const SERVER: &str = "server.dc1.consul";
const IN_FORCE: &str = "client certificate for Consul in force";

/// A proxy whose Consul trusts what Vault signs, and nobody else.
struct Scene {
    vault: Vault,
    consul: Consul,
    bed: Bed,
    folder: TempDir,
}

impl Scene {
    async fn start(life: Duration) -> anyhow::Result<Self> {
        let vault = VaultLaunch::new().with_data().start().await?;
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        let root = pki_engine(&vault, life).await?;
        std::fs::write(path.join("clients.pem"), root)?;
        let authority = Authority::new("consul")?;
        write_authorities(path, &[&authority])?;
        write_pair(path, &authority.issue(SERVER)?)?;
        let certificate = ServerCertificate {
            ca_file: path.join("clients.pem"),
            cert_file: path.join("cert.pem"),
            key_file: path.join("key.pem"),
        };
        let consul = ConsulLaunch::new().with_data().with_certificate(certificate).start().await?;
        put(&consul, 51).await?;
        let data_dir = path.join("data");
        std::fs::create_dir(&data_dir)?;
        let rest = format!(
            "admin = \"127.0.0.1:0\"\ndata_dir = {data_dir:?}\nvault {{\n  address = \"http://{}\"\n}}\n\
             consul {{\n  address     = \"https://{}\"\n  ca_file     = {:?}\n  server_name = {SERVER:?}\n  \
             vault_client_certificate {{\n    role        = \"nova-proxy\"\n    common_name = {:?}\n  }}\n}}\n",
            vault.address(),
            consul.https_address().context("it has HTTPS")?,
            path.join("ca.pem"),
            crate::pki::SERVER,
        );
        let settings = Settings { rest, ..Settings::default() };
        let program = program(&vault)?;
        Ok(Self { bed: Bed::with_program(settings, program).await?, vault, consul, folder })
    }

    /// Starts the proxy anew, with the same configuration.
    async fn restart_proxy(&mut self) -> anyhow::Result<()> {
        let config = self.bed.write_config(&self.bed.settings)?;
        let proxy = self.bed.proxy.take().context("the bed has no proxy")?;
        proxy.stop(STOP_DEADLINE).await?;
        self.bed.start_proxy(config, program(&self.vault)?).await
    }

    /// Waits until the receipt is so.
    async fn tells(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let admin = self.bed.admin.as_deref().context("no admin listener")?;
        let url = format!("http://{admin}/config/receipt");
        wait_for(what, DEADLINE, async || {
            let receipt = Call::new(Method::GET, &url)?.send().await?.json()?;
            Ok(if is_so(&receipt) { Look::Ready(receipt) } else { Look::NotYet(receipt) })
        })
        .await
    }

    /// Waits until the proxy's queue is so long, by what Consul says.
    async fn has_queue(&self, queue: u32) -> anyhow::Result<()> {
        let admin = self.bed.admin.as_deref().context("no admin listener")?;
        let url = format!("http://{admin}/admin/config");
        wait_for(&format!("a queue of {queue}"), DEADLINE, async || {
            let config = Call::new(Method::GET, &url)?.send().await?.text();
            Ok(if config.contains(&queue.to_string()) { Look::Ready(()) } else { Look::NotYet(config) })
        })
        .await
    }

    fn said(&self, words: &str) -> anyhow::Result<usize> {
        let proxy = self.bed.proxy.as_ref().context("the bed has no proxy")?;
        Ok(proxy.stderr()?.matches(words).count())
    }

    async fn has_said(&self, words: &str, times: usize) -> anyhow::Result<()> {
        wait_for(&format!("the log to say {times} times: {words}"), DEADLINE, async || {
            let said = self.said(words)?;
            Ok(if said >= times { Look::Ready(()) } else { Look::NotYet(said) })
        })
        .await
    }
}

fn program(vault: &Vault) -> anyhow::Result<Launch> {
    let token = vault.api().token().context("Vault has a root token")?.to_owned();
    Ok(proxy_command()?.env("VAULT_TOKEN", token))
}

async fn put(consul: &Consul, queue: u32) -> anyhow::Result<()> {
    let document = format!("limits {{\n  queue = {queue}\n}}\n");
    let put = consul.api().send(Method::PUT, "/v1/kv/nova/default/config", &document).await?;
    ensure!(put.status == 200, "{}", put.text());
    Ok(())
}

#[tokio::test]
async fn consul_is_shown_the_next_certificate_before_one_ends_and_no_request_notices() {
    let mut scene = Scene::start(Duration::from_secs(9)).await.unwrap();
    // The start had one already, and with it what Consul has.
    scene.tells("documents of Consul", |receipt| receipt["config"]["source"] == "consul").await.unwrap();
    scene.has_queue(51).await.unwrap();
    let call = scene.bed.call(Method::POST, "/v1/chat/completions").unwrap();
    let call = call.header("content-type", "application/json").unwrap();
    let address = scene.bed.root.strip_prefix("http://").unwrap().to_owned();
    let load = Load::begin(2, &call, &tcp(&address), Connections::Kept);
    // The first one has ended when a third follows: with it no handshake would succeed any more.
    scene.has_said(IN_FORCE, 3).await.unwrap();
    scene.consul.kill().await.unwrap();
    scene.consul.restart().await.unwrap();
    put(&scene.consul, 53).await.unwrap();
    scene.has_queue(53).await.unwrap();
    let receipt = scene
        .tells("the certificate's age", |receipt| {
            receipt["secrets"].as_array().is_some_and(|secrets| {
                secrets
                    .iter()
                    .any(|secret| secret["name"] == "consul_client_certificate" && secret["error"].is_null())
            })
        })
        .await
        .unwrap();
    assert!(!receipt.to_string().contains("PRIVATE KEY"), "{receipt}");
    load.more(4).await.unwrap();
    load.end().await.unwrap();
    let proxy = scene.bed.proxy.as_ref().unwrap();
    assert!(!proxy.stderr().unwrap().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_start_without_vault_serves_what_was_kept_and_reaches_consul_when_vault_is_back() {
    let mut scene = Scene::start(HOUR).await.unwrap();
    scene.has_queue(51).await.unwrap();
    let kept = scene.folder.path().join("data");
    wait_for("the documents to be kept", DEADLINE, async || {
        let files = std::fs::read_dir(&kept)?.count();
        Ok(if files > 0 { Look::Ready(()) } else { Look::NotYet(files) })
    })
    .await
    .unwrap();
    scene.vault.kill().await.unwrap();
    scene.restart_proxy().await.unwrap();
    scene.has_said("Consul is shown no client certificate", 1).await.unwrap();
    let reply = scene.bed.chat(&ask("Hello")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let receipt = scene.tells("what was kept", |receipt| receipt["config"]["source"] == "last_known_good");
    receipt.await.unwrap();
    put(&scene.consul, 57).await.unwrap();
    scene.vault.restart().await.unwrap();
    scene.has_said(IN_FORCE, 1).await.unwrap();
    scene.has_queue(57).await.unwrap();
    scene.tells("documents of Consul", |receipt| receipt["config"]["source"] == "consul").await.unwrap();
}

#[tokio::test]
async fn a_refused_role_is_told_to_operators_and_mended_without_a_restart() {
    let scene = Scene::start(Duration::from_secs(36)).await.unwrap();
    scene.has_queue(51).await.unwrap();
    scene.vault.api().send(Method::DELETE, "/v1/pki/roles/nova-proxy", "").await.unwrap();
    scene.has_said("no next client certificate for Consul", 1).await.unwrap();
    let told = |receipt: &Value| receipt["secrets"].to_string().contains("unknown role: nova-proxy");
    scene.tells("why there is no next one", told).await.unwrap();
    let before = scene.said(IN_FORCE).unwrap();
    pki_role(&scene.vault, HOUR).await.unwrap();
    scene.has_said(IN_FORCE, before + 1).await.unwrap();
    put(&scene.consul, 59).await.unwrap();
    scene.has_queue(59).await.unwrap();
}
