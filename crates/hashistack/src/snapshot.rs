//! Snapshots of all that the servers of Consul, Nomad or Vault know: taken to a file, verified, and put back. All make the same
//! archive, and Vault puts one file more into it.
//!
//! They send their status before the snapshot, so that one that broke off on the servers' side looks like a whole answer. A
//! file therefore gets its name when it was read to its end and its sums were compared, and not before. What an archive has to
//! be is in `archive`.
//!
//! A snapshot of Consul or Nomad holds the secrets of all tokens: the file is readable by its owner alone, and is to be encrypted
//! where it is kept. That of Vault is encrypted already.

mod archive;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

use crate::transport::{Call, HashistackError, OpenAnswer, Transport};

pub use archive::ArchiveError;

/// The largest snapshot that is taken: servers hold their state in memory, and those that hold as much as this packed are in
/// trouble already.
pub const MAX_SNAPSHOT: u64 = 16 << 30;

/// How long the servers may take before the first byte, and between two: they write the whole state down before they send it.
const TAKE_PATIENCE: Duration = Duration::from_secs(120);

/// How long the upload and the servers' work on it may take together. Nobody else writes meanwhile.
const RESTORE_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A snapshot that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// Its name for the servers.
    pub id: String,
    /// The index of Raft's log up to which it has everything.
    pub index: u64,
    /// The leader's term at that index.
    pub term: u64,
    /// The bytes of the file.
    pub file_bytes: u64,
    /// The bytes of the state in it.
    pub state_bytes: u64,
}

/// Why there is no snapshot, or none was put back.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The server did not answer to its end, or refused.
    #[error(transparent)]
    Server(#[from] HashistackError),
    /// The file cannot be written or read.
    #[error("the snapshot {} cannot be {doing}; check the folder, its mode and the space in it", path.display())]
    File {
        /// Written or read.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What came is no whole snapshot.
    #[error("the snapshot for {} is not whole; take it again, and see the log of the servers' leader", path.display())]
    Damaged {
        /// The file that it was to become, which is as it was, or that was to be put back.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ArchiveError,
    },
    /// More came than is kept.
    #[error("the snapshot for {} has more than {MAX_SNAPSHOT} bytes, which is the most that is kept", path.display())]
    TooLarge {
        /// The file that it was to become, which is as it was.
        path: PathBuf,
    },
}

/// Whose snapshot it is to be.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Of Consul or Nomad.
    Open,
    /// Of Vault.
    Sealed,
}

/// Takes a snapshot by this call. The file is there when it is whole and on the disk; what was there before is replaced in one step.
pub(crate) async fn save(
    transport: &Transport,
    call: Call,
    path: &Path,
) -> Result<SnapshotSummary, SnapshotError> {
    take(transport, call, path, Kind::Open).await
}

/// As [`save`], of Vault.
pub(crate) async fn save_sealed(
    transport: &Transport,
    call: Call,
    path: &Path,
) -> Result<SnapshotSummary, SnapshotError> {
    take(transport, call, path, Kind::Sealed).await
}

async fn take(
    transport: &Transport,
    call: Call,
    path: &Path,
    kind: Kind,
) -> Result<SnapshotSummary, SnapshotError> {
    let answer = transport.open(&call.timeout(TAKE_PATIENCE)).await?;
    let target = path.to_owned();
    let partial = blocking(path, "written", move || create(&target)).await?;
    copy(answer, &partial, path).await?;
    let target = path.to_owned();
    let published = tokio::task::spawn_blocking(move || publish(partial, &target, kind)).await;
    published.map_err(|panic| written(path, io::Error::other(panic)))?
}

/// Puts a snapshot back by this call: all that the servers know is replaced by what it holds. It is verified before anything is sent.
pub(crate) async fn restore(
    transport: &Transport,
    call: Call,
    path: &Path,
) -> Result<SnapshotSummary, SnapshotError> {
    put_back(transport, call, path, verify).await
}

