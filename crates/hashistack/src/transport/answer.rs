//! An answer: its head, and a body that is read up to a limit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::call::CallName;
use super::dialect::Dialect;
use super::error::HashistackError;

/// How long the text of a refusal may take: it comes with its status or not at all.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(500);

/// What the headers of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// The HTTP status.
    pub status: u16,
    /// The index to wait for a change after.
    pub index: Option<u64>,
    /// Whether the server that answered knows a leader; where nothing is said, it does.
    pub known_leader: Option<bool>,
    /// How long ago that server last heard from the leader.
    pub last_contact: Option<Duration>,
    /// Rules of access left something out of the answer.
    pub filtered_by_acls: bool,
}

impl Head {
    pub(super) fn read(status: u16, headers: &HeaderMap, dialect: &Dialect) -> Self {
        let text = |name: Option<&str>| headers.get(name?)?.to_str().ok().map(str::trim);
        let is_true = |text: &str| text.eq_ignore_ascii_case("true");
        Self {
            status,
            // What is no number is as good as none: both leave a watch without an index, which it has a rule for.
            index: text(dialect.index).and_then(|text| text.parse().ok()),
            known_leader: text(dialect.known_leader).map(is_true),
            last_contact: text(dialect.last_contact)
                .and_then(|text| text.parse().ok())
                .map(Duration::from_millis),
            filtered_by_acls: text(dialect.filtered).is_some_and(is_true),
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What its headers say.
    pub head: Head,
    /// Its body.
    pub body: Bytes,
    pub(super) call: CallName,
}

impl Answer {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// [`HashistackError::UnexpectedBody`], whose source names the place.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HashistackError> {
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| self.unexpected(error))?;
        reader.end().map_err(|error| self.unexpected(error))?;
        Ok(value)
    }

    /// The call, as messages name it.
    pub fn call(&self) -> &CallName {
        &self.call
    }

    /// An error that says that the body is not what was promised.
    pub(crate) fn unexpected(
        &self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> HashistackError {
        HashistackError::UnexpectedBody { call: self.call.clone(), source: Box::new(source) }
    }
}

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct OpenAnswer {
    /// What its headers say.
    pub head: Head,
    pub(super) call: CallName,
    pub(super) response: reqwest::Response,
    /// How long the next bytes may take.
    pub(super) patience: Duration,
}

impl OpenAnswer {
    /// The next bytes of the body; nothing at its end.
    ///
    /// # Errors
    /// When the connection breaks, or nothing comes for as long as the whole of an ordinary call may take.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HashistackError> {
        let after = self.patience;
        match tokio::time::timeout(after, self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| super::unreachable(&self.call, error)),
            Err(_elapsed) => Err(HashistackError::TimedOut { call: self.call.clone(), after }),
        }
    }

    /// The call, as messages name it.
    pub fn call(&self) -> &CallName {
        &self.call
    }

    /// A header of the answer; nothing where it is absent or no text. Redirects are not followed: where one leads is for the caller
    /// to judge, because it would carry the token to a host that nobody named.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Reads the rest of the body, which may have `limit` bytes.
    ///
    /// # Errors
    /// When the connection breaks, nothing comes for too long, or the body is larger.
    pub async fn read(mut self, limit: usize) -> Result<Answer, HashistackError> {
        let too_large = |call: &CallName| HashistackError::TooLarge { call: call.clone(), limit };
        let announced = self.response.content_length().unwrap_or_default();
        if usize::try_from(announced).is_ok_and(|announced| announced > limit) {
            return Err(too_large(&self.call));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(too_large(&self.call));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { head: self.head, body: body.freeze(), call: self.call })
    }

    /// The beginning of the body as text, for a refusal: what cannot be read of it is left out.
    pub(super) async fn beginning(mut self, limit: usize) -> String {
        let mut body = BytesMut::new();
        let end = Instant::now() + REFUSAL_PATIENCE;
        // A refusal is told with or without its text: a body that breaks off or does not come must not hide its status.
        while let Ok(Ok(Some(chunk))) = timeout_at(end, self.chunk()).await {
            body.extend_from_slice(&chunk);
            if body.len() >= limit {
                break;
            }
        }
        body.truncate(limit);
        String::from_utf8_lossy(&body).trim().to_owned()
    }
}
