//! `secret "<name>" { … }`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a secret is. Exactly one of the fields; the secret itself is never in a configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawSecret {
    /// A field of a secret in Vault's key-value engine: the path as vault kv get takes it, # and the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+#[A-Za-z0-9._-]{1,128}$"), length(max = 1024),
        extend("x-tier" = "bootstrap", "x-form" = "mount, path, # and field in quotes, such as \"kv/nova#pepper\""))]
    pub(crate) vault: Option<String>,
    /// A secret of AWS Secrets Manager: its name or ARN and, where it is JSON, # and the key whose text it is. The credentials are those that call Bedrock, the region is Bedrock's or that of the ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}(#[A-Za-z0-9._-]{1,128})?$"), length(max = 1024),
        extend("x-tier" = "bootstrap", "x-form" = "the name or ARN of a secret, and # and a key where it is JSON, in quotes, such as \"nova/proxy#pepper\""))]
    pub(crate) aws_secrets_manager: Option<String>,
    /// The path of a file whose content it is; one line end at its end does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096),
        extend("x-tier" = "bootstrap", "x-form" = "the path of a file in quotes"))]
    pub(crate) file: Option<String>,
    /// The environment variable whose value it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"), extend("x-tier" = "bootstrap",
        "x-form" = "the name of an environment variable in quotes, such as \"NOVA_PEPPER\""))]
    pub(crate) env: Option<String>,
}
