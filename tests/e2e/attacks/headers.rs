//! Floods of header fields, in both versions of HTTP.

use anyhow::{Context, ensure};

use super::frames::{self, FrameClient, GOAWAY, HEADERS, RST_STREAM};
use super::raw::{RawClient, answers, host};
use super::siege::{NOISE_MIB, Siege};
use crate::case::Cases;

/// How often each flood is tried: enough for what leaks to show.
const TIMES: usize = 50;

#[tokio::test]
async fn floods_of_headers_are_refused_and_cost_no_memory() {
    let mut siege = Siege::begin("floods of headers", "header_timeout = \"2s\"", "").await.unwrap();
    let floods = [
        ("too many", "x: y\r\n".repeat(101)),
        ("one too long", format!("x: {}\r\n", "y".repeat(64 * 1024))),
        ("a name too long", format!("{}: y\r\n", "x".repeat(64 * 1024))),
        ("too large in sum", format!("x: {}\r\n", "y".repeat(1000)).repeat(90)),
        ("without end", "x: y\r\n".repeat(1 << 20)),
    ];
    siege
        .attack(NOISE_MIB, async |bed| {
            for _ in 0..TIMES {
                for (name, lines) in &floods {
                    let mut client = RawClient::connect(bed).await?;
                    let begin = format!("GET /v1/models HTTP/1.1\r\nhost: {}\r\n", host(bed));
                    // The proxy closes while the flood is still under way.
                    let sent = client.send(format!("{begin}{lines}\r\n").as_bytes()).await;
                    let answer = client.until_closed().await?;
                    let refused = answer.starts_with("HTTP/1.1 431 ") && answers(&answer) == 1;
                    // What is closed upon while it sends may lose the answer to the reset.
                    ensure!(
                        refused
                            || (answer.is_empty() && sent.is_err())
                            || (answer.is_empty() && lines.len() > 32_768),
                        "{name}: {answer:?}"
                    );
                }
            }
            Ok(())
        })
        .await
        .unwrap();
}

/// A block whose first field goes into the table of HPACK, and whose others name it again in one byte each.
fn bomb(fields: usize) -> Vec<u8> {
    let mut block = frames::request_block("/v1/models");
    let value = "v".repeat(3000);
    block.extend(frames::indexed_literal("x-bomb", &value));
    // Index 62 is the entry that was added last. Source: RFC 7541, section 2.3.3.
    block.extend(std::iter::repeat_n(0x80 | 62, fields));
    block
}

#[tokio::test]
async fn a_bomb_of_header_compression_is_refused_and_costs_no_memory() {
    let mut siege = Siege::begin("HPACK bombs", "header_timeout = \"2s\"", "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let mut cases = Cases::default();
            for round in 0..TIMES {
                let result = async {
                    let mut client = FrameClient::connect(bed).await?;
                    // Fifteen thousand bytes that stand for 45 MB.
                    client.headers(1, &bomb(15_000), true).await?;
                    let frame =
                        client.next_of(&[HEADERS, RST_STREAM, GOAWAY]).await?.context("no refusal")?;
                    if frame.kind == HEADERS {
                        ensure!(frame.status()? == "431", "{frame:?}");
                    }
                    Ok(())
                };
                cases.note(round, result.await);
            }
            cases.all_hold();
            Ok(())
        })
        .await
        .unwrap();
}
