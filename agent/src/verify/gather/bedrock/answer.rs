//! What an answer of Bedrock's means. Pure.
//!
//! Exceptions are those of the Bedrock Runtime service model (`Converse`) and of the errors common to all AWS services.

use serde_json::Value;

use super::super::super::fact::BedrockAnswer;

/// How much of an answer is told.
const EXCERPT: usize = 300;

/// The meaning of a status, the exception's name in `x-amzn-errortype`, and the body.
pub(super) fn of(status: u16, name: Option<&str>, body: &[u8]) -> BedrockAnswer {
    if (200..300).contains(&status) {
        return BedrockAnswer::Answered;
    }
    let read: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let text = |keys: &[&str]| keys.iter().find_map(|key| read[*key].as_str()).unwrap_or_default().to_owned();
    let message = text(&["message", "Message"]);
    let name = plain(name.map_or_else(|| text(&["__type", "code"]), str::to_owned).as_str());
    let told: String = if message.is_empty() {
        format!("{name} with status {status}")
    } else {
        format!("{name}: {}", message.chars().take(EXCERPT).collect::<String>())
    };
    match name.as_str() {
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "SignatureDoesNotMatch"
        | "RequestExpired"
        | "OptInRequired"
        | "NotAuthorized" => BedrockAnswer::Unauthenticated(told),
        "AccessDeniedException" | "AccessDenied" => BedrockAnswer::Denied(told),
        "ResourceNotFoundException" => BedrockAnswer::UnknownModel(told),
        // Bedrock calls a model id that it does not know, or that needs a profile, a fault of the request.
        "ValidationException" if is_about_the_model(&message) => BedrockAnswer::UnknownModel(told),
        "ThrottlingException" | "TooManyRequestsException" | "ServiceQuotaExceededException" => {
            BedrockAnswer::Throttled(told)
        }
        _ => BedrockAnswer::Other(told),
    }
}

fn is_about_the_model(message: &str) -> bool {
    let message = message.to_lowercase();
    ["model identifier", "model id", "inference profile", "on-demand throughput"]
        .iter()
        .any(|words| message.contains(words))
}

/// The name without its namespace and URL.
fn plain(name: &str) -> String {
    let name = name.rsplit('#').next().unwrap_or(name);
    name.split(':').next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(200, None, "{}", "answered")]
    #[case(
        403,
        Some("UnrecognizedClientException"),
        r#"{"message":"The security token is invalid."}"#,
        "unauthenticated"
    )]
    #[case(
        403,
        Some("InvalidSignatureException:http://internal.amazon.com/"),
        r#"{"message":"no"}"#,
        "unauthenticated"
    )]
    #[case(403, Some("AccessDeniedException"), r#"{"Message":"User is not authorized"}"#, "denied")]
    #[case(404, Some("ResourceNotFoundException"), r#"{"message":"no"}"#, "unknown")]
    #[case(
        400,
        Some("ValidationException"),
        r#"{"message":"The provided model identifier is invalid."}"#,
        "unknown"
    )]
    #[case(400, Some("ValidationException"), r#"{"message":"maxTokens is too small"}"#, "other")]
    #[case(429, None, r#"{"__type":"com.amazon#ThrottlingException","message":"Too many"}"#, "throttled")]
    #[case(500, None, "<html>", "other")]
    fn an_exception_means_one_thing(
        #[case] status: u16,
        #[case] name: Option<&str>,
        #[case] body: &str,
        #[case] expected: &str,
    ) {
        let word = match of(status, name, body.as_bytes()) {
            BedrockAnswer::Answered => "answered",
            BedrockAnswer::Unauthenticated(_) => "unauthenticated",
            BedrockAnswer::Denied(_) => "denied",
            BedrockAnswer::UnknownModel(_) => "unknown",
            BedrockAnswer::Throttled(_) => "throttled",
            BedrockAnswer::Other(_) => "other",
            BedrockAnswer::NotAsked(_) => "not asked",
        };
        assert_eq!(word, expected);
    }
}
