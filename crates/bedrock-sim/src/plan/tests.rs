//! Plans: the order of AWS's events, and where each fault breaks in.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, read_message_from};
use rstest::rstest;

use super::*;
use crate::answer;
use crate::catalogue;
use crate::tokens::Usage;

fn plan(script: &str) -> Vec<Step> {
    let request = json!({"messages": [{"role": "user", "content": [{"text": format!("[[sim {script}]]")}]}]});
    let script = Script::find(&request).unwrap().unwrap();
    let profiles = std::collections::BTreeMap::new();
    let model = catalogue::resolve("amazon.nova-lite-v1:0", "us-east-1", &profiles).unwrap();
    let answer = answer::answer(&request, model, Some(&script), Usage::default());
    stream(&answer, &request, &script, &ServiceModel::load().unwrap())
}

/// What a client sees: names of events and exceptions, `pause`, `hang`, `reset`, `garbage`, `corrupt`.
fn seen(script: &str) -> Vec<String> {
    plan(script)
        .into_iter()
        .map(|step| match step {
            Step::Pause(_) => "pause".to_owned(),
            Step::Hang => "hang".to_owned(),
            Step::Reset => "reset".to_owned(),
            Step::Send { bytes, .. } if bytes.len() < 16 => "garbage".to_owned(),
            Step::Send { bytes, .. } => match read_message_from(bytes) {
                Ok(message) => message.headers()[0].value().as_string().unwrap().as_str().to_owned(),
                Err(_) => "corrupt".to_owned(),
            },
        })
        .collect()
}

#[rstest]
#[case::a_text(
    r#"{"deltas":["a","b"]}"#,
    "messageStart contentBlockDelta contentBlockDelta contentBlockStop messageStop metadata"
)]
#[case::a_call(
    r#"{"tool_uses":[{"name":"f","raw_input":"{\"a"}]}"#,
    "messageStart contentBlockStart contentBlockDelta contentBlockStop messageStop metadata"
)]
#[case::error_at_once(
    r#"{"text":"a","error":{"type":"ThrottlingException","after_events":0}}"#,
    "throttlingException"
)]
#[case::error_within(
    r#"{"text":"a","error":{"type":"ModelStreamErrorException","after_events":2}}"#,
    "messageStart contentBlockDelta modelStreamErrorException"
)]
#[case::error_beyond_the_end(
    r#"{"text":"a","error":{"type":"InternalServerException","after_events":99}}"#,
    "messageStart contentBlockDelta contentBlockStop messageStop metadata internalServerException"
)]
#[case::reset(r#"{"text":"a","disconnect_after_events":1}"#, "messageStart reset")]
#[case::clean_early_end(r#"{"text":"a","end_after_events":2}"#, "messageStart contentBlockDelta")]
#[case::hang(r#"{"text":"a","hang_after_events":1}"#, "messageStart hang")]
#[case::corrupt(
    r#"{"text":"a","corrupt_event":1}"#,
    "messageStart corrupt contentBlockStop messageStop metadata"
)]
#[case::garbage(
    r#"{"text":"a","trailing_bytes":5}"#,
    "messageStart contentBlockDelta contentBlockStop messageStop metadata garbage"
)]
#[case::empty(r#"{"text":"a","empty_stream":true}"#, "")]
#[case::unknown(
    r#"{"text":"a","unknown_event":1}"#,
    "messageStart futureEvent contentBlockDelta contentBlockStop messageStop metadata"
)]
#[case::slow(
    r#"{"deltas":["a","b"],"delta_delay_ms":5}"#,
    "messageStart pause contentBlockDelta pause contentBlockDelta contentBlockStop messageStop metadata"
)]
fn a_script_has_this_stream(#[case] script: &str, #[case] expected: &str) {
    assert_eq!(seen(script).join(" "), expected);
}

#[test]
fn tokens_grow_with_what_is_sent_and_end_at_the_usage() {
    let tokens: Vec<u64> = plan(r#"{"deltas":["abcd","efgh","ijkl"]}"#)
        .into_iter()
        .filter_map(|step| match step {
            Step::Send { output_tokens, .. } => Some(output_tokens),
            _ => None,
        })
        .collect();
    assert_eq!(tokens, [0, 1, 2, 3, 3, 3, 3]);
}

#[test]
fn trailing_bytes_stay_undecoded() {
    let mut decoder = MessageFrameDecoder::new();
    for count in 1..12 {
        let mut bytes = frame::garbage(count);
        assert!(matches!(decoder.decode_frame(&mut bytes), Ok(DecodedFrame::Incomplete)), "{count}");
        decoder = MessageFrameDecoder::new();
    }
}
