//! `model "<name>" { … }`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DurationText;

/// What a model name stands for. `remove = true` alone takes the name out that an earlier layer or the well-known names gave.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawModel {
    /// A Bedrock model id, inference profile id or ARN, or a short name such as nova-pro.
    #[schemars(length(min = 1, max = 2048),
        extend("x-tier" = "runtime", "x-form" = "a Bedrock model id in quotes, such as \"us.amazon.nova-pro-v1:0\""))]
    pub(crate) target: String,
    /// The Nova model behind a target that does not tell it, such as an application inference profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256),
        extend("x-tier" = "runtime", "x-form" = "a model's short name in quotes, such as \"nova-lite\""))]
    pub(crate) base_model: Option<String>,
    /// Serve the model past its end of life, because AWS has agreed to answer this account.
    #[serde(default)]
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) extended_access: bool,
    /// The most tokens of an answer where the request does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000), extend("x-tier" = "runtime"))]
    pub(crate) max_tokens: Option<u32>,
    /// The reasoning effort where the request does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) reasoning_effort: Option<ReasoningEffort>,
    /// The Bedrock service tier of the calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) service_tier: Option<ServiceTier>,
    /// After which parts of a request a cache point is set.
    #[serde(default)]
    #[schemars(extend("x-tier" = "runtime", "uniqueItems" = true))]
    pub(crate) prompt_cache: Vec<PromptCachePoint>,
    /// As strict at the top, for this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) strict: Option<bool>,
    /// As bedrock.first_byte_timeout, for this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "1s", "x-maximum" = "2h"))]
    pub(crate) first_byte_timeout: Option<DurationText>,
    /// As bedrock.stream_failover_after, for this model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-tier" = "runtime", "x-minimum" = "100ms", "x-maximum" = "2h"))]
    pub(crate) stream_failover_after: Option<DurationText>,
    /// As request_metadata at the top, for this model; where both have a key, this one counts.
    #[serde(default)]
    #[schemars(extend("x-tier" = "runtime", "maxProperties" = 16,
        "propertyNames" = {"pattern": r"^[A-Za-z0-9\s:_@$#=/+,.-]{1,256}$",
            "x-form": "1 to 256 letters, digits, spaces and characters of :_@$#=/+,.-"},
        "additionalProperties" = {"type": "string",
            "pattern": r"^([A-Za-z0-9\s:_@$#=/+,.-]|\{(key_id|key_name|team|model)\}){0,256}$",
            "x-form": "at most 256 letters, digits, spaces, characters of :_@$#=/+,.- and {key_id}, {key_name}, {team} or {model} in quotes"}))]
    pub(crate) request_metadata: BTreeMap<String, String>,
    /// The Bedrock guardrail of the calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guardrail: Option<RawGuardrail>,
    /// Whether the name is taken out. Only `true` means anything, and then it stands alone.
    #[serde(default, skip_serializing)]
    #[schemars(extend("x-tier" = "runtime"))]
    #[expect(dead_code, reason = "the merge acts on it; it is here so that the schema knows it")]
    pub(crate) remove: bool,
}

/// The Bedrock guardrail of a model's calls.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawGuardrail {
    /// The guardrail's id or ARN.
    #[schemars(length(min = 1, max = 2048),
        extend("x-tier" = "runtime", "x-form" = "a guardrail's id or ARN in quotes"))]
    pub(crate) id: String,
    /// The guardrail's version: a number, or DRAFT.
    #[schemars(regex(pattern = r"^([1-9][0-9]{0,7}|DRAFT)$"),
        extend("x-tier" = "runtime", "x-form" = "a version in quotes, \"1\" or \"DRAFT\""))]
    pub(crate) version: String,
    /// How much of the guardrail's assessment Bedrock reports.
    #[serde(default)]
    #[schemars(extend("x-tier" = "runtime"))]
    pub(crate) trace: GuardrailTrace,
}

/// A reasoning effort by its OpenAI name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningEffort {
    /// No reasoning.
    None,
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// The middle.
    Medium,
    /// Much.
    High,
}

impl ReasoningEffort {
    /// The name as it is in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A Bedrock service tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTier {
    /// The usual one.
    Default,
    /// Cheaper and slower.
    Flex,
    /// Faster and dearer.
    Priority,
    /// Reserved capacity.
    Reserved,
}

impl ServiceTier {
    /// The name as Bedrock writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Reserved => "reserved",
        }
    }
}

/// A part of a request after which a cache point is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptCachePoint {
    /// After the system prompt.
    System,
    /// After the conversation so far.
    Messages,
}

/// How much of a guardrail's assessment Bedrock reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailTrace {
    /// Nothing.
    #[default]
    Disabled,
    /// What was found.
    Enabled,
    /// Also what was looked at and passed.
    EnabledFull,
}

impl GuardrailTrace {
    /// The name as Bedrock writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::EnabledFull => "enabled_full",
        }
    }
}
