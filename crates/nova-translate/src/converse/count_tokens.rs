//! CountTokens: how long a Converse request is for its model.
//!
//! Source: Amazon Bedrock API Reference, action CountTokens and data type ConverseTokensRequest.

use serde::{Deserialize, Serialize};

use super::request::{AdditionalFields, ConverseRequest, Message, SystemBlock, ToolConfig};

/// The body of CountTokens: the parts of a Converse request that a model reads.
#[derive(Debug, Clone, Serialize)]
pub struct CountTokensRequest<'a> {
    input: Input<'a>,
}

#[derive(Debug, Clone, Serialize)]
struct Input<'a> {
    converse: ConverseTokens<'a>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConverseTokens<'a> {
    messages: &'a [Message],
    #[serde(skip_serializing_if = "<[SystemBlock]>::is_empty")]
    system: &'a [SystemBlock],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<&'a ToolConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_model_request_fields: Option<&'a AdditionalFields>,
}

impl<'a> CountTokensRequest<'a> {
    /// Asks how long `request` is.
    #[must_use]
    pub fn of(request: &'a ConverseRequest) -> Self {
        let converse = ConverseTokens {
            messages: &request.messages,
            system: &request.system,
            tool_config: request.tool_config.as_ref(),
            additional_model_request_fields: request.additional_model_request_fields.as_ref(),
        };
        Self { input: Input { converse } }
    }
}

/// The answer of CountTokens.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct CountTokensResponse {
    /// What the model would be billed for as input.
    pub input_tokens: u64,
}
