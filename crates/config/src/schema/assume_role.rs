//! `bedrock { assume_role { … } }`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The IAM role that calls are made as, assumed with the credentials that the machine has.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawAssumeRole {
    /// The ARN of the role.
    #[schemars(regex(pattern = r"^arn:[a-z-]+:iam::[0-9]{12}:role/[!-~]{1,512}$"),
        extend("x-tier" = "bootstrap", "x-form" = "a role's ARN, such as \"arn:aws:iam::123456789012:role/nova\""))]
    pub(crate) arn: String,
    /// What the role's trust policy asks of callers from another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$"),
        extend("x-tier" = "bootstrap", "x-form" = "2 to 1224 letters, digits and characters of _+=,.@:/- in quotes"))]
    pub(crate) external_id: Option<String>,
    /// The name of the session, as CloudTrail shows it; nova-proxy where it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_+=,.@-]{2,64}$"),
        extend("x-tier" = "bootstrap", "x-form" = "2 to 64 letters, digits and characters of _+=,.@- in quotes"))]
    pub(crate) session_name: Option<String>,
    /// Tags of the session, for cost allocation and policies.
    #[serde(default)]
    #[schemars(extend("x-tier" = "bootstrap", "maxProperties" = 50,
        "propertyNames" = {"pattern": r"^[A-Za-z0-9 _.:/=+@-]{1,128}$",
            "x-form": "1 to 128 letters, digits, spaces and characters of _.:/=+@-"},
        "additionalProperties" = {"type": "string", "pattern": r"^[A-Za-z0-9 _.:/=+@-]{0,256}$",
            "x-form": "at most 256 letters, digits, spaces and characters of _.:/=+@- in quotes"}))]
    pub(crate) session_tags: BTreeMap<String, String>,
}
