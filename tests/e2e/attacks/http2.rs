//! Floods of frames, and windows that stay shut.

use anyhow::{Context, ensure};
use serde_json::json;

use super::frames::{
    self, ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FrameClient, GOAWAY, HEADERS, PING, RST_STREAM,
    SETTINGS, frame,
};
use super::siege::{NOISE_MIB, Siege, metric};
use crate::bed::{Bed, ask_script, with};

/// The error code of a peer that behaves badly. Source: RFC 9113, section 7.
const ENHANCE_YOUR_CALM: u32 = 11;

/// The most frames of one flood.
const FLOOD: usize = 200_000;

/// How many frames go out in one write, so that the proxy reads many at once.
const BATCH: usize = 200;

/// The limits of these attacks.
const SERVER: &str = "header_timeout = \"2s\"\n  idle_timeout = \"1s\"\n  write_timeout = \"1s\"";

/// Floods until the proxy closes, which it must, and gives the code that it closes with, if it tells one. Who is neither closed upon nor told
/// so within the patience of these tests has found a way through.
async fn closed_by(
    client: &mut FrameClient,
    mut batch: impl FnMut(u32) -> Vec<u8>,
) -> anyhow::Result<Option<u32>> {
    let batches = u32::try_from(FLOOD / BATCH)?;
    for number in 0..batches {
        if client.flood(&batch(number), 1).await? {
            let farewell = client.next_of(&[GOAWAY]).await?;
            return farewell.map(|frame| frame.code()).transpose();
        }
    }
    // All may be on the way while the proxy closes.
    let farewell = client.next_of(&[GOAWAY]).await?;
    farewell.map(|frame| frame.code()).transpose()
}

#[tokio::test]
async fn requests_that_are_reset_at_once_end_the_connection() {
    let mut siege = Siege::begin("rapid reset", SERVER, "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            for _ in 0..10 {
                let mut client = FrameClient::connect(bed).await?;
                let block = frames::request_block("/v1/models");
                let mut stream = 1;
                let code = closed_by(&mut client, |_| {
                    let mut batch = Vec::new();
                    for _ in 0..BATCH / 2 {
                        batch.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &block));
                        // CANCEL.
                        batch.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
                        stream += 2;
                    }
                    batch
                });
                let code = code.await?;
                ensure!(code.is_none_or(|code| code == ENHANCE_YOUR_CALM), "closed with {code:?}");
            }
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_head_that_goes_on_for_ever_ends_the_connection() {
    let mut siege = Siege::begin("CONTINUATION flood", SERVER, "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            for piece in [frames::literal("x", &"y".repeat(1000)), Vec::new()] {
                let mut client = FrameClient::connect(bed).await?;
                client.send(&frame(HEADERS, 0, 1, &frames::request_block("/v1/models"))).await?;
                let continuation = frame(CONTINUATION, 0, 1, &piece).repeat(BATCH);
                closed_by(&mut client, |_| continuation.clone()).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn empty_pieces_of_a_body_end_the_connection_or_its_time() {
    let limits = "limits {\n  body_timeout = \"1s\"\n}";
    let mut siege = Siege::begin("flood of empty DATA", SERVER, limits).await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let mut client = FrameClient::connect(bed).await?;
            client.headers(1, &frames::chat_block(bed, &[]), false).await?;
            let empty = frame(DATA, 0, 1, &[]).repeat(BATCH);
            closed_by(&mut client, |_| empty.clone()).await?;
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn frames_that_want_an_answer_are_answered_without_memory_and_unread_answers_end_the_connection() {
    for (name, asking) in
        [("SETTINGS flood", frame(SETTINGS, 0, 0, &[])), ("PING flood", frame(PING, 0, 0, &[7; 8]))]
    {
        let mut siege = Siege::begin(name, SERVER, "").await.unwrap();
        siege
            .attack(NOISE_MIB, async |bed| {
                let mut reads = FrameClient::connect(bed).await?;
                // Whoever reads the answers gets them, for as long as a connection without a request may be open.
                reads.flood(&asking.repeat(BATCH), FLOOD / BATCH).await?;
                // Whoever does not is a client that takes nothing.
                let mut deaf = FrameClient::connect(bed).await?;
                let mut sent = 0_usize;
                while deaf.send(&asking.repeat(BATCH)).await.is_ok() {
                    sent += BATCH;
                    ensure!(sent < 100 * FLOOD, "frames are taken without end");
                }
                Ok(())
            })
            .await
            .unwrap();
        siege.metric("nova_proxy_connections_open", |open| open <= 1.0).await.unwrap();
    }
}

#[tokio::test]
async fn windows_that_are_opened_too_far_end_the_connection() {
    const WINDOW_UPDATE: u8 = 8;
    let mut siege = Siege::begin("WINDOW_UPDATE overflow", SERVER, "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            let mut client = FrameClient::connect(bed).await?;
            let most = 0x7fff_ffff_u32.to_be_bytes();
            closed_by(&mut client, |_| frame(WINDOW_UPDATE, 0, 0, &most).repeat(BATCH)).await?;
            Ok(())
        })
        .await
        .unwrap();
}

/// A long stream, asked for on a stream of HTTP/2.
async fn ask_for_a_stream(bed: &Bed, client: &mut FrameClient, stream: u32) -> anyhow::Result<()> {
    let deltas = vec!["word ".repeat(20); 400];
    let request =
        with(ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 20 })), json!({ "stream": true }));
    let body = request.to_string();
    client.headers(stream, &frames::chat_block(bed, &[]), false).await?;
    let mut pieces = body.as_bytes().chunks(16 * 1024).peekable();
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_STREAM } else { 0 };
        client.send(&frame(DATA, flags, stream, piece)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn streams_whose_window_stays_shut_are_reset_and_their_calls_ended() {
    const STREAMS: u32 = 50;
    let mut siege = Siege::begin("shut windows", SERVER, "").await.unwrap();
    siege
        .attack(2.0 * NOISE_MIB, async |bed| {
            let mut client = FrameClient::connect_with_shut_windows(bed).await?;
            for number in 0..STREAMS {
                ask_for_a_stream(bed, &mut client, 2 * number + 1).await?;
            }
            let mut reset = 0;
            while reset < STREAMS {
                let frame = client
                    .next_of(&[RST_STREAM, GOAWAY, PING])
                    .await?
                    .context("closed before all were reset")?;
                match frame.kind {
                    RST_STREAM => reset += 1,
                    // This attacker is well mannered otherwise, so that nothing but its windows ends it.
                    PING if frame.flags & ACK == 0 => {
                        client.send(&super::frames::frame(PING, ACK, 0, &frame.payload)).await?
                    }
                    PING => {}
                    _ => anyhow::bail!("the connection was ended in place of its streams: {frame:?}"),
                }
            }
            metric(bed, "nova_proxy_requests_in_flight", |count| count <= 1.0).await
        })
        .await
        .unwrap();
    siege.metric("nova_proxy_connections_open", |open| open <= 1.0).await.unwrap();
}
