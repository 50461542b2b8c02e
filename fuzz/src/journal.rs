//! Segments of journals, in a file system that is memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nova_journal::fs::{FileSystem, Lock, StoredFile};
use nova_journal::{
    Adoption, Chain, JournalConfig, JournalId, OpenError, Reader, Verification, adopt_on, verify_on,
};

/// The journal of the seeds.
const ID: [u8; 16] = [0x07; 16];
/// The first byte of an input says where it is cut into two segments, in parts of 256.
const PARTS: usize = 256;

/// One segment, or two: whatever they are, the check ends with a report, what it calls sound can be read to its end, and what was adopted
/// is sound and has an end.
pub fn journal(input: &[u8]) {
    let Some((cut, bytes)) = input.split_first() else { return };
    let root = PathBuf::from("/journals");
    let id = JournalId::from_bytes(ID);
    let folder = root.join(id.to_string());
    let memory = Memory::default();
    let (first, second) = bytes.split_at(bytes.len() - bytes.len() * usize::from(*cut) / PARTS);
    memory.put(&folder.join(format!("{:020}.seg", 1)), first);
    if !second.is_empty() {
        memory.put(&folder.join(format!("{:020}.seg", 3)), second);
    }
    // A frame by itself, as the agent gets it.
    let accepted = Chain::new(id).accept(bytes);
    assert!(
        accepted.is_err() || accepted.is_ok_and(|record| record.frame() == bytes),
        "a frame was changed on its way"
    );

    let check = || {
        verify_on(&memory, &folder, &Verification::default(), &mut |_| ())
            .unwrap_or_else(|error| unreachable!("memory does not fail: {error:?}"))
    };
    let report = check();
    assert!(report.records * 68 <= report.bytes, "{report:?}");
    let fs: Arc<dyn FileSystem> = Arc::new(memory.clone());
    if report.is_sound() {
        let mut reader = Reader::on(Arc::clone(&fs), &root, id, 1);
        let mut read = 0;
        loop {
            match reader.read(1000) {
                Ok(records) if records.is_empty() => break,
                Ok(records) => read += records.len() as u64,
                // A reader does not judge a torn tail: adoption does.
                Err(_) => break,
            }
        }
        assert_eq!(read, report.records, "{report:?}");
    }
    match adopt_on(&fs, &JournalConfig::new(root, "fuzz".to_owned()), id) {
        // Only the last segment is read then: damage before it is for the check to find.
        Ok(Adoption::Ended { .. }) if report.is_sound() => {
            let report = check();
            assert!(report.is_sound() && report.ended, "{report:?}");
        }
        Ok(Adoption::Empty) => unreachable!("a journal with a segment is not empty"),
        Ok(_) | Err(OpenError::Damaged { .. }) => {}
        Err(error) => unreachable!("memory does not fail: {error:?}"),
    }
}

type Files = BTreeMap<PathBuf, Arc<Mutex<Vec<u8>>>>;

/// Files by their paths.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Files>>);

impl Memory {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, path: &Path, bytes: &[u8]) {
        self.files().insert(path.to_owned(), Arc::new(Mutex::new(bytes.to_vec())));
    }
}

#[derive(Debug)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl MemoryFile {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

impl StoredFile for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.bytes();
        let from = bytes.get(place(offset)?..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        buffer.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(count)
    }

    fn write_at(&self, written: &[u8], offset: u64) -> io::Result<usize> {
        let mut bytes = self.bytes();
        let start = place(offset)?;
        let end = start + written.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(to) = bytes.get_mut(start..end) {
            to.copy_from_slice(written);
        }
        Ok(written.len())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.bytes().resize(place(length)?, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }
}

/// Nobody else is here.
#[derive(Debug)]
struct Alone;

impl Lock for Alone {}

impl FileSystem for Memory {
    fn create_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let files = self.files();
        let below = files.keys().filter_map(|path| path.strip_prefix(folder).ok()?.iter().next()?.to_str());
        let mut names: Vec<String> = below.map(str::to_owned).collect();
        names.dedup();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.put(path, &[]);
        self.open(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        let file = self.files().get(path).map(Arc::clone).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(MemoryFile(file)))
    }

    fn open_writable(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>> {
        self.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.files().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.files().insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files().remove(path);
        Ok(())
    }

    fn remove_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _path: &Path, _wait: bool) -> io::Result<Option<Box<dyn Lock>>> {
        Ok(Some(Box::new(Alone)))
    }
}
