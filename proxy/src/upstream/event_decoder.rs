//! Bytes of a `ConverseStream` body in, events out: a pure state machine over AWS's own frame codec.
//!
//! Each byte is copied once into the buffer and each payload once out of it; a frame is handed to the codec only when all of it has
//! arrived, so that small pieces of a large frame cost no more than one large piece. The decoder knows when an answer is complete,
//! and refuses every other end.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bytes::{Buf, Bytes, BytesMut};

use super::exception::Exception;

/// Largest frame that is buffered. The encoding's own limit is 24 MiB; Converse sends a few hundred bytes, so that a length beyond
/// this is a broken one, and the bound holds memory to it.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Prelude (total length, header length, checksum) and the message's checksum.
const MIN_FRAME_BYTES: usize = 16;

/// The kinds of event in a `ConverseStream` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the service model's own")]
pub enum EventType {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    ContentBlockStop,
    MessageStop,
    Metadata,
    /// An event that AWS added later, by its name.
    Unknown(String),
}

impl EventType {
    fn from_name(name: &str) -> Self {
        match name {
            "messageStart" => Self::MessageStart,
            "contentBlockStart" => Self::ContentBlockStart,
            "contentBlockDelta" => Self::ContentBlockDelta,
            "contentBlockStop" => Self::ContentBlockStop,
            "messageStop" => Self::MessageStop,
            "metadata" => Self::Metadata,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The name of the service model.
    pub fn as_str(&self) -> &str {
        match self {
            Self::MessageStart => "messageStart",
            Self::ContentBlockStart => "contentBlockStart",
            Self::ContentBlockDelta => "contentBlockDelta",
            Self::ContentBlockStop => "contentBlockStop",
            Self::MessageStop => "messageStop",
            Self::Metadata => "metadata",
            Self::Unknown(name) => name,
        }
    }
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its kind.
    pub event_type: EventType,
    /// Its JSON, as sent.
    pub payload: Bytes,
}

/// Why there are no more events.
#[derive(Debug, PartialEq, Eq)]
pub enum DecodeFault {
    /// A frame is broken: checksum, length or headers.
    Corrupt(String),
    /// AWS ended the stream with an exception or error frame.
    Exception(Exception),
    /// The body ended inside a frame, or with bytes that make none.
    Undecoded {
        /// Events before.
        events: u64,
        /// Bytes left over.
        bytes: usize,
    },
    /// The body ended in good order before `messageStop`.
    Truncated {
        /// Events before.
        events: u64,
    },
}

/// The state of a stream being decoded.
#[derive(Debug, Default)]
pub struct EventDecoder {
    buffer: BytesMut,
    codec: MessageFrameDecoder,
    events: u64,
    message_stopped: bool,
    metadata_seen: bool,
}

impl EventDecoder {
    /// Nothing received as yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Events given so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether the model's whole answer and its usage were received, so that nothing of worth can follow.
    pub fn is_complete(&self) -> bool {
        self.message_stopped && self.metadata_seen && self.buffer.is_empty()
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// The stream is over; decoding further makes no sense.
    pub fn next_event(&mut self) -> Result<Option<Event>, DecodeFault> {
        let Some(length) = self.frame_length()? else {
            return Ok(None);
        };
        if self.buffer.len() < length {
            // Nothing is reserved for a length that is only claimed: a broken one must not cost memory.
            return Ok(None);
        }
        let corrupt = |error: aws_smithy_eventstream::error::Error| DecodeFault::Corrupt(error.to_string());
        let message = match self.codec.decode_frame(&mut self.buffer).map_err(corrupt)? {
            DecodedFrame::Complete(message) => message,
            DecodedFrame::Incomplete => {
                return Err(DecodeFault::Corrupt("a complete frame was not decoded".to_owned()));
            }
        };
        let event = read_message(&message)?;
        self.events += 1;
        self.message_stopped |= event.event_type == EventType::MessageStop;
        self.metadata_seen |= event.event_type == EventType::Metadata;
        Ok(Some(event))
    }

    /// Judges the end of the body.
    ///
    /// # Errors
    /// It is not the end of a complete answer.
    pub fn end(&self) -> Result<(), DecodeFault> {
        let (events, bytes) = (self.events, self.buffer.len());
        if bytes > 0 {
            return Err(DecodeFault::Undecoded { events, bytes });
        }
        if !self.message_stopped {
            return Err(DecodeFault::Truncated { events });
        }
        Ok(())
    }

    fn frame_length(&self) -> Result<Option<usize>, DecodeFault> {
        let Some(mut prefix) = self.buffer.get(..4) else {
            return Ok(None);
        };
        let length = prefix.get_u32();
        match usize::try_from(length) {
            Ok(length) if (MIN_FRAME_BYTES..=MAX_FRAME_BYTES).contains(&length) => Ok(Some(length)),
            _ => Err(DecodeFault::Corrupt(format!("a frame says that it has {length} bytes"))),
        }
    }
}

fn read_message(message: &Message) -> Result<Event, DecodeFault> {
    let header = |name: &str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
        header.value().as_string().ok().map(|value| value.as_str())
    };
    match header(":message-type") {
        Some("event") => match header(":event-type") {
            Some(name) => {
                Ok(Event { event_type: EventType::from_name(name), payload: message.payload().clone() })
            }
            None => Err(DecodeFault::Corrupt("an event frame has no :event-type".to_owned())),
        },
        Some("exception") => {
            Err(DecodeFault::Exception(Exception::parse(header(":exception-type"), message.payload())))
        }
        Some("error") => {
            let mut exception = Exception::parse(header(":error-code"), message.payload());
            if let Some(text) = header(":error-message") {
                exception.message = text.to_owned();
            }
            Err(DecodeFault::Exception(exception))
        }
        other => Err(DecodeFault::Corrupt(format!("a frame has the :message-type {other:?}"))),
    }
}

#[cfg(test)]
mod tests;
