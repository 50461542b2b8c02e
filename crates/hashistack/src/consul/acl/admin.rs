//! What a set-up writes into access control: policies, roles, tokens, auth methods and binding rules.
//!
//! Everything but tokens has a name, by which it is found again: to write it twice is to write it once, and to write it otherwise
//! replaces it. Names are looked for in lists. A read by name that finds nothing is answered 403 (`ACL not found`) by some versions of
//! Consul, which is also how they answer a token that they do not know.

mod auth_method;
mod stored;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::IssuedToken;
use crate::consul::duration::go;
use crate::transport::{Call, HashistackError, Transport};

pub use auth_method::{BindingRule, JwtAuthMethod, JwtKeys};
pub use stored::{StoredAuthMethod, StoredBindingRule, StoredPolicy, StoredRole};

/// The writes of access control. All of them need `acl = "write"`, with which a token can make itself any other.
#[derive(Debug, Clone, Copy)]
pub struct AclAdmin<'c> {
    transport: &'c Transport,
}

/// Rules under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// The name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The rules, in HCL.
    pub rules: String,
}

/// Policies under a name, for auth methods to bind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// The name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The names of its policies.
    #[serde(serialize_with = "named")]
    pub policies: Vec<String>,
}

/// A token that is to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewToken {
    /// What it is for, in words.
    pub description: String,
    /// The names of its policies.
    pub policies: Vec<String>,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// How long it lasts: a minute to 24 h, where the server says nothing else; without it for ever.
    pub ttl: Option<Duration>,
    /// It is good in this datacenter alone, which makes it while the primary one cannot be reached.
    pub is_local: bool,
}

/// A [`NewToken`] as the API takes it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TokenRequest<'t> {
    description: &'t str,
    #[serde(serialize_with = "named")]
    policies: &'t [String],
    #[serde(serialize_with = "named")]
    roles: &'t [String],
    #[serde(rename = "ExpirationTTL", skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    local: bool,
}

/// Something that has a name, and an id but for auth methods.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Known {
    #[serde(rename = "ID", default)]
    id: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Accessor {
    #[serde(rename = "AccessorID")]
    accessor: String,
}

/// Names as links to what has them.
fn named<W: serde::Serializer>(names: impl AsRef<[String]>, writer: W) -> Result<W::Ok, W::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Named<'n> {
        name: &'n str,
    }
    writer.collect_seq(names.as_ref().iter().map(|name| Named { name }))
}

impl<'c> AclAdmin<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Writes a policy, in place of the one of its name. Tokens that have it get its rules at once.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 500 with Consul's reason where the rules cannot be read, or somebody else has made
    /// one of this name meanwhile.
    pub async fn put_policy(&self, policy: &Policy) -> Result<(), HashistackError> {
        let known = self.known(Call::get("/v1/acl/policies")).await?;
        let id = known.into_iter().find(|known| known.name == policy.name).map(|known| known.id);
        self.put(Call::put("/v1/acl/policy"), id, policy).await
    }

    /// Writes a role, in place of the one of its name.
    ///
    /// # Errors
    /// As [`Self::put_policy`], and where there is no policy of a name.
    pub async fn put_role(&self, role: &Role) -> Result<(), HashistackError> {
        let known = self.known(Call::get("/v1/acl/roles")).await?;
        let id = known.into_iter().find(|known| known.name == role.name).map(|known| known.id);
        self.put(Call::put("/v1/acl/role"), id, role).await
    }

    /// Writes an auth method, in place of the one of its name.
    ///
    /// # Errors
    /// As [`Self::put_policy`], and where its keys cannot be used.
    pub async fn put_auth_method(&self, method: &JwtAuthMethod) -> Result<(), HashistackError> {
        let known = self.known(Call::get("/v1/acl/auth-methods")).await?;
        let name = known.into_iter().find(|known| known.name == method.name).map(|known| known.name);
        self.put(Call::put("/v1/acl/auth-method"), name, &method.request()).await
    }

    /// Writes the rule by which an auth method gives a role, in place of the one that it has for the role.
    ///
    /// # Errors
    /// As [`Self::put_policy`], and where there is no such auth method, or the selector cannot be read.
    pub async fn put_binding_rule(&self, rule: &BindingRule) -> Result<(), HashistackError> {
        let stored = self.binding_rules(&rule.auth_method).await?;
        let is_for_it =
            |stored: &StoredBindingRule| stored.bind_type == "role" && stored.bind_name == rule.role;
        let id = stored.into_iter().find(is_for_it).map(|stored| stored.id);
        self.put(Call::put("/v1/acl/binding-rule"), id, &rule.request()).await
    }

    /// Makes a token, another one each time.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: where there is no policy or role of a name.
    pub async fn create_token(&self, token: &NewToken) -> Result<IssuedToken, HashistackError> {
        let request = TokenRequest {
            description: &token.description,
            policies: &token.policies,
            roles: &token.roles,
            ttl: token.ttl.map(go),
            local: token.is_local,
        };
        self.transport.send(&Call::put("/v1/acl/token").json(&request)?).await?.json()
    }

    /// The tokens that came from logins by an auth method, by their public names.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn tokens_of_logins(&self, auth_method: &str) -> Result<Vec<String>, HashistackError> {
        let call = Call::get("/v1/acl/tokens").query("authmethod", auth_method.to_owned());
        let tokens: Vec<Accessor> = self.transport.send(&call).await?.json()?;
        Ok(tokens.into_iter().map(|token| token.accessor).collect())
    }

    /// Deletes a token by its public name. One that is gone is no error.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn delete_token(&self, accessor: &str) -> Result<(), HashistackError> {
        let call = Call::delete("/v1/acl/token").segment(accessor)?.accepting(&[404]);
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    async fn known(&self, list: Call) -> Result<Vec<Known>, HashistackError> {
        self.transport.send(&list).await?.json()
    }

    /// Writes what has this id, or something new.
    async fn put(
        &self,
        call: Call,
        id: Option<String>,
        body: &impl Serialize,
    ) -> Result<(), HashistackError> {
        let call = match id {
            Some(id) => call.segment(&id)?.idempotent(),
            None => call,
        };
        self.transport.send(&call.json(body)?).await.map(drop)
    }
}
