//! Transactions: all of several operations on the key-value store, or none of them.
//!
//! Keys that one transaction writes have one `ModifyIndex`, and a recursive read shows them together. There is no waiting for a
//! transaction, and one that changes nothing is not distributed to the servers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::entry::{KvEntry, encoded};
use super::kv;
use crate::transport::{Call, HashistackError, Refusal, Transport};

/// The most operations of a transaction; reads count (Consul's `maxTxnOps`, which is no setting).
pub const MAX_OPERATIONS: usize = 128;

/// How Consul's text begins when a token lacks a policy.
const PERMISSION_DENIED: &str = "Permission denied";

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxnOperation {
    /// Writes a value, whatever is there.
    Set {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
    },
    /// Writes a value if the key's `modify_index` is still this one; zero means that it must be absent.
    Cas {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
        /// The index to compare.
        modify_index: u64,
    },
    /// Holds if the key's `modify_index` is this one.
    CheckIndex {
        /// The key.
        key: String,
        /// The index to compare.
        modify_index: u64,
    },
    /// Holds if the key is absent.
    CheckNotExists {
        /// The key.
        key: String,
    },
    /// Holds if the session has locked the key: the fence before what a leader writes.
    CheckSession {
        /// The key.
        key: String,
        /// The session.
        session: String,
    },
    /// Reads a key. An absent one lets the transaction fail.
    Get {
        /// The key.
        key: String,
    },
    /// Reads every key that begins with the prefix.
    GetTree {
        /// The prefix.
        prefix: String,
    },
    /// Locks the key for the session and writes a value.
    Lock {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
        /// The session.
        session: String,
    },
    /// Gives the key's lock back and writes a value.
    Unlock {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
        /// The session.
        session: String,
    },
    /// Removes a key, whatever is there. To remove an absent one is no error.
    Delete {
        /// The key.
        key: String,
    },
    /// Removes a key if its `modify_index` is still this one. One that is gone already is no conflict.
    DeleteCas {
        /// The key.
        key: String,
        /// The index to compare.
        modify_index: u64,
    },
    /// Removes every key below a folder, whose name ends with a slash.
    DeleteTree {
        /// The folder.
        folder: String,
    },
}

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TxnOutcome {
    /// All of it was carried out.
    Committed {
        /// The entries that were written or read, in the order of the operations; written ones without their values.
        entries: Vec<KvEntry>,
    },
    /// Nothing of it was carried out, for what these say.
    Conflict(Vec<Conflict>),
}

/// An operation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Conflict {
    /// Its place among the operations, from zero.
    #[serde(rename = "OpIndex")]
    pub operation: usize,
    /// What Consul says of it.
    pub what: String,
}

/// An operation as the API has it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'o> {
    verb: &'static str,
    key: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'o str>,
}

#[derive(Debug, Serialize)]
struct Step<'o> {
    #[serde(rename = "KV")]
    kv: Written<'o>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    #[serde(default)]
    results: Option<Vec<StepResult>>,
    #[serde(default)]
    errors: Option<Vec<Conflict>>,
}

#[derive(Debug, Deserialize)]
struct StepResult {
    #[serde(rename = "KV", default)]
    kv: Option<KvEntry>,
}

impl TxnOperation {
    fn step(&self) -> Result<Step<'_>, HashistackError> {
        let kv = self.written()?;
        // What no path can name could be written here, and never be read or removed by its name.
        kv::read(kv.key)?;
        Ok(Step { kv })
    }

    fn written(&self) -> Result<Written<'_>, HashistackError> {
        let verb = |verb, key| Written { verb, key, ..Written::default() };
        let valued = |name, key, value: &Bytes| Written { value: Some(encoded(value)), ..verb(name, key) };
        Ok(match self {
            Self::Set { key, value } => valued("set", key, value),
            Self::Cas { key, value, modify_index } => {
                Written { index: Some(*modify_index), ..valued("cas", key, value) }
            }
            Self::CheckIndex { key, modify_index } => {
                Written { index: Some(*modify_index), ..verb("check-index", key) }
            }
            Self::CheckNotExists { key } => verb("check-not-exists", key),
            Self::CheckSession { key, session } => {
                Written { session: Some(session), ..verb("check-session", key) }
            }
            Self::Get { key } => verb("get", key),
            Self::GetTree { prefix } => verb("get-tree", prefix),
            Self::Lock { key, value, session } => {
                Written { session: Some(session), ..valued("lock", key, value) }
            }
            Self::Unlock { key, value, session } => {
                Written { session: Some(session), ..valued("unlock", key, value) }
            }
            Self::Delete { key } => verb("delete", key),
            Self::DeleteCas { key, modify_index } => {
                Written { index: Some(*modify_index), ..verb("delete-cas", key) }
            }
            Self::DeleteTree { folder } if folder.ends_with('/') => verb("delete-tree", folder),
            Self::DeleteTree { folder } => {
                let what =
                    format!("{folder:?} is no folder: end it with a slash to remove all that is below it");
                return Err(HashistackError::Invalid { what });
            }
        })
    }
}

