//! Journals that their writers left: who has them, how they get an end, and how they are removed when all of them is elsewhere.

use std::path::Path;
use std::sync::Arc;

use crate::config::JournalConfig;
use crate::error::{FileError, OpenError};
use crate::fs::{Disk, FileSystem, Lock};
use crate::id::{Head, JournalId};
use crate::layout;
use crate::recovery::{finish, recover};

/// Keeps others from adopting or removing a journal while one is made.
pub(crate) fn lock_root(fs: &dyn FileSystem, root: &Path) -> Result<Box<dyn Lock>, OpenError> {
    let path = layout::lock(root);
    let lock = fs.lock(&path, true).map_err(FileError::on("locking", &path))?;
    lock.ok_or_else(|| {
        let would_block = std::io::Error::from(std::io::ErrorKind::WouldBlock);
        FileError::on("locking", &path)(would_block).into()
    })
}

/// Takes a journal for as long as the lock lives.
pub(crate) fn lock_journal(
    fs: &dyn FileSystem,
    root: &Path,
    id: JournalId,
) -> Result<Box<dyn Lock>, OpenError> {
    let path = layout::lock(&layout::journal(root, id));
    fs.lock(&path, false).map_err(FileError::on("locking", &path))?.ok_or(OpenError::InUse(id))
}

/// What became of a journal that was adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// It has an end now.
    Ended {
        /// Its last head, to be registered.
        head: Head,
        /// Bytes of a torn tail that were cut off.
        cut_bytes: u64,
    },
    /// It never had a record: nothing was told to be in it, and its folder is gone.
    Empty,
}

/// The journals in the folder, whether somebody writes them or not. Blocks on the file system.
///
/// # Errors
/// When the folder cannot be read; one that is not there has none.
pub fn journals(root: &Path) -> Result<Vec<JournalId>, FileError> {
    journals_on(&Disk, root)
}

/// The same on another file system.
///
/// # Errors
/// As [`journals`].
pub fn journals_on(fs: &dyn FileSystem, root: &Path) -> Result<Vec<JournalId>, FileError> {
    let names = match fs.names(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(FileError::on("listing", root))?,
    };
    let mut ids: Vec<JournalId> = names.iter().filter_map(|name| name.parse().ok()).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Gives an end to a journal that nobody writes: what is torn is cut off, the rest is kept, an end and a seal are added. May be called
/// again, and then tells the same head. Blocks on the file system.
///
/// # Errors
/// [`OpenError::InUse`] when somebody writes it, [`OpenError::Damaged`] when it was changed, and when the file system fails.
pub fn adopt(config: &JournalConfig, id: JournalId) -> Result<Adoption, OpenError> {
    adopt_on(&(Arc::new(Disk) as Arc<dyn FileSystem>), config, id)
}

/// The same on another file system.
///
/// # Errors
/// As [`adopt`].
pub fn adopt_on(
    fs: &Arc<dyn FileSystem>,
    config: &JournalConfig,
    id: JournalId,
) -> Result<Adoption, OpenError> {
    let root = &config.root;
    let making = lock_root(&**fs, root)?;
    let lock = lock_journal(&**fs, root, id)?;
    let folder = layout::journal(root, id);
    let names = fs.names(&folder).map_err(FileError::on("listing", &folder))?;
    if layout::segments(&names).is_empty() {
        // Its maker ended between the folder and the first record, or still waits for the lock and then finds no folder.
        remove_folder(&**fs, root, id)?;
        drop((lock, making));
        return Ok(Adoption::Empty);
    }
    drop(making);
    let mut recovered = recover(fs, config.engine(), id, lock)?;
    let cut_bytes = recovered.recovery.cut_bytes;
    let head = finish(&mut recovered, &config.by)?;
    Ok(Adoption::Ended { head, cut_bytes })
}

/// Removes a journal that has ended at this head, all of which is therefore elsewhere. Blocks on the file system.
///
/// # Errors
/// [`OpenError::NotAtHead`] when it has another head or no end, and as [`adopt`].
pub fn discard(config: &JournalConfig, head: &Head) -> Result<(), OpenError> {
    discard_on(&(Arc::new(Disk) as Arc<dyn FileSystem>), config, head)
}

/// The same on another file system.
///
/// # Errors
/// As [`discard`].
pub fn discard_on(fs: &Arc<dyn FileSystem>, config: &JournalConfig, head: &Head) -> Result<(), OpenError> {
    let making = lock_root(&**fs, &config.root)?;
    let lock = lock_journal(&**fs, &config.root, head.journal)?;
    let recovered = recover(fs, config.engine(), head.journal, lock)?;
    if !recovered.ended || recovered.recovery.head != *head {
        return Err(OpenError::NotAtHead(head.journal));
    }
    remove_folder(&**fs, &config.root, head.journal)?;
    drop((recovered, making));
    Ok(())
}

/// Removes a journal's folder, the oldest segment first: what a crash leaves is a journal that lacks its beginning, and has its end.
fn remove_folder(fs: &dyn FileSystem, root: &Path, id: JournalId) -> Result<(), OpenError> {
    let folder = layout::journal(root, id);
    let mut names = fs.names(&folder).map_err(FileError::on("listing", &folder))?;
    names.sort();
    for name in names {
        let path = folder.join(name);
        fs.remove(&path).map_err(FileError::on("removing", &path))?;
    }
    fs.remove_folder(&folder).map_err(FileError::on("removing", &folder))?;
    Ok(fs.sync_folder(root).map_err(FileError::on("syncing", root))?)
}
