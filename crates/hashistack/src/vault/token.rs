//! Tokens: what a login gives, what the own one is, how it lasts longer, and its end.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::envelope::{self, lasting};
use crate::transport::{Call, HashistackError, Issued, Transport};

/// The token of a client.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'c> {
    transport: &'c Transport,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VaultToken {
    /// Its public name.
    pub accessor: String,
    /// Its policies.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Whether it can be made to last longer. A token of the enterprise edition's batch kind cannot.
    #[serde(default)]
    pub renewable: bool,
    /// How long it lasts from now, in seconds; zero where it has no end.
    ttl: u64,
}

/// The part of an answer that has a token.
#[derive(Debug, Deserialize)]
pub(super) struct Authenticated {
    pub(super) auth: Auth,
}

#[derive(Debug, Deserialize)]
pub(super) struct Auth {
    client_token: SecretString,
    lease_duration: u64,
}

impl Auth {
    pub(super) fn issued(self) -> Issued {
        Issued { lifetime: lasting(self.lease_duration), token: self.client_token }
    }
}

impl VaultToken {
    /// How long it lasts from now; nothing where it has no end.
    pub fn remaining(&self) -> Option<Duration> {
        lasting(self.ttl)
    }
}

impl<'c> Tokens<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// What the token of this client is.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 for a token that the server does not know.
    pub async fn lookup(&self) -> Result<VaultToken, HashistackError> {
        let answer = self.transport.send(&own_token()).await?;
        let read: envelope::Envelope<VaultToken> = envelope::read(&answer)?;
        Ok(read.data)
    }

    /// Makes the token of this client last longer, as far as it may.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where it cannot be renewed.
    pub async fn renew(&self) -> Result<Option<Duration>, HashistackError> {
        let answer = self.transport.send(&renewal()).await?;
        let read: Authenticated = envelope::read(&answer)?;
        Ok(read.auth.issued().lifetime)
    }

    /// Ends the token of this client, and all that was made with it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn revoke(&self) -> Result<(), HashistackError> {
        self.transport.send(&revocation()).await.map(drop)
    }
}

pub(super) fn own_token() -> Call {
    Call::get("/v1/auth/token/lookup-self")
}

pub(super) fn renewal() -> Call {
    Call::post("/v1/auth/token/renew-self").body("{}").idempotent()
}

pub(super) fn revocation() -> Call {
    Call::post("/v1/auth/token/revoke-self").idempotent()
}
