//! The parts of Consul's API that have no state of their own here, each against a real Consul.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use nova_hashistack::consul::{
    Check, CheckStatus, Consistency, PreparedQuery, QueriedService, ServiceRegistration, SessionBehavior,
    SessionConfig, TxnOperation, TxnOutcome,
};
use nova_hashistack::transport::TokenSource;
use nova_hashistack::{ConsulClient, ConsulConfig};
use nova_test_support::server::{Consul, ConsulLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use secrecy::SecretString;
use serde_json::json;

fn client(consul: &Consul, token: Option<&str>) -> anyhow::Result<ConsulClient> {
    let mut config = ConsulConfig::new(format!("http://{}", consul.address()).parse()?);
    config.token = token.map_or(TokenSource::None, |token| TokenSource::Fixed(SecretString::from(token)));
    Ok(ConsulClient::new(config)?)
}

async fn started() -> anyhow::Result<(Consul, ConsulClient)> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul, None)?;
    Ok((consul, client))
}

#[tokio::test]
async fn keys_of_any_name_keep_their_values_and_neighbours_are_left_alone() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    let kv = client.kv();
    for key in ["nova/a b?c#d%2f+e&f", "nova/größe", "nova/ab", "nova/a", "nova/folder/"] {
        kv.put(key, format!("value of {key}")).await?;
        let read = kv.get(key, Consistency::Consistent).await?.value.context("it was written")?;
        assert_eq!((read.key.as_str(), &read.value[..]), (key, format!("value of {key}").as_bytes()));
    }
    kv.delete("nova/a").await?;
    let left = kv.keys("nova/", Consistency::Consistent).await?.value;
    assert_eq!(left, ["nova/a b?c#d%2f+e&f", "nova/ab", "nova/folder/", "nova/größe"]);

    let absent = kv.get("nova/a", Consistency::Consistent).await?;
    ensure!(absent.value.is_none() && absent.index > 0, "an absent key has an index: {absent:?}");
    assert!(kv.put_cas("nova/a", "created", 0).await?);
    assert!(!kv.put_cas("nova/a", "created again", 0).await?);
    let index = kv.get("nova/a", Consistency::Consistent).await?.value.context("it is there")?.modify_index;
    assert!(!kv.delete_cas("nova/a", index + 1).await?);
    assert!(kv.delete_cas("nova/a", index).await?);
    kv.delete_tree("nova/").await?;
    assert_eq!(
        kv.list("", Consistency::Consistent).await.map(|all| all.value).ok(),
        None,
        "an empty prefix is no path"
    );
    assert_eq!(kv.list("nova", Consistency::Consistent).await?.value, []);
    Ok(())
}

