//! A field of a secret in version 2 of Vault's key-value engine.

use futures_util::future::BoxFuture;
use nova_hashistack::VaultClient;
use secrecy::{ExposeSecret as _, SecretSlice};

use super::{SecretError, SecretSource, sized};

/// A field of a secret in Vault.
#[derive(Debug)]
pub(super) struct VaultSecret {
    client: VaultClient,
    path: String,
    field: String,
}

impl VaultSecret {
    pub(super) fn new(client: VaultClient, path: String, field: String) -> Self {
        Self { client, path, field }
    }

    async fn now(&self) -> Result<SecretSlice<u8>, SecretError> {
        let path = &self.path;
        let told = |source| SecretError::Vault { path: path.clone(), source: Box::new(source) };
        // A mount may have slashes itself: where it ends is for Vault to say, as `vault kv` asks it too.
        let mount = self.client.mount(path).await.map_err(told)?;
        let version = mount.kv_version();
        let engine = || match mount.engine.as_str() {
            "kv" => format!("kv, version {version}"),
            other => other.to_owned(),
        };
        if mount.engine != "kv" || version != 2 {
            return Err(SecretError::Engine { path: path.clone(), engine: engine() });
        }
        let below = path.strip_prefix(mount.path.as_str()).unwrap_or(path);
        let read = self.client.kv(mount.path.trim_end_matches('/')).read(below).await.map_err(told)?;
        let field = read.as_ref().and_then(|read| read.fields.get(&self.field));
        let field =
            field.ok_or_else(|| SecretError::NoField { path: path.clone(), field: self.field.clone() })?;
        sized(field.expose_secret().as_bytes().to_vec(), || self.describe())
    }
}

impl SecretSource for VaultSecret {
    fn read(&self) -> BoxFuture<'_, Result<SecretSlice<u8>, SecretError>> {
        Box::pin(self.now())
    }

    fn describe(&self) -> String {
        format!("{}#{} in Vault", self.path, self.field)
    }
}
