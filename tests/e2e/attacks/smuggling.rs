//! Requests that two readers understand differently: never two answers where a load balancer would see one request, and no further request
//! on the connection after the ambiguous one.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::timeout;

use super::frames::{self, DATA, END_STREAM, FrameClient, GOAWAY, HEADERS, RST_STREAM};
use super::raw::{RawClient, answers, chat_head, host};
use super::siege::{NOISE_MIB, Siege};
use crate::bed::{Bed, ask};
use crate::case::Cases;

/// A connection that is not closed by then rests, as one does after a good request: `server.idle_timeout` is longer.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);

/// What a smuggler wants to get through behind the first request.
fn smuggled(bed: &Bed) -> String {
    format!("GET /v1/models HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n", host(bed), bed.key)
}

/// Lines of a chat request's head, and what follows the head; the smuggled request follows that.
fn framings(body: &str) -> Vec<(&'static str, String, String)> {
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let chunk = |size: &str| format!("{size}\r\n{body}\r\n0\r\n\r\n");
    let te = "transfer-encoding: chunked\r\n";
    let told = |length: usize| format!("content-length: {length}\r\n");
    let field = |line: &str| format!("{}{line}\r\n", told(length));
    let plain = body.to_owned();
    vec![
        ("a length and chunks", format!("{}{te}", told(length)), chunked.clone()),
        ("chunks and a length", format!("{te}{}", told(4)), chunked.clone()),
        ("chunked twice", format!("{te}{te}"), chunked.clone()),
        ("chunked twice in a line", "transfer-encoding: chunked, chunked\r\n".to_owned(), chunked.clone()),
        (
            "chunked, then the identity",
            "transfer-encoding: chunked, identity\r\n".to_owned(),
            chunked.clone(),
        ),
        ("an unknown coding", "transfer-encoding: xchunked\r\n".to_owned(), chunked.clone()),
        ("a coding before a tab", "transfer-encoding:\x0bchunked\r\n".to_owned(), chunked.clone()),
        ("a space before the colon", "transfer-encoding : chunked\r\n".to_owned(), chunked.clone()),
        ("a coding in quotes", "transfer-encoding: \"chunked\"\r\n".to_owned(), chunked.clone()),
        ("a coding that is folded", "transfer-encoding:\r\n chunked\r\n".to_owned(), chunked.clone()),
        ("an empty coding", format!("transfer-encoding:\r\n{}", told(length)), plain.clone()),
        ("two lengths", format!("{}{}", told(length), told(length + 1)), plain.clone()),
        ("two lengths in a line", format!("content-length: {length}, {}\r\n", length + 1), plain.clone()),
        ("a signed length", format!("content-length: +{length}\r\n"), plain.clone()),
        ("a negative length", "content-length: -1\r\n".to_owned(), plain.clone()),
        ("a length in hexadecimal", format!("content-length: 0x{length:x}\r\n"), plain.clone()),
        ("an empty length", "content-length:\r\n".to_owned(), plain.clone()),
        ("a length without end", format!("content-length: {}\r\n", "9".repeat(40)), plain.clone()),
        ("a folded line", field("x: a\r\n b: c"), plain.clone()),
        ("a bare carriage return", field("x: a\rtransfer-encoding: chunked"), plain.clone()),
        ("a NUL in a value", field("x: a\0b"), plain.clone()),
        ("a space in a name", field("x y: a"), plain.clone()),
        ("a name without a colon", field("nonsense"), plain.clone()),
        ("a line without a name", field(": a"), plain),
        ("a chunk size of letters", te.to_owned(), chunk("xyz")),
        ("a chunk size with a sign", te.to_owned(), chunk(&format!("+{length:x}"))),
        ("a chunk size in the manner of C", te.to_owned(), chunk(&format!("0x{length:x}"))),
        ("a chunk size over 64 bits", te.to_owned(), chunk("10000000000000000f")),
        ("a chunk that is longer than told", te.to_owned(), chunk("2")),
        ("a chunk without its size", te.to_owned(), chunk("")),
        ("a bare line feed after a size", te.to_owned(), format!("{length:x}\n{body}\r\n0\r\n\r\n")),
        ("a flood of extensions", te.to_owned(), chunk(&format!("{length:x};{}", "x=y;".repeat(20_000)))),
        ("a flood of small extensions", te.to_owned(), format!("1;{}\r\n \r\n", "x".repeat(500)).repeat(200)),
        (
            "a flood of trailers",
            te.to_owned(),
            format!("{length:x}\r\n{body}\r\n0\r\n{}\r\n", "a: b\r\n".repeat(5000)),
        ),
    ]
}

