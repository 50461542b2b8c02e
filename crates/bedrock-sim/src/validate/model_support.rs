//! Fields and content blocks that the Converse API knows but Nova, or this Nova model, does not take.

use serde_json::Value;

use super::{Subject, list, text};
use crate::catalogue::Generation;
use crate::exception::Exception;

/// Blocks that only multimodal models read.
const MEDIA: &[&str] = &["image", "document", "video"];
/// Blocks that no Nova model reads.
const UNSUPPORTED: &[&str] = &["audio", "searchResult", "citationsContent", "toolAddition", "toolRemoval"];

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    for (_, block) in subject.readable() {
        let Some(kind) = block.as_object().and_then(|block| block.keys().next()) else { continue };
        let unsupported = UNSUPPORTED.contains(&kind.as_str())
            || (!subject.model.multimodal && MEDIA.contains(&kind.as_str()))
            || (subject.model.generation == Generation::Nova1 && kind == "reasoningContent");
        if unsupported {
            return Err(Exception::validation(format!(
                "This model doesn't support the {kind} content block that you provided. Update the content block and \
                 try again."
            )));
        }
    }
    roles(subject)?;
    // AWS words it so for other fields that a model lacks.
    for field in ["textFormat", "effort"] {
        let output = subject.body.get("outputConfig");
        if output.and_then(|output| output.get(field)).is_some_and(|value| !value.is_null()) {
            return Err(Exception::validation(format!(
                "This model doesn't support the outputConfig.{field} field. Remove outputConfig.{field} and try again."
            )));
        }
    }
    guardrail(subject)
}

/// Media belong to user turns. AWS: "This model doesn't support the image field for assistant messages."
fn roles(subject: &Subject<'_>) -> Result<(), Exception> {
    for message in subject.messages().iter().filter(|message| text(message, "role") == "assistant") {
        for block in list(message, "content") {
            if let Some(kind) = MEDIA.iter().find(|kind| block.get(**kind).is_some()) {
                return Err(Exception::validation(format!(
                    "This model doesn't support the {kind} field for assistant messages."
                )));
            }
        }
    }
    Ok(())
}

/// A guardrail needs both its id and its version. The text is the simulator's.
fn guardrail(subject: &Subject<'_>) -> Result<(), Exception> {
    let Some(guardrail) = subject.body.get("guardrailConfig").filter(|config| !config.is_null()) else {
        return Ok(());
    };
    let given = |key: &str| guardrail.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if given("guardrailIdentifier") == given("guardrailVersion") {
        return Ok(());
    }
    Err(Exception::validation(
        "The guardrailIdentifier and guardrailVersion fields must be provided together in guardrailConfig.",
    ))
}
