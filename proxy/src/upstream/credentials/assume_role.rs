//! A role that is assumed by STS, on top of other credentials. The role's own region's STS is asked, never the global one.

use std::sync::Arc;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::future::BoxFuture;

use super::CredentialSource;

/// The name of the session where none is configured, as it shows in CloudTrail.
const SESSION_NAME: &str = "nova-proxy";

/// The role and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleConfig {
    /// The role's ARN.
    pub arn: String,
    /// What the role's trust policy asks of a foreign account.
    pub external_id: Option<String>,
    /// The name of the session, in CloudTrail and in the ARN of the caller.
    pub session_name: Option<String>,
    /// Tags of the session, for cost allocation and policies.
    pub session_tags: Vec<(String, String)>,
    /// The region whose STS is asked.
    pub region: String,
    /// Use STS's FIPS 140 validated endpoint.
    pub use_fips: bool,
    /// Use STS's endpoint that answers on IPv6 too.
    pub use_dual_stack: bool,
    /// Replaces STS's endpoint. The standard variable is `AWS_ENDPOINT_URL_STS`.
    pub sts_endpoint: Option<String>,
}

/// Assumes a role with the credentials of another source.
#[derive(Debug, Clone)]
pub struct AssumedRole {
    role: RoleConfig,
    base: Arc<dyn CredentialSource>,
    http: Option<SharedHttpClient>,
}

impl AssumedRole {
    /// Assumes `role` with what `base` gives.
    #[must_use]
    pub fn new(role: RoleConfig, base: Arc<dyn CredentialSource>) -> Self {
        Self { role, base, http: None }
    }

    /// Reaches STS by `http` instead of a client of AWS's library.
    #[must_use]
    pub fn with_http_client(mut self, http: SharedHttpClient) -> Self {
        self.http = Some(http);
        self
    }

    async fn assume(&self) -> Result<Credentials, CredentialsError> {
        let role = &self.role;
        let region = Region::new(role.region.clone());
        let mut settings = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .use_fips(role.use_fips)
            .use_dual_stack(role.use_dual_stack);
        if let Some(http) = &self.http {
            settings = settings.http_client(http.clone());
        }
        if let Some(endpoint) = &role.sts_endpoint {
            settings = settings.endpoint_url(endpoint);
        }
        let session = role.session_name.as_deref().unwrap_or(SESSION_NAME);
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .configure(&settings.load().await)
            .region(region)
            .session_name(session);
        if let Some(external_id) = &role.external_id {
            builder = builder.external_id(external_id);
        }
        if !role.session_tags.is_empty() {
            builder = builder.tags(role.session_tags.iter().cloned());
        }
        builder.build_from_provider(Base(Arc::clone(&self.base))).await.provide_credentials().await
    }
}

impl CredentialSource for AssumedRole {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        Box::pin(self.assume())
    }

    fn describe(&self) -> String {
        // The ARN names the account, and the text goes to logs only.
        format!("sts in {} for the role {}, with {}", self.role.region, self.role.arn, self.base.describe())
    }
}

/// Another source, as AWS's libraries want it.
#[derive(Debug)]
struct Base(Arc<dyn CredentialSource>);

impl ProvideCredentials for Base {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.0.load())
    }
}
