//! A secret in a file, such as one that a template of Nomad's has written.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use secrecy::SecretSlice;
use secrecy::zeroize::Zeroize as _;

use super::{SECRET_BYTES_MAX, SecretError, SecretSource, sized};

/// A secret in a file. One line end at its end does not count.
#[derive(Debug)]
pub(super) struct FileSecret {
    path: PathBuf,
}

impl FileSecret {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

/// Blocks on the file system.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    // With room for all from the start, the vector never moves and leaves no copy behind.
    let mut bytes = Vec::with_capacity(SECRET_BYTES_MAX + 3);
    std::fs::File::open(path)?.take(SECRET_BYTES_MAX as u64 + 3).read_to_end(&mut bytes)?;
    let line_end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| bytes.ends_with(end));
    let length = bytes.len() - line_end.map_or(0, <[u8]>::len);
    let secret = bytes.get(..length).unwrap_or_default().to_vec();
    bytes.zeroize();
    Ok(secret)
}

impl SecretSource for FileSecret {
    fn read(&self) -> BoxFuture<'_, Result<SecretSlice<u8>, SecretError>> {
        Box::pin(async {
            let path = self.path.clone();
            let read = tokio::task::spawn_blocking(move || read(&path)).await;
            let read = read.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
            let bytes = read.map_err(|source| SecretError::File { path: self.path.clone(), source })?;
            sized(bytes, || self.describe())
        })
    }

    fn describe(&self) -> String {
        format!("the file {}", self.path.display())
    }
}
