//! HTTP/1.1 as far as a load generator needs it: where a message's head and body end.
//!
//! Less than a library on purpose: what the client costs is taken from the core that the upstream needs too.

/// A head with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes up to and with the empty line.
    pub(crate) len: usize,
    /// How the body ends.
    pub(crate) body: Framing,
}

/// How a body's end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// After the chunk of no bytes.
    Chunked,
}

/// Finds the end of a head; `None` while it has not come.
pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    let len = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let mut body = Framing::Length(0);
    for line in bytes.get(..len)?.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            body = Framing::Length(length.unwrap_or(0));
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            body = Framing::Chunked;
        }
    }
    Some(Head { len, body })
}

/// The status of a response's head.
pub(crate) fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

/// Reads a chunked body in pieces.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: ChunkState,
    /// Bytes within chunks so far.
    pub(crate) payload: usize,
}

#[derive(Debug, Clone, Copy)]
enum ChunkState {
    Size { value: usize, in_extension: bool },
    Data { left: usize },
    AfterData { left: usize },
    Trailer { line: usize },
    Done,
}

impl Default for ChunkState {
    fn default() -> Self {
        Self::Size { value: 0, in_extension: false }
    }
}

impl Chunks {
    /// Takes what has come; tells whether the body has ended.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> bool {
        while let Some((&first, rest)) = bytes.split_first() {
            self.state = match self.state {
                ChunkState::Size { value: 0, .. } if first == b'\n' => ChunkState::Trailer { line: 0 },
                ChunkState::Size { value, .. } if first == b'\n' => ChunkState::Data { left: value },
                ChunkState::Size { value, in_extension } => match char::from(first).to_digit(16) {
                    Some(digit) if !in_extension => {
                        ChunkState::Size { value: (value << 4) | digit as usize, in_extension }
                    }
                    _ => ChunkState::Size { value, in_extension: true },
                },
                ChunkState::Data { left } => {
                    let here = left.min(bytes.len());
                    self.payload += here;
                    bytes = bytes.get(here..).unwrap_or_default();
                    self.state = match left - here {
                        0 => ChunkState::AfterData { left: 2 },
                        left => ChunkState::Data { left },
                    };
                    continue;
                }
                ChunkState::AfterData { left: 1 } => ChunkState::default(),
                ChunkState::AfterData { left } => ChunkState::AfterData { left: left - 1 },
                ChunkState::Trailer { line: 0 } if first == b'\n' => ChunkState::Done,
                ChunkState::Trailer { .. } if first == b'\n' => ChunkState::Trailer { line: 0 },
                ChunkState::Trailer { line } => {
                    ChunkState::Trailer { line: line + usize::from(first != b'\r') }
                }
                ChunkState::Done => return true,
            };
            bytes = rest;
        }
        matches!(self.state, ChunkState::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_with_its_framing() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello";
        assert_eq!(head(bytes), Some(Head { len: 39, body: Framing::Length(12) }));
        assert_eq!(status(bytes), Some(200));
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(head(chunked).map(|head| head.body), Some(Framing::Chunked));
        assert_eq!(head(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn a_chunked_body_ends_at_its_last_byte_however_it_is_cut() {
        let body = b"5\r\nhello\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n";
        for cut in 1..body.len() {
            let mut chunks = Chunks::default();
            for piece in body[..body.len() - 1].chunks(cut) {
                assert!(!chunks.take(piece), "cut at {cut}");
            }
            assert!(chunks.take(&body[body.len() - 1..]), "cut at {cut}");
            assert_eq!(chunks.payload, 15);
        }
    }
}
