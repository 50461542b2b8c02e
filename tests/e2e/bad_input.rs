//! Everything that a caller can get wrong, and the proxy unharmed by it.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::{Call, Reply};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{Bed, MODEL, Settings, ask, expect_error, with};
use crate::case::Cases;
use crate::chat::weather_tool;

async fn post(bed: &Bed, body: impl Into<Vec<u8>>) -> anyhow::Result<Reply> {
    let call = bed.call(Method::POST, "/v1/chat/completions")?.header("content-type", "application/json")?;
    call.body(body.into()).send().await
}

#[tokio::test]
async fn text_that_is_no_json_is_refused_with_its_place() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (name, body, place) in [
        ("empty body", &b""[..], None),
        ("cut off", b"{\"model\": \"gpt-4o\",\n  \"messages\": [", Some("line 2 column")),
        ("a comma too many", b"{\n\n\"model\": \"gpt-4o\",,}", Some("line 3 column 19")),
        ("single quotes", b"{'model': 'gpt-4o'}", Some("line 1 column 2")),
        ("not UTF-8", b"{\"model\": \"gpt-\xff\xfe\"}", None),
        ("a lone surrogate", b"{\"model\": \"\\ud800\"}", Some("line 1 column")),
        ("something behind the end", b"{} {}", None),
        ("a number", b"42", None),
        ("an array", b"[]", None),
        ("null", b"null", None),
    ] {
        let result = async {
            let error = expect_error(&post(&bed, body).await?, 400, None)?;
            let message = error["message"].as_str().unwrap_or_default();
            ensure!(place.is_none_or(|place| message.contains(place)), "expected {place:?} in {message:?}");
            ensure!(error["type"] == "invalid_request_error", "{error}");
            Ok(())
        };
        cases.note(name, result.await);
    }
    cases.all_hold();
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}0{}", open.repeat(100_000), close.repeat(100_000));
        let body = format!(
            "{{\"model\":\"{MODEL}\",\"messages\":[{{\"role\":\"user\",\"content\":\"a\"}}],\"metadata\":{deep}}}"
        );
        let result = async { expect_error(&post(&bed, body).await?, 400, None).map(drop) };
        cases.note(open, result.await);
    }
    cases.all_hold();
    bed.still_serves().await.unwrap();
}

/// Members that replace those of a good request, and the `param` that the refusal names.
fn wrong_requests() -> Vec<(&'static str, Value, &'static str)> {
    let user = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
    let image = |url: &str| user(json!([{ "type": "image_url", "image_url": { "url": url } }]));
    vec![
        ("messages of the wrong type", json!({ "messages": "hello" }), "messages"),
        ("no messages", json!({ "messages": [] }), "messages"),
        ("messages null", json!({ "messages": null }), "messages"),
        ("a message of the wrong type", json!({ "messages": [7] }), "messages[0]"),
        (
            "a role of the wrong type",
            json!({ "messages": [{ "role": 7, "content": "a" }] }),
            "messages[0].role",
        ),
        (
            "an unknown role",
            json!({ "messages": [{ "role": "wizard", "content": "a" }] }),
            "messages[0].role",
        ),
        ("content of the wrong type", user(json!(7)), "messages[0].content"),
        ("an unknown part", user(json!([{ "type": "hologram" }])), "messages[0].content[0]"),
        (
            "audio",
            user(json!([{ "type": "input_audio", "input_audio": { "data": "", "format": "wav" } }])),
            "messages[0].content[0]",
        ),
        ("a data URL without base64", image("data:image/png,abc"), "messages[0].content[0]"),
        ("broken base64", image("data:image/png;base64,@@@@"), "messages[0].content[0]"),
        ("an empty picture", image("data:image/png;base64,"), "messages[0].content[0]"),
        ("a picture that is none", image("data:image/png;base64,aGVsbG8gd29ybGQ="), "messages[0].content[0]"),
        (
            "a kind of picture Nova cannot read",
            image("data:image/tiff;base64,SUkqAAgAAAA="),
            "messages[0].content[0]",
        ),
        ("a scheme nobody fetches", image("ftp://example.com/a.png"), "messages[0].content[0]"),
        ("fetching while it is off", image("https://example.com/a.png"), "messages[0].content[0]"),
        ("temperature of the wrong type", json!({ "temperature": "hot" }), "temperature"),
        ("temperature out of range", json!({ "temperature": 3.5 }), "temperature"),
        ("top_p out of range", json!({ "top_p": -0.5 }), "top_p"),
        ("no tokens at all", json!({ "max_tokens": 0 }), "max_tokens"),
        ("negative tokens", json!({ "max_tokens": -5 }), "max_tokens"),
        ("n of nothing", json!({ "n": 0 }), "n"),
        ("stream of the wrong type", json!({ "stream": "yes" }), "stream"),
        ("tools of the wrong type", json!({ "tools": {} }), "tools"),
        (
            "a tool without a name",
            json!({ "tools": [{ "type": "function", "function": {} }] }),
            "tools[0].function",
        ),
        (
            "two tools of one name",
            json!({ "tools": [weather_tool("a"), weather_tool("a")] }),
            "tools[1].function.name",
        ),
        ("a choice without tools", json!({ "tool_choice": "required" }), "tool_choice"),
        (
            "a choice of a tool that is not there",
            json!({ "tools": [weather_tool("a")], "tool_choice": { "type": "function", "function": { "name": "b" } } }),
            "tool_choice",
        ),
        ("an unknown choice", json!({ "tools": [weather_tool("a")], "tool_choice": "maybe" }), "tool_choice"),
        ("a format nobody knows", json!({ "response_format": { "type": "haiku" } }), "response_format"),
        (
            "a schema that is missing",
            json!({ "response_format": { "type": "json_schema" } }),
            "response_format",
        ),
    ]
}

