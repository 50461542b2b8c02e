//! Those who take their time: heads, bodies and readers one byte at a time, and connections that are half closed.

use anyhow::ensure;
use serde_json::json;
use tokio::task::JoinSet;

use super::raw::{RawClient, answers, chat_head, chat_request};
use super::siege::{NOISE_MIB, Siege};
use crate::bed::{Bed, ask, ask_script, with};

/// Attackers at once.
const MANY: usize = 200;

/// Attackers at once who each make the proxy work.
const SOME: usize = 16;

/// The text of an answer whose stream is longer than a socket buffer takes in, because each of many pieces is an event of some 250 bytes.
/// The kernel's largest is 4 MiB.
const STREAM_TEXT_BYTES: usize = 200 << 10;

/// As many pieces come to 10 MB.
const STREAM_PIECES: usize = 40_000;

/// The text of an answer that in one piece is longer than a socket buffer takes in.
const WHOLE_TEXT_BYTES: usize = 6 << 20;

/// Runs so many attackers at once and gives what each received.
async fn all(bed: &Bed, count: usize, head: &str, drip: &'static [u8]) -> anyhow::Result<Vec<String>> {
    let mut tasks = JoinSet::new();
    for _ in 0..count {
        let mut client = RawClient::connect(bed).await?;
        client.send(head.as_bytes()).await?;
        tasks.spawn(client.drip(drip));
    }
    tasks.join_all().await.into_iter().collect()
}

#[tokio::test]
async fn heads_that_come_byte_by_byte_are_cut_off() {
    let mut siege = Siege::begin("slow heads", "header_timeout = \"1s\"", "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let head = format!("GET /v1/models HTTP/1.1\r\nhost: {}\r\n", super::raw::host(bed));
            let received = all(bed, MANY, &head, b"a: b\r\n").await?;
            ensure!(
                received.iter().all(String::is_empty),
                "a head that never ended was answered: {received:?}"
            );
            Ok(())
        })
        .await
        .unwrap();
    let expected = f64::from(u16::try_from(MANY).unwrap());
    siege.metric("nova_proxy_connections_overdue_total", |count| count >= expected).await.unwrap();
}

#[tokio::test]
async fn bodies_that_come_byte_by_byte_are_answered_and_cut_off() {
    let limits = "limits {\n  body_timeout = \"1s\"\n}";
    let mut siege = Siege::begin("slow bodies", "header_timeout = \"1s\"", limits).await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            for framing in ["content-length: 1000000\r\n", "transfer-encoding: chunked\r\n"] {
                // Chunks of one byte, cut within their own framing.
                let drip: &[u8] = if framing.starts_with('c') { b" " } else { b"1\r\n \r\n" };
                for answer in all(bed, MANY / 2, &chat_head(bed, framing), drip).await? {
                    ensure!(answer.starts_with("HTTP/1.1 400 "), "{framing:?}: {answer:?}");
                    ensure!(answer.contains("incomplete_body"), "{framing:?}: {answer:?}");
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    siege.metric("nova_proxy_connections_open", |open| open <= 1.0).await.unwrap();
}

#[tokio::test]
async fn readers_that_take_byte_by_byte_hold_up_themselves_alone() {
    // A whole answer is in memory as the request that scripts it, as it came, parsed and as it is written, each twice at most.
    let whole_mib = f64::from(u32::try_from(8 * SOME * (WHOLE_TEXT_BYTES >> 20)).unwrap());
    for (name, stream, bytes, growth_mib) in [
        ("slow readers of streams", true, STREAM_TEXT_BYTES, 2.0 * NOISE_MIB),
        ("slow readers of answers", false, WHOLE_TEXT_BYTES, whole_mib),
    ] {
        let server = "write_timeout = \"1s\"\n  idle_timeout = \"1s\"";
        let mut siege = Siege::begin(name, server, "").await.unwrap();
        let script = ask_script(&json!({ "text": "word ".repeat(bytes / 5), "chunks": STREAM_PIECES }));
        let body = with(script, json!({ "stream": stream })).to_string();
        siege
            .attack(growth_mib, async |bed| {
                let mut readers = JoinSet::new();
                for _ in 0..SOME {
                    let mut client = RawClient::connect_with_small_buffer(bed).await?;
                    client.send(&chat_request(bed, &body)).await?;
                    readers.spawn(client.sip());
                }
                // The kernel keeps a closed connection until its reader has taken what is on the way, so that the end is
                // seen at the proxy, not here.
                let expected = f64::from(u16::try_from(SOME)?);
                super::siege::metric(bed, "nova_proxy_connections_overdue_total", |count| count >= expected)
                    .await?;
                super::siege::metric(bed, "nova_proxy_requests_in_flight", |count| count <= 1.0).await
            })
            .await
            .unwrap();
        siege.metric("nova_proxy_connections_open", |open| open <= 1.0).await.unwrap();
    }
}

#[tokio::test]
async fn who_closes_half_is_answered_or_closed_and_never_kept() {
    let mut siege = Siege::begin("half-closed clients", "header_timeout = \"1s\"", "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            for _ in 0..SOME {
                // What is asked may be answered before its end is seen.
                let mut quick = RawClient::connect(bed).await?;
                let head = format!(
                    "GET /v1/models HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
                    super::raw::host(bed),
                    bed.key
                );
                quick.send(head.as_bytes()).await?;
                quick.finish_sending().await?;
                let answer = quick.until_closed().await?;
                ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
                ensure!(answers(&answer) <= 1, "{answer:?}");

                // Nothing tells a half-closed connection from one that was closed, and a call for nobody is paid for: it is ended.
                let mut paid = RawClient::connect(bed).await?;
                let late = ask_script(&json!({ "text": "late", "first_byte_delay_ms": 20_000 }));
                paid.send(&chat_request(bed, &late.to_string())).await?;
                paid.finish_sending().await?;
                ensure!(paid.until_closed().await?.is_empty(), "a call whose caller has left was answered");

                let mut broken = RawClient::connect(bed).await?;
                let whole = chat_request(bed, &ask("Hello").to_string());
                broken.send(whole.get(..whole.len() - 10).unwrap_or_default()).await?;
                broken.finish_sending().await?;
                let answer = broken.until_closed().await?;
                ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
                ensure!(answers(&answer) <= 1, "{answer:?}");
            }
            Ok(())
        })
        .await
        .unwrap();
    siege.metric("nova_proxy_connections_open", |open| open <= 1.0).await.unwrap();
}
