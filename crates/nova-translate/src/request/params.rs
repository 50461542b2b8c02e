//! Parameters that Nova has not: refused where the answer would not be what was asked for, dropped with a note where it still is.

use openai_api::chat::ChatRequest;
use serde_json::{Map, Value};

use super::{Context, Options};
use crate::TranslateError;
use crate::converse::ServiceTier;
use crate::note::Notes;

/// The parameters that can be dropped, in the words of either API: a closed list, which metrics use as labels. A field that a caller made up
/// is not in it.
pub const KNOWN_DROPS: [&str; 50] = [
    "cache_control",
    "cache_control.ttl",
    "context_management",
    "embedding_purpose",
    "frequency_penalty",
    "image_url.detail",
    "include",
    "input.reasoning",
    "input_image.detail",
    "logit_bias",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "messages.*",
    "messages.content.*",
    "messages.name",
    "messages.tool_calls.*",
    "metadata",
    "moderation",
    "others",
    "output_compression",
    "prediction",
    "presence_penalty",
    "prompt_cache_breakpoint",
    "prompt_cache_breakpoint.ttl",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning.effort",
    "reasoning.summary",
    "reasoning_effort",
    "response_format.*",
    "response_format.json_schema.schema",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream_options",
    "stream_options.include_obfuscation",
    "style",
    "temperature",
    "text.verbosity",
    "tools.*",
    "tools.cache_control",
    "tools.function.parameters",
    "top_k",
    "top_p",
    "truncation",
    "verbosity",
    "web_search_options",
];

/// Refuses requests whose answer would be of another kind than the one asked for.
pub(super) fn refuse_what_nova_has_not(request: &ChatRequest) -> Result<(), TranslateError> {
    let refuse = |param: &str, message: &str| Err(TranslateError::unsupported(param, message));
    if request.functions.is_some() {
        return refuse(
            "functions",
            "functions is not supported: OpenAI replaced it with tools, send the same functions there",
        );
    }
    if request.function_call.is_some() {
        return refuse(
            "function_call",
            "function_call is not supported: OpenAI replaced it with tool_choice",
        );
    }
    if request.audio.is_some() {
        return refuse(
            "audio",
            "audio output is not supported by Amazon Nova through this API: leave audio out",
        );
    }
    if request.modalities.iter().flatten().any(|kind| kind != "text") {
        return refuse("modalities", "the only modality of Amazon Nova through this API is \"text\"");
    }
    if request.logprobs == Some(true) || request.top_logprobs.is_some_and(|count| count > 0) {
        return refuse(
            "logprobs",
            "Bedrock returns no log probabilities for Amazon Nova: leave logprobs and top_logprobs out",
        );
    }
    Ok(())
}

/// How many fields may be unknown. Each is named to the caller, in a header.
const UNKNOWN_MAX: usize = 64;

/// Names what has no effect. A value that means "nothing" is not worth a note: SDKs send such defaults.
pub(super) fn drop_what_nova_ignores(request: &ChatRequest, notes: &mut Notes) -> Result<(), TranslateError> {
    let set = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let ignored: [(bool, &'static str, &'static str); 11] = [
        (set(request.frequency_penalty), "frequency_penalty", "Nova has no frequency penalty"),
        (set(request.presence_penalty), "presence_penalty", "Nova has no presence penalty"),
        (
            request.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty()),
            "logit_bias",
            "Nova has no logit bias",
        ),
        (request.seed.is_some(), "seed", "Nova has no seed: for repeatable answers use temperature 0"),
        (request.store == Some(true), "store", "completions are not stored"),
        (request.prediction.is_some(), "prediction", "Nova has no predicted outputs"),
        (request.prompt_cache_key.is_some(), "prompt_cache_key", "Bedrock finds cached prefixes by itself"),
        (
            request.prompt_cache_retention.is_some(),
            "prompt_cache_retention",
            "Bedrock keeps a cached prefix of Nova for five minutes",
        ),
        (
            request.verbosity.as_deref().is_some_and(|word| word != "medium"),
            "verbosity",
            "Nova has no verbosity: say it in the instructions",
        ),
        (request.web_search_options.is_some(), "web_search_options", "web search is not available"),
        (request.stream_options.is_some() && !request.stream, "stream_options", "the answer is not streamed"),
    ];
    for (is_set, param, reason) in ignored {
        if is_set {
            notes.drop(param, reason)?;
        }
    }
    drop_unknown_fields(&request.rest, notes)?;
    // SDKs send options that they have switched off, such as `include_obfuscation`.
    let says_something = |value: &Value| !value.is_null() && *value != Value::Bool(false);
    let options = request.stream_options.iter().flat_map(|options| &options.rest);
    for (name, _) in options.filter(|(_, value)| says_something(value)).take(UNKNOWN_MAX) {
        notes.drop(format!("stream_options.{}", header_safe(name)), "this parameter is not known here")?;
    }
    Ok(())
}

