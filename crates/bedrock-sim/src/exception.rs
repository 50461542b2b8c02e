//! AWS exceptions: their names, statuses, default texts, and how they look in HTTP and in an event stream.
//!
//! Statuses of the service's own exceptions come from the service model; this file adds the ones that AWS's
//! front end raises before the service is reached. When to raise one is decided elsewhere.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::service_model::ServiceModel;

/// The account that every ARN in the simulator's error texts names. It stands for a real account id, so that
/// a client which must not leak account ids can be tested.
pub const ACCOUNT_ID: &str = "123456789012";

/// The suffix that AWS puts behind the exception name in `x-amzn-ErrorType`.
const ERROR_TYPE_SUFFIX: &str = ":http://internal.amazon.com/coral/com.amazon.bedrock/";

/// Statuses of the exceptions that are not part of the service model: the front end's.
/// Source: "Common errors" of the Bedrock Runtime API reference, and botocore for the rest.
const FRONT_END: &[(&str, u16)] = &[
    ("ExpiredTokenException", 403),
    ("IncompleteSignatureException", 403),
    ("InvalidSignatureException", 403),
    ("MissingAuthenticationTokenException", 403),
    ("NotAuthorizedException", 403),
    ("OptInRequired", 403),
    ("RequestEntityTooLargeException", 413),
    ("RequestExpired", 400),
    ("SerializationException", 400),
    ("UnknownOperationException", 404),
    ("UnrecognizedClientException", 403),
];

/// One AWS exception, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exception {
    pub(crate) name: String,
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Further members of the body, such as `originalStatusCode`; of two with one name the later counts.
    pub(crate) members: Vec<(String, Value)>,
}

impl Exception {
    /// An exception with its usual status and text.
    pub(crate) fn named(name: &str, model: &ServiceModel) -> Self {
        let status = model
            .exceptions
            .get(name)
            .copied()
            .or_else(|| FRONT_END.iter().find(|(known, _)| *known == name).map(|(_, status)| *status))
            .unwrap_or(500);
        Self {
            name: name.to_owned(),
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            message: default_message(name),
            members: default_members(name),
        }
    }

    /// A `ValidationException` with that text.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::front_end("ValidationException", StatusCode::BAD_REQUEST, message)
    }

    /// A `ValidationException` as the model's own JSON schema check words it.
    ///
    /// `pointer` is a JSON pointer such as `#/toolConfig/tools/0`.
    pub(crate) fn malformed(pointer: &str, fault: &str) -> Self {
        Self::validation(format!(
            "The model returned the following errors: Malformed input request: {pointer}: {fault}, \
             please reformat your input and try again."
        ))
    }

    /// The commonest of those: a key that the model's schema does not have.
    pub(crate) fn extraneous(pointer: &str, key: &str) -> Self {
        Self::malformed(pointer, &format!("extraneous key [{key}] is not permitted"))
    }

    /// An exception of AWS's front end.
    pub(crate) fn front_end(name: &str, status: StatusCode, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status, message: message.into(), members: Vec::new() }
    }

    /// The value of `x-amzn-ErrorType`.
    pub(crate) fn error_type(&self) -> String {
        format!("{}{ERROR_TYPE_SUFFIX}", self.name)
    }

    /// The JSON body, the same in HTTP and in an exception frame.
    pub(crate) fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("message".to_owned(), json!(self.message));
        body.extend(self.members.clone());
        Value::Object(body)
    }

    /// The name as an event stream's `:exception-type` has it: in camel case.
    pub(crate) fn event_name(&self) -> String {
        let mut letters = self.name.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
    }
}

fn default_members(name: &str) -> Vec<(String, Value)> {
    let members: &[(&str, Value)] = match name {
        "ModelErrorException" => {
            &[("originalStatusCode", json!(500)), ("resourceName", json!("amazon.nova-lite-v1:0"))]
        }
        "ModelStreamErrorException" => {
            &[("originalStatusCode", json!(500)), ("originalMessage", json!("The model stopped responding."))]
        }
        _ => &[],
    };
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn default_message(name: &str) -> String {
    let text = match name {
        "AccessDeniedException" => {
            return format!(
                "User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/nova-proxy/session is not authorized to perform: \
                 bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1:{ACCOUNT_ID}:inference-profile/\
                 us.amazon.nova-lite-v1:0 because no identity-based policy allows the bedrock:InvokeModel action"
            );
        }
        "ExpiredTokenException" => "The security token included in the request is expired",
        "InternalServerException" => {
            "The system encountered an unexpected error during processing. Try your request again."
        }
        "ModelErrorException" => {
            "The model returned the following errors: Model produced invalid sequence as part of ToolUse. \
             Please refer to the model tool use troubleshooting guide."
        }
        "ModelNotReadyException" => "The model is not ready for inference. Wait and try your request again.",
        "ModelStreamErrorException" => {
            "The system encountered an unexpected error during processing. Try your request again."
        }
        "ModelTimeoutException" => "Model has timed out in processing the request. Try your request again.",
        "ResourceNotFoundException" => "The requested resource was not found.",
        "ServiceQuotaExceededException" => "Your request exceeds the service quota for your account.",
        "ServiceUnavailableException" => "Bedrock is unable to process your request.",
        "ThrottlingException" => "Too many requests, please wait before trying again.",
        "UnrecognizedClientException" => "The security token included in the request is invalid.",
        "ValidationException" => "The provided request is not valid",
        _ => "The simulator was asked to raise this exception.",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_come_from_the_service_model_and_the_front_end() {
        let model = ServiceModel::load().unwrap();
        for (name, status) in [
            ("AccessDeniedException", 403),
            ("ResourceNotFoundException", 404),
            ("ThrottlingException", 429),
            ("ServiceQuotaExceededException", 400),
            ("ModelNotReadyException", 429),
            ("ModelTimeoutException", 408),
            ("ModelErrorException", 424),
            ("InternalServerException", 500),
            ("ServiceUnavailableException", 503),
            ("ValidationException", 400),
            ("ExpiredTokenException", 403),
            ("NobodyKnowsThisException", 500),
        ] {
            assert_eq!(Exception::named(name, &model).status.as_u16(), status, "{name}");
        }
    }

    #[test]
    fn an_event_stream_names_exceptions_in_camel_case() {
        assert_eq!(Exception::validation("x").event_name(), "validationException");
    }

    #[test]
    fn a_denied_call_names_an_account_as_aws_does() {
        let model = ServiceModel::load().unwrap();
        assert!(Exception::named("AccessDeniedException", &model).message.contains(ACCOUNT_ID));
    }
}