#[tokio::test]
async fn a_value_of_512_kib_is_kept_and_one_byte_more_is_refused_with_what_to_do() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    client.kv().put("nova/large", vec![b'x'; 512 << 10]).await?;
    let read = client.kv().get("nova/large", Consistency::Default).await?.value.context("it is there")?;
    assert_eq!(read.value.len(), 512 << 10);
    let error = client.kv().put("nova/large", vec![b'x'; (512 << 10) + 1]).await.unwrap_err();
    assert!(error.is_too_large() && error.to_string().contains("512 KiB"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_transaction_is_carried_out_whole_or_not_at_all() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    let cas =
        |key: &str, modify_index| TxnOperation::Cas { key: key.to_owned(), value: "x".into(), modify_index };
    let TxnOutcome::Committed { entries } = client.txn(vec![cas("nova/a", 0), cas("nova/b", 0)]).await?
    else {
        anyhow::bail!("nothing is in its way")
    };
    let indexes: Vec<_> = entries.iter().map(|entry| entry.modify_index).collect();
    ensure!(indexes.len() == 2 && indexes[0] == indexes[1], "one index for all: {indexes:?}");

    let TxnOutcome::Conflict(conflicts) =
        client.txn(vec![cas("nova/c", 0), cas("nova/a", 0), cas("nova/b", indexes[0])]).await?
    else {
        anyhow::bail!("nova/a is there already")
    };
    assert_eq!(conflicts.iter().map(|conflict| conflict.operation).collect::<Vec<_>>(), [1], "{conflicts:?}");
    assert!(client.kv().get("nova/c", Consistency::Consistent).await?.value.is_none());
    Ok(())
}

#[tokio::test]
async fn a_transaction_that_consul_does_not_take_says_why() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let operator = client(&consul, consul.api().token())?;
    let set =
        |key: &str, size: usize| TxnOperation::Set { key: key.to_owned(), value: vec![b'x'; size].into() };
    let error = operator.txn(vec![set("nova/a", 300 << 10), set("nova/b", 300 << 10)]).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");

    let rules = r#"key_prefix "nova/" { policy = "read" }"#;
    let reader = client(&consul, Some(&consul.token_for("reader", rules).await?))?;
    let checked = TxnOperation::CheckNotExists { key: "nova/a".to_owned() };
    for operations in [vec![set("nova/a", 1)], vec![checked, set("nova/a", 1)]] {
        let error = reader.txn(operations).await.unwrap_err();
        assert!(error.is_permission_denied(), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_is_registered_healthy_in_maintenance_and_gone() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    let check =
        Check::ttl(Duration::from_secs(600)).named("alive", "it lives").with_status(CheckStatus::Passing);
    let service = ServiceRegistration {
        id: "one".to_owned(),
        name: "nova-proxy".to_owned(),
        address: "10.0.0.5".to_owned(),
        port: 8080,
        tags: vec!["primary".to_owned()],
        meta: BTreeMap::from([("version".to_owned(), "1.2.0".to_owned())]),
        checks: vec![check],
    };
    let agent = client.agent_service();
    agent.register(&service).await?;
    let mine = agent.get("one").await?.context("it is registered")?;
    assert_eq!((mine.name.as_str(), mine.port, mine.meta["version"].as_str()), ("nova-proxy", 8080, "1.2.0"));
    assert_eq!(agent.list().await?, [mine]);

    let found = async |status: CheckStatus, filter: &'static str| {
        wait_for("the catalog", DEADLINE, async || {
            let all = client.health().service("nova-proxy", false, filter, Consistency::Default).await?.value;
            let is_so = all.len() == 1 && all[0].status == status;
            Ok(if is_so { Look::Ready(()) } else { Look::NotYet(all) })
        })
        .await
    };
    found(CheckStatus::Passing, r#"Service.Meta.version == "1.2.0""#).await?;
    let other = r#"Service.Meta.version == "1.3.0""#;
    assert_eq!(client.health().service("nova-proxy", false, other, Consistency::Default).await?.value, []);
    let listed = client.catalog().service("nova-proxy", Consistency::Default).await?.value;
    assert_eq!((listed[0].id.as_str(), listed[0].address.as_str()), ("one", "10.0.0.5"));

    agent.maintenance("one", true, "drains").await?;
    found(CheckStatus::Critical, "").await?;
    assert_eq!(client.health().service("nova-proxy", true, "", Consistency::Default).await?.value, []);
    // To register anew ends a maintenance: all checks are replaced.
    agent.register(&service).await?;
    found(CheckStatus::Passing, "").await?;

    agent.deregister("one").await?;
    assert_eq!(agent.get("one").await?, None);
    assert!(agent.deregister("one").await.unwrap_err().is_not_found());
    assert!(agent.agent().await?["Config"]["NodeName"].is_string());
    Ok(())
}

fn session() -> SessionConfig {
    SessionConfig {
        name: "leader".to_owned(),
        ttl: Duration::from_secs(30),
        lock_delay: Duration::from_secs(60),
        behavior: SessionBehavior::Release,
    }
}

#[tokio::test]
async fn a_lock_has_one_holder_and_is_handed_over_at_once_when_it_is_released() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    let margin = Duration::from_secs(5);
    let mut first =
        client.locks().acquire("nova/leader", "first", &session(), margin).await?.context("it is free")?;
    assert!(client.locks().acquire("nova/leader", "second", &session(), margin).await?.is_none());
    client.locks().renew(&mut first).await?;
    let fenced = |fence: TxnOperation| {
        vec![fence, TxnOperation::Set { key: "nova/state".to_owned(), value: "x".into() }]
    };
    assert!(matches!(client.txn(fenced(first.fence())).await?, TxnOutcome::Committed { .. }));

    let deposed = first.clone();
    client.locks().release(first, "nobody").await?;
    // Without the release the lock delay of a minute would be in the way.
    let second =
        client.locks().acquire("nova/leader", "second", &session(), margin).await?.context("it is free")?;
    assert_eq!(second.epoch(), deposed.epoch() + 1);
    assert!(
        matches!(client.txn(fenced(deposed.fence())).await?, TxnOutcome::Conflict(_)),
        "a deposed leader writes nothing"
    );
    assert!(matches!(client.txn(fenced(second.fence())).await?, TxnOutcome::Committed { .. }));
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_gone_cannot_be_renewed_and_took_the_lock_with_it() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    let mut held = client
        .locks()
        .acquire("nova/leader", "first", &session(), Duration::from_secs(5))
        .await?
        .context("it is free")?;
    let known = client.sessions().info(held.session()).await?.context("it is there")?;
    assert_eq!((known.id.as_str(), known.name.as_str()), (held.session(), "leader"));
    client.sessions().destroy(held.session()).await?;
    assert_eq!(client.locks().renew(&mut held).await?, nova_hashistack::consul::Renewal::Lost);
    assert_eq!(client.sessions().info(held.session()).await?, None);
    let entry =
        client.kv().get("nova/leader", Consistency::Consistent).await?.value.context("the key stays")?;
    assert_eq!(entry.session, None);
    // Its holder may not know yet: nobody else is let in during the lock delay.
    assert!(client.locks().acquire("nova/leader", "x", &session(), Duration::from_secs(5)).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn configuration_entries_are_written_by_who_read_them_last() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    let entries = client.config_entries();
    let defaults = json!({ "Kind": "service-defaults", "Name": "nova-proxy", "Protocol": "http" });
    assert!(entries.put_cas(&defaults, 0).await?);
    // What is there already may be written as it is, whatever the index.
    let others = json!({ "Kind": "service-defaults", "Name": "nova-proxy", "Protocol": "grpc" });
    assert!(!entries.put_cas(&others, 0).await?);
    let read = entries
        .get("service-defaults", "nova-proxy", Consistency::Default)
        .await?
        .value
        .context("it is there")?;
    assert_eq!(read.body["Protocol"], "http");
    let splitter = json!({ "Kind": "service-splitter", "Name": "nova-proxy", "Splits": [{ "Weight": 90 }] });
    let error = entries.put_cas(&splitter, 0).await.unwrap_err();
    assert!(error.to_string().contains("100"), "weights have to add up: {error}");
    assert!(!entries.delete_cas("service-defaults", "nova-proxy", read.modify_index + 1).await?);
    assert!(entries.delete_cas("service-defaults", "nova-proxy", read.modify_index).await?);
    assert_eq!(entries.get("service-defaults", "nova-proxy", Consistency::Default).await?.value, None);
    Ok(())
}

#[tokio::test]
async fn a_prepared_query_finds_what_passes() -> anyhow::Result<()> {
    let (_consul, client) = started().await?;
    for (id, status) in [("well", CheckStatus::Passing), ("ill", CheckStatus::Critical)] {
        let service = ServiceRegistration {
            id: id.to_owned(),
            name: "nova-proxy".to_owned(),
            port: 8080,
            checks: vec![Check::ttl(Duration::from_secs(600)).with_status(status)],
            ..ServiceRegistration::default()
        };
        client.agent_service().register(&service).await?;
    }
    let service =
        QueriedService { service: "nova-proxy".to_owned(), only_passing: true, ..QueriedService::default() };
    let mut query = PreparedQuery { name: "nova".to_owned(), service };
    let id = client.queries().create(&query).await?;
    wait_for("the query to find what passes", DEADLINE, async || {
        let found = client.queries().execute("nova").await?;
        let is_so = found.instances.len() == 1 && found.instances[0].id == "well" && found.failovers == 0;
        Ok(if is_so { Look::Ready(()) } else { Look::NotYet(found) })
    })
    .await?;
    query.service.tags = vec!["absent".to_owned()];
    client.queries().update(&id, &query).await?;
    assert_eq!(client.queries().execute("nova").await?.instances, []);
    client.queries().delete(&id).await?;
    assert!(client.queries().execute("nova").await.unwrap_err().is_not_found());
    Ok(())
}

#[tokio::test]
async fn a_snapshot_is_kept_when_it_is_whole_and_one_without_the_right_is_refused() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let operator = client(&consul, consul.api().token())?;
    for number in 0..64 {
        operator.kv().put(&format!("nova/{number}"), vec![b'x'; 10_000]).await?;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("consul.snap");
    let summary = operator.snapshots().save(&path, Consistency::Default).await?;
    ensure!(summary.state_bytes > 640_000, "{summary:?}");
    assert_eq!(nova_hashistack::consul::snapshot::verify(&path)?, summary);
    let by_its_own = consul.script("consul snapshot inspect \"$FILE\"")?.env("FILE", &path).finish().await?;
    assert_eq!(by_its_own.code, Some(0), "{by_its_own:?}");

    let rules = r#"key_prefix "nova/" { policy = "write" }"#;
    let other = client(&consul, Some(&consul.token_for("other", rules).await?))?;
    let refused = other.snapshots().save(&path, Consistency::Default).await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");
    assert_eq!(nova_hashistack::consul::snapshot::verify(&path)?, summary, "the last one stays");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 1, "nothing else is left");
    Ok(())
}
