//! What a set-up reads and writes: engines, auth methods, policies, and whatever else has a path.
//!
//! Vault compares nothing at a write, but for engines and auth methods, of which it makes no second one at a path: whoever must not
//! overwrite what somebody else has written reads it right before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::envelope;
use crate::transport::{Call, HashistackError, Transport};

/// The calls of a set-up.
#[derive(Debug, Clone, Copy)]
pub struct VaultAdmin<'c> {
    transport: &'c Transport,
}

/// An engine or an auth method that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mounted {
    /// The kind: `kv`, `aws`, `pki`, `transit`, `jwt`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// Its options, such as the version of `kv`.
    #[serde(default)]
    pub options: Option<BTreeMap<String, String>>,
}

/// An engine or an auth method that is to be mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewMount {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for, in words.
    pub description: String,
    /// Its options.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct PolicyText {
    policy: String,
}

impl<'c> VaultAdmin<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// The engines by their paths, which have no slash at the end here.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 without `read` on `sys/mounts`.
    pub async fn engines(&self) -> Result<BTreeMap<String, Mounted>, HashistackError> {
        self.mounted(Call::get("/v1/sys/mounts")).await
    }

    /// Mounts an engine.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where something is mounted there.
    pub async fn enable_engine(&self, path: &str, mount: &NewMount) -> Result<(), HashistackError> {
        self.transport.send(&Call::post("/v1/sys/mounts").path(path)?.json(mount)?).await.map(drop)
    }

    /// Says how long the longest lease of an engine may last, such as `87600h`: for an authority, its certificate is one.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn limit_leases(&self, path: &str, longest: &str) -> Result<(), HashistackError> {
        let body = json!({ "max_lease_ttl": longest });
        let call = Call::post("/v1/sys/mounts").path(path)?.segment("tune")?.json(&body)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// The auth methods by their paths, which have no slash at the end here.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 without `read` on `sys/auth`.
    pub async fn auth_methods(&self) -> Result<BTreeMap<String, Mounted>, HashistackError> {
        self.mounted(Call::get("/v1/sys/auth")).await
    }

    /// Mounts an auth method.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where one is mounted there, 403 without `sudo` on the path.
    pub async fn enable_auth_method(&self, path: &str, mount: &NewMount) -> Result<(), HashistackError> {
        self.transport.send(&Call::post("/v1/sys/auth").path(path)?.json(mount)?).await.map(drop)
    }

    /// The text of a policy; nothing where there is none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn policy(&self, name: &str) -> Result<Option<String>, HashistackError> {
        let call = Call::get("/v1/sys/policies/acl").segment(name)?.accepting(&[404]);
        let answer = self.transport.send(&call).await?;
        if answer.head.status == 404 {
            return Ok(None);
        }
        let read: envelope::Envelope<PolicyText> = envelope::read(&answer)?;
        Ok(Some(read.data.policy))
    }

    /// Writes a policy, in place of the one of its name.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where the text cannot be read.
    pub async fn put_policy(&self, name: &str, text: &str) -> Result<(), HashistackError> {
        let call = Call::put("/v1/sys/policies/acl").segment(name)?.json(&json!({ "policy": text }))?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// What is at a path, as `vault read` has it; nothing where there is nothing. For what is no secret.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn read(&self, path: &str) -> Result<Option<Map<String, Value>>, HashistackError> {
        let answer = self.transport.send(&Call::get("/v1").path(path)?.accepting(&[404])).await?;
        if answer.head.status == 404 {
            return Ok(None);
        }
        let read: envelope::Envelope<Map<String, Value>> = envelope::read(&answer)?;
        Ok(Some(read.data))
    }

    /// Writes to a path, as `vault write` does. Most paths keep the fields that are not named.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where a field has no such value.
    pub async fn write(&self, path: &str, fields: &Map<String, Value>) -> Result<(), HashistackError> {
        self.transport.send(&Call::post("/v1").path(path)?.json(fields)?.idempotent()).await.map(drop)
    }

    /// What the token of this client may do at these paths.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 for a token without the policy `default`, which allows to ask.
    pub async fn capabilities(
        &self,
        paths: &[String],
    ) -> Result<BTreeMap<String, Vec<String>>, HashistackError> {
        let call = Call::post("/v1/sys/capabilities-self").json(&json!({ "paths": paths }))?;
        let answer = self.transport.send(&call.idempotent()).await?;
        let read: envelope::Envelope<BTreeMap<String, Vec<String>>> = envelope::read(&answer)?;
        // Where one path alone was asked for, the answer has its capabilities a second time, under this name.
        let is_asked = |path: &String| paths.contains(path);
        Ok(read.data.into_iter().filter(|(path, _)| is_asked(path)).collect())
    }

    async fn mounted(&self, list: Call) -> Result<BTreeMap<String, Mounted>, HashistackError> {
        let answer = self.transport.send(&list).await?;
        let read: envelope::Envelope<BTreeMap<String, Mounted>> = envelope::read(&answer)?;
        let bare = |path: String| path.trim_end_matches('/').to_owned();
        Ok(read.data.into_iter().map(|(path, mount)| (bare(path), mount)).collect())
    }
}
