//! Transactions: all or nothing, and which of the two.

use anyhow::{Context, bail};
use bytes::Bytes;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::txn::MAX_OPERATIONS;
use nova_hashistack::consul::{Conflict, Consistency, KvEntry, TxnOperation, TxnOutcome};
use nova_test_support::server::ConsulLaunch;
use serde_json::json;

use super::{client, client_with};

fn set(key: &str, value: &'static str) -> TxnOperation {
    TxnOperation::Set { key: key.to_owned(), value: Bytes::from_static(value.as_bytes()) }
}

async fn committed(client: &ConsulClient, operations: Vec<TxnOperation>) -> anyhow::Result<Vec<KvEntry>> {
    match client.txn(operations).await? {
        TxnOutcome::Committed { entries } => Ok(entries),
        TxnOutcome::Conflict(conflicts) => bail!("{conflicts:?}"),
    }
}

async fn conflicts(client: &ConsulClient, operations: Vec<TxnOperation>) -> anyhow::Result<Vec<Conflict>> {
    match client.txn(operations).await? {
        TxnOutcome::Conflict(conflicts) => Ok(conflicts),
        TxnOutcome::Committed { entries } => bail!("committed {entries:?}"),
    }
}

async fn keys(client: &ConsulClient) -> anyhow::Result<Vec<String>> {
    Ok(client.kv().keys("nova/", Consistency::Consistent).await?.value)
}

#[tokio::test]
async fn all_that_a_transaction_writes_has_one_index() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let cas = TxnOperation::Cas { key: "nova/c".to_owned(), value: Bytes::new(), modify_index: 0 };
    let entries = committed(&client, vec![set("nova/a", "1"), set("nova/b", "2"), cas]).await?;
    let index = entries[0].modify_index;
    assert_eq!(entries.iter().map(|entry| entry.modify_index).collect::<Vec<_>>(), [index; 3]);
    let listed = client.kv().list("nova/", Consistency::Consistent).await?;
    assert_eq!(listed.index, index);
    let values: Vec<_> = listed.value.iter().map(|entry| &entry.value[..]).collect();
    assert_eq!(values, [&b"1"[..], b"2", b""]);
    Ok(())
}

#[tokio::test]
async fn reads_within_a_transaction_see_what_came_before_them() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let operations = vec![
        TxnOperation::CheckNotExists { key: "nova/a".to_owned() },
        set("nova/a", "1"),
        TxnOperation::Get { key: "nova/a".to_owned() },
        set("nova/b", "2"),
        TxnOperation::GetTree { prefix: "nova/".to_owned() },
        TxnOperation::Delete { key: "nova/b".to_owned() },
        TxnOperation::DeleteTree { folder: "nova/none/".to_owned() },
    ];
    let entries = committed(&client, operations).await?;
    let told: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), &entry.value[..])).collect();
    let wanted: [(&str, &[u8]); 5] =
        [("nova/a", b""), ("nova/a", b"1"), ("nova/b", b""), ("nova/a", b"1"), ("nova/b", b"2")];
    assert_eq!(told, wanted);
    assert_eq!(keys(&client).await?, ["nova/a"]);
    Ok(())
}

#[tokio::test]
async fn a_condition_that_does_not_hold_undoes_the_whole_and_is_named() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let entries = committed(&client, vec![set("nova/a", "1")]).await?;
    let (key, index) = (entries[0].key.clone(), entries[0].modify_index);
    let stale = index + 1;
    let cases = [
        TxnOperation::Cas { key: key.clone(), value: Bytes::new(), modify_index: 0 },
        TxnOperation::Cas { key: key.clone(), value: Bytes::new(), modify_index: stale },
        TxnOperation::CheckIndex { key: key.clone(), modify_index: stale },
        TxnOperation::CheckNotExists { key: key.clone() },
        TxnOperation::CheckSession {
            key: key.clone(),
            session: "e8f0c1ad-0000-4000-8000-000000000000".to_owned(),
        },
        TxnOperation::DeleteCas { key: key.clone(), modify_index: stale },
        TxnOperation::Get { key: "nova/none".to_owned() },
    ];
    for case in cases {
        let conflicts = conflicts(&client, vec![set("nova/b", "2"), case.clone()]).await?;
        assert_eq!(conflicts.iter().map(|conflict| conflict.operation).collect::<Vec<_>>(), [1], "{case:?}");
        assert!(!conflicts[0].what.is_empty());
        assert_eq!(keys(&client).await?, ["nova/a"], "{case:?}");
    }
    let entry = client.kv().get(&key, Consistency::Consistent).await?.value.context("it was written")?;
    assert_eq!((&entry.value[..], entry.modify_index), (&b"1"[..], index));
    committed(&client, vec![TxnOperation::CheckIndex { key, modify_index: index }, set("nova/b", "2")])
        .await?;
    Ok(())
}

#[tokio::test]
async fn to_remove_what_is_gone_already_is_no_conflict() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let operations = vec![
        TxnOperation::DeleteCas { key: "nova/none".to_owned(), modify_index: 7 },
        TxnOperation::Delete { key: "nova/none".to_owned() },
    ];
    assert!(matches!(client.txn(operations).await?, TxnOutcome::Committed { entries } if entries.is_empty()));
    Ok(())
}

#[tokio::test]
async fn consul_takes_as_many_operations_as_we_let_pass_and_512_kib_of_json() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let many = (0..MAX_OPERATIONS)
        .map(|number| TxnOperation::Set { key: format!("nova/{number}"), value: Bytes::new() });
    committed(&client, many.collect()).await?;
    assert_eq!(keys(&client).await?.len(), MAX_OPERATIONS);
    // What we refuse before it is sent would have been refused there.
    let read = json!({ "KV": { "Verb": "get", "Key": "nova/0" } });
    let too_many = json!(vec![read; MAX_OPERATIONS + 1]).to_string();
    let reply = consul.api().send(http::Method::PUT, "/v1/txn", &too_many).await?;
    assert_eq!(reply.status, 413, "{}", reply.text());

    let large = |length| TxnOperation::Set { key: "nova/large".to_owned(), value: vec![b'x'; length].into() };
    committed(&client, vec![large(392_000)]).await?;
    let error = client.txn(vec![large(393_500)]).await.expect_err("too large");
    assert!(error.is_too_large() && error.to_string().contains("512 KiB"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_lacks_a_policy_is_told_from_somebody_who_was_quicker() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let token = consul.token_for("writer", r#"key_prefix "nova/mine/" { policy = "write" }"#).await?;
    let writer = client_with(&consul, &token)?;
    committed(&writer, vec![set("nova/mine/a", "1")]).await?;
    let stale = TxnOperation::Cas { key: "nova/mine/a".to_owned(), value: Bytes::new(), modify_index: 0 };
    assert_eq!(conflicts(&writer, vec![stale]).await?.len(), 1);
    let error =
        writer.txn(vec![set("nova/mine/a", "2"), set("nova/yours", "2")]).await.expect_err("no policy");
    assert!(error.is_permission_denied(), "{error}");
    assert!(error.to_string().contains("key:write"), "{error}");
    let entry = client(&consul)?.kv().get("nova/mine/a", Consistency::Consistent).await?.value;
    assert_eq!(&entry.context("it was written")?.value[..], b"1");
    let stranger = client_with(&consul, "00000000-0000-4000-8000-000000000000")?;
    assert!(stranger.txn(vec![set("nova/a", "1")]).await.expect_err("unknown").is_acl_not_found());
    Ok(())
}