/// As [`restore`], of Vault.
pub(crate) async fn restore_sealed(
    transport: &Transport,
    call: Call,
    path: &Path,
) -> Result<SnapshotSummary, SnapshotError> {
    put_back(transport, call, path, verify_sealed).await
}

async fn put_back(
    transport: &Transport,
    call: Call,
    path: &Path,
    verify: fn(&Path) -> Result<SnapshotSummary, SnapshotError>,
) -> Result<SnapshotSummary, SnapshotError> {
    let source = path.to_owned();
    let verified = tokio::task::spawn_blocking(move || verify(&source)).await;
    let snapshot = verified.map_err(|panic| read(path, io::Error::other(panic)))??;
    transport.send(&call.file(path).timeout(RESTORE_PATIENCE)).await?;
    Ok(snapshot)
}

/// Reads a snapshot to its end, compares its sums, and says what it is of. It blocks for as long as that takes.
///
/// # Errors
/// When the file cannot be read, or is no whole snapshot.
pub fn verify(path: &Path) -> Result<SnapshotSummary, SnapshotError> {
    let file = std::fs::File::open(path).map_err(|source| read(path, source))?;
    judge(&file, path, Kind::Open)
}

/// As [`verify`], of a snapshot of Vault, which has its sums a second time, sealed. Whether they are right is for Vault to say, which
/// alone can open them.
///
/// # Errors
/// As [`verify`].
pub fn verify_sealed(path: &Path) -> Result<SnapshotSummary, SnapshotError> {
    let file = std::fs::File::open(path).map_err(|source| read(path, source))?;
    judge(&file, path, Kind::Sealed)
}

fn judge(file: &std::fs::File, path: &Path, kind: Kind) -> Result<SnapshotSummary, SnapshotError> {
    let file_bytes = file.metadata().map_err(|source| read(path, source))?.len();
    let damaged = |source| SnapshotError::Damaged { path: path.to_owned(), source };
    let verified = archive::verify(io::BufReader::new(file)).and_then(|meta| match kind {
        Kind::Open => Ok(meta),
        Kind::Sealed => meta.sealed(),
    });
    let archive::Meta { id, index, term, state_bytes, .. } = verified.map_err(damaged)?;
    Ok(SnapshotSummary { id, index, term, file_bytes, state_bytes })
}

fn written(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::File { doing: "written", path: path.to_owned(), source }
}

fn read(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::File { doing: "read", path: path.to_owned(), source }
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SnapshotError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten();
    done.map_err(|source| SnapshotError::File { doing, path: path.to_owned(), source })
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// An unnamed beginning beside the file, readable by its owner alone, which is gone when it is not published.
fn create(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(".snapshot-").suffix(".partial").tempfile_in(folder(path))
}

async fn copy(mut answer: OpenAnswer, partial: &NamedTempFile, path: &Path) -> Result<(), SnapshotError> {
    let fault = |source| written(path, source);
    let mut file = tokio::fs::File::from_std(partial.as_file().try_clone().map_err(fault)?);
    let mut length = 0;
    while let Some(chunk) = answer.chunk().await? {
        length += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if length > MAX_SNAPSHOT {
            return Err(SnapshotError::TooLarge { path: path.to_owned() });
        }
        file.write_all(&chunk).await.map_err(fault)?;
    }
    file.flush().await.map_err(fault)?;
    file.sync_all().await.map_err(fault)
}

/// Verifies what is on the disk, and gives it its name.
fn publish(partial: NamedTempFile, path: &Path, kind: Kind) -> Result<SnapshotSummary, SnapshotError> {
    let file = partial.reopen().map_err(|source| written(path, source))?;
    let snapshot = judge(&file, path, kind)?;
    partial.persist(path).map_err(|fault| written(path, fault.error))?;
    // The name is on the disk when the folder is.
    let folder = std::fs::File::open(folder(path));
    folder.and_then(|folder| folder.sync_all()).map_err(|source| written(path, source))?;
    Ok(snapshot)
}

#[cfg(test)]
mod tests;
