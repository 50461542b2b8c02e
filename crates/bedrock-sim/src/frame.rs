//! Event-stream frames: AWS's codec, AWS's headers, AWS's padding.
//!
//! Which events a stream has is in `plan`.

use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use crate::exception::Exception;

/// The letters of AWS's padding member `p`; a payload carries a prefix of them.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The content type of a stream.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// An event of that type. The payload gets AWS's padding, of a length that follows from the payload alone.
pub(crate) fn event(event_type: &str, payload: &Value) -> Bytes {
    let mut padded = payload.clone();
    let length = payload.to_string().bytes().map(usize::from).sum::<usize>() % (PADDING.len() + 1);
    padded["p"] = json!(PADDING.get(..length).unwrap_or_default());
    encode(":event-type", event_type, "event", &padded)
}

/// An exception frame.
pub(crate) fn exception(exception: &Exception) -> Bytes {
    encode(":exception-type", &exception.event_name(), "exception", &exception.body())
}

/// The frame with a checksum that does not fit its content.
pub(crate) fn corrupt(frame: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(frame.as_ref());
    if let Some(last) = bytes.last_mut() {
        *last ^= 0xff;
    }
    bytes.freeze()
}

/// Bytes that look like the beginning of a frame that never comes.
pub(crate) fn garbage(count: usize) -> Bytes {
    Bytes::from_iter((0..count).map(|index| if index == 2 { 0x10 } else { 0 }))
}

fn encode(type_header: &'static str, type_name: &str, message_type: &'static str, payload: &Value) -> Bytes {
    let text = |value: &str| HeaderValue::String(value.to_owned().into());
    let message = Message::new_from_parts(
        vec![
            Header::new(type_header, text(type_name)),
            Header::new(":content-type", text("application/json")),
            Header::new(":message-type", text(message_type)),
        ],
        Bytes::from(payload.to_string()),
    );
    let mut buffer = Vec::new();
    // The codec refuses only headers or payloads beyond the protocol's limits; the simulator's payloads stay far
    // below them, and an empty frame would show in every test.
    match aws_smithy_eventstream::frame::write_message_to(&message, &mut buffer) {
        Ok(()) => Bytes::from(buffer),
        Err(_) => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::read_message_from;
    use proptest::prelude::*;

    use super::*;

    fn header(message: &Message, name: &str) -> String {
        let header = message.headers().iter().find(|header| header.name().as_str() == name).unwrap();
        header.value().as_string().unwrap().as_str().to_owned()
    }

    proptest! {
        #[test]
        fn frames_round_trip(text in ".*", index in 0u32..1000) {
            let payload = json!({"contentBlockIndex": index, "delta": {"text": text}});
            let message = read_message_from(event("contentBlockDelta", &payload)).unwrap();
            prop_assert_eq!(header(&message, ":event-type"), "contentBlockDelta");
            prop_assert_eq!(header(&message, ":message-type"), "event");
            let mut read: Value = serde_json::from_slice(message.payload()).unwrap();
            let padding = read.as_object_mut().unwrap().remove("p").unwrap();
            prop_assert!(PADDING.starts_with(padding.as_str().unwrap()));
            prop_assert_eq!(read, payload);
        }

        #[test]
        fn a_corrupt_frame_is_never_read(text in ".{0,40}") {
            let frame = corrupt(&event("contentBlockDelta", &json!({"delta": {"text": text}})));
            prop_assert!(read_message_from(frame).is_err());
        }
    }

    #[test]
    fn an_exception_frame_has_the_headers_that_sdks_read() {
        let message = read_message_from(exception(&Exception::validation("no"))).unwrap();
        assert_eq!(header(&message, ":exception-type"), "validationException");
        assert_eq!(header(&message, ":message-type"), "exception");
        assert_eq!(message.payload().as_ref(), br#"{"message":"no"}"#);
    }
}
