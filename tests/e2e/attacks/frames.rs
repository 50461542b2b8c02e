//! HTTP/2 frame by frame, as no well-behaved library would send it. Source: RFC 9113, sections 4.1 and 6; RFC 7541 for header blocks.

use std::collections::VecDeque;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::raw::host;
use super::siege::PATIENCE;
use crate::bed::Bed;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS: nothing follows on this stream.
pub(crate) const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub(crate) const ACK: u8 = 1;
/// Of HEADERS and CONTINUATION: the block is complete.
pub(crate) const END_HEADERS: u8 = 4;

/// The setting of the window that each stream begins with.
const INITIAL_WINDOW_SIZE: u16 = 4;

/// The most that this client sends in a frame, and that the proxy takes by default.
const FRAME_BYTES_MAX: usize = 16 * 1024;

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The status of a HEADERS frame.
    pub(crate) fn status(&self) -> anyhow::Result<String> {
        // Statuses of the static table, and literals under the name at index 8. Source: RFC 7541, appendix A. The proxy sends it first.
        let known = ["200", "204", "206", "304", "400", "404", "500"];
        let first = *self.payload.first().context("an empty block")?;
        if let Some(status) = usize::from(first).checked_sub(0x88).and_then(|index| known.get(index)) {
            return Ok((*status).to_owned());
        }
        ensure!(
            first & 0x3f == 8 || first & 0x0f == 8,
            "a block that does not begin with its status: {self:?}"
        );
        let length = *self.payload.get(1).context("a block that is cut off")?;
        let text = self.payload.get(2..2 + usize::from(length & 0x7f)).context("a block that is cut off")?;
        if length & 0x80 == 0 {
            return Ok(String::from_utf8_lossy(text).into_owned());
        }
        // Huffman's code of the digits: 0, 1 and 2 have five bits, the others six. Source: RFC 7541, appendix B.
        let bits: String = text.iter().map(|byte| format!("{byte:08b}")).collect();
        let (mut rest, mut status) = (bits.as_str(), String::new());
        while status.len() < 3 {
            let value = |width: usize| rest.get(..width).and_then(|bits| u8::from_str_radix(bits, 2).ok());
            let (digit, width) = match (value(5), value(6)) {
                (Some(digit @ 0..=2), _) => (digit, 5),
                (_, Some(code @ 0b01_1001..=0b01_1111)) => (code - 0b01_1001 + 3, 6),
                _ => anyhow::bail!("no digit in {bits}"),
            };
            status.push(char::from(b'0' + digit));
            rest = rest.get(width..).unwrap_or_default();
        }
        Ok(status)
    }

    /// The error code of a RST_STREAM or GOAWAY frame.
    pub(crate) fn code(&self) -> anyhow::Result<u32> {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let bytes = self.payload.get(at..at + 4).context("a frame without its code")?;
        Ok(u32::from_be_bytes(bytes.try_into()?))
    }
}

/// A frame in bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// A header field in bytes that goes into no table, its name and value as they are.
pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &text(name), &text(value)].concat()
}

/// As [`literal`], and it goes into the dynamic table.
pub(crate) fn indexed_literal(name: &str, value: &str) -> Vec<u8> {
    [&[0x40][..], &text(name), &text(value)].concat()
}

/// A string without Huffman's code; its length is an integer with a prefix of seven bits.
fn text(text: &str) -> Vec<u8> {
    let mut coded = Vec::new();
    match u8::try_from(text.len()) {
        Ok(length @ ..=126) => coded.push(length),
        _ => {
            coded.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                coded.push(u8::try_from(rest & 127).unwrap_or_default() | 128);
                rest >>= 7;
            }
            coded.push(u8::try_from(rest).unwrap_or_default());
        }
    }
    coded.extend_from_slice(text.as_bytes());
    coded
}

/// The block of a GET.
pub(crate) fn request_block(path: &str) -> Vec<u8> {
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "nova"), (":path", path)];
    fields.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// The block of a chat request, with these further fields.
pub(crate) fn chat_block(bed: &Bed, fields: &[(&str, &str)]) -> Vec<u8> {
    let key = format!("Bearer {}", bed.key);
    let own = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "nova"),
        (":path", "/v1/chat/completions"),
        ("authorization", key.as_str()),
        ("content-type", "application/json"),
    ];
    own.iter().chain(fields).flat_map(|(name, value)| literal(name, value)).collect()
}

