//! What a journal asks of a file system, as a seam: tests put one behind it that stops, tears, is full or fails at any call.
//!
//! `disk` is the real one. Calls block; none of them is made on a worker of an asynchronous runtime.

mod disk;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use disk::Disk;

/// A file that is open. Handles of one file may be used by several threads at once.
pub trait StoredFile: Debug + Send + Sync {
    /// Reads at most `buffer.len()` bytes from `offset` on, and says how many; none is the end of the file.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at most all of `bytes` at `offset`, and says how many.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the file this long.
    ///
    /// # Errors
    /// What the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Returns when what was written is on the disk, and with it the file's length.
    ///
    /// # Errors
    /// What the system says. Nothing that was written since the last success may be trusted to be on the disk then, also when a later
    /// call succeeds: the kernel forgets pages that it could not write, and reports that once.
    fn sync(&self) -> io::Result<()>;

    /// The file's length.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;
}

/// What keeps others out for as long as it lives.
pub trait Lock: Debug + Send + Sync {}

/// Files and folders.
pub trait FileSystem: Debug + Send + Sync + 'static {
    /// Makes a folder that this user alone may enter, and those above it; one that is there is left as it is.
    ///
    /// # Errors
    /// What the system says.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, in any order. Names that are no UTF-8 are none of ours and left out.
    ///
    /// # Errors
    /// What the system says.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes an empty file that this user alone may read, in place of one that is there.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// What the system says.
    fn open_writable(&self, path: &Path) -> io::Result<Arc<dyn StoredFile>>;

    /// Gives a file another name, in place of what has it.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// What the system says.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Returns when the names in the folder are on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock of this name, which ends with the process at the latest. `None` when another has it and `wait` is false.
    ///
    /// # Errors
    /// What the system says.
    fn lock(&self, path: &Path, wait: bool) -> io::Result<Option<Box<dyn Lock>>>;
}

/// Writes all of `bytes` at `offset`, by as many calls as it takes.
pub(crate) fn write_all(file: &dyn StoredFile, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += u64::try_from(written).unwrap_or(u64::MAX);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
