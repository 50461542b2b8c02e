//! Sessions: what a lock belongs to, and what it dies with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration::go;
use crate::transport::{Call, HashistackError, Transport};

/// What becomes of a session's keys when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionBehavior {
    /// Their locks are given back.
    Release,
    /// They are deleted.
    Delete,
}

/// How a session is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// A name for people.
    pub name: String,
    /// How long it lives without a renewal: 10 s to 24 h. Consul may let it live for twice this time, and never for less.
    pub ttl: Duration,
    /// How long a key that its end has released cannot be locked again, a minute at most: whoever held it may not know yet.
    pub lock_delay: Duration,
    /// What becomes of its keys.
    pub behavior: SessionBehavior,
}

/// A session as the API takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'c> {
    name: &'c str,
    #[serde(rename = "TTL")]
    ttl: String,
    lock_delay: String,
    behavior: SessionBehavior,
    /// None: the session hangs on its renewals alone, and not on what gossip thinks of the node.
    node_checks: [&'static str; 0],
}

#[derive(Debug, Deserialize)]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

/// A session that is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Session {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The node that it belongs to.
    pub node: String,
}

/// The sessions of a client.
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'c> {
    transport: &'c Transport,
}

impl<'c> Sessions<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Makes a session, and returns its id.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn create(&self, config: &SessionConfig) -> Result<String, HashistackError> {
        let request = Request {
            name: &config.name,
            ttl: go(config.ttl),
            lock_delay: go(config.lock_delay),
            behavior: config.behavior,
            node_checks: [],
        };
        let created: Created =
            self.transport.send(&Call::put("/v1/session/create").json(&request)?).await?.json()?;
        Ok(created.id)
    }

    /// Begins its time to live anew. False when it is gone: another one is needed, and what it held is lost.
    ///
    /// # Errors
    /// When there is no answer, or a refusal; while the servers elect a leader that is one of 500, after which the session still lives.
    pub async fn renew(&self, id: &str) -> Result<bool, HashistackError> {
        let call = Call::put("/v1/session/renew").segment(id)?.accepting(&[404]);
        Ok(self.transport.send(&call.idempotent()).await?.head.status != 404)
    }

    /// Ends a session. A key that it still holds cannot be locked for its lock delay: release it first.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn destroy(&self, id: &str) -> Result<(), HashistackError> {
        let call = Call::put("/v1/session/destroy").segment(id)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// A session; nothing when it is gone.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn info(&self, id: &str) -> Result<Option<Session>, HashistackError> {
        let call = Call::get("/v1/session/info").segment(id)?;
        let found: Vec<Session> = self.transport.send(&call).await?.json()?;
        Ok(found.into_iter().next())
    }
}