#[tokio::test]
async fn wrong_values_are_refused_with_their_path() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (name, members, param) in wrong_requests() {
        let result = async {
            let reply = post(&bed, with(ask("Hello"), members).to_string()).await?;
            let error = expect_error(&reply, 400, None)?;
            let named = error["param"].as_str().unwrap_or_default();
            ensure!(named.starts_with(param), "expected the param {param}, got {error}");
            ensure!(error["type"] == "invalid_request_error", "{error}");
            Ok(())
        };
        cases.note(name, result.await);
    }
    cases.all_hold();
    assert_eq!(bed.simulator.invocations().await.unwrap(), Vec::<Value>::new(), "Bedrock was asked");
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn conversations_that_do_not_add_up_are_refused() {
    let bed = Bed::start().await.unwrap();
    let user = json!({ "role": "user", "content": "Use a" });
    let call =
        |id: &str| json!({ "id": id, "type": "function", "function": { "name": "a", "arguments": "{}" } });
    let calls = |ids: &[&str]| json!({ "role": "assistant", "content": null, "tool_calls": ids.iter().map(|id| call(id)).collect::<Vec<_>>() });
    let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "ok" });
    let mut cases = Cases::default();
    for (name, messages) in [
        ("a result nobody asked for", json!([user, result("1")])),
        ("a result of another call", json!([user, calls(&["1"]), result("2")])),
        ("a call without its result", json!([user, calls(&["1", "2"]), result("1")])),
        ("a result given twice", json!([user, calls(&["1"]), result("1"), result("1")])),
        ("two calls of one id", json!([user, calls(&["1", "1"]), result("1")])),
    ] {
        let request = json!({ "model": MODEL, "messages": messages, "tools": [weather_tool("a")] });
        let result = async {
            let error = expect_error(&bed.chat(&request).await?, 400, None)?;
            let named = error["param"].as_str().unwrap_or_default();
            ensure!(named.starts_with("messages["), "the message at fault is not named: {error}");
            Ok(())
        };
        cases.note(name, result.await);
    }
    cases.all_hold();
    assert_eq!(bed.simulator.invocations().await.unwrap(), Vec::<Value>::new(), "Bedrock was asked");
}

