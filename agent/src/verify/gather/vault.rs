//! What Vault says of itself and of the token.

use jiff::{SignedDuration, Timestamp};
use nova_hashistack::VaultClient;
use nova_hashistack::transport::HashistackError;
use nova_hashistack::vault::VaultState;

use super::super::fact::{ClockFact, TokenFact, Trouble, VaultFact, Whose};
use super::{RETRIES, SERVER_PATIENCE, clock, in_time};

/// Asks Vault, where there is one.
pub(super) async fn ask(
    vault: Result<&(VaultClient, String, bool), &String>,
) -> (Result<VaultFact, String>, Option<ClockFact>) {
    let (client, address, has_token) = match vault {
        Ok((client, address, has_token)) => (client.retrying(RETRIES), address.clone(), *has_token),
        Err(why) => return (Err(why.clone()), None),
    };
    let before = Timestamp::now();
    let told = in_time(SERVER_PATIENCE, client.health()).await;
    let after = Timestamp::now();
    let clock = told.as_ref().ok().map(|told| ClockFact {
        whose: Whose::Server,
        name: "Vault".to_owned(),
        skew: Ok(clock::skew_of_seconds(told.server_time_utc, before, after)),
    });
    let token = if has_token {
        in_time(SERVER_PATIENCE, token(&client)).await
    } else {
        Err(Trouble::NotAsked("there is no VAULT_TOKEN, and none is needed for the rest".to_owned()))
    };
    let health = told.map(|told| (told.state.answers(), word(told.state), told.version));
    (Ok(VaultFact { address, health, token }), clock)
}

async fn token(client: &VaultClient) -> Result<TokenFact, HashistackError> {
    let own = client.token().lookup().await?;
    let ends_at = own
        .remaining()
        .and_then(|left| SignedDuration::try_from(left).ok())
        .and_then(|left| Timestamp::now().checked_add(left).ok());
    Ok(TokenFact { name: format!("token {} with {}", own.accessor, own.policies.join(", ")), ends_at })
}

fn word(state: VaultState) -> &'static str {
    match state {
        VaultState::Active => "active",
        VaultState::Standby => "a standby",
        VaultState::PerformanceStandby => "a performance standby",
        VaultState::DisasterRecoverySecondary => "a secondary for disaster recovery, which answers nothing",
        VaultState::StandbyUnhealthy => "a standby that cannot reach the active server",
        VaultState::Removed => "removed from its cluster",
        VaultState::Sealed => "sealed",
        VaultState::Uninitialized => "not initialized",
    }
}
