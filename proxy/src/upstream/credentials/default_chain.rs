//! AWS's default credential chain, by aws-config.

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::BoxFuture;

use super::CredentialSource;

/// Environment, shared profile, web identity token, ECS container, EC2 instance metadata, in this order.
///
/// The standard variables apply, `AWS_EC2_METADATA_DISABLED` among them. Nothing is read before the first load.
#[derive(Debug, Clone)]
pub struct DefaultChain {
    region: Region,
    http: Option<SharedHttpClient>,
}

impl DefaultChain {
    /// Talks to the STS of `region` when a role is to be assumed.
    pub fn new(region: impl Into<String>) -> Self {
        Self { region: Region::new(region.into()), http: None }
    }

    /// Reaches STS and the others by `http` instead of a client of AWS's library.
    #[must_use]
    pub fn with_http_client(mut self, http: SharedHttpClient) -> Self {
        self.http = Some(http);
        self
    }
}

impl CredentialSource for DefaultChain {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        Box::pin(async move {
            // Built anew for each load: a chain reads profile files once, and a rotated key would never be seen.
            let mut provider = ProviderConfig::default();
            if let Some(http) = &self.http {
                provider = provider.with_http_client(http.clone());
            }
            let chain = DefaultCredentialsChain::builder().configure(provider).region(self.region.clone());
            let chain = chain.build().await;
            chain.provide_credentials().await
        })
    }

    fn describe(&self) -> String {
        "aws's default chain (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the shared profile, AWS_WEB_IDENTITY_TOKEN_FILE, \
         the ECS container endpoint, EC2 instance metadata)"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::chain;
    use super::*;

    /// Runs this test again in a process whose environment is these variables alone: a process must not change its own.
    fn in_environment(test: &str, variables: &[(&str, &str)]) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("upstream::credentials::default_chain::tests::{test}")])
            .env_clear()
            .env("NOVA_TEST_CHAIN", "1")
            .env("HOME", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    fn is_inner() -> bool {
        std::env::var_os("NOVA_TEST_CHAIN").is_some()
    }

    #[tokio::test]
    async fn the_environment_comes_first() {
        if !is_inner() {
            let keys = [
                ("AWS_ACCESS_KEY_ID", "AKIDENV"),
                ("AWS_SECRET_ACCESS_KEY", "s"),
                ("AWS_SESSION_TOKEN", "t"),
            ];
            return in_environment("the_environment_comes_first", &keys);
        }
        let credentials = DefaultChain::new("us-east-1").load().await.unwrap();
        assert_eq!((credentials.access_key_id(), credentials.session_token()), ("AKIDENV", Some("t")));
    }

    #[tokio::test]
    async fn a_rotated_profile_file_is_read_again() {
        let file = std::env::temp_dir().join(format!("nova-profile-{}", std::process::id()));
        if !is_inner() {
            let path = file.to_str().unwrap();
            return in_environment(
                "a_rotated_profile_file_is_read_again",
                &[("AWS_SHARED_CREDENTIALS_FILE", path), ("NOVA_TEST_PROFILE", path)],
            );
        }
        let file = std::env::var("NOVA_TEST_PROFILE").unwrap();
        let chain = DefaultChain::new("us-east-1");
        for key in ["AKIDOLD", "AKIDNEW"] {
            std::fs::write(
                &file,
                format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = s\n"),
            )
            .unwrap();
            assert_eq!(chain.load().await.unwrap().access_key_id(), key);
        }
        std::fs::remove_file(&file).unwrap();
    }

    #[tokio::test]
    async fn without_any_source_the_failure_says_so() {
        if !is_inner() {
            return in_environment("without_any_source_the_failure_says_so", &[]);
        }
        let error = DefaultChain::new("us-east-1").load().await.unwrap_err();
        assert!(matches!(error, CredentialsError::CredentialsNotLoaded(_)), "{}", chain(&error));
    }
}
