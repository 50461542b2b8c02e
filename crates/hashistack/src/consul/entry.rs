//! An entry of the key-value store, as Consul writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KvEntry {
    /// The whole key.
    pub key: String,
    /// The value; a key can have none, which is the empty one here.
    #[serde(default, deserialize_with = "bytes")]
    pub value: Bytes,
    /// A number that clients may keep with the value. Consul does nothing with it.
    pub flags: u64,
    /// The index of the write that created the key.
    pub create_index: u64,
    /// The index of the last write, which `cas` compares.
    pub modify_index: u64,
    /// How often the key has been locked, which serves as the epoch of a lock's holder.
    pub lock_index: u64,
    /// The session that holds the key, if one does.
    #[serde(default)]
    pub session: Option<String>,
}

fn bytes<'de, D: Deserializer<'de>>(reader: D) -> Result<Bytes, D::Error> {
    let Some(text) = Option::<String>::deserialize(reader)? else {
        return Ok(Bytes::new());
    };
    STANDARD.decode(text).map(Bytes::from).map_err(serde::de::Error::custom)
}

/// A value as the API wants it within JSON.
pub(super) fn encoded(value: &[u8]) -> String {
    STANDARD.encode(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_consul_writes_it() {
        let text = r#"[{"LockIndex":1,"Key":"nova/a","Flags":42,"Value":"aGk=","Session":"s","CreateIndex":7,"ModifyIndex":9},
            {"LockIndex":0,"Key":"nova/b","Flags":0,"Value":null,"CreateIndex":8,"ModifyIndex":8}]"#;
        let entries: Vec<KvEntry> = serde_json::from_str(text).unwrap();
        assert_eq!((&entries[0].value[..], entries[0].flags, entries[0].modify_index), (&b"hi"[..], 42, 9));
        assert_eq!(entries[0].session.as_deref(), Some("s"));
        assert!(entries[1].value.is_empty() && entries[1].session.is_none());
    }
}
