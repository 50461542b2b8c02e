//! Configuration entries of the service mesh: defaults, resolvers, splitters, read and written with a condition.

use serde::Serialize;
use serde_json::Value;

use super::indexed::{Consistency, Indexed};
use crate::transport::{Call, HashistackError, Transport};

/// The configuration entries of a client.
#[derive(Debug, Clone, Copy)]
pub struct ConfigEntries<'c> {
    transport: &'c Transport,
}

/// An entry that is.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigEntry {
    /// The entry as Consul has it, with `Kind` and `Name`.
    pub body: Value,
    /// The index of its last change, which `cas` compares.
    pub modify_index: u64,
}

impl<'c> ConfigEntries<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// An entry by its kind (`service-splitter`) and name; nothing where there is none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn get(
        &self,
        kind: &str,
        name: &str,
        consistency: Consistency,
    ) -> Result<Indexed<Option<ConfigEntry>>, HashistackError> {
        let call = consistency.of(Call::get("/v1/config").segment(kind)?.segment(name)?).accepting(&[404]);
        let answer = self.transport.send(&call).await?;
        let entry = if answer.head.status == 404 {
            None
        } else {
            let body: Value = answer.json()?;
            let modify_index = body["ModifyIndex"].as_u64().unwrap_or_default();
            Some(ConfigEntry { body, modify_index })
        };
        Ok(Indexed::new(&answer.head, entry))
    }

    /// Writes an entry with its `Kind` and `Name` if its index is still this one; zero means that there must be none. False when
    /// it is not: somebody else wrote first. An entry that is there as it is to be is true, whatever its index.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 500 or 400 with Consul's reason where the entry does not fit those that are there.
    pub async fn put_cas<T: Serialize + ?Sized>(
        &self,
        entry: &T,
        modify_index: u64,
    ) -> Result<bool, HashistackError> {
        let call = Call::put("/v1/config").query("cas", modify_index.to_string()).json(entry)?;
        self.transport.send(&call).await?.json()
    }

    /// Removes an entry if its index is still this one. False when it is not.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: where other entries need it.
    pub async fn delete_cas(
        &self,
        kind: &str,
        name: &str,
        modify_index: u64,
    ) -> Result<bool, HashistackError> {
        let call = Call::delete("/v1/config").segment(kind)?.segment(name)?;
        self.transport.send(&call.query("cas", modify_index.to_string())).await?.json()
    }
}
