//! The bytes that the stand-in gives, made once.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use serde_json::{Value, json};

/// Pieces of text in a stream.
pub(crate) const CHUNKS: usize = 200;

/// The length of a whole answer's text.
const TEXT_BYTES: usize = 200;

const REQUEST_ID: &str = "1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b";

/// Answers as they go over the wire.
#[derive(Debug)]
pub(crate) struct Answers {
    /// A whole response of `Converse`.
    pub(crate) whole: Vec<u8>,
    /// The head of a response of `ConverseStream`.
    pub(crate) stream_head: Vec<u8>,
    /// `messageStart`, in an HTTP chunk, as are the others.
    pub(crate) opening: Vec<u8>,
    /// `contentBlockDelta`.
    pub(crate) chunk: Vec<u8>,
    /// `contentBlockStop`, `messageStop`, `metadata` and the last chunk of HTTP.
    pub(crate) closing: Vec<u8>,
}

impl Answers {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let usage = json!({"inputTokens": 250, "outputTokens": CHUNKS, "totalTokens": 250 + CHUNKS});
        let text = "lorem ipsum ".chars().cycle().take(TEXT_BYTES).collect::<String>();
        let body = json!({
            "metrics": {"latencyMs": 321},
            "output": {"message": {"content": [{"text": text}], "role": "assistant"}},
            "stopReason": "end_turn",
            "usage": usage,
        })
        .to_string();
        let whole = format!(
            "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: keep-alive\r\nx-amzn-RequestId: {REQUEST_ID}\r\n\r\n{body}",
            body.len()
        );
        let stream_head = format!(
            "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nx-amzn-RequestId: {REQUEST_ID}\r\n\r\n"
        );
        let delta =
            json!({"contentBlockIndex": 0, "delta": {"text": " lorem ipsum dolor"}, "p": "abcdefghijklmnop"});
        let mut closing = event("contentBlockStop", &json!({"contentBlockIndex": 0, "p": "abcdefgh"}))?;
        closing.extend(event("messageStop", &json!({"p": "abcdefghijk", "stopReason": "end_turn"}))?);
        let metadata = json!({"metrics": {"latencyMs": 321}, "p": "abcdefghijklm", "usage": usage});
        closing.extend(event("metadata", &metadata)?);
        closing.extend_from_slice(b"0\r\n\r\n");
        Ok(Self {
            whole: whole.into_bytes(),
            stream_head: stream_head.into_bytes(),
            opening: event("messageStart", &json!({"p": "abcdefghijkl", "role": "assistant"}))?,
            chunk: event("contentBlockDelta", &delta)?,
            closing,
        })
    }
}

/// One event in a frame of its own, in a chunk of HTTP of its own, as Bedrock sends them.
fn event(name: &'static str, payload: &Value) -> anyhow::Result<Vec<u8>> {
    let header =
        |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(payload.to_string())
        .add_header(header(":event-type", name))
        .add_header(header(":content-type", "application/json"))
        .add_header(header(":message-type", "event"));
    let mut frame = Vec::new();
    write_message_to(&message, &mut frame)?;
    let mut chunk = format!("{:x}\r\n", frame.len()).into_bytes();
    chunk.extend(frame);
    chunk.extend_from_slice(b"\r\n");
    Ok(chunk)
}
