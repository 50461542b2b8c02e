//! The secret that keeps a stolen keys file from telling which guesses at a key are right.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretSlice};

/// The least that is safe: as long as the hash (RFC 2104, section 3).
const MIN_BYTES: usize = 32;

/// More than any pepper; a larger file is another one by mistake.
const MAX_BYTES: usize = 4096;

/// A key's HMAC-SHA-256.
pub type KeyDigest = [u8; 32];

/// The HMAC key over all API keys. Never shown; the key schedule is erased when it is dropped.
#[derive(Clone)]
pub struct Pepper(hmac::Key);

/// Why a pepper cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// The file cannot be read.
    #[error("cannot read the pepper file {}; it must exist and be readable by this program", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The pepper is too short or too long.
    #[error(
        "the pepper has {actual} bytes, not {MIN_BYTES} to {MAX_BYTES}; make one with `openssl rand -base64 48`"
    )]
    Length {
        /// Its length in bytes, without the line end; one more than the limit for all that are longer.
        actual: usize,
    },
}

/// A pepper file that others than its owner can reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pepper file {} has mode {mode:04o}, so that others may read it; run `chmod 600` on it", path.display())]
pub struct WidePermissions {
    /// The file.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

impl Pepper {
    /// Takes a pepper from whatever secret source has it.
    ///
    /// # Errors
    ///
    /// [`PepperError::Length`] below 32 bytes or above 4 KiB.
    pub fn new(secret: &SecretSlice<u8>) -> Result<Self, PepperError> {
        let bytes = secret.expose_secret();
        if (MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
            Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
        } else {
            Err(PepperError::Length { actual: bytes.len() })
        }
    }

    /// Reads a pepper from a file; one line end at its end does not count. Blocks.
    ///
    /// A file that group or others may reach still loads, and the warning is for the caller to log.
    ///
    /// # Errors
    ///
    /// What [`PepperError`] lists.
    pub fn load(path: &Path) -> Result<(Self, Option<WidePermissions>), PepperError> {
        let read = |path: &Path| {
            let file = File::open(path)?;
            let mode = file.metadata()?.permissions().mode() & 0o7777;
            // With room for all from the start, the vector never moves and leaves no copy behind.
            let mut bytes = Vec::with_capacity(MAX_BYTES + 3);
            file.take(MAX_BYTES as u64 + 3).read_to_end(&mut bytes)?;
            Ok((bytes, mode))
        };
        let (mut bytes, mode) =
            read(path).map_err(|source| PepperError::Read { path: path.to_owned(), source })?;
        let line_end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| bytes.ends_with(end));
        let length = bytes.len() - line_end.map_or(0, <[u8]>::len);
        let secret = SecretSlice::from(bytes.get(..length).unwrap_or_default().to_vec());
        bytes.zeroize();
        let wide = (mode & 0o077 != 0).then(|| WidePermissions { path: path.to_owned(), mode });
        Ok((Self::new(&secret)?, wide))
    }

    /// Makes a pepper file that only its owner can read. Blocks.
    ///
    /// # Errors
    ///
    /// When the file exists already, or cannot be written, or the system has no randomness.
    pub fn create(path: &Path) -> io::Result<()> {
        const BYTES: usize = 48;
        let mut bytes = [0_u8; BYTES];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| io::Error::other("the system gives no random bytes"))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut text = STANDARD.encode(bytes);
        bytes.zeroize();
        text.push('\n');
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        text.zeroize();
        written
    }

    /// The digest under which a key is known.
    pub fn digest(&self, key: &str) -> KeyDigest {
        let tag = hmac::sign(&self.0, key.as_bytes());
        let mut digest = KeyDigest::default();
        digest.copy_from_slice(tag.as_ref());
        digest
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    fn write(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pepper");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn the_digest_is_hmac_sha_256() {
        let pepper = Pepper::new(&SecretSlice::from(vec![0xaa; 131])).unwrap();
        // RFC 4231, section 4.7, whose key is the one long enough to be a pepper.
        let digest = pepper.digest("Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex::encode(digest), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[rstest]
    #[case::unix(b"\n")]
    #[case::windows(b"\r\n")]
    #[case::none(b"")]
    fn a_line_end_does_not_count(#[case] end: &[u8]) {
        let (_directory, path) = write(&[&[b'p'; 32], end].concat(), 0o600);
        let (pepper, warning) = Pepper::load(&path).unwrap();
        assert_eq!(warning, None);
        let same = Pepper::new(&SecretSlice::from(vec![b'p'; 32])).unwrap();
        assert_eq!(pepper.digest("key"), same.digest("key"));
    }

    #[rstest]
    #[case::empty(0)]
    #[case::short(31)]
    #[case::long(4097)]
    #[case::endless(9000)]
    fn a_pepper_of_the_wrong_length_is_refused(#[case] length: usize) {
        let (_directory, path) = write(&vec![b'p'; length], 0o600);
        assert!(matches!(Pepper::load(&path), Err(PepperError::Length { .. })));
    }

    #[rstest]
    #[case(0o400, false)]
    #[case(0o640, true)]
    #[case(0o604, true)]
    fn a_file_that_others_may_read_loads_with_a_warning(#[case] mode: u32, #[case] warned: bool) {
        let (_directory, path) = write(&[b'p'; 32], mode);
        let (_, warning) = Pepper::load(&path).unwrap();
        assert_eq!(warning, warned.then_some(WidePermissions { path, mode }));
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Pepper::load(Path::new("/nonexistent/pepper")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/pepper"), "{error}");
    }

    #[test]
    fn the_pepper_is_never_shown() {
        let pepper = Pepper::new(&SecretSlice::from(b"0123456789abcdef0123456789abcdef".to_vec())).unwrap();
        assert_eq!(format!("{pepper:?}"), "Pepper([REDACTED])");
    }
}
