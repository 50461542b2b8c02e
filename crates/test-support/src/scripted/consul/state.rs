//! What the scripted Consul holds, and the one index that every change raises.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::time::Instant;

use super::catalog::Service;
use super::kv::Entry;
use super::session::Session;

/// Everything. Each part of the API has its methods in a file of its own.
#[derive(Debug, Clone)]
pub(super) struct State {
    index: u64,
    pub(super) keys: BTreeMap<String, Entry>,
    /// The index at which each key was removed last.
    pub(super) tombstones: BTreeMap<String, u64>,
    pub(super) sessions: BTreeMap<String, Session>,
    /// Until when a key cannot be locked.
    pub(super) lock_delays: BTreeMap<String, Instant>,
    /// By id.
    pub(super) services: BTreeMap<String, Service>,
    pub(super) catalog_index: u64,
    /// By kind and name.
    pub(super) config_entries: BTreeMap<(String, String), ConfigEntry>,
    pub(super) config_index: u64,
    pub(super) session_index: u64,
}

impl Default for State {
    /// Empty, after what a server writes for itself when it begins.
    fn default() -> Self {
        Self {
            index: 2,
            keys: BTreeMap::new(),
            tombstones: BTreeMap::new(),
            sessions: BTreeMap::new(),
            lock_delays: BTreeMap::new(),
            services: BTreeMap::new(),
            catalog_index: 2,
            config_entries: BTreeMap::new(),
            config_index: 1,
            session_index: 1,
        }
    }
}

/// A configuration entry of the mesh.
#[derive(Debug, Clone)]
pub(super) struct ConfigEntry {
    pub(super) body: Value,
    pub(super) create_index: u64,
    pub(super) modify_index: u64,
}

impl State {
    /// The index of the last change.
    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// The index of a new change. All that one call changes has the same.
    pub(super) fn next_index(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// The index of the whole key-value store.
    pub(super) fn store_index(&self) -> u64 {
        let entries = self.keys.values().map(|entry| entry.modify_index);
        entries.chain(self.tombstones.values().copied()).max().unwrap_or_default()
    }
}
