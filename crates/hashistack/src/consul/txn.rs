//! Transactions.
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::entry::{KvEntry, encoded};
use crate::transport::{Call, HashistackError, Transport};

/// The most operations.
pub const MAX_OPERATIONS: usize = 128;
/// The most bytes.
pub const MAX_BODY: usize = 512 << 10;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "scratch")]
pub enum TxnOperation {
    /// w
    Cas { key: String, value: Bytes, modify_index: u64 },
    /// c
    CheckIndex { key: String, modify_index: u64 },
    /// d
    DeleteCas { key: String, modify_index: u64 },
    /// d
    Delete { key: String },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "scratch")]
pub enum TxnOutcome {
    /// y
    Committed { entries: Vec<KvEntry>, index: u64 },
    /// n
    Conflict(Vec<Conflict>),
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "scratch")]
pub struct Conflict {
    pub operation: usize,
    pub what: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    #[serde(default)]
    results: Option<Vec<ResultOf>>,
    #[serde(default)]
    errors: Option<Vec<ErrorOf>>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultOf {
    #[serde(rename = "KV", default)]
    kv: Option<KvEntry>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorOf {
    op_index: usize,
    what: String,
}

pub(super) async fn run(
    transport: &Transport,
    operations: &[TxnOperation],
) -> Result<TxnOutcome, HashistackError> {
    let body: Vec<Value> = operations
        .iter()
        .map(|operation| {
            let kv = match operation {
                TxnOperation::Cas { key, value, modify_index } => {
                    json!({"Verb": "cas", "Key": key, "Value": encoded(value), "Index": modify_index})
                }
                TxnOperation::CheckIndex { key, modify_index } => {
                    json!({"Verb": "check-index", "Key": key, "Index": modify_index})
                }
                TxnOperation::DeleteCas { key, modify_index } => {
                    json!({"Verb": "delete-cas", "Key": key, "Index": modify_index})
                }
                TxnOperation::Delete { key } => json!({"Verb": "delete", "Key": key}),
            };
            json!({"KV": kv})
        })
        .collect();
    let call = Call::put("/v1/txn").json(&body)?.accepting(&[409]);
    if serde_json::to_vec(&body).map(|b| b.len()).unwrap_or(0) > MAX_BODY {
        return Err(HashistackError::Invalid { what: "too large".to_owned() });
    }
    let answer = transport.send(&call).await?;
    let reply: Reply = answer.json()?;
    if answer.head.status == 409 {
        return Ok(TxnOutcome::Conflict(
            reply
                .errors
                .unwrap_or_default()
                .into_iter()
                .map(|e| Conflict { operation: e.op_index, what: e.what })
                .collect(),
        ));
    }
    Ok(TxnOutcome::Committed {
        entries: reply.results.unwrap_or_default().into_iter().filter_map(|r| r.kv).collect(),
        index: answer.head.index.unwrap_or_default(),
    })
}
