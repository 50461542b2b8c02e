//! A connection on which a test writes the bytes itself, and reads what comes back.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};

use super::siege::PATIENCE;
use crate::bed::Bed;

/// The most that is read before a test gives up: no answer of these tests is longer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How a drip of bytes is paced: fast enough to look alive, slow enough to last for ever.
const DRIP: Duration = Duration::from_millis(50);

/// `host:port` of a proxy.
pub(crate) fn host(bed: &Bed) -> &str {
    bed.root.trim_start_matches("http://")
}

/// A chat request of HTTP/1.1, whole, on a connection that is kept.
pub(crate) fn chat_request(bed: &Bed, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = chat_head(bed, &format!("content-length: {length}\r\n"));
    [head.as_bytes(), body.as_bytes()].concat()
}

/// The head of a chat request with these further lines.
pub(crate) fn chat_head(bed: &Bed, lines: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\n{lines}\r\n",
        host(bed),
        bed.key
    )
}

/// The head and the body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct RawClient {
    socket: TcpStream,
    received: Vec<u8>,
}

impl RawClient {
    pub(crate) async fn connect(bed: &Bed) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(host(bed)).await.context("connect to the proxy")?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, received: Vec::new() })
    }

    /// A connection whose kernel takes next to nothing before the test reads it.
    pub(crate) async fn connect_with_small_buffer(bed: &Bed) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let socket = socket.connect(host(bed).parse()?).await.context("connect to the proxy")?;
        Ok(Self { socket, received: Vec::new() })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.socket.write_all(bytes).await.context("send to the proxy")
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish_sending(&mut self) -> anyhow::Result<()> {
        Ok(self.socket.shutdown().await?)
    }

    /// The next answer, which must tell its length.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<Answer> {
        loop {
            if let Some((answer, length)) = whole_answer(&self.received)? {
                self.received.drain(..length);
                return Ok(answer);
            }
            ensure!(self.read().await? > 0, "closed after {:?}", String::from_utf8_lossy(&self.received));
        }
    }

    /// Reads a piece. Zero is the end, however it came.
    async fn read(&mut self) -> anyhow::Result<usize> {
        ensure!(self.received.len() < ANSWER_BYTES_MAX, "the proxy sends without end");
        let mut piece = vec![0; 16 * 1024];
        let read = timeout(PATIENCE, self.socket.read(&mut piece)).await.context("the proxy is silent")?;
        // A reset is an end as well: the proxy has closed on bytes that it did not read.
        let count = read.unwrap_or(0);
        self.received.extend_from_slice(piece.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Reads until the proxy closes, and returns all that came.
    pub(crate) async fn until_closed(mut self) -> anyhow::Result<String> {
        while self.read().await? > 0 {}
        Ok(String::from_utf8_lossy(&self.received).into_owned())
    }

    /// Sends these bytes one at a time, over and over, until the proxy closes; returns all that came.
    pub(crate) async fn drip(mut self, bytes: &[u8]) -> anyhow::Result<String> {
        let mut pace = interval(DRIP);
        for byte in bytes.iter().cycle() {
            let (mut read, mut write) = self.socket.split();
            let mut piece = vec![0; 4096];
            tokio::select! {
                biased;
                count = read.read(&mut piece) => match count.unwrap_or(0) {
                    0 => break,
                    count => self.received.extend_from_slice(piece.get(..count).unwrap_or_default()),
                },
                // Who is closed upon learns it by reading.
                _ = pace.tick() => drop(write.write_all(&[*byte]).await),
            }
        }
        Ok(String::from_utf8_lossy(&self.received).into_owned())
    }

    /// Reads one byte at a time, slowly, for ever or until the end.
    pub(crate) async fn sip(mut self) -> anyhow::Result<()> {
        let mut pace = interval(DRIP);
        let mut byte = [0; 1];
        while let Ok(1..) = self.socket.read(&mut byte).await {
            pace.tick().await;
        }
        Ok(())
    }
}

/// The answer at the beginning of these bytes and how long it is, once all of it is there.
fn whole_answer(received: &[u8]) -> anyhow::Result<Option<(Answer, usize)>> {
    let Some(head_end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(received.get(..head_end).unwrap_or_default()).to_ascii_lowercase();
    let status = head.strip_prefix("http/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let Some(status) = status else { bail!("no status line in {head:?}") };
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let begin = head_end + 4;
    let end = begin + length.with_context(|| format!("an answer without a length: {head:?}"))?;
    let body = received.get(begin..end).map(|body| String::from_utf8_lossy(body).into_owned());
    Ok(body.map(|body| (Answer { status, body }, end)))
}

/// How many answers there are in what a connection gave.
pub(crate) fn answers(received: &str) -> usize {
    received.matches("HTTP/1.1 ").count()
}
