//! The token of a client, as Nomad knows it.

use jiff::Timestamp;
use serde::Deserialize;

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

/// # Errors
/// When there is no answer, or a refusal: [`NomadFault::PermissionDenied`](super::NomadFault::PermissionDenied).
pub(super) async fn own(transport: &Transport) -> Result<NomadToken, HashistackError> {
    transport.send(&Call::get("/v1/acl/token/self")).await?.json()
}
