//! What is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// The body of Converse and ConverseStream: the members that Nova uses, in the order of the SDK.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConverseRequest {
    /// Parameters of the model that Converse has no member for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_model_request_fields: Option<AdditionalFields>,
    /// The guardrail to apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrail_config: Option<GuardrailConfig>,
    /// Sampling and limits.
    #[serde(skip_serializing_if = "InferenceConfig::is_empty")]
    pub inference_config: InferenceConfig,
    /// The conversation: roles alternate, the first is `user`.
    pub messages: Vec<Message>,
    /// Pairs that AWS keeps in the invocation log.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub request_metadata: BTreeMap<String, String>,
    /// The price and latency class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<ServiceTier>,
    /// Instructions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<SystemBlock>,
    /// The tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_config: Option<ToolConfig>,
}

/// `additionalModelRequestFields` of Nova.
#[derive(Debug, Clone, Copy, Default, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AdditionalFields {
    /// Nova's own sampling parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_config: Option<InferenceFields>,
    /// Nova 2's reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_config: Option<ReasoningConfig>,
}

/// `additionalModelRequestFields.inferenceConfig`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct InferenceFields {
    /// Sample from that many tokens.
    pub top_k: u32,
}

/// `additionalModelRequestFields.reasoningConfig`. Source: Amazon Nova 2 user guide, "Reasoning capabilities".
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReasoningConfig {
    /// On or off.
    #[serde(rename = "type")]
    pub kind: ReasoningKind,
    /// `low`, `medium` or `high`; absent when off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_reasoning_effort: Option<&'static str>,
}

/// Whether Nova 2 reasons.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ReasoningKind {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
}

/// `guardrailConfig`.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct GuardrailConfig {
    /// Its id or ARN.
    pub guardrail_identifier: String,
    /// Its version.
    pub guardrail_version: String,
    /// Whether Bedrock reports what the guardrail did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<GuardrailTrace>,
}

/// `guardrailConfig.trace`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailTrace {
    /// Report interventions.
    Enabled,
    /// Report nothing.
    Disabled,
    /// Report everything that was assessed.
    EnabledFull,
}

/// `inferenceConfig`.
#[derive(Debug, Clone, Default, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct InferenceConfig {
    /// At most that many tokens are generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_float")]
    pub temperature: Option<f32>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_float")]
    pub top_p: Option<f32>,
    /// Where to stop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop_sequences: Vec<String>,
}

impl InferenceConfig {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The model declares these members as 32-bit floats; the SDK widens them before it writes them, so 0.7 goes out as 0.699999988079071.
#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn as_float<S: Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(f64::from).serialize(serializer)
}

/// `serviceTier`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub struct ServiceTier {
    /// `default`, `flex`, `priority` or `reserved`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A block of `system`.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum SystemBlock {
    /// Instructions.
    Text(String),
    /// Cache the prompt up to here.
    CachePoint(CachePoint),
}

/// A turn.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: RequestRole,
    /// Never empty.
    pub content: Vec<ContentBlock>,
}

/// Who speaks, in Converse's words.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum RequestRole {
    /// The person, and the results of tools.
    User,
    /// The model.
    Assistant,
}

/// A block of a turn.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum ContentBlock {
    /// Text, never blank.
    Text(String),
    /// An image.
    Image(Image),
    /// A document.
    Document(Document),
    /// A call that the model made.
    ToolUse(ToolUse),
    /// What a call returned.
    ToolResult(ToolResult),
    /// Cache the prompt up to here.
    CachePoint(CachePoint),
}

/// An image.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Image {
    /// `png`, `jpeg`, `gif` or `webp`.
    pub format: &'static str,
    /// The image.
    pub source: Source,
}

/// A document.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Document {
    /// `pdf`, `txt`, …
    pub format: &'static str,
    /// Unique within the request, in a narrow charset.
    pub name: String,
    /// The document.
    pub source: Source,
}

/// Where bytes come from.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Standard base64 with padding.
    Bytes(Base64),
}

/// Base64 text. An image that is mentioned several times is kept once.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Base64 {
    /// Of one mention alone.
    Own(String),
    /// Of every mention of one URL.
    #[serde(serialize_with = "as_text")]
    Shared(Arc<str>),
}

/// serde's own form needs its feature `rc`.
fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// A call that the model made.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ToolUse {
    /// The call's id.
    pub tool_use_id: String,
    /// The tool.
    pub name: String,
    /// Always an object.
    pub input: Value,
}

/// What a call returned.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The call's id.
    pub tool_use_id: String,
    /// What it returned.
    pub content: Vec<ToolResultContent>,
}

/// A block of a tool result.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum ToolResultContent {
    /// Text, never blank.
    Text(String),
    /// An image.
    Image(Image),
    /// A document.
    Document(Document),
}

/// A cache breakpoint. Nova knows one kind and one lifetime (five minutes), so no `ttl` is sent.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub struct CachePoint {
    /// Always `default`.
    #[serde(rename = "type")]
    pub kind: CachePointKind,
}

impl CachePoint {
    /// The one kind that there is.
    pub const DEFAULT: Self = Self { kind: CachePointKind::Default };
}

/// `cachePoint.type`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum CachePointKind {
    /// The one kind that there is.
    Default,
}

/// `toolConfig`.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ToolConfig {
    /// At least one.
    pub tools: Vec<Tool>,
    /// Absent: the model decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
}

/// A tool. Nova refuses cache points among tools, so there is no such variant.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub enum Tool {
    /// A function.
    ToolSpec(ToolSpec),
}

/// A function.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ToolSpec {
    /// Letters, digits, underscores and dashes, at most 64.
    pub name: String,
    /// When and how to call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its arguments.
    pub input_schema: InputSchema,
}

/// `inputSchema`.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct InputSchema {
    /// JSON Schema of an object.
    pub json: Value,
}

/// `toolChoice`.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum ToolChoice {
    /// The model decides.
    Auto(AnyTool),
    /// Some tool is called.
    Any(AnyTool),
    /// This tool is called.
    Tool(NamedTool),
}

/// The empty object of `auto` and `any`.
#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
pub struct AnyTool {}

/// A tool by name.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct NamedTool {
    /// Its name.
    pub name: String,
}
