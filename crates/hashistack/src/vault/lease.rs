//! Leases: how long something lasts that Vault gave, made longer, or ended.
//!
//! A lease ends at the latest with the token that it was made with.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::envelope::{self, lasting};
use crate::transport::{Call, HashistackError, Transport};

/// The leases that a client may see.
#[derive(Debug, Clone, Copy)]
pub struct Leases<'c> {
    transport: &'c Transport,
}

/// What is known of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lease {
    /// Its name.
    pub id: String,
    /// Whether it can be made to last longer. The credentials of AWS's STS cannot.
    #[serde(default)]
    pub renewable: bool,
    /// How long it lasts from now, in seconds.
    ttl: u64,
}

#[derive(Deserialize)]
struct Renewed {
    lease_duration: u64,
}

impl Lease {
    /// How long it lasts from now; nothing where it has no end.
    pub fn remaining(&self) -> Option<Duration> {
        lasting(self.ttl)
    }
}

impl<'c> Leases<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// What is known of a lease.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where there is no such lease, or it has ended.
    pub async fn lookup(&self, id: &str) -> Result<Lease, HashistackError> {
        let call = Call::put("/v1/sys/leases/lookup").json(&json!({ "lease_id": id }))?.idempotent();
        let read: envelope::Envelope<Lease> = envelope::read(&self.transport.send(&call).await?)?;
        Ok(read.data)
    }

    /// Makes a lease last this long from now, as far as it may. Returns how long it does.
    ///
    /// Once that is no longer than before, the longest life has come: what is leased has to be asked for anew.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where it cannot be renewed
    /// ([`HashistackError::is_not_renewable`]), or there is no such lease.
    pub async fn renew(&self, id: &str, increment: Duration) -> Result<Option<Duration>, HashistackError> {
        let body = json!({ "lease_id": id, "increment": increment.as_secs() });
        let call = Call::put("/v1/sys/leases/renew").json(&body)?.idempotent();
        let Renewed { lease_duration } = envelope::read(&self.transport.send(&call).await?)?;
        Ok(lasting(lease_duration))
    }

    /// Ends a lease, and what it is of, before the answer comes.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where there is no such lease.
    pub async fn revoke(&self, id: &str) -> Result<(), HashistackError> {
        let body = json!({ "lease_id": id, "sync": true });
        let call = Call::put("/v1/sys/leases/revoke").json(&body)?.idempotent();
        self.transport.send(&call).await.map(drop)
    }
}
