//! Names of journals, hashes, and heads: what is needed to say "this journal, up to this record, with this content".
//!
//! Leaves to others what is hashed (`chain`) and where a head is kept, signed or anchored.

use std::fmt;
use std::str::FromStr;

/// Bytes of a journal's id.
pub(crate) const ID_BYTES: usize = 16;
/// Bytes of a SHA-256.
pub(crate) const HASH_BYTES: usize = 32;

/// The text is no id or hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {bytes} bytes in lower-case hexadecimal digits")]
pub struct HexError {
    text: String,
    bytes: usize,
}

fn parse<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let wrong = || HexError { text: text.chars().take(80).collect(), bytes: N };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(wrong()),
    };
    if text.len() != 2 * N {
        return Err(wrong());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        let [high, low] = *pair;
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Ok(bytes)
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! hex_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                parse(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// The name of a journal: 128 random bits, written as 32 hexadecimal digits, which are also the name of its folder.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JournalId(pub(crate) [u8; ID_BYTES]);

hex_type!(JournalId);

impl JournalId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }

    /// A new one, or nothing when the system gives no random bytes.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = [0; ID_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }
}

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordHash(pub(crate) [u8; HASH_BYTES]);

hex_type!(RecordHash);

impl RecordHash {
    /// What the first record of a journal has before it.
    pub const NONE: Self = Self([0; HASH_BYTES]);

    /// The hash with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

/// A journal up to and with one record. Whoever knows a head knows whether any earlier byte was changed: it is what is signed, anchored and
/// registered elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Head {
    /// The journal.
    pub journal: JournalId,
    /// The record's number, counted from 1; 0 is a journal without records.
    pub sequence: u64,
    /// The record's hash.
    pub hash: RecordHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_hashes_are_read_as_they_are_written() {
        let id = JournalId::random().unwrap();
        assert_eq!(id.to_string().parse::<JournalId>().unwrap(), id);
        let head = Head { journal: id, sequence: 7, hash: RecordHash([0xab; HASH_BYTES]) };
        let text = serde_json::to_string(&head).unwrap();
        assert!(text.contains("abababab"), "{text}");
        assert_eq!(serde_json::from_str::<Head>(&text).unwrap(), head);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "ab", &"A".repeat(32), &"g".repeat(32), &"0".repeat(31), &"ä".repeat(16)] {
            assert!(text.parse::<JournalId>().is_err(), "{text}");
        }
    }
}
