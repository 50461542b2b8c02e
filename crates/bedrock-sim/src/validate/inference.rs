//! `inferenceConfig` against what the model takes. The ranges of the service model are already checked.

use serde_json::Value;

use super::{Subject, list};
use crate::exception::Exception;

/// Stop sequences that Nova takes. Source: "Complete request schema", Amazon Nova user guide.
const MAX_STOP_SEQUENCES: usize = 4;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let Some(config) = subject.body.get("inferenceConfig") else { return Ok(()) };
    let limit = subject.model.max_output_tokens;
    if config.get("maxTokens").and_then(Value::as_u64).is_some_and(|tokens| tokens > u64::from(limit)) {
        return Err(Exception::validation(format!(
            "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens \
             value that is lower than {limit}."
        )));
    }
    let stops = list(config, "stopSequences");
    if let Some(index) =
        stops.iter().position(|stop| stop.as_str().is_some_and(|stop| stop.trim().is_empty()))
    {
        // The text follows the one for blank text blocks, which is public.
        return Err(Exception::validation(format!(
            "The value at inferenceConfig.stopSequences.{index} is blank. Add text to the stop sequence, and try again."
        )));
    }
    if stops.len() > MAX_STOP_SEQUENCES {
        return Err(Exception::malformed(
            "#/inferenceConfig/stopSequences",
            &format!("expected maximum item count: {MAX_STOP_SEQUENCES}, found: {}", stops.len()),
        ));
    }
    Ok(())
}
