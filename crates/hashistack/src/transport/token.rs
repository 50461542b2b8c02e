//! Where the token of a call comes from, and what is done when it is refused.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::error::{HashistackError, Refusal};
use super::stamp::Stamp;

/// The largest file that is taken for a token: tokens have some dozen bytes, those of logins a few hundred.
const MAX_TOKEN_FILE: u64 = 16 << 10;

/// A future behind a trait object.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("the token file {} cannot be read; check its path and mode", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file holds no token.
    #[error("the token file {} {why}; put the token alone into it", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token cannot be sent.
    #[error("the token holds a character that no header may carry; copy it again")]
    NoHeader,
    /// The login failed. All who waited for it share the reason.
    #[error("the login for a token failed")]
    Login(#[source] Arc<HashistackError>),
    /// The login has ended with a logout.
    #[error("the process has logged out, and sends nothing more under its name")]
    LoggedOut,
}

/// Where the token of each call comes from.
#[derive(Debug, Clone, Default)]
pub enum TokenSource {
    /// No token: the anonymous one of the server.
    #[default]
    None,
    /// One token for as long as the program runs.
    Fixed(SecretString),
    /// A file, read again when it has changed and after a refusal.
    File(Arc<TokenFile>),
    /// A login, which gets another token when the server no longer knows the last one.
    Login(Arc<dyn Login>),
}

/// Something that logs in for a token. One login serves the whole process.
pub trait Login: Debug + Send + Sync {
    /// The token in force; the first call logs in.
    fn token(&self) -> Pending<'_, Result<SecretString, TokenError>>;

    /// Another token after `refused` was refused, or nothing when another one would be refused as well.
    ///
    /// Called by many at once: who finds that `refused` is no longer in force returns the one that is.
    fn replace<'a>(
        &'a self,
        refused: &'a SecretString,
        refusal: &'a Refusal,
    ) -> Pending<'a, Result<Option<SecretString>, TokenError>>;
}

impl TokenSource {
    /// A file that is read at the first call.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(Arc::new(TokenFile::new(path)))
    }

    /// The token for the next call.
    pub(super) async fn token(&self) -> Result<Option<SecretString>, TokenError> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(token) => Ok(Some(token.clone())),
            Self::File(file) => file.token().await.map(Some),
            Self::Login(login) => login.token().await.map(Some),
        }
    }

    /// The token to try once more with after a 403, where there is another one.
    pub(super) async fn replacement(
        &self,
        refused: Option<&SecretString>,
        refusal: &Refusal,
    ) -> Result<Option<SecretString>, TokenError> {
        match (self, refused) {
            (Self::File(file), Some(refused)) => file.replacement(refused).await,
            (Self::Login(login), Some(refused)) => login.replace(refused, refusal).await,
            _ => Ok(None),
        }
    }
}

/// The header's value, which no log shows.
pub(super) fn header(token: &SecretString) -> Result<HeaderValue, TokenError> {
    let mut value = HeaderValue::from_str(token.expose_secret()).map_err(|_text| TokenError::NoHeader)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A file that holds a token and nothing else.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    last: Mutex<Option<(Stamp, SecretString)>>,
}

impl TokenFile {
    /// The file at this path, which is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), last: Mutex::new(None) }
    }

    fn last(&self) -> MutexGuard<'_, Option<(Stamp, SecretString)>> {
        // The value is replaced in one assignment, so that a panic elsewhere cannot have left half of it.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token, read again when the file is another one than before.
    async fn token(&self) -> Result<SecretString, TokenError> {
        let last = self.last().clone();
        let stamp = Stamp::of(&self.path).await;
        match (last, stamp) {
            (Some((known, token)), Ok(stamp)) if known == stamp => Ok(token),
            // A file may be missing while it is replaced. The last token is good until the server says otherwise, and
            // then the fault of the file is told.
            (Some((_, token)), _) => Ok(self.read().await.unwrap_or(token)),
            (None, _) => self.read().await,
        }
    }

    async fn replacement(&self, refused: &SecretString) -> Result<Option<SecretString>, TokenError> {
        let token = self.read().await?;
        Ok((token.expose_secret() != refused.expose_secret()).then_some(token))
    }

    /// The token as the file has it now.
    pub(crate) async fn read(&self) -> Result<SecretString, TokenError> {
        // The stamp is taken first: should the file change in between, it is read once more, and not once too few.
        let fault = |source| TokenError::Unreadable { path: self.path.clone(), source };
        let stamp = Stamp::of(&self.path).await.map_err(fault)?;
        if stamp.length() > MAX_TOKEN_FILE {
            return Err(self.unfit("is too large for one"));
        }
        let bytes = tokio::fs::read(&self.path).await.map_err(fault)?;
        let text = std::str::from_utf8(&bytes).map_err(|_bytes| self.unfit("is no text"))?.trim();
        if text.is_empty() {
            return Err(self.unfit("is empty"));
        }
        let token = SecretString::from(text.to_owned());
        *self.last() = Some((stamp, token.clone()));
        Ok(token)
    }

    fn unfit(&self, why: &'static str) -> TokenError {
        TokenError::Unfit { path: self.path.clone(), why }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[tokio::test]
    async fn a_token_file_is_read_again_when_it_was_replaced() {
        let folder = folder();
        let path = folder.path().join("token");
        std::fs::write(&path, "first\n").unwrap();
        let file = TokenFile::new(&path);
        assert_eq!(file.token().await.unwrap().expose_secret(), "first");
        std::fs::write(folder.path().join("next"), "second").unwrap();
        std::fs::rename(folder.path().join("next"), &path).unwrap();
        assert_eq!(file.token().await.unwrap().expose_secret(), "second");
    }

    #[tokio::test]
    async fn the_last_token_serves_while_the_file_is_missing_and_a_refusal_tells_the_file() {
        let folder = folder();
        let path = folder.path().join("token");
        std::fs::write(&path, "first").unwrap();
        let file = TokenFile::new(&path);
        let first = file.token().await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.token().await.unwrap().expose_secret(), "first");
        assert!(matches!(file.replacement(&first).await, Err(TokenError::Unreadable { .. })));
    }

    #[tokio::test]
    async fn a_file_that_holds_no_token_is_told_by_its_path() {
        let folder = folder();
        let path = folder.path().join("token");
        for (bytes, why) in
            [(&b" \n"[..], "is empty"), (&[0xff][..], "is no text"), (&[b'a'; 17 << 10][..], "is too large")]
        {
            std::fs::write(&path, bytes).unwrap();
            let message = TokenFile::new(&path).token().await.unwrap_err().to_string();
            assert!(message.contains(why) && message.contains("token"), "{message}");
        }
    }

    #[test]
    fn a_token_never_shows() {
        let token = SecretString::from("very-secret");
        let shown = format!("{:?} {:?}", TokenSource::Fixed(token.clone()), header(&token).unwrap());
        assert!(!shown.contains("very-secret"), "{shown}");
        assert!(matches!(header(&SecretString::from("a\nb")), Err(TokenError::NoHeader)));
    }
}