/// Names fields of the body that are not known.
pub(crate) fn drop_unknown_fields(
    rest: &Map<String, Value>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let unknown = rest.iter().filter(|(_, value)| !value.is_null());
    if unknown.clone().count() > UNKNOWN_MAX {
        let message =
            format!("too many unknown fields: at most {UNKNOWN_MAX} are passed over, leave the others out");
        return Err(TranslateError::invalid("body", message));
    }
    for (name, _) in unknown {
        notes.drop(header_safe(name), "this parameter is not known here")?;
    }
    Ok(())
}

/// Names fields of a part of the request that are not known. Counted under one `param`, however they are called.
pub(super) fn drop_unknown(
    rest: &Map<String, Value>,
    param: &'static str,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    // SDKs write out fields that say nothing.
    let says_nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    for (name, _) in rest.iter().filter(|(_, value)| !says_nothing(value)) {
        notes.drop(param, format!("the field {} is not known here", header_safe(name)))?;
    }
    Ok(())
}

/// A caller's own field name may hold anything; in a header it must not.
pub(crate) fn header_safe(name: &str) -> String {
    const LENGTH_MAX: usize = 64;
    name.chars()
        .take(LENGTH_MAX)
        .map(|char| if char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.') { char } else { '_' })
        .collect()
}

/// `n`: how many answers.
pub(super) fn choices(request: &ChatRequest, options: &Options) -> Result<u32, TranslateError> {
    match request.n.unwrap_or(1) {
        0 => Err(TranslateError::invalid("n", "n must be at least 1")),
        n if n > options.choices_max => Err(TranslateError::invalid(
            "n",
            format!("n is {n}, and at most {} answers are given per request", options.choices_max),
        )),
        n => Ok(n),
    }
}

/// `service_tier`. Source: Bedrock user guide, "Service tiers for optimizing performance and cost".
pub(super) fn service_tier(
    asked: Option<&str>,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<Option<ServiceTier>, TranslateError> {
    let word = match asked {
        // `auto` leaves the choice to the project's settings, which here are the configuration.
        None | Some("auto") => match context.options.service_tier.as_deref() {
            Some(word) => word,
            None => return Ok(None),
        },
        Some(word) => word,
    };
    let kind = match word {
        "default" | "standard" => return Ok(None),
        "flex" => "flex",
        "priority" => "priority",
        // Reserved capacity is what the operator bought: no caller takes it by asking.
        "reserved" if asked.is_none_or(|asked| asked == "auto") => {
            return Ok(Some(ServiceTier { kind: "reserved" }));
        }
        "scale" => {
            notes.drop("service_tier", "Bedrock has no scale tier: the default tier is used")?;
            return Ok(None);
        }
        _ => {
            return Err(TranslateError::invalid(
                "service_tier",
                "service_tier must be \"auto\", \"default\", \"flex\" or \"priority\"",
            ));
        }
    };
    if !context.target.model.service_tiers.iter().any(|tier| tier == kind) {
        notes.drop(
            "service_tier",
            format!(
                "{} is not offered in the {kind} tier: the default tier is used",
                context.target.model.short_name
            ),
        )?;
        return Ok(None);
    }
    Ok(Some(ServiceTier { kind }))
}
