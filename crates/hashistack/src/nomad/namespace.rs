//! Namespaces.

use serde::{Deserialize, Serialize};

use crate::transport::{Call, HashistackError, Transport};

/// The namespaces of a client.
#[derive(Debug, Clone, Copy)]
pub struct Namespaces<'c> {
    transport: &'c Transport,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Namespace {
    /// The name.
    pub name: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
}

impl<'c> Namespaces<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// One namespace; nothing where there is none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn read(&self, name: &str) -> Result<Option<Namespace>, HashistackError> {
        let answer =
            self.transport.send(&Call::get("/v1/namespace").segment(name)?.accepting(&[404])).await?;
        if answer.head.status == 404 {
            return Ok(None);
        }
        answer.json().map(Some)
    }

    /// Makes a namespace. It is for one that is not there: what another one has beside name and description would be lost.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn create(&self, namespace: &Namespace) -> Result<(), HashistackError> {
        let call = Call::post("/v1/namespace").json(namespace)?.idempotent();
        self.transport.send(&call).await.map(drop)
    }
}
