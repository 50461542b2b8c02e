//! Broken connections, broken bodies, and faults set from outside: what a client sees, and what is recorded.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bytes::Bytes;
use http::Method;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{API_KEY, Answer, LITE, ask, control, invocations, post, scripted, send, simulator};

/// The names of the events and exceptions in a body, `!` for a frame that does not decode, and the bytes left.
fn decode(answer: &Answer) -> (Vec<String>, usize) {
    let mut bytes = Bytes::from(answer.body.clone());
    let mut decoder = MessageFrameDecoder::new();
    let mut names = Vec::new();
    loop {
        let before = bytes.len();
        match decoder.decode_frame(&mut bytes) {
            Ok(DecodedFrame::Complete(message)) => {
                names.push(message.headers()[0].value().as_string().unwrap().as_str().to_owned());
            }
            Ok(DecodedFrame::Incomplete) => return (names, before),
            Err(_) => {
                names.push("!".to_owned());
                return (names, bytes.len());
            }
        }
    }
}

#[rstest]
#[case::whole(json!({"text": "a"}), true, &["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"], false)]
#[case::clean_early_end(json!({"text": "a", "end_after_events": 2}), true, &["messageStart", "contentBlockDelta"], true)]
#[case::reset(json!({"text": "a", "disconnect_after_events": 2}), false, &["messageStart", "contentBlockDelta"], true)]
#[case::corrupt(json!({"text": "a", "corrupt_event": 1}), true, &["messageStart", "!"], false)]
#[case::empty(json!({"text": "a", "empty_stream": true}), true, &[], true)]
#[case::unknown(json!({"text": "a", "unknown_event": 0, "end_after_events": 2}), true, &["futureEvent", "messageStart"], true)]
#[tokio::test]
async fn a_broken_stream_arrives_as_broken(
    #[case] script: Value,
    #[case] complete: bool,
    #[case] names: &[&str],
    #[case] broken_off: bool,
) {
    let simulator = simulator().await;
    let answer = post(&simulator, LITE, "converse-stream", &scripted(&script)).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(
        (answer.complete, decode(&answer).0),
        (complete, names.iter().map(ToString::to_string).collect())
    );
    let record = invocations(&simulator.control(), 1).await.remove(0);
    assert_eq!((record.broken_off, record.client_went_away), (broken_off, false));
    assert_eq!(record.stop_reason.is_some(), !broken_off);
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn trailing_bytes_are_left_undecoded() {
    let simulator = simulator().await;
    let answer =
        post(&simulator, LITE, "converse-stream", &scripted(&json!({"text": "a", "trailing_bytes": 7})))
            .await;
    let (names, left) = decode(&answer.unwrap());
    assert_eq!((names.len(), left), (5, 7));
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn converse_breaks_as_the_script_says() {
    let simulator = simulator().await;
    let half =
        post(&simulator, LITE, "converse", &scripted(&json!({"text": "a", "disconnect_after_events": 0})))
            .await;
    let half = half.unwrap();
    assert!(!half.complete && !half.body.is_empty(), "{half:?}");
    let malformed =
        post(&simulator, LITE, "converse", &scripted(&json!({"text": "a", "malformed_body": true}))).await;
    let malformed = malformed.unwrap();
    assert!(malformed.complete && serde_json::from_slice::<Value>(&malformed.body).is_err());
    let empty =
        post(&simulator, LITE, "converse", &scripted(&json!({"text": "a", "empty_output": true}))).await;
    assert_eq!(empty.unwrap().json()["output"]["message"]["content"], json!([]));
    let nothing = post(&simulator, LITE, "converse", &scripted(&json!({"disconnect": true}))).await;
    assert!(nothing.is_err(), "{nothing:?}");
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_script_fails_as_often_as_it_says_and_then_answers() {
    let simulator = simulator().await;
    let script =
        json!({"text": "at last", "error": {"type": "ThrottlingException"}, "times": 2, "key": "k1"});
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(post(&simulator, LITE, "converse", &scripted(&script)).await.unwrap().status.as_u16());
    }
    assert_eq!(statuses, [429, 429, 200]);
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_is_billed_for_what_it_was_sent() {
    let simulator = simulator().await;
    let body = scripted(&json!({"deltas": ["abcd", "efgh", "ijkl"], "hang_after_events": 3})).to_string();
    let address = simulator.endpoint("us-east-1").replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /model/{LITE}/converse-stream HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {API_KEY}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    while !String::from_utf8_lossy(&received).contains("efgh") {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0, "the stream goes on");
    }
    assert_eq!(simulator.control().open_invocations(), 1);
    drop(stream);
    let record = invocations(&simulator.control(), 1).await.remove(0);
    assert!(record.client_went_away);
    assert_eq!(
        (record.status, record.stop_reason.as_deref(), record.usage.output_tokens),
        (Some(200), None, 2)
    );
    let bill = simulator.control().bill();
    assert_eq!((bill.lines[0].requests, bill.lines[0].usage.output_tokens), (1, 2));
    simulator.stop().await.unwrap();
}

#[rstest]
#[case::a_script(json!({"hang": true}), json!([]))]
#[case::a_rule(json!({}), json!([{"hang": true, "latency_ms": 1}]))]
#[tokio::test]
async fn a_client_that_leaves_before_the_head_is_recorded(#[case] script: Value, #[case] rules: Value) {
    let simulator = simulator().await;
    control(&simulator, Method::PUT, "faults", &rules).await;
    let prompt = scripted(&script);
    let mut call = Box::pin(post(&simulator, LITE, "converse", &prompt));
    while simulator.control().open_invocations() == 0 {
        tokio::select! {
            answer = &mut call => panic!("it hangs: {answer:?}"),
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
        }
    }
    drop(call);
    let record = invocations(&simulator.control(), 1).await.remove(0);
    assert_eq!((record.client_went_away, record.status), (true, None));
    assert!(simulator.control().bill().lines.is_empty());
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn rules_from_outside_hold_for_one_region_until_they_are_deleted() {
    let simulator = simulator().await;
    let rules = json!({"rules": [{"model": "nova-lite", "throttle_every": 2}]});
    assert_eq!(control(&simulator, Method::PUT, "faults", &rules).await.status, 200);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(post(&simulator, LITE, "converse", &ask("a")).await.unwrap().status.as_u16());
    }
    assert_eq!(statuses, [200, 429, 200, 429]);
    let west = format!("{}/model/{LITE}/converse", simulator.endpoint("us-west-2"));
    for _ in 0..2 {
        assert_eq!(send(Method::POST, &west, ask("a").to_string()).await.unwrap().status, 200);
    }
    control(&simulator, Method::DELETE, "faults", &Value::Null).await;
    for _ in 0..2 {
        assert_eq!(post(&simulator, LITE, "converse", &ask("a")).await.unwrap().status, 200);
    }
    simulator.stop().await.unwrap();
}

#[rstest]
#[case::down(json!([{"down": true}]))]
#[case::reset(json!([{"reset": true}]))]
#[tokio::test]
async fn a_region_can_be_lost_and_its_controls_still_answer(#[case] rules: Value) {
    let simulator = simulator().await;
    control(&simulator, Method::PUT, "faults", &rules).await;
    for operation in ["converse", "converse-stream"] {
        assert!(post(&simulator, LITE, operation, &ask("a")).await.is_err());
    }
    assert_eq!(control(&simulator, Method::GET, "health", &Value::Null).await.json()["status"], "ok");
    simulator.stop().await.unwrap();
}

#[rstest]
#[case::unknown_key(json!([{"slow": 1}]), "unknown field `slow`")]
#[case::rate(json!([{"error_rate": 1.5}]), "between 0 and 1")]
#[case::status(json!([{"error_rate": 1, "error": {"type": "X", "status": 200}}]), "between 400 and 599")]
#[case::region(json!([{"region": "mars-1", "down": true}]), "mars-1 is not served")]
#[case::count(json!(vec![json!({}); 65]), "64 allowed")]
#[tokio::test]
async fn rules_that_cannot_hold_are_refused(#[case] rules: Value, #[case] words: &str) {
    let simulator = simulator().await;
    let answer = control(&simulator, Method::PUT, "faults", &rules).await;
    assert_eq!(answer.status, 400);
    let message = answer.json()["message"].to_string();
    assert!(message.contains(words), "{message}");
    simulator.stop().await.unwrap();
}
