//! The stand-in for Bedrock: canned answers at the least cost, so that what is measured is what stands before it.
//!
//! It checks nothing; `bedrock-sim` is the one that does. The family in the model's name chooses what it gives: Micro
//! answers at once, Lite streams a chunk every 5 ms, Pro streams a chunk every 5 s for as long as it is listened to.

mod answers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::wire::{self, Framing};
use answers::Answers;

/// Time between the chunks of a paced stream.
const PACE: Duration = Duration::from_millis(5);

/// Time between the chunks of a stream that is held open.
const HELD: Duration = Duration::from_secs(5);

/// Serves until its standard input ends: it does not outlive who started it. The first line on its output is its address.
pub(crate) async fn run(listen: SocketAddr) -> anyhow::Result<()> {
    use std::io::Write as _;
    crate::machine::pin_load()?;
    let listener = TcpListener::bind(listen).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    std::io::stdout().flush()?;
    let answers = Arc::new(Answers::new()?);
    let mut connections = JoinSet::new();
    let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    tokio::pin!(ended);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let answers = Arc::clone(&answers);
                connections.spawn(async move {
                    // A client that leaves is how every measurement ends.
                    drop(serve(stream, &answers).await);
                });
            }
            Some(_) = connections.join_next() => {}
            _ = &mut ended => return Ok(()),
        }
    }
}

async fn serve(mut stream: TcpStream, answers: &Answers) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0_u8; 16 * 1024];
    loop {
        let mut filled = 0;
        let head = loop {
            let count = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
            if count == 0 {
                return Ok(());
            }
            filled += count;
            if let Some(head) = wire::head(buffer.get(..filled).unwrap_or_default()) {
                break head;
            }
        };
        let Framing::Length(length) = head.body else { anyhow::bail!("a signed request has a length") };
        let line = buffer.get(..head.len.min(256)).unwrap_or_default();
        let path = std::str::from_utf8(line)?.split(' ').nth(1).context("a request has a path")?.to_owned();
        let mut read = filled - head.len;
        while read < length {
            read += stream.read(&mut buffer).await?;
        }
        if path.ends_with("/converse-stream") {
            stream_answer(&mut stream, answers, &path).await?;
        } else {
            stream.write_all(&answers.whole).await?;
        }
    }
}

async fn stream_answer(stream: &mut TcpStream, answers: &Answers, path: &str) -> anyhow::Result<()> {
    let between = if path.contains("lite") {
        Some(PACE)
    } else if path.contains("pro") {
        Some(HELD)
    } else {
        None
    };
    stream.write_all(&answers.stream_head).await?;
    stream.write_all(&answers.opening).await?;
    let mut due = Instant::now();
    let mut sent = 0;
    while sent < answers::CHUNKS || between == Some(HELD) {
        stream.write_all(&answers.chunk).await?;
        sent += 1;
        if let Some(between) = between {
            due += between;
            sleep_until(due).await;
        }
    }
    stream.write_all(&answers.closing).await?;
    Ok(())
}