#[tokio::test]
async fn an_unknown_model_is_refused_with_those_that_are_served() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    let long = "x".repeat(10_000);
    for model in ["gpt-17", "", "../../etc/passwd", long.as_str()] {
        let result = async {
            let reply = bed.chat(&with(ask("Hello"), json!({ "model": model }))).await?;
            if model.is_empty() && reply.status == 400 {
                return expect_error(&reply, 400, None).map(drop);
            }
            let error = expect_error(&reply, 404, Some("model_not_found"))?;
            ensure!(error["message"].as_str().is_some_and(|message| message.contains(MODEL)), "{error}");
            ensure!(
                error.to_string().len() < 8_000,
                "the answer repeats a long name: {} bytes",
                error.to_string().len()
            );
            Ok(())
        };
        cases.note(model.get(..20).unwrap_or(model), result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn ways_to_the_wrong_place_get_their_own_status() {
    let bed = Bed::start().await.unwrap();
    let json_type = Some("application/json");
    let mut cases = Cases::default();
    for (name, method, path, content_type, status) in [
        ("GET chat", Method::GET, "/v1/chat/completions", None, 405),
        ("PUT chat", Method::PUT, "/v1/chat/completions", json_type, 405),
        ("DELETE models", Method::DELETE, "/v1/models", None, 405),
        ("POST models", Method::POST, "/v1/models", json_type, 405),
        ("no such path", Method::POST, "/v1/chat/completion", json_type, 404),
        ("the root", Method::GET, "/", None, 404),
        ("without /v1", Method::POST, "/chat/completions", json_type, 404),
        ("a form", Method::POST, "/v1/chat/completions", Some("application/x-www-form-urlencoded"), 415),
        ("plain text", Method::POST, "/v1/chat/completions", Some("text/plain"), 415),
        ("a type that is none", Method::POST, "/v1/chat/completions", Some("json"), 415),
    ] {
        let result = async {
            let mut call = bed.call(method, path)?;
            if let Some(content_type) = content_type {
                call = call.header("content-type", content_type)?.body(ask("Hello").to_string());
            }
            expect_error(&call.send().await?, status, None).map(drop)
        };
        cases.note(name, result.await);
    }
    let with_charset = async {
        let call = bed.chat_call(&ask("Hello"))?.header("content-type", "application/json; charset=utf-8")?;
        let reply = call.send().await?;
        ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        Ok(())
    };
    cases.note("a charset is welcome", with_charset.await);
    cases.all_hold();
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_even_when_its_length_is_not_told() {
    let rest = "limits {\n  body_bytes = \"1MiB\"\n}".to_owned();
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let fits = ask(&"x".repeat((1 << 20) - 1_000));
    assert_eq!(bed.chat(&fits).await.unwrap().status, 200);
    let body = ask(&"x".repeat(3 << 20)).to_string();
    expect_error(&post(&bed, body.clone()).await.unwrap(), 413, None).unwrap();
    let picture = format!("data:image/png;base64,iVBORw0KGgo{}", "A".repeat(3 << 20));
    let parts = json!([{ "type": "image_url", "image_url": { "url": picture } }]);
    let with_picture = json!({ "model": MODEL, "messages": [{ "role": "user", "content": parts }] });
    expect_error(&bed.chat(&with_picture).await.unwrap(), 413, None).unwrap();
    let head = raw_exchange(&bed, "transfer-encoding: chunked", &chunked(body.as_bytes())).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    bed.still_serves().await.unwrap();
}

/// The body in the chunked coding, 64 KiB at a time.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    for piece in body.chunks(64 << 10) {
        coded.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        coded.extend_from_slice(piece);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\n\r\n");
    coded
}

/// Sends a chat request with this framing header and these bytes behind the head, and returns the head of the answer.
async fn raw_exchange(bed: &Bed, framing: &str, bytes: &[u8]) -> anyhow::Result<String> {
    let host = bed.root.trim_start_matches("http://");
    let mut socket = TcpStream::connect(host).await?;
    let (mut read, mut write) = socket.split();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\n{framing}\r\n\r\n",
        bed.key
    );
    let send = async {
        // A server that has answered may close while the rest is still under way: the answer is what counts.
        if write.write_all(head.as_bytes()).await.is_ok() && write.write_all(bytes).await.is_ok() {
            write.flush().await.ok();
        }
        std::future::pending::<()>().await;
    };
    let receive = async {
        let mut answer = Vec::new();
        let mut piece = vec![0; 4096];
        while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
            let length = read.read(&mut piece).await?;
            ensure!(length > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(piece.get(..length).unwrap_or_default());
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::time::timeout(Duration::from_secs(30), async {
        tokio::select! { () = send => unreachable!(), answer = receive => answer }
    })
    .await
    .context("no head of an answer")?
}

#[tokio::test]
async fn bytes_that_are_no_http_close_their_own_connection_only() {
    let bed = Bed::start().await.unwrap();
    let host = bed.root.trim_start_matches("http://").to_owned();
    for garbage in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n\r\n\r\n"]
    {
        let mut socket = TcpStream::connect(&host).await.unwrap();
        socket.write_all(garbage).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), socket.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection stays open after {garbage:?}");
    }
    // A body that ends early: the client promised more than it sent, and left.
    let mut socket = TcpStream::connect(&host).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    drop(socket);
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn too_many_pictures_are_refused_by_somebody_with_a_reason() {
    let bed = Bed::start().await.unwrap();
    let png = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let parts: Vec<_> =
        (0..21).map(|_| json!({ "type": "image_url", "image_url": { "url": png } })).collect();
    let request = json!({ "model": MODEL, "messages": [{ "role": "user", "content": parts }] });
    expect_error(&bed.chat(&request).await.unwrap(), 400, None).unwrap();
}

#[tokio::test]
async fn a_host_of_bad_requests_leaves_the_process_untouched() {
    let bed = Bed::start().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0_usize..64 {
        let good = ask("Hello").to_string().into_bytes();
        // Every request is cut at another place, so the fault is found by every part of the parser.
        let cut = good.get(..number % good.len()).unwrap_or_default().to_vec();
        let call = bed.chat_call(&Value::Null).unwrap().body(cut);
        tasks.spawn(async move { call.send().await.unwrap() });
    }
    for reply in tasks.join_all().await {
        expect_error(&reply, 400, None).unwrap();
    }
    let unsigned = Call::new(Method::POST, &format!("{}/v1/chat/completions", bed.root)).unwrap();
    let reply = unsigned.header("content-type", "application/json").unwrap().body("{").send().await.unwrap();
    assert_eq!(reply.status, 401, "who may not ask is told so before what he asks is read: {}", reply.text());
    bed.still_serves().await.unwrap();
}
