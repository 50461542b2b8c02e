//! Response wrapping: a secret that can be taken out once, by whoever holds the wrapping token.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::envelope::{self, Envelope};
use crate::transport::{Call, HashistackError, Transport};

#[derive(Deserialize)]
struct Wrapped {
    creation_path: String,
}

/// Takes out the secret, after a look at what made it: a token that somebody else wrapped around something else, to be taken
/// for ours, has another path.
pub(super) async fn unwrap<T: serde::de::DeserializeOwned>(
    transport: &Transport,
    token: &SecretString,
    creation_path: &str,
) -> Result<T, HashistackError> {
    let lookup = Call::post("/v1/sys/wrapping/lookup").without_token();
    let lookup = lookup.json(&serde_json::json!({ "token": token.expose_secret() }))?;
    let Envelope { data: Wrapped { creation_path: made }, .. } =
        envelope::read(&transport.send(&lookup).await?)?;
    if made != creation_path {
        return Err(HashistackError::Invalid {
            what: format!(
                "the wrapping token was made by {made}, and not by {creation_path}; somebody has put another one in its place: \
                 find out who, and have a new one made"
            ),
        });
    }
    let call = Call::post("/v1/sys/wrapping/unwrap").with_token(token.clone());
    let read: Envelope<T> = envelope::read(&transport.send(&call).await?)?;
    Ok(read.data)
}
