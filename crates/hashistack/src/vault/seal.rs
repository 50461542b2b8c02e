//! What is done to a server before it has any token to give: its first keys, and opening it with them.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::envelope;
use crate::transport::{Call, HashistackError, Transport};

/// What a new server gives out once and never again.
#[derive(Debug, Clone)]
pub struct VaultKeys {
    /// Opens the server after each of its starts.
    pub unseal_key: SecretString,
    /// May do everything.
    pub root_token: SecretString,
}

#[derive(Deserialize)]
struct Made {
    keys_base64: [SecretString; 1],
    root_token: SecretString,
}

/// # Errors
/// When there is no answer, or a refusal: 400 where it was initialized before.
pub(super) async fn initialize(transport: &Transport) -> Result<VaultKeys, HashistackError> {
    // One key in one hand: whoever wants shares of it has an operator and a ceremony for that.
    let shares = json!({ "secret_shares": 1, "secret_threshold": 1 });
    let call = Call::put("/v1/sys/init").json(&shares)?.without_token();
    let made: Made = envelope::read(&transport.send(&call).await?)?;
    let [unseal_key] = made.keys_base64;
    Ok(VaultKeys { unseal_key, root_token: made.root_token })
}

/// # Errors
/// When there is no answer, or a refusal: 400 where the key is not the server's.
pub(super) async fn unseal(transport: &Transport, key: &SecretString) -> Result<(), HashistackError> {
    let body = json!({ "key": key.expose_secret() });
    let call = Call::put("/v1/sys/unseal").json(&body)?.without_token().idempotent();
    transport.send(&call).await.map(drop)
}
