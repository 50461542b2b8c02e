//! Transactions: all operations or none (`agent/consul/state/txn.go` in Consul's source).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::http::{Asked, Said};
use super::state::State;

/// The most operations of one.
const MAX_OPERATIONS: usize = 128;

/// The largest body (`txn_max_req_len`).
const MAX_BODY: usize = 512 << 10;

/// One operation, taken apart.
struct Step {
    verb: String,
    key: String,
    value: Bytes,
    flags: u64,
    index: u64,
    session: String,
}

impl Step {
    fn read(operation: &Value) -> Option<Self> {
        let kv = &operation["KV"];
        let text = |name: &str| kv[name].as_str().unwrap_or_default().to_owned();
        Some(Self {
            verb: kv["Verb"].as_str()?.to_owned(),
            key: text("Key"),
            value: STANDARD.decode(text("Value")).ok()?.into(),
            flags: kv["Flags"].as_u64().unwrap_or_default(),
            index: kv["Index"].as_u64().unwrap_or_default(),
            session: text("Session"),
        })
    }
}

/// What a transaction changes: verbs and keys, with words for the values that have some.
pub(super) fn written(asked: &Asked, words: Option<super::Words>) -> Vec<String> {
    let body = asked.json().unwrap_or_default();
    let steps = body.as_array().into_iter().flatten().filter_map(Step::read);
    let changes = steps.filter(|step| !step.verb.starts_with("check-") && !step.verb.starts_with("get"));
    let named = changes.map(|Step { verb, key, value, .. }| match words.and_then(|words| words(&value)) {
        Some(words) => format!("{verb} {key} ({words})"),
        None => format!("{verb} {key}"),
    });
    named.collect()
}

impl State {
    /// `PUT /v1/txn`
    pub(super) fn transact(&mut self, asked: &Asked) -> Said {
        if asked.body.len() > MAX_BODY {
            let text =
                format!("Request body(size {}) too large, max size: {MAX_BODY} bytes.", asked.body.len());
            return Said::text(413, &text);
        }
        let body = asked.json().unwrap_or_default();
        let steps: Option<Vec<Step>> = body.as_array().and_then(|all| all.iter().map(Step::read).collect());
        let Some(steps) = steps else {
            return Said::text(400, "Failed to parse body");
        };
        if steps.len() > MAX_OPERATIONS {
            let text =
                format!("Transaction contains too many operations ({} > {MAX_OPERATIONS})", steps.len());
            return Said::text(413, &text);
        }
        // Each operation sees what those before it have written; when one fails, none has been.
        let before = self.clone();
        let index = self.next_index();
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for (number, step) in steps.into_iter().enumerate() {
            match self.operate(index, &step) {
                Ok(told) => results.extend(told.into_iter().map(|entry| json!({ "KV": entry }))),
                Err(what) => errors.push(json!({ "OpIndex": number, "What": what })),
            }
        }
        if errors.is_empty() {
            return Said::json(&json!({ "Results": results, "Errors": null }));
        }
        *self = before;
        Said::json_with(409, &json!({ "Results": null, "Errors": errors }))
    }

    fn operate(&mut self, index: u64, step: &Step) -> Result<Vec<Value>, String> {
        let Step { verb, key, value, .. } = step;
        let holds = |is_so: bool, what: String| if is_so { Ok(()) } else { Err(what) };
        match verb.as_str() {
            "set" => self.set(index, key, value.clone(), step.flags),
            "cas" => {
                holds(self.is_at(key, step.index), format!("failed to set key \"{key}\", index is stale"))?;
                self.set(index, key, value.clone(), step.flags);
            }
            "lock" => {
                let is_held = self.acquire(index, key, value.clone(), &step.session)?;
                holds(is_held, format!("failed to lock key \"{key}\", lock is already held"))?;
            }
            "unlock" => {
                let is_released = self.release(index, key, value.clone(), &step.session);
                let what =
                    format!("failed to unlock key \"{key}\", lock isn't held, or is held by another session");
                holds(is_released, what)?;
            }
            "delete" => {
                self.remove(index, key);
                return Ok(Vec::new());
            }
            "delete-tree" => {
                self.remove_tree(index, key);
                return Ok(Vec::new());
            }
            "delete-cas" => {
                let is_at = !self.keys.contains_key(key) || self.is_at(key, step.index);
                holds(is_at, format!("failed to delete key \"{key}\", index is stale"))?;
                self.remove(index, key);
                return Ok(Vec::new());
            }
            "get" => {
                return Ok(vec![
                    self.there(key, |key| format!("key \"{key}\" doesn't exist"))?.json(key, true),
                ]);
            }
            "get-or-empty" => {
                return Ok(vec![self.keys.get(key).cloned().unwrap_or_default().json(key, true)]);
            }
            "get-tree" => return Ok(self.below(key).map(|(key, entry)| entry.json(key, true)).collect()),
            "check-not-exists" => {
                holds(!self.keys.contains_key(key), format!("key \"{key}\" exists"))?;
                return Ok(Vec::new());
            }
            "check-index" => {
                let entry =
                    self.there(key, |key| format!("failed to check index, key \"{key}\" doesn't exist"))?;
                let (found, wanted) = (entry.modify_index, step.index);
                let what =
                    format!("failed index check for key \"{key}\", current modify index {found} != {wanted}");
                holds(found == wanted, what)?;
            }
            "check-session" => {
                let entry =
                    self.there(key, |key| format!("failed to check session, key \"{key}\" doesn't exist"))?;
                let (found, wanted) = (entry.session.clone().unwrap_or_default(), &step.session);
                let what = format!(
                    "failed session check for key \"{key}\", current session \"{found}\" != \"{wanted}\""
                );
                holds(&found == wanted, what)?;
            }
            other => return Err(format!("unknown KV verb \"{other}\"")),
        }
        Ok(self.keys.get(key).map(|entry| entry.json(key, false)).into_iter().collect())
    }

    fn there(&self, key: &str, what: impl FnOnce(&str) -> String) -> Result<super::kv::Entry, String> {
        self.keys.get(key).cloned().ok_or_else(|| what(key))
    }
}
