//! CountTokens: which models are counted for, and what a request comes to.
//!
//! AWS counts for some models of others; Nova and every inference profile are refused with one and the same text.

use serde_json::{Value, json};

use crate::catalogue;
use crate::exception::Exception;
use crate::prompt_cache;
use crate::script::Script;
use crate::validate::{self, Subject};

/// Counts the tokens of a body that has its shape. A script may say that the model is counted for.
///
/// # Errors
/// `ValidationException` in AWS's words for a model that is not counted for, or for a request that Converse would refuse.
pub(crate) fn answer(model_id: &str, body: &Value, script: Option<&Script>) -> Result<Value, Exception> {
    let refused = || Exception::validation("The provided model doesn't support counting tokens.");
    let model = catalogue::by_bare_id(model_id).ok_or_else(refused)?;
    if !script.is_some_and(|script| script.counts_tokens) {
        return Err(refused());
    }
    let converse = conversation(body).ok_or_else(|| {
        Exception::validation("the simulator counts the tokens of input.converse, not of input.invokeModel")
    })?;
    validate::check(&Subject { body: converse, model })?;
    Ok(json!({"inputTokens": prompt_cache::input_tokens(converse)}))
}

/// The conversation that is to be counted.
pub(crate) fn conversation(body: &Value) -> Option<&Value> {
    body.pointer("/input/converse").filter(|converse| !converse.is_null())
}
