//! Where Nova takes a `cachePoint`: in `system` and in messages, but not beside tool results.
//! The refusal inside `toolConfig` is with the tools.

use super::{Subject, list, text};
use crate::exception::Exception;

/// Checkpoints in one request. Source: "Prompt caching", Amazon Bedrock user guide.
const MAX_CACHE_POINTS: usize = 4;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let mut count = 0;
    for block in list(subject.body, "system") {
        count += one(block)?;
    }
    for (turn, message) in subject.messages().iter().enumerate() {
        let content = list(message, "content");
        let answers = content.iter().any(|block| block.get("toolResult").is_some());
        for (index, block) in content.iter().enumerate() {
            let here = one(block)?;
            if here > 0 && answers {
                return Err(Exception::extraneous(
                    &format!("#/messages/{turn}/content/{index}"),
                    "cachePoint",
                ));
            }
            count += here;
        }
    }
    if count > MAX_CACHE_POINTS {
        // The text is the simulator's.
        return Err(Exception::validation(format!(
            "You can't include more than {MAX_CACHE_POINTS} cache points in a request."
        )));
    }
    Ok(())
}

/// One, if the block is a checkpoint that Nova takes; none, if it is no checkpoint.
fn one(block: &serde_json::Value) -> Result<usize, Exception> {
    let Some(point) = block.get("cachePoint") else { return Ok(0) };
    if matches!(text(point, "ttl"), "" | "5m") {
        return Ok(1);
    }
    Err(Exception::validation("Extended TTL prompt caching is only supported for Anthropic models"))
}
