//! An answer that comes in one piece.

use openai_api::chat::{AssistantMessage, FunctionCallOut, ToolCallOut};

use super::stop_reason::{self, Finish};
use super::thinking::{Part, ThinkingSplitter};
use super::{ReplyError, ReplyPlan};
use crate::converse::{ConverseResponse, ResponseBlock, ToolUseBlock};

/// What Nova 2 writes in the place of its reasoning.
pub(super) const REDACTED: &str = "[REDACTED]";

/// One answer in OpenAI's terms.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The message.
    pub message: AssistantMessage,
    /// Why it ended.
    pub finish: Finish,
    /// The tier that served the call, in Bedrock's words, if Bedrock said so.
    pub service_tier: Option<String>,
}

/// Reads the answer to a request that was translated with `plan`.
///
/// # Errors
/// When there is no message in it, or the model broke off.
pub fn read(response: ConverseResponse, plan: &ReplyPlan) -> Result<Answer, ReplyError> {
    let message = response.output.message.ok_or(ReplyError::NoOutput)?;
    let mut parts = Parts {
        plan,
        text: String::new(),
        reasoning: String::new(),
        structured: None,
        tool_calls: Vec::new(),
    };
    for block in message.content {
        parts.add(block);
    }
    let finish = stop_reason::translate(
        &response.stop_reason,
        !parts.tool_calls.is_empty(),
        parts.structured.is_some(),
    )?;
    Ok(Answer {
        message: parts.into_message(),
        finish,
        service_tier: response.service_tier.map(|tier| tier.kind),
    })
}

struct Parts<'a> {
    plan: &'a ReplyPlan,
    text: String,
    reasoning: String,
    structured: Option<String>,
    tool_calls: Vec<ToolCallOut>,
}

impl Parts<'_> {
    fn add(&mut self, block: ResponseBlock) {
        if let Some(text) = block.text {
            self.add_text(&text);
        }
        if let Some(tool_use) = block.tool_use {
            self.add_tool_use(tool_use);
        }
        if let Some(reasoning) = block.reasoning_content.and_then(|reasoning| reasoning.reasoning_text)
            && reasoning.text != REDACTED
        {
            self.reasoning.push_str(&reasoning.text);
        }
    }

    fn add_text(&mut self, text: &str) {
        if !self.plan.split_thinking {
            return self.text.push_str(text);
        }
        let (answer, reasoning) = (&mut self.text, &mut self.reasoning);
        let mut emit = |part, text: &str| match part {
            Part::Reasoning => reasoning.push_str(text),
            Part::Answer => answer.push_str(text),
        };
        let mut splitter = ThinkingSplitter::default();
        splitter.feed(text, &mut emit);
        splitter.finish(&mut emit);
    }

    fn add_tool_use(&mut self, tool_use: ToolUseBlock) {
        let arguments = if tool_use.input.is_null() { "{}".to_owned() } else { tool_use.input.to_string() };
        if self.plan.is_structured(&tool_use.name) {
            self.structured.get_or_insert(arguments);
        } else if self.tool_calls.is_empty() || !self.plan.single_tool_call {
            let name = self.plan.tool_names.original(&tool_use.name).to_owned();
            self.tool_calls.push(ToolCallOut {
                id: tool_use.tool_use_id,
                kind: "function",
                function: FunctionCallOut { name, arguments },
            });
        }
    }

    fn into_message(self) -> AssistantMessage {
        // Text beside a structured answer would make the content something else than JSON.
        let content = match self.structured {
            Some(structured) => Some(structured),
            None if self.text.is_empty() && !self.tool_calls.is_empty() => None,
            None => Some(self.text),
        };
        AssistantMessage {
            role: "assistant",
            content,
            refusal: None,
            reasoning_content: Some(self.reasoning).filter(|text| !text.is_empty()),
            tool_calls: self.tool_calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::request::tests::Fixture;

    #[derive(Deserialize)]
    struct ReplyFixture {
        #[serde(flatten)]
        fixture: Fixture,
        response: Value,
    }

    /// Golden answers: each file of `fixtures/replies` is a request and the body that answers it.
    #[test]
    fn replies_translate_as_recorded() {
        insta::glob!("../../fixtures/replies", "*.json", |path| {
            let text = std::fs::read_to_string(path).expect("a fixture");
            let fixture: ReplyFixture = serde_json::from_str(&text).expect("a fixture");
            let response: ConverseResponse = serde_json::from_value(fixture.response).expect("a response");
            let usage = response.usage.map(crate::reply::usage);
            let outcome = match read(response, &fixture.fixture.plan()) {
                Ok(answer) => json!({
                    "message": answer.message,
                    "finish_reason": answer.finish.reason,
                    "native_finish_reason": answer.finish.native,
                    "usage": usage,
                    "service_tier": answer.service_tier,
                }),
                Err(error) => json!({"error": error.to_string()}),
            };
            insta::with_settings!({snapshot_path => "../../fixtures/replies", prepend_module_to_snapshot => false}, {
                insta::assert_json_snapshot!(outcome);
            });
        });
    }
}
