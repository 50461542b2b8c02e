//! Server-sent events as bytes. Source: WHATWG HTML, section 9.2 (server-sent events).

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

/// Events that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct SseBuffer(BytesMut);

impl SseBuffer {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What waits to be sent.
    pub(super) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }

    /// An event without a name.
    pub(super) fn data(&mut self, value: &impl Serialize) {
        self.0.put_slice(b"data: ");
        let before = self.0.len();
        // JSON has no line breaks of its own, so that one `data` line holds it. The types hold strings and numbers alone and the buffer
        // grows, so that writing cannot fail; should it ever, the event is empty rather than half.
        if serde_json::to_writer((&mut self.0).writer(), value).is_err() {
            self.0.truncate(before);
        }
        self.0.put_slice(b"\n\n");
    }

    /// An event with a name.
    pub(super) fn named(&mut self, name: &str, value: &impl Serialize) {
        self.0.put_slice(b"event: ");
        self.0.put_slice(name.as_bytes());
        self.0.put_slice(b"\n");
        self.data(value);
    }

    /// Bytes that are events already.
    pub(super) fn literal(&mut self, bytes: &'static [u8]) {
        self.0.put_slice(bytes);
    }
}
