//! What state a server is in.

use serde::Deserialize;

use super::envelope;
use crate::transport::{Call, HashistackError, Transport};

/// The states that have a status of their own (`http/sys_health.go` in Vault's source), beside 200. All come with the same body.
const STATES: &[u16] = &[429, 472, 473, 474, 501, 503, 530];

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultHealth {
    /// What it can do.
    pub state: VaultState,
    /// Its version.
    pub version: String,
    /// Its time, in seconds since the epoch: how far ours is off shows in certificates and signatures.
    pub server_time_utc: i64,
}

/// What a server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultState {
    /// Everything.
    Active,
    /// It passes calls on to the active one.
    Standby,
    /// It answers reads, and passes the rest on.
    PerformanceStandby,
    /// It stands in for another cluster in a disaster, and answers nothing until then.
    DisasterRecoverySecondary,
    /// It cannot reach the active one.
    StandbyUnhealthy,
    /// It was removed from its cluster.
    Removed,
    /// Somebody has to unseal it.
    Sealed,
    /// Nobody has set it up.
    Uninitialized,
}

impl VaultState {
    /// Whether calls are answered.
    pub fn answers(self) -> bool {
        matches!(self, Self::Active | Self::Standby | Self::PerformanceStandby)
    }

    fn of(status: u16) -> Self {
        match status {
            429 => Self::Standby,
            472 => Self::DisasterRecoverySecondary,
            473 => Self::PerformanceStandby,
            474 => Self::StandbyUnhealthy,
            501 => Self::Uninitialized,
            503 => Self::Sealed,
            530 => Self::Removed,
            _ => Self::Active,
        }
    }
}

#[derive(Deserialize)]
struct Body {
    version: String,
    server_time_utc: i64,
}

pub(super) async fn ask(transport: &Transport) -> Result<VaultHealth, HashistackError> {
    let call = Call::get("/v1/sys/health").without_token().accepting(STATES);
    let answer = transport.send(&call).await?;
    let Body { version, server_time_utc } = envelope::read(&answer)?;
    Ok(VaultHealth { state: VaultState::of(answer.head.status), version, server_time_utc })
}
