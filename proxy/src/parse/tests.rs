//! Bodies of every bad kind get an error that says where.

use openai_api::chat::ChatRequest;
use proptest::prelude::*;

use super::*;

fn fault(body: &[u8]) -> (u16, Option<String>, String) {
    let error = json::<ChatRequest>(body).expect_err("a fault");
    (error.status(), error.body().error.param, error.message().to_owned())
}

#[rstest::rstest]
#[case(b"", None, "is empty")]
#[case(b"{", None, "ends too early: EOF while parsing an object at line 1 column 1")]
#[case(b"{\"model\": \"m\",\n \"messages\": [,]}", None, "expected value at line 2 column 15")]
#[case(b"{\"model\": \"m\", \"messages\": []} x", None, "trailing characters at line 1 column 32")]
#[case(b"[]", None, "has not the right form")]
#[case(b"{\"model\": 1, \"messages\": []}", Some("model"), "invalid type: integer `1`, expected a string")]
#[case(b"{\"messages\": []}", None, "missing field `model`")]
#[case(b"{\"model\": \"m\", \"messages\": {}}", Some("messages"), "expected an array")]
#[case(
    b"{\"model\": \"m\", \"messages\": [{\"role\": \"robot\"}]}",
    Some("messages[0].role"),
    "unknown role, expected"
)]
#[case(
    b"{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": 5}]}",
    Some("messages[0].content"),
    "a string or an array of content parts"
)]
#[case(b"{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": 5}]}]}", Some("messages[0].content[0].text"), "expected a string")]
#[case(b"{\"model\": \"m\", \"messages\": [], \"max_tokens\": -1}", Some("max_tokens"), "integer `-1`")]
#[case(b"{\"model\": \"m\", \"messages\": [], \"max_tokens\": 1.5}", Some("max_tokens"), "number `1.5`")]
#[case(
    b"{\"model\": \"m\", \"messages\": [], \"temperature\": \"hot\"}",
    Some("temperature"),
    "invalid type: string, expected a number"
)]
#[case(
    b"{\"model\": \"m\", \"messages\": [], \"tools\": [{\"type\": \"function\", \"function\": {}}]}",
    Some("tools[0].function"),
    "missing field `name`"
)]
#[case(b"{\"model\": \"m\", \"model\": \"n\", \"messages\": []}", None, "duplicate field")]
#[case(b"{\"model\": \"\xff\"}", None, "not valid UTF-8: byte 11")]
fn a_bad_body_gets_an_error_that_says_where(
    #[case] body: &[u8],
    #[case] param: Option<&str>,
    #[case] words: &str,
) {
    let (status, got_param, message) = fault(body);
    assert_eq!((status, got_param.as_deref()), (400, param), "{message}");
    assert!(message.contains(words), "{message}");
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    let body = format!("{{\"model\": \"m\", \"messages\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(fault(body.as_bytes()).0, 400);
    let tool = format!(
        "{{\"model\": \"m\", \"messages\": [], \"x\": {}1{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(fault(tool.as_bytes()).2.contains("recursion limit"));
}

/// A prompt in the wrong place must not reach a log or come back.
#[test]
fn what_was_found_is_not_quoted() {
    for body in [
        r#"{"model":"m","messages":"my \", expected secret prompt"}"#,
        r#"{"model":"m","messages":[{"role":"my secret prompt"}]}"#,
        r#"{"model":"m","messages":[],"temperature":"my secret prompt"}"#,
        r#"{"model":"m","messages":[],"reasoning_effort":"my secret prompt"}"#,
    ] {
        let message = fault(body.as_bytes()).2;
        assert!(!message.contains("secret"), "{message}");
    }
}

proptest! {
    /// Arbitrary bytes, and damaged requests, never panic.
    #[test]
    fn arbitrary_bodies_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = json::<ChatRequest>(&body) {
            prop_assert!((400..500).contains(&error.status()));
        }
    }

    #[test]
    fn damaged_requests_never_panic(position in 0_usize..300, byte in any::<u8>()) {
        let mut body = br#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"stop":["a"],"stream":true}"#.to_vec();
        let position = position % body.len();
        body[position] = byte;
        if let Err(error) = json::<ChatRequest>(&body) {
            prop_assert_eq!(error.status(), 400);
        }
    }
}

struct Pieces(Vec<Result<Bytes, String>>);

impl IncomingBody for Pieces {
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }
}

