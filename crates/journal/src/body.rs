//! Bodies of records: JSON, with rules that keep older and newer versions reading each other.
//!
//! The rules: a field is only ever added, and is optional for readers; a field's meaning never changes (another meaning is another kind);
//! a reader keeps the fields that it does not know in `rest`, so that a body that is read and written again loses nothing. Amounts of
//! money and numbers that may pass 2^53 are texts, because JSON's readers elsewhere have floating point. `own` has the journal's own
//! kinds, the other files those that proxy and agent share.

mod act;
mod call;
mod own;

pub use act::{Act, Decision};
pub use call::{CallEnd, CallEnded, CallIntended};
pub use own::{Ended, Lost, Removed, Reopened, Sealed, Started};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::record::{Kind, NewRecord, Record};

/// Fields that a reader does not know, as they were.
pub type Rest = Map<String, Value>;

/// A body that this version knows.
pub trait Body: Serialize + DeserializeOwned {
    /// The kind of its records.
    const KIND: Kind;
    /// The version that this program writes. It rises with each field that is added, and no reader refuses a higher one.
    const VERSION: u16;
}

/// A body cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The record is about something else.
    #[error("the record is of kind {found}, and was read as {expected}")]
    Kind {
        /// The kind that was asked for.
        expected: Kind,
        /// The kind that it has.
        found: Kind,
    },
    /// The body is no JSON, or lacks what its kind always had.
    #[error("the body of a {kind} record does not have what its kind always had; which program wrote it?")]
    Json {
        /// The record's kind.
        kind: Kind,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl NewRecord {
    /// A record of this moment with this body.
    ///
    /// # Errors
    /// When the body cannot be written as JSON, which no body of this crate does.
    pub fn of<B: Body>(body: &B) -> Result<Self, BodyError> {
        let bytes = serde_json::to_vec(body).map_err(|source| BodyError::Json { kind: B::KIND, source })?;
        Ok(Self::now(B::KIND, B::VERSION, bytes))
    }
}

impl Record {
    /// The body, read as one of this kind; of whichever version.
    ///
    /// # Errors
    /// When the record is of another kind, or its body lacks what the kind always had.
    pub fn read<B: Body>(&self) -> Result<B, BodyError> {
        read(self.kind(), self.body())
    }
}

/// The same for a body that is not in a [`Record`].
pub(crate) fn read<B: Body>(kind: Kind, body: &[u8]) -> Result<B, BodyError> {
    if kind != B::KIND {
        return Err(BodyError::Kind { expected: B::KIND, found: kind });
    }
    serde_json::from_slice(body).map_err(|source| BodyError::Json { kind, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_later_version_are_kept_and_written_again() {
        let later = br#"{"by":"agent","reason":"adopted","why":{"node":"lost"}}"#;
        let ended: Ended = read(Kind::ENDED, later).unwrap();
        assert_eq!(ended.by, "agent");
        assert_eq!(serde_json::to_vec(&ended).unwrap(), later);
    }

    #[test]
    fn fields_that_came_later_are_not_asked_of_older_bodies() {
        let ended: CallEnded = read(Kind::CALL_ENDED, br#"{"call":"c-1","end":"completed"}"#).unwrap();
        assert_eq!((ended.end, ended.usage.is_none()), (CallEnd::Completed, true));
        let intended: CallIntended = read(Kind::CALL_INTENDED, br#"{"call":"c-1"}"#).unwrap();
        assert_eq!(intended.call, "c-1");
    }

    #[test]
    fn a_word_of_a_later_version_is_kept_as_it_is() {
        let text = br#"{"call":"c-1","end":"teleported"}"#;
        let ended: CallEnded = read(Kind::CALL_ENDED, text).unwrap();
        assert_eq!(ended.end, CallEnd::Other("teleported".to_owned()));
        assert_eq!(serde_json::to_vec(&ended).unwrap(), text);
    }

    #[test]
    fn another_kind_is_refused() {
        let error = read::<Ended>(Kind::LOST, b"{}").unwrap_err();
        assert!(matches!(error, BodyError::Kind { expected: Kind::ENDED, found: Kind::LOST }), "{error}");
    }
}