/// Carries out all operations, or none of them. It is never sent twice: the second time its conditions may not hold because
/// they held the first time.
///
/// # Errors
/// [`HashistackError::Invalid`] for more than [`MAX_OPERATIONS`], for what is no folder, and for a key that no path can
/// name, and nothing is sent; when there is no
/// answer, and then it may have been carried out; a refusal, which is one of 413 for more than `txn_max_req_len` (512 KiB of JSON,
/// about 384 KiB of values, where the server says nothing else), and of 403 where the token may not.
pub(super) async fn run(
    transport: &Transport,
    operations: &[TxnOperation],
) -> Result<TxnOutcome, HashistackError> {
    let call = Call::put("/v1/txn").json(&steps(operations)?)?.accepting(&[409]);
    let answer = transport.send(&call).await?;
    let Reply { results, errors } = answer.json()?;
    if answer.head.status != 409 {
        let entries = results.unwrap_or_default().into_iter().filter_map(|result| result.kv).collect();
        return Ok(TxnOutcome::Committed { entries });
    }
    let conflicts = errors.unwrap_or_default();
    // A missing policy is answered like a conflict, or as a refusal: which of both depends on the operation.
    match conflicts.iter().find(|conflict| conflict.what.contains(PERMISSION_DENIED)) {
        Some(denied) => {
            let text = denied.what.clone();
            let refusal =
                Refusal { call: answer.call().clone(), status: 403, text, index: answer.head.index };
            Err(refusal.into())
        }
        None => Ok(TxnOutcome::Conflict(conflicts)),
    }
}

fn steps(operations: &[TxnOperation]) -> Result<Vec<Step<'_>>, HashistackError> {
    let count = operations.len();
    if count > MAX_OPERATIONS {
        let what = format!(
            "a transaction has {MAX_OPERATIONS} operations at most, and this one {count}: split it; nothing was sent"
        );
        return Err(HashistackError::Invalid { what });
    }
    operations.iter().map(TxnOperation::step).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn operations_are_written_as_consul_reads_them() {
        let value = Bytes::from_static(b"hi");
        let operations = [
            TxnOperation::Cas { key: text("a"), value: value.clone(), modify_index: 0 },
            TxnOperation::CheckSession { key: text("leader"), session: text("s") },
            TxnOperation::Lock { key: text("leader"), value, session: text("s") },
            TxnOperation::DeleteCas { key: text("b"), modify_index: 7 },
            TxnOperation::DeleteTree { folder: text("c/") },
            TxnOperation::GetTree { prefix: text("d") },
        ];
        let body: Value = serde_json::to_value(steps(&operations).unwrap()).unwrap();
        assert_eq!(
            body,
            json!([
                {"KV": {"Verb": "cas", "Key": "a", "Value": "aGk=", "Index": 0}},
                {"KV": {"Verb": "check-session", "Key": "leader", "Session": "s"}},
                {"KV": {"Verb": "lock", "Key": "leader", "Value": "aGk=", "Session": "s"}},
                {"KV": {"Verb": "delete-cas", "Key": "b", "Index": 7}},
                {"KV": {"Verb": "delete-tree", "Key": "c/"}},
                {"KV": {"Verb": "get-tree", "Key": "d"}},
            ])
        );
    }

    #[test]
    fn what_no_transaction_holds_is_refused_before_it_is_sent() {
        let many = vec![TxnOperation::Get { key: text("a") }; MAX_OPERATIONS + 1];
        let error = steps(&many).unwrap_err().to_string();
        assert!(error.contains("128") && error.contains("129") && error.contains("split it"), "{error}");
        let error = steps(&[TxnOperation::DeleteTree { folder: text("a") }]).unwrap_err().to_string();
        assert!(error.contains("end it with a slash"), "{error}");
        for key in ["", "/nova", "nova//a", "nova/../a"] {
            let error = steps(&[TxnOperation::Delete { key: text(key) }]).unwrap_err().to_string();
            assert!(error.contains("give it a name"), "{error}");
        }
    }
}