/// One connection. What it reads meanwhile is kept, so that a flood does not stop for want of a reader.
pub(crate) struct FrameClient {
    write: OwnedWriteHalf,
    read: OwnedReadHalf,
    bytes: VecDeque<u8>,
}

impl FrameClient {
    /// A connection whose streams have the window that HTTP/2 gives them.
    pub(crate) async fn connect(bed: &Bed) -> anyhow::Result<Self> {
        Self::connect_with(bed, &[]).await
    }

    /// A connection on whose streams the proxy may send nothing.
    pub(crate) async fn connect_with_shut_windows(bed: &Bed) -> anyhow::Result<Self> {
        Self::connect_with(bed, &[(INITIAL_WINDOW_SIZE, 0)]).await
    }

    async fn connect_with(bed: &Bed, settings: &[(u16, u32)]) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(host(bed)).await.context("connect to the proxy")?;
        socket.set_nodelay(true)?;
        let (read, write) = socket.into_split();
        let mut client = Self { write, read, bytes: VecDeque::new() };
        let pairs =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
        let settings = frame(SETTINGS, 0, 0, &pairs.collect::<Vec<u8>>());
        client.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings].concat()).await?;
        // Whoever does not acknowledge the proxy's own settings is another kind of attacker.
        client.send(&frame(SETTINGS, ACK, 0, &[])).await?;
        Ok(client)
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write.write_all(bytes).await.context("send to the proxy")
    }

    /// Sends a block of headers, in as many frames as it needs.
    pub(crate) async fn headers(&mut self, stream: u32, block: &[u8], ends: bool) -> anyhow::Result<()> {
        let pieces = block.chunks(FRAME_BYTES_MAX);
        let last = pieces.len().saturating_sub(1);
        for (index, piece) in pieces.enumerate() {
            let kind = if index == 0 { HEADERS } else { CONTINUATION };
            let end_headers = if index == last { END_HEADERS } else { 0 };
            let end_stream = if ends && index == 0 { END_STREAM } else { 0 };
            self.send(&frame(kind, end_headers | end_stream, stream, piece)).await?;
        }
        Ok(())
    }

    /// Sends the same bytes over and over, reading what comes, until the proxy closes or `times` are out. Returns whether it closed.
    pub(crate) async fn flood(&mut self, bytes: &[u8], times: usize) -> anyhow::Result<bool> {
        let mut piece = vec![0; 64 * 1024];
        for _ in 0..times {
            let mut sent = 0;
            while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
                let step = async {
                    tokio::select! {
                        read = self.read.read(&mut piece) => (read.unwrap_or(0), None),
                        wrote = self.write.write(rest) => (0, Some(wrote.unwrap_or(0))),
                    }
                };
                match timeout(PATIENCE, step).await.context("the proxy neither reads nor closes")? {
                    (0, None | Some(0)) => return Ok(true),
                    (count, None) => self.bytes.extend(piece.get(..count).unwrap_or_default()),
                    (_, Some(count)) => sent += count,
                }
            }
        }
        Ok(false)
    }

    /// The next frame of one of these kinds, or nothing when the proxy closes first.
    pub(crate) async fn next_of(&mut self, kinds: &[u8]) -> anyhow::Result<Option<Frame>> {
        loop {
            match self.next().await? {
                Some(frame) if !kinds.contains(&frame.kind) => {}
                found => return Ok(found),
            }
        }
    }

    async fn next(&mut self) -> anyhow::Result<Option<Frame>> {
        const HEAD: usize = 9;
        loop {
            let head: Vec<u8> = self.bytes.iter().take(HEAD).copied().collect();
            if let &[high, middle, low, kind, flags, ..] = head.as_slice() {
                let length = usize::try_from(u32::from_be_bytes([0, high, middle, low]))?;
                if self.bytes.len() >= HEAD + length {
                    let payload = self.bytes.drain(..HEAD + length).skip(HEAD).collect();
                    return Ok(Some(Frame { kind, flags, payload }));
                }
            }
            let mut piece = vec![0; 64 * 1024];
            let read = timeout(PATIENCE, self.read.read(&mut piece)).await.context("the proxy is silent")?;
            match read.unwrap_or(0) {
                0 => return Ok(None),
                count => self.bytes.extend(piece.get(..count).unwrap_or_default()),
            }
        }
    }
}
