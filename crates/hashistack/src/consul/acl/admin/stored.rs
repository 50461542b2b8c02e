//! What access control has already, for a set-up that compares before it writes.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::AclAdmin;
use crate::consul::acl::Link;
use crate::consul::agent_service::or_default;
use crate::transport::{Call, HashistackError};

/// A policy that is there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredPolicy {
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// The rules, in HCL.
    #[serde(default)]
    pub rules: String,
    /// The datacenters that it is good in; all where there are none.
    #[serde(default, deserialize_with = "or_default")]
    pub datacenters: Vec<String>,
}

/// A role that is there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredRole {
    name: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// Its policies.
    #[serde(default, deserialize_with = "or_default")]
    pub policies: Vec<Link>,
    /// The services that it is, which gives it rights of its own.
    #[serde(default, deserialize_with = "or_default")]
    pub service_identities: Vec<Value>,
    /// The nodes that it is, likewise.
    #[serde(default, deserialize_with = "or_default")]
    pub node_identities: Vec<Value>,
    /// Policies made of templates.
    #[serde(default, deserialize_with = "or_default")]
    pub templated_policies: Vec<Value>,
}

/// An auth method that is there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredAuthMethod {
    /// Its type, such as `jwt`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// How long a token lasts, as Go writes durations; as long as it is wanted where absent.
    #[serde(rename = "MaxTokenTTL", default)]
    pub max_token_ttl: Option<String>,
    /// `local` or `global`.
    #[serde(default)]
    pub token_locality: String,
    /// What depends on its type.
    #[serde(default)]
    pub config: Map<String, Value>,
}

/// A binding rule that is there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredBindingRule {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// Which identities it is for; all where it is empty.
    #[serde(default)]
    pub selector: String,
    /// What it gives: `role`, `policy`, `service`, `node` or `templated-policy`.
    pub bind_type: String,
    /// The name of what it gives.
    pub bind_name: String,
}

impl AclAdmin<'_> {
    /// The policy of this name; nothing where there is none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 403 without `acl = "read"`.
    pub async fn policy(&self, name: &str) -> Result<Option<StoredPolicy>, HashistackError> {
        let known = self.known(Call::get("/v1/acl/policies")).await?;
        let Some(found) = known.into_iter().find(|known| known.name == name) else { return Ok(None) };
        // Lists leave the rules out.
        self.transport.send(&Call::get("/v1/acl/policy").segment(&found.id)?).await?.json().map(Some)
    }

    /// The role of this name; nothing where there is none.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn role(&self, name: &str) -> Result<Option<StoredRole>, HashistackError> {
        let roles: Vec<StoredRole> = self.transport.send(&Call::get("/v1/acl/roles")).await?.json()?;
        Ok(roles.into_iter().find(|role| role.name == name))
    }

    /// The auth method of this name; nothing where there is none.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn auth_method(&self, name: &str) -> Result<Option<StoredAuthMethod>, HashistackError> {
        let known = self.known(Call::get("/v1/acl/auth-methods")).await?;
        if !known.iter().any(|known| known.name == name) {
            return Ok(None);
        }
        // Lists leave the config out.
        self.transport.send(&Call::get("/v1/acl/auth-method").segment(name)?).await?.json().map(Some)
    }

    /// The rules of an auth method; none where there is no such method.
    ///
    /// # Errors
    /// As [`Self::policy`].
    pub async fn binding_rules(&self, auth_method: &str) -> Result<Vec<StoredBindingRule>, HashistackError> {
        let call = Call::get("/v1/acl/binding-rules").query("authmethod", auth_method.to_owned());
        self.transport.send(&call).await?.json()
    }
}
