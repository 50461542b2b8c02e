//! Auth methods of type `jwt`, and the rules by which they give roles.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::consul::duration::go;

/// An auth method that takes JWTs (Consul's documentation, "JWT auth method").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtAuthMethod {
    /// The name, which logins say.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// How long a token lasts: a minute to 24 h, where the server says nothing else. Whoever logs in has to do so anew.
    pub max_token_ttl: Duration,
    /// Whose signatures count.
    pub keys: JwtKeys,
    /// By which algorithms they may be made, such as `RS256`; RS256 alone where there are none.
    pub algorithms: Vec<String>,
    /// A JWT is taken when it is made for one of these.
    pub bound_audiences: Vec<String>,
    /// Claims by the name under which the selectors of rules know them: `nomad_job_id` is `value.nomad_job_id` there.
    pub claim_mappings: BTreeMap<String, String>,
}

/// Whose signatures an auth method believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtKeys {
    /// Those that are served here; Nomad's are at `/.well-known/jwks.json`.
    Url {
        /// Where they are.
        url: String,
        /// Who vouches for the certificate of an `https://` address, in PEM; whom Consul's machine trusts where absent.
        authorities: Option<String>,
    },
    /// These public keys, in PEM.
    Pem(Vec<String>),
}

/// A rule by which an auth method gives a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingRule {
    /// The auth method.
    pub auth_method: String,
    /// What it is for, in words.
    pub description: String,
    /// Which identities get the role: `value.nomad_job_id == "nova-proxy"`.
    pub selector: String,
    /// The name of the role.
    pub role: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MethodRequest<'m> {
    name: &'m str,
    #[serde(rename = "Type")]
    kind: &'static str,
    description: &'m str,
    #[serde(rename = "MaxTokenTTL")]
    max_token_ttl: String,
    /// Tokens are made and known where the login was: it needs no other datacenter.
    token_locality: &'static str,
    config: Config<'m>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Config<'m> {
    #[serde(rename = "JWKSURL", skip_serializing_if = "Option::is_none")]
    url: Option<&'m str>,
    #[serde(rename = "JWKSCACert", skip_serializing_if = "Option::is_none")]
    authorities: Option<&'m str>,
    #[serde(rename = "JWTSupportedAlgs", skip_serializing_if = "<[String]>::is_empty")]
    algorithms: &'m [String],
    #[serde(rename = "JWTValidationPubKeys", skip_serializing_if = "Option::is_none")]
    pem: Option<&'m [String]>,
    bound_audiences: &'m [String],
    claim_mappings: &'m BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuleRequest<'r> {
    auth_method: &'r str,
    description: &'r str,
    selector: &'r str,
    bind_type: &'static str,
    bind_name: &'r str,
}

impl JwtAuthMethod {
    pub(super) fn request(&self) -> MethodRequest<'_> {
        let (url, authorities, pem) = match &self.keys {
            JwtKeys::Url { url, authorities } => (Some(url.as_str()), authorities.as_deref(), None),
            JwtKeys::Pem(pem) => (None, None, Some(pem.as_slice())),
        };
        MethodRequest {
            name: &self.name,
            kind: "jwt",
            description: &self.description,
            max_token_ttl: go(self.max_token_ttl),
            token_locality: "local",
            config: Config {
                url,
                authorities,
                algorithms: &self.algorithms,
                pem,
                bound_audiences: &self.bound_audiences,
                claim_mappings: &self.claim_mappings,
            },
        }
    }
}

impl BindingRule {
    pub(super) fn request(&self) -> RuleRequest<'_> {
        RuleRequest {
            auth_method: &self.auth_method,
            description: &self.description,
            selector: &self.selector,
            bind_type: "role",
            bind_name: &self.role,
        }
    }
}
