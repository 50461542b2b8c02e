//! Reads a segment's frames one after the other, with as much memory as the longest needs.
//!
//! Leaves to others whether a frame belongs where it stands.

use std::io;
use std::sync::Arc;

use crate::codec::{self, FrameRef, HEADER_BYTES_MAX, HeaderFault, SegmentHeader, header_length};
use crate::fs::StoredFile;

/// As much as is read by one call, so that a million records need a few thousand.
const READ_BYTES: usize = 64 * 1024;

/// What stands at the cursor.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// A whole frame; the cursor is behind it.
    Frame(FrameRef<'a>),
    /// The end of the file.
    End,
    /// The file ends within a frame; the cursor is before it.
    Short,
    /// No frame; the cursor is before it.
    Bad,
}

/// A place in a segment.
#[derive(Debug)]
pub(crate) struct Cursor {
    file: Arc<dyn StoredFile>,
    /// The place of `buffer[start]` in the file.
    offset: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Cursor {
    pub(crate) fn new(file: Arc<dyn StoredFile>, offset: u64) -> Self {
        Self { file, offset, buffer: Vec::new(), start: 0, end: 0 }
    }

    /// Where the next frame begins.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads on until `wanted` bytes are there; false when the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.buffered().len() < wanted {
            self.make_room(wanted);
            let held = self.end - self.start;
            let place = self.offset.saturating_add(u64::try_from(held).unwrap_or(u64::MAX));
            match self.file.read_at(self.buffer.get_mut(self.end..).unwrap_or_default(), place) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Moves what is there to the front, and makes the buffer as long as it has to be.
    fn make_room(&mut self, wanted: usize) {
        let length = wanted.max(READ_BYTES);
        if self.buffer.len() < length {
            let mut larger = vec![0; length];
            if let Some(front) = larger.get_mut(..self.end - self.start) {
                front.copy_from_slice(self.buffered());
            }
            self.buffer = larger;
        } else {
            self.buffer.copy_within(self.start..self.end, 0);
        }
        self.end -= self.start;
        self.start = 0;
    }

    fn advance(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Reads the header and stands behind it.
    pub(crate) fn header(&mut self) -> io::Result<Result<SegmentHeader, HeaderFault>> {
        self.fill(HEADER_BYTES_MAX)?;
        let header = header_length(self.buffered()).and_then(|length| {
            let bytes = self.buffered().get(..length).ok_or(HeaderFault::Changed)?;
            Ok((length, SegmentHeader::decode(bytes)?))
        });
        Ok(header.map(|(length, header)| {
            self.advance(length);
            header
        }))
    }

    /// What stands here.
    pub(crate) fn next(&mut self) -> io::Result<Step<'_>> {
        if !self.fill(4)? {
            return Ok(if self.buffered().is_empty() { Step::End } else { Step::Short });
        }
        let start = self.buffered().first_chunk::<4>().copied().unwrap_or_default();
        let Ok(length) = codec::frame_length(start) else { return Ok(Step::Bad) };
        if !self.fill(length)? {
            return Ok(Step::Short);
        }
        let (from, offset) = (self.start, self.offset);
        self.advance(length);
        match codec::decode(self.buffer.get(from..from + length).unwrap_or_default()) {
            Ok(frame) => Ok(Step::Frame(frame)),
            Err(_) => {
                (self.start, self.offset) = (from, offset);
                Ok(Step::Bad)
            }
        }
    }

    /// Everything from here to the end of the file, or nothing when that is more than `limit`.
    pub(crate) fn rest(&mut self, limit: usize) -> io::Result<Option<&[u8]>> {
        Ok(if self.fill(limit.saturating_add(1))? { None } else { Some(self.buffered()) })
    }
}
