//! What is measured: kinds of requests, and how many at once.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;

use crate::target::Protocol;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A prompt of 1 KB, an answer of 200 bytes.
    Small,
    /// A prompt of 100 KB, an answer of 200 bytes.
    Large,
    /// A stream of 200 chunks without delay.
    Stream,
    /// A stream of 200 chunks 5 ms apart.
    Paced,
    /// A stream that goes on as long as it is listened to.
    Held,
}

impl Kind {
    fn model(self) -> &'static str {
        match self {
            Self::Small | Self::Large | Self::Stream => "nova-micro",
            Self::Paced => "nova-lite",
            Self::Held => "nova-pro",
        }
    }

    fn prompt(self) -> String {
        let bytes = if self == Self::Large { 100 * 1024 } else { 1024 };
        "The quick brown fox jumps over the lazy dog. ".chars().cycle().take(bytes).collect()
    }

    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Stream | Self::Paced | Self::Held)
    }

    /// The body and the path of such a request.
    pub(crate) fn body(self, protocol: Protocol) -> (String, String) {
        let (model, prompt) = (self.model(), self.prompt());
        let system = "You are a helpful assistant.";
        match protocol {
            Protocol::OpenAi => {
                let mut body = json!({
                    "model": model,
                    "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}],
                    "max_tokens": 512,
                    "temperature": 0.7,
                });
                if self.is_stream() {
                    body["stream"] = json!(true);
                }
                ("/v1/chat/completions".to_owned(), body.to_string())
            }
            Protocol::Bedrock => {
                let body = json!({
                    "messages": [{"role": "user", "content": [{"text": prompt}]}],
                    "system": [{"text": system}],
                    "inferenceConfig": {"maxTokens": 512, "temperature": 0.7},
                });
                let operation = if self.is_stream() { "converse-stream" } else { "converse" };
                (format!("/model/us.amazon.{model}-v1%3A0/{operation}"), body.to_string())
            }
        }
    }

    /// Such a request in bytes, with the headers that a client of that API sends.
    pub(crate) fn request(self, address: SocketAddr, protocol: Protocol, key: &str) -> Arc<[u8]> {
        let (path, body) = self.body(protocol);
        let client = match protocol {
            Protocol::OpenAi => format!("User-Agent: OpenAI/Python 2.0.0\r\nAuthorization: Bearer {key}\r\n"),
            Protocol::Bedrock => format!(
                "User-Agent: Boto3/1.40.0\r\nX-Amz-Date: 20261123T120000Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature={}\r\n",
                "0".repeat(64)
            ),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nContent-Type: application/json\r\n{client}Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body.as_bytes()].concat().into()
    }
}

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Arrival {
    /// So many connections, each asking anew as soon as it is answered.
    Closed(usize),
    /// At this share of the rate at which the proxy is saturated, whatever the answers do.
    Open(f64),
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) arrival: Arrival,
}

const fn closed(name: &'static str, kind: Kind, connections: usize) -> Scenario {
    Scenario { name, kind, arrival: Arrival::Closed(connections) }
}

/// The one whose rate on the proxy counts as saturation.
pub(crate) const SATURATION: &str = "small c=32";

/// All, in the order in which they are measured.
pub(crate) const ALL: [Scenario; 10] = [
    closed("small c=1", Kind::Small, 1),
    closed(SATURATION, Kind::Small, 32),
    closed("small c=256", Kind::Small, 256),
    Scenario { name: "small open 60%", kind: Kind::Small, arrival: Arrival::Open(0.6) },
    closed("100 KB c=1", Kind::Large, 1),
    closed("100 KB c=32", Kind::Large, 32),
    closed("stream c=1", Kind::Stream, 1),
    closed("stream c=32", Kind::Stream, 32),
    closed("stream c=256", Kind::Stream, 256),
    closed("paced c=32", Kind::Paced, 32),
];
