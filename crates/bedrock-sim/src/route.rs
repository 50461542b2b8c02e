//! Which operation a request is for.

use http::Method;
use percent_encoding::percent_decode_str;

/// An operation of Bedrock Runtime that the simulator has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Converse,
    ConverseStream,
    InvokeModel,
    CountTokens,
}

impl Operation {
    /// AWS's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Converse => "Converse",
            Self::ConverseStream => "ConverseStream",
            Self::InvokeModel => "InvokeModel",
            Self::CountTokens => "CountTokens",
        }
    }

    /// The input's shape in the service model; none where AWS's model knows a body as bytes alone.
    pub(crate) fn shape(self) -> Option<&'static str> {
        match self {
            Self::Converse => Some("ConverseRequest"),
            Self::ConverseStream => Some("ConverseStreamRequest"),
            Self::CountTokens => Some("CountTokensRequest"),
            Self::InvokeModel => None,
        }
    }
}

/// An operation and the `modelId` of its path, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    pub(crate) model_id: String,
}

impl Route {
    /// The route of a request, or none: AWS calls that an unknown operation.
    pub(crate) fn parse(method: &Method, path: &str) -> Option<Self> {
        if method != Method::POST {
            return None;
        }
        // A slash within an ARN arrives encoded; an unencoded one makes another path.
        let (encoded, operation) = path.strip_prefix("/model/")?.split_once('/')?;
        let operation = match operation {
            "converse" => Operation::Converse,
            "converse-stream" => Operation::ConverseStream,
            "invoke" => Operation::InvokeModel,
            "count-tokens" => Operation::CountTokens,
            _ => return None,
        };
        let model_id = percent_decode_str(encoded).decode_utf8().ok()?.into_owned();
        if model_id.is_empty() { None } else { Some(Self { operation, model_id }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_ids_are_decoded_and_other_paths_are_unknown() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0";
        for (method, path, expected) in [
            (Method::POST, "/model/us.amazon.nova-lite-v1%3A0/converse", Some("us.amazon.nova-lite-v1:0")),
            (Method::POST, "/model/amazon.nova-lite-v1:0/converse-stream", Some("amazon.nova-lite-v1:0")),
            (
                Method::POST,
                "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0/converse",
                Some(arn),
            ),
            (Method::POST, "/model/a/b/converse", None),
            (Method::POST, "/model//converse", None),
            (Method::POST, "/model/a/invoke", Some("a")),
            (Method::POST, "/model/a/count-tokens", Some("a")),
            (Method::POST, "/model/a/invoke-with-response-stream", None),
            (Method::GET, "/model/a/converse", None),
            (Method::POST, "/model/%ff/converse", None),
            (Method::POST, "/", None),
        ] {
            let route = Route::parse(&method, path);
            assert_eq!(route.map(|route| route.model_id).as_deref(), expected, "{method} {path}");
        }
    }
}
