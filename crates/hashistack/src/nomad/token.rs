//! The token of a client, as Nomad knows it.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::job::or_default;
use crate::transport::{Call, HashistackError, Transport};

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NomadToken {
    /// Its public name.
    #[serde(rename = "AccessorID")]
    pub accessor: String,
    /// What it is for, in words.
    #[serde(default)]
    pub name: String,
    /// `management` or `client`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Its policies, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub policies: Vec<String>,
    /// When it ends; absent where it has no end.
    #[serde(default)]
    pub expiration_time: Option<Timestamp>,
}

/// Makes the first token of new servers, which may do everything, of a secret that the caller has chosen.
///
/// # Errors
/// When there is no answer, or a refusal: 400 where there is one already, or ACLs are off.
pub(super) async fn bootstrap(transport: &Transport, secret: &SecretString) -> Result<(), HashistackError> {
    let body = json!({ "BootstrapSecret": secret.expose_secret() });
    let call = Call::post("/v1/acl/bootstrap").json(&body)?.without_token();
    transport.send(&call).await.map(drop)
}

/// # Errors
/// When there is no answer, or a refusal: [`NomadFault::PermissionDenied`](super::NomadFault::PermissionDenied).
pub(super) async fn own(transport: &Transport) -> Result<NomadToken, HashistackError> {
    transport.send(&Call::get("/v1/acl/token/self")).await?.json()
}

/// # Errors
/// As [`own`].
pub(super) async fn of(transport: &Transport, token: &SecretString) -> Result<NomadToken, HashistackError> {
    transport.send(&Call::get("/v1/acl/token/self").with_token(token.clone())).await?.json()
}
