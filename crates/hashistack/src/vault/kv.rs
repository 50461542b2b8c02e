//! The key-value engine, version 2: secrets with versions.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::{below, envelope};
use crate::transport::{Answer, Call, HashistackError, Transport};

/// A mount of the engine.
#[derive(Debug, Clone, Copy)]
pub struct KvEngine<'c> {
    transport: &'c Transport,
    mount: &'c str,
}

/// One version of a secret.
#[derive(Debug, Clone)]
pub struct KvVersion {
    /// Its number, from 1.
    pub version: u64,
    /// Its fields. What is no text is its JSON.
    pub fields: BTreeMap<String, SecretString>,
}

#[derive(Deserialize)]
struct Read {
    data: Option<BTreeMap<String, Value>>,
    metadata: Version,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Deserialize)]
struct Metadata {
    current_version: u64,
}

impl<'c> KvEngine<'c> {
    pub(super) fn new(transport: &'c Transport, mount: &'c str) -> Self {
        Self { transport, mount }
    }

    /// The newest version of a secret; nothing where there is none, or the newest one was deleted.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn read(&self, path: &str) -> Result<Option<KvVersion>, HashistackError> {
        let answer = self.transport.send(&self.call(Call::get, "data", path)?.accepting(&[404])).await?;
        if answer.head.status == 404 {
            // A deleted version has a body with its metadata; a path that never was has none of interest.
            return Ok(None);
        }
        let envelope::Envelope { data: Read { data, metadata }, .. } = envelope::read(&answer)?;
        let Some(data) = data else { return Ok(None) };
        let fields = data.into_iter().map(|(name, value)| (name, text(value))).collect();
        Ok(Some(KvVersion { version: metadata.version, fields }))
    }

    /// The number of the newest version, by which a change is noticed without reading the secret; nothing where there is none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn current_version(&self, path: &str) -> Result<Option<u64>, HashistackError> {
        let answer = self.transport.send(&self.call(Call::get, "metadata", path)?.accepting(&[404])).await?;
        if answer.head.status == 404 {
            return Ok(None);
        }
        let read: envelope::Envelope<Metadata> = envelope::read(&answer)?;
        Ok(Some(read.data.current_version))
    }

    /// Writes a version after the one with this number; zero: only if there is none. Returns the number of the new one.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where another version is the newest.
    pub async fn write(
        &self,
        path: &str,
        after: u64,
        fields: &BTreeMap<String, SecretString>,
    ) -> Result<u64, HashistackError> {
        let data: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name, value.expose_secret())).collect();
        let body = serde_json::json!({ "options": { "cas": after }, "data": data });
        let answer: Answer = self.transport.send(&self.call(Call::post, "data", path)?.json(&body)?).await?;
        let written: envelope::Envelope<Version> = envelope::read(&answer)?;
        Ok(written.data.version)
    }

    fn call(
        &self,
        method: fn(&'static str) -> Call,
        kind: &str,
        path: &str,
    ) -> Result<Call, HashistackError> {
        below(method, self.mount, kind)?.path(path)
    }
}

fn text(value: Value) -> SecretString {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}
