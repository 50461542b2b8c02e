//! What the receipt tells of the login.

use jiff::Timestamp;
use nova_config::{VaultConfig, VaultToken};

use crate::receipt::{VaultStanding, VaultState};

/// How it stands before anything was asked.
pub(crate) fn standing(config: Option<&VaultConfig>, now: Timestamp) -> VaultStanding {
    let Some(config) = config else { return VaultStanding::new(VaultState::Off, None, now) };
    let (state, login) = match &config.token {
        VaultToken::Fixed(_) => (VaultState::TokenGiven, "a token of the environment".to_owned()),
        VaultToken::File(path) => (VaultState::TokenGiven, format!("the token file {}", path.display())),
        VaultToken::Jwt(with) => {
            let role =
                with.role.as_deref().map_or_else(|| "default role".to_owned(), |role| format!("role {role}"));
            (VaultState::Pending, format!("jwt at {}, {role}", with.mount))
        }
        // The role id is no secret, and still nothing that has to be known by more people.
        VaultToken::AppRole(with) => (VaultState::Pending, format!("approle at {}", with.mount)),
    };
    VaultStanding::new(state, Some(login), now)
}
