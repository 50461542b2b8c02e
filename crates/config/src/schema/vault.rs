//! `vault { … }`, and what is taken from it: `bedrock { vault_credentials { … } }`, `tls { vault_certificate { … } }` and `consul { vault_client_certificate { … } }`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// Where Vault is, and as whom it is asked: by jwt, approle or token_file, else with VAULT_TOKEN.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawVault {
    /// The URL of a server, an agent or a proxy of Vault; VAULT_ADDR where it is not written.
    #[schemars(regex(pattern = r"^(https?://[!-~]{1,1000}|unix:///[!-~]{1,106})$"), extend("x-tier" = "bootstrap",
        "x-form" = "an http or https URL, such as \"https://vault.example.com:8200\", or unix:// with the absolute path of a socket"))]
    pub(crate) address: String,
    /// The namespace; VAULT_NAMESPACE where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_/-]{1,256}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a path of letters, digits, -, _ and / in quotes, such as \"platform\""))]
    pub(crate) namespace: Option<String>,
    /// A file of PEM certificates that Vault's is judged by, in place of the machine's own; VAULT_CACERT where it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096), extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) ca_file: Option<String>,
    /// The path of the file with the client certificate that Vault is shown, in PEM; VAULT_CLIENT_CERT where it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096), extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) cert_file: Option<String>,
    /// The path of the file with that certificate's private key, in PEM; VAULT_CLIENT_KEY where it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096), extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) key_file: Option<String>,
    /// The name that Vault's certificate has, where it is not that of the address; VAULT_TLS_SERVER_NAME where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9.-]{1,253}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a host name in quotes, such as \"vault.service.consul\""))]
    pub(crate) server_name: Option<String>,
    /// The path of the file with the token, such as the sink of Vault's agent, read again when it changes. The token itself is taken from VAULT_TOKEN alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096), extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) token_file: Option<String>,
    /// The login with a JWT, such as the identity that Nomad gives to a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwt: Option<RawVaultJwt>,
    /// The login with a role id and a secret id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) approle: Option<RawVaultAppRole>,
}

/// The login with a JWT, such as the identity that Nomad gives to a task.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawVaultJwt {
    /// Where the auth method is mounted.
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"), extend("x-tier" = "bootstrap",
        "x-form" = "a path without a slash at its ends in quotes, such as \"jwt-nomad\""))]
    pub(crate) mount: String,
    /// The role to log in as; the default one of the auth method where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of a role in quotes, such as \"nova-proxy\""))]
    pub(crate) role: Option<String>,
    /// The path of the file with the JWT, read again at each login; nomad_vault_default.jwt below NOMAD_SECRETS_DIR where it is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096), extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) jwt_file: Option<String>,
}

/// The login with a role id and a secret id.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVaultAppRole {
    /// Where the auth method is mounted.
    #[serde(default = "approle")]
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"), extend("x-tier" = "bootstrap",
        "x-form" = "a path without a slash at its ends in quotes, such as \"approle\""))]
    pub(crate) mount: String,
    /// The role's id, which is no secret.
    #[schemars(regex(pattern = r"^[!-~]{1,256}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the id of a role in quotes, as vault read auth/approle/role/NAME/role-id shows it"))]
    pub(crate) role_id: String,
    /// The path of the file with the secret id, read at each login, or with the wrapping token around it, used once.
    #[schemars(length(min = 1, max = 4096), extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) secret_id_file: String,
    /// The name of the role that a wrapped secret id has to be of. With it the file holds a wrapping token, without it the secret id itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of a role in quotes, such as \"nova-proxy\""))]
    pub(crate) wrapped_for_role: Option<String>,
}

