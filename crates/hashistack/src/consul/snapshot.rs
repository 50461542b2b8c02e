//! Snapshots: the whole state of the servers in a file, believed only when it is whole.
//!
//! Consul sends its headers before the state is read, so that a failure on the way looks like success with a short body. A file is
//! therefore verified before it gets its name: decompressed to its end, unpacked to its end, and compared with the checksums in it. It
//! holds every token and secret of the servers; whoever asks for it keeps it encrypted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use flate2::read::GzDecoder;
use tokio::io::AsyncWriteExt as _;

use super::indexed::Consistency;
use crate::transport::{Call, HashistackError, Transport};

/// The member that has the checksums of the others.
const CHECKSUMS: &str = "SHA256SUMS";
/// The member that has the state.
const STATE: &str = "state.bin";
/// The most bytes of the checksums: two lines.
const MAX_CHECKSUMS: u64 = 4 << 10;

/// How long the servers may take before the first byte, and between two: they write the whole state down before they send it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Consul did not answer, refused, or broke off.
    #[error(transparent)]
    Consul(#[from] HashistackError),
    /// The file cannot be written.
    #[error("the snapshot cannot be written to {}; check that its folder exists, has space and may be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What came is no whole snapshot.
    #[error("the snapshot is not whole ({why}) and was not kept; take it again")]
    Damaged {
        /// What is wrong.
        why: String,
    },
}

/// A snapshot that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The bytes of the file.
    pub file_bytes: u64,
    /// The bytes of the state in it.
    pub state_bytes: u64,
}

/// The snapshots of a client.
#[derive(Debug, Clone, Copy)]
pub struct Snapshots<'c> {
    transport: &'c Transport,
}

impl<'c> Snapshots<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Takes a snapshot and gives it this name when it is whole; what had the name before is replaced in one step. The token needs
    /// `acl = "write"`. It is restored by `consul snapshot restore`.
    ///
    /// # Errors
    /// When it cannot be had, written or believed; then nothing has changed at `path`.
    pub async fn save(
        &self,
        path: &Path,
        consistency: Consistency,
    ) -> Result<SnapshotSummary, SnapshotError> {
        let unfinished = path.with_added_extension("unfinished");
        let saved = self.save_as(&unfinished, path, consistency).await;
        if saved.is_err() {
            // Why it failed is what counts; what is left is overwritten by the next one.
            tokio::fs::remove_file(&unfinished).await.unwrap_or_default();
        }
        saved
    }

    async fn save_as(
        &self,
        unfinished: &Path,
        path: &Path,
        consistency: Consistency,
    ) -> Result<SnapshotSummary, SnapshotError> {
        let write = |source| SnapshotError::Write { path: path.to_owned(), source };
        let call = consistency.of(Call::get("/v1/snapshot")).timeout(PATIENCE);
        let mut answer = self.transport.open(&call).await?;
        // Tokens are in it: nobody else may read it.
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(unfinished).await.map_err(write)?;
        while let Some(chunk) = answer.chunk().await? {
            file.write_all(&chunk).await.map_err(write)?;
        }
        file.sync_all().await.map_err(write)?;
        let to_verify = unfinished.to_owned();
        let verified = tokio::task::spawn_blocking(move || verify(&to_verify)).await;
        let summary = verified.map_err(|panic| SnapshotError::Damaged { why: panic.to_string() })??;
        tokio::fs::rename(unfinished, path).await.map_err(write)?;
        // The name is in the folder, which is written down as well before anybody counts on it.
        let folder =
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let folder = tokio::fs::File::open(folder).await.map_err(write)?;
        folder.sync_all().await.map_err(write)?;
        Ok(summary)
    }
}

