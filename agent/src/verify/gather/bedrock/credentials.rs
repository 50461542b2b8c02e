//! With what Bedrock is asked: a Bedrock API key, keys in the environment, or what Vault's AWS engine gives.

use nova_hashistack::VaultClient;
use nova_hashistack::vault::aws::StsRequest;
use secrecy::SecretString;

use super::super::super::fact::{Asked, Trouble};
use super::super::{SERVER_PATIENCE, in_time};

/// Where they come from.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A Bedrock API key.
    ApiKey(SecretString),
    /// Keys of the environment.
    Keys {
        /// The public name of the key.
        id: String,
        /// What signs.
        secret: SecretString,
        /// What goes with temporary ones.
        session_token: Option<SecretString>,
    },
    /// A role of Vault's AWS engine.
    Vault {
        /// Where the engine is mounted.
        mount: String,
        /// The role.
        role: String,
    },
    /// There are none.
    Missing,
}

/// What a request is made with.
#[derive(Debug)]
pub(super) enum Keys {
    Bearer(SecretString),
    Signing { id: String, secret: SecretString, session_token: Option<SecretString> },
}

impl Credentials {
    /// Where they come from, and themselves.
    pub(super) async fn keys(&self, vault: Result<&VaultClient, String>) -> Asked<(String, Keys)> {
        match self {
            Self::Missing => Err(Trouble::Odd(
                "neither AWS_BEARER_TOKEN_BEDROCK nor AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY is set"
                    .to_owned(),
            )),
            Self::ApiKey(key) => Ok(("AWS_BEARER_TOKEN_BEDROCK".to_owned(), Keys::Bearer(key.clone()))),
            Self::Keys { id, secret, session_token } => {
                let keys = Keys::Signing {
                    id: id.clone(),
                    secret: secret.clone(),
                    session_token: session_token.clone(),
                };
                Ok(("the environment".to_owned(), keys))
            }
            Self::Vault { mount, role } => {
                let vault = vault.map_err(Trouble::Odd)?;
                let engine = vault.aws(mount);
                let given =
                    in_time(SERVER_PATIENCE, engine.credentials(role, &StsRequest::default())).await?;
                let keys = Keys::Signing {
                    id: given.access_key,
                    secret: given.secret_key,
                    session_token: given.session_token,
                };
                Ok((format!("Vault, role {role} at {mount}"), keys))
            }
        }
    }
}