async fn read_pieces(pieces: &[&'static str], limit: u64) -> Result<Bytes, ApiError> {
    let mut body = Pieces(pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect());
    read(&mut body, &HeaderMap::new(), limit, Duration::from_secs(1)).await
}

#[tokio::test]
async fn bodies_are_counted_whatever_they_declare() {
    assert_eq!(read_pieces(&[], 5).await.expect("a body"), "");
    assert_eq!(read_pieces(&["ab", "cde"], 5).await.expect("a body"), "abcde");
    assert_eq!(read_pieces(&["ab", "cd", "e"], 5).await.expect("a body"), "abcde");
    for too_long in [&["abcdef"] as &[&str], &["abc", "def"], &["ab", "cd", "ef"]] {
        assert_eq!(read_pieces(too_long, 5).await.expect_err("too large").status(), 413);
    }
    let headers = HeaderMap::from_iter([(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("6"))]);
    let error =
        read(&mut Pieces(vec![]), &headers, 5, Duration::from_secs(1)).await.expect_err("declared too large");
    assert_eq!(error.status(), 413);
    let mut broken = Pieces(vec![Err("reset".to_owned())]);
    assert_eq!(
        read(&mut broken, &HeaderMap::new(), 5, Duration::from_secs(1)).await.expect_err("broken").status(),
        400
    );
}

#[rstest::rstest]
#[case(None, false)]
#[case(Some("application/json"), true)]
#[case(Some("Application/JSON; charset=utf-8"), true)]
#[case(Some("application/vnd.api+json"), true)]
#[case(Some("text/plain"), false)]
#[case(Some("application/x-www-form-urlencoded"), false)]
#[case(Some("multipart/form-data; boundary=x"), false)]
fn other_types_than_json_are_refused(#[case] content_type: Option<&'static str>, #[case] accepted: bool) {
    let headers: HeaderMap =
        content_type.map(|text| (CONTENT_TYPE, http::HeaderValue::from_static(text))).into_iter().collect();
    let result = check_content_type(&headers);
    assert_eq!(result.as_ref().map_err(ApiError::status).err(), (!accepted).then_some(415));
}

/// A body whose pieces come one by one, a second between them.
struct Drip {
    pieces: u32,
    bytes: usize,
}

impl IncomingBody for Drip {
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        self.pieces = self.pieces.checked_sub(1)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some(Ok(Bytes::from(vec![b'x'; self.bytes])))
    }
}

#[rstest::rstest]
#[case::one_byte_a_second(1, Err("slower than 8 KiB a second for 10 s"))]
#[case::just_too_slow(8 * 1024 - 1024, Err("slower than 8 KiB a second for 10 s"))]
#[case::fast_enough(8 * 1024, Ok(120 * 8 * 1024))]
#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_given_up(#[case] bytes: usize, #[case] expected: Result<usize, &str>) {
    let mut body = Drip { pieces: 120, bytes };
    let read = read(&mut body, &HeaderMap::new(), 1 << 30, Duration::from_secs(240)).await;
    match (read, expected) {
        (Ok(whole), Ok(length)) => assert_eq!(whole.len(), length),
        (Err(error), Err(words)) => assert!(error.message().contains(words), "{}", error.message()),
        (read, _) => panic!("{read:?}"),
    }
}

#[rstest::rstest]
#[case::none(&[], true)]
#[case::as_it_is(&["identity"], true)]
#[case::gzip(&["gzip"], false)]
#[case::both(&["identity", "br"], false)]
fn a_body_in_another_coding_is_refused(#[case] codings: &[&'static str], #[case] accepted: bool) {
    let mut headers = HeaderMap::new();
    for coding in codings {
        headers.append("content-encoding", http::HeaderValue::from_static(coding));
    }
    let result = check_content_encoding(&headers);
    assert_eq!(result.map_err(|error| error.status()), if accepted { Ok(()) } else { Err(415) });
}
