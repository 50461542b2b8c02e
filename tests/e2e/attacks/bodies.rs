//! Bodies that take memory: many large ones at once, and ones that are small on the wire alone.

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use super::polite::Polite;
use super::raw::{RawClient, chat_head, chat_request};
use super::siege::{NOISE_MIB, Siege, confined};
use crate::bed::{Settings, ask};

/// Bodies at once: ten times what fits.
const MANY: usize = 60;

/// What one says that it has.
const BODY_BYTES: usize = 8 << 20;

/// All that the proxy may map, of which its threads' stacks and the allocator's arenas are most: all bodies at once would not fit.
const ADDRESS_SPACE_KIB: u64 = 800 * 1024;

#[tokio::test]
async fn bodies_over_the_memory_for_them_wait_and_are_refused_with_advice() {
    let limits =
        "limits {\n  body_memory = \"64MiB\"\n  queue_timeout = \"500ms\"\n  body_timeout = \"4s\"\n}";
    let settings = Settings { rest: limits.to_owned(), ..Settings::default() };
    let bed = confined(&format!("ulimit -v {ADDRESS_SPACE_KIB}"), settings).await.unwrap();
    let mut siege = Siege::on("bodies over their memory", bed, Polite::opens_connections()).unwrap();
    siege
        .attack(64.0 + NOISE_MIB, async |bed| {
            let head = chat_head(bed, &format!("content-length: {BODY_BYTES}\r\n"));
            let mut attackers = JoinSet::new();
            for _ in 0..MANY {
                let mut client = RawClient::connect(bed).await?;
                client.send(head.as_bytes()).await?;
                attackers.spawn(async move {
                    // All but the end, as far as the proxy takes it.
                    drop(client.send(&vec![b' '; BODY_BYTES - 1]).await);
                    client.answer().await
                });
            }
            let (mut refused, mut lost) = (0, 0);
            for answer in attackers.join_all().await {
                let answer = answer.context("an attacker without an answer")?;
                match answer.status {
                    429 if answer.body.contains("retry with back-off") => refused += 1,
                    400 if answer.body.contains("incomplete_body") => lost += 1,
                    _ => anyhow::bail!("{answer:?}"),
                }
            }
            ensure!(refused >= MANY / 2 && lost > 0, "{refused} refused, {lost} lost");
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn bodies_in_another_coding_are_refused_unread() {
    let mut siege = Siege::begin("compressed bodies", "header_timeout = \"1s\"", "").await.unwrap();
    siege
        .attack(NOISE_MIB, async |bed| {
            for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
                let request = chat_request(bed, &ask("Hello").to_string());
                let request = String::from_utf8(request)?
                    .replace("content-type:", &format!("content-encoding: {coding}\r\ncontent-type:"));
                let mut client = RawClient::connect(bed).await?;
                client.send(request.as_bytes()).await?;
                let answer = client.answer().await?;
                ensure!(answer.status == 415, "{coding}: {answer:?}");
            }
            Ok(())
        })
        .await
        .unwrap();
}
