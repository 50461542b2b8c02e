//! The decoder over every split, every corruption and every cut of a stream.

use proptest::prelude::*;
use rstest::rstest;

use super::super::frames::{answer, event, exception, frame};
use super::*;

/// What a stream of these pieces comes to: its events and how it ended.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, Result<(), DecodeFault>) {
    let mut decoder = EventDecoder::new();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_event() {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(fault) => return (events, Err(fault)),
            }
        }
    }
    let end = decoder.end();
    (events, end)
}

fn whole() -> (Vec<u8>, Vec<Event>) {
    let bytes = answer().concat();
    let (events, end) = decode([bytes.as_slice()]);
    assert_eq!((events.len(), end), (6, Ok(())));
    (bytes, events)
}

#[test]
fn events_carry_their_type_and_payload() {
    let (_, events) = whole();
    let types: Vec<_> = events.iter().map(|event| event.event_type.clone()).collect();
    use EventType::*;
    let expected =
        [MessageStart, ContentBlockDelta, ContentBlockDelta, ContentBlockStop, MessageStop, Metadata];
    assert_eq!(types, expected);
    assert_eq!(events[4].payload, r#"{"stopReason":"end_turn"}"#);
}

#[test]
fn an_event_that_aws_added_later_is_passed_on() {
    let (events, _) = decode([event("somethingNew", "{}").as_slice()]);
    assert_eq!(events[0].event_type, EventType::Unknown("somethingNew".to_owned()));
}

#[test]
fn every_cut_of_an_answer_is_told() {
    let (bytes, _) = whole();
    let without_metadata = bytes.len() - answer()[5].len();
    for length in 0..bytes.len() {
        let (events, end) = decode([&bytes[..length]]);
        // Without the metadata frame the answer is whole, only its usage is unknown.
        assert_eq!(end.is_ok(), length == without_metadata, "cut at {length}");
        match end {
            Err(DecodeFault::Truncated { events: count }) => assert_eq!(count, events.len() as u64),
            Err(DecodeFault::Undecoded { bytes, events: count }) => {
                let frames = answer();
                let decoded: usize = frames.iter().take(events.len()).map(Vec::len).sum();
                assert_eq!((bytes, count), (length - decoded, events.len() as u64));
            }
            other => assert!(other.is_ok(), "{other:?}"),
        }
    }
}

#[test]
fn every_corrupt_byte_is_told() {
    let (bytes, events) = whole();
    for position in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut corrupt = bytes.clone();
            corrupt[position] ^= flip;
            let (decoded, end) = decode([corrupt.as_slice()]);
            assert!(end.is_err(), "byte {position} xor {flip} ended well");
            assert_eq!(decoded, events[..decoded.len()], "byte {position} xor {flip} changed an event");
        }
    }
}

#[rstest]
#[case::exception(
    exception("throttlingException", r#"{"message":"slow down"}"#),
    "ThrottlingException",
    "slow down"
)]
#[case::error_frame(
    frame(&[(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "oops")], ""),
    "InternalFailure",
    "oops"
)]
fn exceptions_end_the_stream(#[case] last: Vec<u8>, #[case] name: &str, #[case] message: &str) {
    let start = event("messageStart", "{}");
    let (events, end) = decode([start.as_slice(), last.as_slice()]);
    let expected =
        Exception { name: Some(name.to_owned()), message: message.to_owned(), original_status: None };
    assert_eq!((events.len(), end), (1, Err(DecodeFault::Exception(expected))));
}

#[rstest]
#[case::no_message_type(frame(&[(":event-type", "messageStart")], "{}"))]
#[case::no_event_type(frame(&[(":message-type", "event")], "{}"))]
#[case::other_message_type(frame(&[(":message-type", "gossip")], "{}"))]
#[case::too_short(vec![0, 0, 0, 15, 0, 0, 0, 0])]
#[case::too_long(vec![1, 0, 0, 1, 0, 0, 0, 0])]
fn frames_that_say_nothing_are_corrupt(#[case] bytes: Vec<u8>) {
    assert!(matches!(decode([bytes.as_slice()]).1, Err(DecodeFault::Corrupt(_))));
}

#[test]
fn a_large_frame_in_small_pieces_is_not_copied_for_each_piece() {
    // 8 MiB in pieces of 1 KiB: with a copy of all that came before for each piece this would move 32 GiB.
    let payload = format!(r#"{{"p":"{}"}}"#, "x".repeat(8 * 1024 * 1024));
    let bytes = event("contentBlockDelta", &payload);
    let mut decoder = EventDecoder::new();
    let mut grown = 0;
    for piece in bytes.chunks(1024) {
        let before = decoder.buffer.capacity();
        assert_eq!(decoder.next_event(), Ok(None));
        decoder.push(piece);
        grown += usize::from(decoder.buffer.capacity() != before);
    }
    assert_eq!(decoder.next_event().unwrap().unwrap().payload.len(), payload.len());
    // Doubling from 1 KiB to 16 MiB.
    assert!(grown <= 15, "the buffer moved {grown} times");
}

proptest! {
    #[test]
    fn any_split_decodes_to_the_same_events(cuts in proptest::collection::vec(0_usize..1000, 0..40)) {
        let (bytes, events) = whole();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % bytes.len()).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(decode(pieces), (events, Ok(())));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_end_well(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode([bytes.as_slice()]).1.is_err());
    }

    #[test]
    fn arbitrary_headers_with_right_checksums_never_panic(headers in proptest::collection::vec(any::<u8>(), 0..80)) {
        // The checksums are right, so that the damage reaches the parser of the headers.
        let mut bytes = event("x", "");
        let total = u32::try_from(16 + headers.len()).unwrap();
        bytes.clear();
        bytes.extend(total.to_be_bytes());
        bytes.extend((total - 16).to_be_bytes());
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes.extend(&headers);
        bytes.extend(crc32(&bytes).to_be_bytes());
        prop_assert!(decode([bytes.as_slice()]).1.is_err());
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
