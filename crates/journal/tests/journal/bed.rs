//! A folder with a journal, and its bytes taken apart.

use std::path::{Path, PathBuf};

use nova_journal::{Head, Journal, JournalConfig, JournalId, Kind, NewRecord, Reader, Record};
use tempfile::TempDir;

pub(crate) const KIND: Kind = Kind(300);
/// Bytes of a segment's header.
pub(crate) const HEADER: usize = 80;

pub(crate) fn config(root: &Path, segment_bytes: u64) -> JournalConfig {
    JournalConfig { segment_bytes, ..JournalConfig::new(root.to_owned(), "test".to_owned()) }
}

pub(crate) fn record(number: u64) -> NewRecord {
    let body = format!("record {number} {}", "x".repeat(usize::try_from(number % 7).unwrap() * 40));
    NewRecord::now(KIND, 1, body.into_bytes())
}

pub(crate) fn folder(root: &Path, id: JournalId) -> PathBuf {
    root.join(id.to_string())
}

/// Everything that a reader gives.
pub(crate) fn read_all(mut reader: Reader) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let records = reader.read(10_000).unwrap();
        if records.is_empty() {
            return all;
        }
        all.extend(records);
    }
}

/// A segment's bytes, and where its records are.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) first: u64,
    pub(crate) bytes: Vec<u8>,
    /// The place of each record, in order.
    pub(crate) records: Vec<std::ops::Range<usize>>,
}

impl Segment {
    fn read(path: PathBuf) -> Self {
        let first = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let mut records = Vec::new();
        let mut at = HEADER;
        while at < bytes.len() {
            let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            records.push(at..at + length);
            at += length;
        }
        Self { path, first, bytes, records }
    }

    /// The record that a byte belongs to; the first for a byte of the header.
    pub(crate) fn sequence_at(&self, byte: usize) -> u64 {
        let index = self.records.iter().position(|place| byte < place.end).unwrap_or(self.records.len());
        self.first + index as u64
    }
}

/// A journal on disk that nobody writes, open at its end, with heads of some of its records.
pub(crate) struct Bed {
    pub(crate) root: TempDir,
    pub(crate) id: JournalId,
    pub(crate) segments: Vec<Segment>,
    pub(crate) records: Vec<Record>,
}

impl Bed {
    /// A journal of about so many records, in segments of some kilobytes.
    pub(crate) async fn new(count: u64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let config = config(root.path(), 4096);
        let journal = Journal::create(config.clone()).unwrap();
        let id = journal.id();
        for number in 0..count {
            journal.enqueue(record(number)).unwrap();
            if number % 50 == 0 {
                journal.commit().await.unwrap();
            }
        }
        journal.commit().await.unwrap();
        drop(journal);
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder(root.path(), id))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
            .collect();
        paths.sort();
        let segments = paths.into_iter().map(Segment::read).collect();
        let records = read_all(Reader::of(root.path(), id, 1));
        Self { root, id, segments, records }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        folder(self.root.path(), self.id)
    }

    pub(crate) fn last(&self) -> u64 {
        self.records.last().unwrap().sequence()
    }

    /// The head at this record.
    pub(crate) fn head(&self, sequence: u64) -> Head {
        let record = &self.records[usize::try_from(sequence - 1).unwrap()];
        Head { journal: self.id, sequence, hash: record.hash() }
    }
}