/// Whether the file is a whole snapshot. Blocks on the file system.
///
/// # Errors
/// [`SnapshotError::Damaged`] when it is not.
pub fn verify(path: &Path) -> Result<SnapshotSummary, SnapshotError> {
    let damaged = |why: String| SnapshotError::Damaged { why };
    let told = |error: io::Error| damaged(error.to_string());
    let file = File::open(path).map_err(told)?;
    let file_bytes = file.metadata().map_err(told)?.len();
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let (mut found, mut wanted, mut state_bytes) = (BTreeMap::new(), BTreeMap::new(), 0);
    for member in archive.entries().map_err(told)? {
        let mut member = member.map_err(told)?;
        let name = member.path().map_err(told)?.display().to_string();
        if name == CHECKSUMS {
            let mut text = String::new();
            member.by_ref().take(MAX_CHECKSUMS).read_to_string(&mut text).map_err(told)?;
            wanted = checksums(&text);
            continue;
        }
        let (bytes, checksum) = checksum(&mut member).map_err(told)?;
        if name == STATE {
            state_bytes = bytes;
        }
        found.insert(name, checksum);
    }
    // The end of the archive is before that of the compressed stream, whose own checksum comes last.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(told)?;
    if !found.contains_key(STATE) {
        return Err(damaged(format!("it has no {STATE}")));
    }
    // Both ways: a member that nobody vouches for, and one that is vouched for and missing.
    let other = found.keys().chain(wanted.keys()).find(|name| found.get(*name) != wanted.get(*name));
    match other {
        Some(name) if found.contains_key(name) => Err(damaged(format!("the checksum of {name} is another"))),
        Some(name) => Err(damaged(format!("it has no {name}"))),
        None => Ok(SnapshotSummary { file_bytes, state_bytes }),
    }
}

/// The lines of `SHA256SUMS`: a checksum and a name.
fn checksums(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (checksum, name) = line.split_once(char::is_whitespace)?;
        Some((name.trim().to_owned(), checksum.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

fn checksum(reader: &mut impl Read) -> io::Result<(u64, String)> {
    let mut context = Context::new(&SHA256);
    let (mut buffer, mut bytes) = (vec![0; 64 << 10], 0);
    loop {
        let read = reader.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        context.update(piece);
        bytes += u64::try_from(read).unwrap_or_default();
    }
    let digest = context.finish();
    Ok((bytes, digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn snapshot(state: &[u8], told: Option<&str>) -> Vec<u8> {
        snapshot_with(state, told, "")
    }

    /// A snapshot with further lines in its checksums.
    fn snapshot_with(state: &[u8], told: Option<&str>, further: &str) -> Vec<u8> {
        let (_, checksum) = checksum(&mut &state[..]).unwrap();
        let sums = format!("{}  {STATE}\n{further}", told.unwrap_or(&checksum));
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, bytes) in [(STATE, state), (CHECKSUMS, sums.as_bytes())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len().try_into().unwrap());
            header.set_mode(0o600);
            header.set_cksum();
            archive.append_data(&mut header, name, bytes).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn judged(bytes: &[u8]) -> Result<SnapshotSummary, SnapshotError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        verify(file.path())
    }

    #[test]
    fn a_whole_snapshot_is_believed() {
        let bytes = snapshot(&[7; 100_000], None);
        let summary = judged(&bytes).unwrap();
        assert_eq!((summary.state_bytes, summary.file_bytes), (100_000, bytes.len().try_into().unwrap()));
    }

    #[test]
    fn one_that_is_cut_short_anywhere_is_not() {
        // Bytes that do not compress, so that a cut can be anywhere.
        let state: Vec<u8> =
            (0_u32..20_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let bytes = snapshot(&state, None);
        for kept in (0..bytes.len()).step_by(bytes.len() / 50).chain([bytes.len() - 1]) {
            assert!(judged(&bytes[..kept]).is_err(), "{kept} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn one_without_a_member_that_it_vouches_for_is_not() {
        let error = judged(&snapshot_with(b"state", None, "00  meta.json\n")).unwrap_err().to_string();
        assert!(error.contains("it has no meta.json"), "{error}");
    }

    #[test]
    fn one_whose_state_is_another_is_not() {
        let error = judged(&snapshot(b"state", Some("00"))).unwrap_err().to_string();
        assert!(error.contains("checksum of state.bin"), "{error}");
    }
}
