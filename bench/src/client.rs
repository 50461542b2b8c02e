//! One connection of the load: a request out, its answer read to the end.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wire::{self, Chunks, Framing};

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    /// When the first byte of the body was there: for a stream, the first token.
    pub(crate) first_byte: Instant,
    /// When the last one was.
    pub(crate) ended: Instant,
    /// Bytes of the body, framing left out.
    pub(crate) body_bytes: usize,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("{address} is not reached"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024] })
    }

    /// Sends `request` and reads the answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is no 200.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answered> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read_after(filled).await?;
            let so_far = self.buffer.get(..filled).unwrap_or_default();
            if let Some(head) = wire::head(so_far) {
                let status = wire::status(so_far);
                ensure!(status == Some(200), "the answer is {}", String::from_utf8_lossy(so_far));
                break head;
            }
        };
        let begun = self.buffer.get(head.len..filled).unwrap_or_default();
        let mut first_byte = (!begun.is_empty()).then(Instant::now);
        let body_bytes = match head.body {
            Framing::Length(length) => {
                let mut read = begun.len();
                while read < length {
                    read += self.read_after(0).await?;
                    first_byte.get_or_insert_with(Instant::now);
                }
                length
            }
            Framing::Chunked => {
                let mut chunks = Chunks::default();
                let mut ended = chunks.take(begun);
                while !ended {
                    let count = self.read_after(0).await?;
                    first_byte.get_or_insert_with(Instant::now);
                    ended = chunks.take(self.buffer.get(..count).unwrap_or_default());
                }
                chunks.payload
            }
        };
        let ended = Instant::now();
        Ok(Answered { first_byte: first_byte.unwrap_or(ended), ended, body_bytes })
    }

    async fn read_after(&mut self, filled: usize) -> anyhow::Result<usize> {
        let free = self.buffer.get_mut(filled..).unwrap_or_default();
        let count = self.stream.read(free).await?;
        ensure!(count > 0, "the connection was closed within an answer");
        Ok(count)
    }
}
