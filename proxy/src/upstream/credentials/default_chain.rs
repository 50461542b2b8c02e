//! AWS's default credential chain, by aws-config.

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use futures_util::future::BoxFuture;

use super::CredentialSource;

/// Environment, shared profile, web identity token, ECS container, EC2 instance metadata, in this order.
///
/// The standard variables apply, `AWS_EC2_METADATA_DISABLED` among them. Nothing is read before the first load.
#[derive(Debug, Clone)]
pub struct DefaultChain {
    region: Region,
}

impl DefaultChain {
    /// Talks to the STS of `region` when a role is to be assumed.
    pub fn new(region: impl Into<String>) -> Self {
        Self { region: Region::new(region.into()) }
    }
}

impl CredentialSource for DefaultChain {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        Box::pin(async move {
            // Built anew for each load: a chain reads profile files once, and a rotated key would never be seen.
            let chain = DefaultCredentialsChain::builder().region(self.region.clone()).build().await;
            chain.provide_credentials().await
        })
    }

    fn describe(&self) -> String {
        "aws's default chain (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the shared profile, AWS_WEB_IDENTITY_TOKEN_FILE, \
         the ECS container endpoint, EC2 instance metadata)"
            .to_owned()
    }
}
