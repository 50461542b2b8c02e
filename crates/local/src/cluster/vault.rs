//! Vault with its data on disk, opened, and with what no set-up can know: whose credentials, and an authority.

use anyhow::Context as _;
use nova_hashistack::vault::{AwsRoot, VaultClient, VaultKeys, VaultState};
use secrecy::SecretString;
use serde_json::json;

use super::folder::Folder;
use super::process::{Started, start};
use super::programs::Programs;
use super::record::Record;

/// How long the certificate of the authority lasts: ten years, longer than any cluster.
const AUTHORITY: &str = "87600h";

/// Starts a server that keeps its data by Raft.
///
/// # Errors
/// When it cannot be started.
pub(super) fn launch(folder: &Folder, programs: &Programs, record: &Record) -> anyhow::Result<Started> {
    let ports = record.ports;
    let server = json!({
        "storage": { "raft": { "path": folder.make("vault")?, "node_id": "nova-local", "performance_multiplier": "1" } },
        "listener": [{ "tcp": {
            "address": ports.vault().to_string(),
            "cluster_address": format!("127.0.0.1:{}", ports.vault_cluster),
            "tls_disable": true,
        } }],
        "api_addr": format!("http://{}", ports.vault()),
        "cluster_addr": format!("https://127.0.0.1:{}", ports.vault_cluster),
        "ui": true,
        // Locked memory would need rights that this user may not have.
        "disable_mlock": true,
    });
    let file = folder.write("vault.json", &server.to_string())?;
    start(folder, "vault", programs.path("vault")?, ["server".into(), "-config".into(), file.into()])
}

/// Waits until it answers, sets it up, and opens it. The keys have to be kept before anything else happens.
///
/// # Errors
/// When it does not answer in time, or refuses.
pub(super) async fn open(
    started: &mut Started,
    client: &VaultClient,
    keep: impl FnOnce(&VaultKeys) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    started.until("an answer of Vault", async || Ok(Some(client.health().await?))).await?;
    let keys = client.initialize().await.context("cannot initialize Vault")?;
    keep(&keys)?;
    client.unseal(&keys.unseal_key).await.context("cannot unseal Vault")?;
    started
        .until("a Vault that is active", async || {
            Ok((client.health().await?.state == VaultState::Active).then_some(()))
        })
        .await
}

/// Has Vault ask the simulator's STS for credentials, and makes an authority that signs certificates.
///
/// # Errors
/// When Vault refuses.
pub(super) async fn use_simulator(client: &VaultClient, record: &Record, region: &str) -> anyhow::Result<()> {
    let root = AwsRoot {
        access_key: bedrock_sim::DEFAULT_ACCESS_KEY_ID.to_owned(),
        secret_key: SecretString::from(bedrock_sim::DEFAULT_SECRET_ACCESS_KEY),
        region: region.to_owned(),
        endpoint: Some(format!("http://127.0.0.1:{}", record.ports.simulator)),
    };
    client.aws("aws").put_root(&root).await.context("cannot tell Vault where STS is")?;
    client.admin().limit_leases("pki", AUTHORITY).await.context("cannot let Vault's authority last")?;
    client.pki("pki").generate_root("nova-local", AUTHORITY).await.context("cannot make Vault's authority")
}
