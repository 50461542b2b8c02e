//! The key-value store: values, conditions and locks (`agent/consul/state/kvs.go` in Consul's source).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::http::{Asked, Said};
use super::state::State;

/// The largest value (`kv_max_value_size`).
const MAX_VALUE: usize = 512 << 10;

/// One key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    pub(super) flags: u64,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
    pub(super) lock_index: u64,
    pub(super) session: Option<String>,
}

impl Entry {
    /// As the API writes it; transactions leave the values out of what they have written.
    pub(super) fn json(&self, key: &str, has_value: bool) -> Value {
        let value = (has_value && !self.value.is_empty()).then(|| STANDARD.encode(&self.value));
        let mut json = json!({
            "LockIndex": self.lock_index, "Key": key, "Flags": self.flags, "Value": value,
            "CreateIndex": self.create_index, "ModifyIndex": self.modify_index,
        });
        if let (Some(session), Some(fields)) = (&self.session, json.as_object_mut()) {
            fields.insert("Session".to_owned(), json!(session));
        }
        json
    }
}

impl State {
    /// The value of a key.
    pub(super) fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.keys.get(key).map(|entry| entry.value.to_vec())
    }

    /// The session that holds a key.
    #[cfg(test)]
    pub(super) fn holder(&self, key: &str) -> Option<&str> {
        self.keys.get(key)?.session.as_deref()
    }

    /// The names of all keys.
    pub(super) fn keys(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// Whether the key's index is this one; zero is that of an absent key.
    pub(super) fn is_at(&self, key: &str, modify_index: u64) -> bool {
        self.keys.get(key).map_or(0, |entry| entry.modify_index) == modify_index
    }

    /// Writes a value at this index. One that is there already is not written again and keeps its index. A lock stays, and what was
    /// counted of locks begins anew.
    pub(super) fn set(&mut self, index: u64, key: &str, value: Bytes, flags: u64) {
        let before = self.keys.get(key).cloned();
        let entry = Entry { value, flags, lock_index: 0, ..before.clone().unwrap_or_default() };
        self.store(index, key, before.as_ref(), entry);
    }

    fn store(&mut self, index: u64, key: &str, before: Option<&Entry>, mut entry: Entry) {
        if before == Some(&entry) {
            return;
        }
        entry.modify_index = index;
        if before.is_none() {
            entry.create_index = index;
        }
        self.keys.insert(key.to_owned(), entry);
    }

    /// Locks a key for a session.
    ///
    /// # Errors
    /// When there is no such session.
    pub(super) fn acquire(
        &mut self,
        index: u64,
        key: &str,
        value: Bytes,
        session: &str,
    ) -> Result<bool, String> {
        if !self.sessions.contains_key(session) {
            return Err(format!("invalid session \"{session}\""));
        }
        if self.lock_delays.get(key).is_some_and(|until| Instant::now() < *until) {
            return Ok(false);
        }
        let before = self.keys.get(key).cloned();
        let mut entry = Entry { value, ..before.clone().unwrap_or_default() };
        match entry.session.as_deref() {
            Some(holder) if holder == session => {}
            Some(_other) => return Ok(false),
            None => entry.lock_index += 1,
        }
        entry.session = Some(session.to_owned());
        self.store(index, key, before.as_ref(), entry);
        Ok(true)
    }

    /// Gives a lock back.
    pub(super) fn release(&mut self, index: u64, key: &str, value: Bytes, session: &str) -> bool {
        let before = self.keys.get(key).cloned();
        match &before {
            Some(entry) if entry.session.as_deref() == Some(session) => {
                let entry = Entry { value, session: None, ..entry.clone() };
                self.store(index, key, before.as_ref(), entry);
                true
            }
            _ => false,
        }
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, index: u64, key: &str) {
        if self.keys.remove(key).is_some() {
            self.tombstones.insert(key.to_owned(), index);
        }
    }

    /// Removes every key that begins like this.
    pub(super) fn remove_tree(&mut self, index: u64, prefix: &str) {
        let doomed: Vec<String> = self.below(prefix).map(|(key, _)| key.clone()).collect();
        for key in doomed {
            self.remove(index, &key);
        }
    }

    /// The keys that begin like this, in their order.
    pub(super) fn below(&self, prefix: &str) -> impl Iterator<Item = (&String, &Entry)> {
        let prefix = prefix.to_owned();
        self.keys.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// `PUT /v1/kv/…`
    pub(super) fn put_key(&mut self, asked: &Asked) -> Said {
        let key = asked.rest(1);
        if asked.body.len() > MAX_VALUE {
            return Said::text(413, &format!("Request body(size {}) too large", asked.body.len()));
        }
        let (value, index) = (asked.body.clone(), self.next_index());
        let is_done = if let Some(expected) = asked.number("cas") {
            let is_at = self.is_at(&key, expected);
            if is_at {
                self.set(index, &key, value, asked.number("flags").unwrap_or_default());
            }
            is_at
        } else if let Some(session) = asked.query("acquire") {
            match self.acquire(index, &key, value, session) {
                Ok(is_held) => is_held,
                Err(why) => return Said::text(500, &why),
            }
        } else if let Some(session) = asked.query("release") {
            self.release(index, &key, value, session)
        } else {
            self.set(index, &key, value, asked.number("flags").unwrap_or_default());
            true
        };
        Said::json(&json!(is_done))
    }

    /// `DELETE /v1/kv/…`
    pub(super) fn delete_key(&mut self, asked: &Asked) -> Said {
        let (key, index) = (asked.rest(1), self.next_index());
        if asked.has("recurse") {
            self.remove_tree(index, &key);
        } else if let Some(expected) = asked.number("cas").filter(|expected| *expected > 0) {
            // One that is gone already is no conflict.
            if self.keys.contains_key(&key) && !self.is_at(&key, expected) {
                return Said::json(&json!(false));
            }
            self.remove(index, &key);
        } else {
            self.remove(index, &key);
        }
        Said::json(&json!(true))
    }

    /// `GET /v1/kv/…`
    pub(super) fn read_keys(&self, asked: &Asked) -> Said {
        let key = asked.rest(1);
        if asked.has("keys") || asked.has("recurse") {
            return self.list(asked, &key);
        }
        match self.keys.get(&key) {
            None => Said::text(404, "").at(self.store_index()),
            Some(entry) if asked.has("raw") => Said::raw(entry.value.clone()).at(entry.modify_index),
            Some(entry) => Said::json(&json!([entry.json(&key, true)])).at(entry.modify_index),
        }
    }

    fn list(&self, asked: &Asked, prefix: &str) -> Said {
        let found: Vec<(&String, &Entry)> = self.below(prefix).collect();
        let removed = self.tombstones.iter().filter(|(key, _)| key.starts_with(prefix));
        let indexes =
            found.iter().map(|(_, entry)| entry.modify_index).chain(removed.map(|(_, index)| *index));
        // What never was is told with the index of the whole store.
        let index = indexes.max().unwrap_or_else(|| self.store_index());
        if found.is_empty() {
            return Said::text(404, "").at(index);
        }
        let list: Vec<Value> = if asked.has("keys") {
            found.iter().map(|(key, _)| json!(key)).collect()
        } else {
            found.iter().map(|(key, entry)| entry.json(key, true)).collect()
        };
        Said::json(&Value::Array(list)).at(index)
    }
}
