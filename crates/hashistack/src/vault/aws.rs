//! The AWS engine: credentials that AWS's STS gave to Vault for us.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{below, envelope};
use crate::transport::{Call, HashistackError, Transport};

/// A mount of the engine.
#[derive(Debug, Clone, Copy)]
pub struct AwsEngine<'c> {
    transport: &'c Transport,
    mount: &'c str,
}

/// What is asked for beside the role. What is absent is as the role says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StsRequest {
    /// The role to assume, where Vault's role allows several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The name of the session, which AWS's CloudTrail shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_session_name: Option<String>,
    /// How long the credentials are to last, such as `15m`. STS's least is 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

/// As whom Vault calls AWS (Vault's API documentation, "AWS secrets engine", "Configure root credentials").
#[derive(Debug, Clone)]
pub struct AwsRoot {
    /// The public name of the key.
    pub access_key: String,
    /// What signs.
    pub secret_key: SecretString,
    /// The region that calls are signed for.
    pub region: String,
    /// Where IAM and STS are, where that is not AWS's own place.
    pub endpoint: Option<String>,
}

/// Credentials of AWS.
#[derive(Debug, Clone)]
pub struct AwsCredentials {
    /// Their public name.
    pub access_key: String,
    /// What signs.
    pub secret_key: SecretString,
    /// What goes with each request; absent for keys of an IAM user.
    pub session_token: Option<SecretString>,
    /// How long they last from when they were given; nothing where they have no end.
    pub lifetime: Option<Duration>,
    /// The name of their lease, where they have one.
    pub lease_id: Option<String>,
}

#[derive(Deserialize)]
struct Read {
    access_key: String,
    secret_key: SecretString,
    /// Vault tells it under `security_token`, its old name, too.
    session_token: Option<SecretString>,
    security_token: Option<SecretString>,
}

impl<'c> AwsEngine<'c> {
    pub(super) fn new(transport: &'c Transport, mount: &'c str) -> Self {
        Self { transport, mount }
    }

    /// Says as whom Vault calls AWS.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn put_root(&self, root: &AwsRoot) -> Result<(), HashistackError> {
        let mut body = json!({
            "access_key": root.access_key,
            "secret_key": root.secret_key.expose_secret(),
            "region": root.region,
        });
        if let Some(endpoint) = &root.endpoint {
            body["iam_endpoint"] = json!(endpoint);
            body["sts_endpoint"] = json!(endpoint);
            body["sts_region"] = json!(root.region);
        }
        let call = below(Call::post, self.mount, "config")?.segment("root")?.json(&body)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// Credentials of a role. Each call makes others; the leases of STS's cannot be renewed, and cannot be taken back.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where AWS did not let Vault assume the role.
    pub async fn credentials(
        &self,
        role: &str,
        request: &StsRequest,
    ) -> Result<AwsCredentials, HashistackError> {
        let call = below(Call::post, self.mount, "sts")?.segment(role)?.json(request)?;
        let answer = self.transport.send(&call).await?;
        let read: envelope::Envelope<Read> = envelope::read(&answer)?;
        let lifetime = read.lease();
        let (lease_id, data) = read.leased();
        let Read { access_key, secret_key, session_token, security_token } = data;
        Ok(AwsCredentials {
            access_key,
            secret_key,
            session_token: session_token.or(security_token),
            lifetime,
            lease_id,
        })
    }
}
