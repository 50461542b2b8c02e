//! Records: what callers give, and what readers get.
//!
//! A record is a kind, the version of its body, a time, and a body that this crate does not look into, except in its own kinds. Owns no
//! bytes' order: that is `codec`.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::codec::{self, FrameRef};
use crate::id::RecordHash;

/// The largest body: a megabyte, so that one record fits many times into the queue and into a segment.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What a record is about. Kinds below [`Kind::CALLERS`] are the journal's own, and callers cannot write them.
///
/// A kind's number never gets another meaning. Readers skip, keep and ship kinds that they do not know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u16);

impl Kind {
    /// The journal begins; always record 1.
    pub const STARTED: Self = Self(1);
    /// A journal is written on after its writer went away without an end.
    pub const REOPENED: Self = Self(2);
    /// The last record of a segment.
    pub const SEALED: Self = Self(3);
    /// The journal ends: nothing but the seal follows.
    pub const ENDED: Self = Self(4);
    /// Records were lost here, and how many.
    pub const LOST: Self = Self(5);
    /// Segments up to a record may be missing from here on: they were acknowledged elsewhere.
    pub const REMOVED: Self = Self(6);
    /// The first kind of callers'.
    pub const CALLERS: Self = Self(256);
    /// A call of a model is about to be made.
    pub const CALL_INTENDED: Self = Self(256);
    /// A call of a model has ended.
    pub const CALL_ENDED: Self = Self(257);
    /// Somebody did something, or was refused.
    pub const ACT: Self = Self(258);

    /// True for the journal's own kinds.
    #[must_use]
    pub const fn is_own(self) -> bool {
        self.0 < Self::CALLERS.0
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::STARTED => f.write_str("started"),
            Self::REOPENED => f.write_str("reopened"),
            Self::SEALED => f.write_str("sealed"),
            Self::ENDED => f.write_str("ended"),
            Self::LOST => f.write_str("lost"),
            Self::REMOVED => f.write_str("removed"),
            Self::CALL_INTENDED => f.write_str("call_intended"),
            Self::CALL_ENDED => f.write_str("call_ended"),
            Self::ACT => f.write_str("act"),
            Self(number) => write!(f, "kind_{number}"),
        }
    }
}

/// A record that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecord {
    /// What it is about.
    pub kind: Kind,
    /// The version of the body: it rises with each field that is added.
    pub version: u16,
    /// When it happened, in microseconds since 1970 (UTC).
    pub time_us: u64,
    /// The body, at most [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
}

impl NewRecord {
    /// A record of this moment.
    #[must_use]
    pub fn now(kind: Kind, version: u16, body: Vec<u8>) -> Self {
        Self { kind, version, time_us: now_us(), body }
    }
}

/// The wall clock, in microseconds since 1970. A clock that stands before 1970 says 0.
pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A record that was read: whole, with the checksum and the hash that it should have.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    frame: Vec<u8>,
    sequence: u64,
    time_us: u64,
    kind: Kind,
    version: u16,
    hash: RecordHash,
}

impl Record {
    pub(crate) fn of(frame: &FrameRef<'_>) -> Self {
        Self {
            frame: frame.bytes.to_vec(),
            sequence: frame.sequence,
            time_us: frame.time_us,
            kind: frame.kind,
            version: frame.version,
            hash: frame.hash,
        }
    }

    /// Its number within the journal, counted from 1 without gaps.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it happened, as its writer's clock said, in microseconds since 1970 (UTC).
    #[must_use]
    pub const fn time_us(&self) -> u64 {
        self.time_us
    }

    /// What it is about; perhaps a kind of a later version.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The version of its body.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Its hash, which covers everything before it.
    #[must_use]
    pub const fn hash(&self) -> RecordHash {
        self.hash
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        codec::body(&self.frame)
    }

    /// The record as it stands in its segment, to be shipped unchanged: whoever has these bytes and the hash before can check them by
    /// [`Chain::accept`](crate::Chain::accept), whatever version wrote them.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("sequence", &self.sequence)
            .field("kind", &self.kind)
            .field("version", &self.version)
            .field("time_us", &self.time_us)
            .field("body_bytes", &self.body().len())
            .field("hash", &self.hash)
            .finish()
    }
}
