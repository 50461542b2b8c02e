//! AWS credentials that Vault's AWS engine gives: short-lived ones of a role, which no file and no environment holds.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use futures_util::future::BoxFuture;
use nova_config::VaultCredentialsConfig;
use nova_hashistack::VaultClient;
use nova_hashistack::vault::aws::StsRequest;
use secrecy::ExposeSecret as _;

use super::CredentialSource;

/// The longest name of a session, and what it may be made of (AWS's API reference, "AssumeRole", `RoleSessionName`).
const SESSION_NAME_MAX: usize = 64;

/// Asks Vault for credentials of a role.
#[derive(Debug, Clone)]
pub struct VaultCredentials {
    client: VaultClient,
    config: VaultCredentialsConfig,
    session_name: String,
}

impl VaultCredentials {
    /// Asks by `client`. AWS's records call the session by the name of `instance` where the configuration has none for it.
    pub fn new(client: VaultClient, config: VaultCredentialsConfig, instance: &str) -> Self {
        let session_name = config.session_name.clone().unwrap_or_else(|| session_name(instance));
        Self { client, config, session_name }
    }

    async fn ask(&self) -> Result<Credentials, CredentialsError> {
        let request = StsRequest {
            role_arn: self.config.role_arn.clone(),
            role_session_name: Some(self.session_name.clone()),
            ttl: self.config.ttl.map(|ttl| format!("{}s", ttl.as_secs())),
        };
        // From before the call: the credentials were made after it, so that they last at least as long as is thought.
        let asked = SystemTime::now();
        let given = self.client.aws(&self.config.mount).credentials(&self.config.role, &request).await;
        let given = given.map_err(CredentialsError::provider_error)?;
        Ok(Credentials::new(
            given.access_key,
            given.secret_key.expose_secret(),
            given.session_token.map(|token| token.expose_secret().to_owned()),
            given.lifetime.map(|lifetime| asked + lifetime),
            "vault",
        ))
    }
}

/// A name that AWS takes: instances have names of the same characters, which may be longer, or of a single one.
fn session_name(instance: &str) -> String {
    let name: String = instance.chars().take(SESSION_NAME_MAX).collect();
    if name.len() < 2 { format!("nova-{name}") } else { name }
}

impl CredentialSource for VaultCredentials {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        Box::pin(self.ask())
    }

    fn describe(&self) -> String {
        format!("vault's aws engine at {}, role {}", self.config.mount, self.config.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_has_a_name_that_aws_takes() {
        assert_eq!(session_name("nova-1"), "nova-1");
        assert_eq!(session_name(&"a".repeat(128)).len(), SESSION_NAME_MAX);
        assert_eq!(session_name("7"), "nova-7");
    }
}