/// AWS credentials that Vault's AWS engine gives, in place of those of the machine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVaultCredentials {
    /// Where the AWS engine is mounted.
    #[serde(default = "aws")]
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"), extend("x-tier" = "bootstrap",
        "x-form" = "a path without a slash at its ends in quotes, such as \"aws\""))]
    pub(crate) mount: String,
    /// The engine's role, of the type assumed_role.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of a role in quotes, such as \"nova-bedrock\""))]
    pub(crate) role: String,
    /// The ARN of the role of AWS, where the engine's role allows several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^arn:[a-z-]+:iam::[0-9]{12}:role/[!-~]{1,512}$"),
        extend("x-tier" = "bootstrap", "x-form" = "a role's ARN, such as \"arn:aws:iam::123456789012:role/nova\""))]
    pub(crate) role_arn: Option<String>,
    /// The name of the session, as CloudTrail shows it; the name of the instance where it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_+=,.@-]{2,64}$"),
        extend("x-tier" = "bootstrap", "x-form" = "2 to 64 letters, digits and characters of _+=,.@- in quotes"))]
    pub(crate) session_name: Option<String>,
    /// How long the credentials are to last; as the engine's role says where it is not written. Where Vault itself runs as a role, AWS gives an hour at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "15m", "x-maximum" = "12h"))]
    pub(crate) ttl: Option<DurationText>,
}

/// A certificate that Vault's PKI engine signs. Its key is made by the proxy, stays in its memory, and is another one with each certificate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawVaultCertificate {
    /// Where the PKI engine is mounted.
    #[serde(default = "pki")]
    #[schemars(length(max = 256), regex(pattern = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$"), extend("x-tier" = "bootstrap",
        "x-form" = "a path without a slash at its ends in quotes, such as \"pki\""))]
    pub(crate) mount: String,
    /// The engine's role, which has to take EC keys (key_type "any" or "ec").
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]{1,128}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of a role in quotes, such as \"nova-proxy\""))]
    pub(crate) role: String,
    /// The name of the proxy, which clients of a listener connect to and the role has to allow.
    #[schemars(regex(pattern = r"^(\*\.)?[A-Za-z0-9.-]{1,253}$"), extend("x-tier" = "bootstrap",
        "x-form" = "a host name in quotes, such as \"nova.example.com\""))]
    pub(crate) common_name: String,
    /// Further names of the proxy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-tier" = "bootstrap", "items" = { "type": "string",
        "pattern": r"^(\*\.)?[A-Za-z0-9.-]{1,253}$",
        "x-form": "a host name in quotes, such as \"nova-proxy.service.consul\"" }))]
    pub(crate) alt_names: Vec<String>,
    /// IP addresses of the proxy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-tier" = "bootstrap", "items" = { "type": "string",
        "x-form": "an IP address in quotes, such as \"10.0.0.7\"" }))]
    pub(crate) ip_sans: Vec<String>,
    /// URIs that name the proxy, such as a SPIFFE id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-tier" = "bootstrap", "items" = { "type": "string",
        "pattern": r"^[a-z][a-z0-9+.-]*:[!-+.-~-]{1,1000}$",
        "x-form": "a URI in quotes, such as \"spiffe://example.com/nova-proxy\"" }))]
    pub(crate) uri_sans: Vec<String>,
    /// How long the certificate is to last; as the role says where it is not written. It is renewed when a third of its life is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "bootstrap", "x-minimum" = "1m", "x-maximum" = "8760h"))]
    pub(crate) ttl: Option<DurationText>,
}

impl Default for RawVault {
    fn default() -> Self {
        Self {
            address: "https://127.0.0.1:8200".to_owned(),
            namespace: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            server_name: None,
            token_file: None,
            jwt: None,
            approle: None,
        }
    }
}

impl Default for RawVaultJwt {
    fn default() -> Self {
        Self { mount: "jwt-nomad".to_owned(), role: None, jwt_file: None }
    }
}

fn approle() -> String {
    "approle".to_owned()
}

fn aws() -> String {
    "aws".to_owned()
}

fn pki() -> String {
    "pki".to_owned()
}