/// Sends these bytes and the smuggled request, and judges what comes back.
async fn judge(bed: &Bed, bytes: &str) -> anyhow::Result<String> {
    let mut client = RawClient::connect(bed).await?;
    // The proxy may close while the rest is under way.
    drop(client.send(format!("{bytes}{}", smuggled(bed)).as_bytes()).await);
    let received =
        timeout(CLOSED_WITHIN, client.until_closed()).await.context("the connection is kept")??;
    ensure!(answers(&received) <= 1, "{} answers: {received:?}", answers(&received));
    ensure!(!received.contains("\"object\":\"list\""), "the smuggled request was answered: {received:?}");
    Ok(received)
}

#[tokio::test]
async fn an_ambiguous_request_has_one_answer_at_most_and_ends_its_connection() {
    let mut siege = Siege::begin("smuggling", "header_timeout = \"1s\"", "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let mut cases = Cases::default();
            let body = ask("Hello").to_string();
            for (name, lines, rest) in framings(&body) {
                let result = judge(bed, &format!("{}{rest}", chat_head(bed, &lines))).await;
                cases.note(name, result.map(drop));
            }
            let (host, key) = (host(bed), &bed.key);
            let fields = format!("host: {host}\r\nauthorization: Bearer {key}\r\n");
            for (name, request) in [
                ("a tunnel", format!("CONNECT {host} HTTP/1.1\r\n{fields}\r\n")),
                ("two hosts", format!("GET /nothing HTTP/1.1\r\n{fields}host: elsewhere\r\ncontent-length: x\r\n\r\n")),
                ("a version that there is not", format!("GET /nothing HTTP/1.9\r\n{fields}\r\n")),
                ("no version", "GET /nothing\r\n\r\n".to_owned()),
                ("a line feed in the path", format!("GET /nothing\n HTTP/1.1\r\n{fields}\r\n")),
                ("an upgrade to HTTP/2", format!("GET /nothing HTTP/1.1\r\n{fields}connection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n")),
            ] {
                cases.note(name, judge(bed, &request).await.map(drop));
            }
            cases.all_hold();
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_request_line_that_names_another_host_is_served_here_or_refused() {
    let mut siege = Siege::begin("absolute targets", "header_timeout = \"1s\"", "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let mut client = RawClient::connect(bed).await?;
            for target in
                ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/v1/models", "https://x/"]
            {
                let request = format!(
                    "GET {target} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
                    host(bed),
                    bed.key
                );
                client.send(request.as_bytes()).await?;
                let answer = client.answer().await?;
                // Whatever the line names, this proxy's own pages are all that it gives.
                let own = target.ends_with("/v1/models");
                ensure!(answer.status == if own { 200 } else { 404 }, "{target}: {answer:?}");
            }
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_malformed_stream_of_http2_is_refused() {
    let mut siege = Siege::begin("malformed streams of HTTP/2", "header_timeout = \"1s\"", "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let mut cases = Cases::default();
            let body = ask("Hello").to_string();
            let (longer, shorter) = ((body.len() + 1).to_string(), (body.len() - 1).to_string());
            for (name, fields) in [
                ("connection", vec![("connection", "close")]),
                ("transfer-encoding", vec![("transfer-encoding", "chunked")]),
                ("keep-alive", vec![("keep-alive", "timeout=5")]),
                ("upgrade", vec![("upgrade", "h2c")]),
                ("proxy-connection", vec![("proxy-connection", "close")]),
                ("te of another kind", vec![("te", "gzip")]),
                ("an upper-case name", vec![("X-Name", "a")]),
                ("a line break in a value", vec![("x", "a\r\nb: c")]),
                ("a NUL in a value", vec![("x", "a\0b")]),
                ("a pseudo field after others", vec![(":path", "/v1/models")]),
                ("an unknown pseudo field", vec![(":nova", "a")]),
                ("a length that is too large", vec![("content-length", longer.as_str())]),
                ("a length that is too small", vec![("content-length", shorter.as_str())]),
                ("two lengths", vec![("content-length", "1"), ("content-length", shorter.as_str())]),
            ] {
                let result = async {
                    let mut client = FrameClient::connect(bed).await?;
                    client.headers(1, &frames::chat_block(bed, &fields), false).await?;
                    // The stream may be closed already.
                    drop(client.send(&frames::frame(DATA, END_STREAM, 1, body.as_bytes())).await);
                    let frame =
                        client.next_of(&[HEADERS, RST_STREAM, GOAWAY]).await?.context("no refusal")?;
                    ensure!(frame.kind != HEADERS || frame.status()?.starts_with('4'), "{frame:?}");
                    Ok(())
                };
                cases.note(name, result.await);
            }
            cases.all_hold();
            Ok(())
        })
        .await
        .unwrap();
}
