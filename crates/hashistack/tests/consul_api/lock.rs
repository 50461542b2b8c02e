//! Sessions and locks: one holder at a time, a quick hand-over, and a fence against those whose time has passed.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{
    Consistency, HeldLock, Renewal, SessionBehavior, SessionConfig, TxnOperation, TxnOutcome,
};
use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use tokio::time::Instant;

use super::client;

const KEY: &str = "nova/leader";
const MARGIN: Duration = Duration::from_secs(5);

/// A session whose end keeps its keys for a time that no test would wait for.
fn session() -> SessionConfig {
    SessionConfig {
        name: "nova-agent".to_owned(),
        ttl: Duration::from_secs(30),
        lock_delay: Duration::from_secs(60),
        behavior: SessionBehavior::Release,
    }
}

async fn acquired(client: &ConsulClient, session: &SessionConfig) -> anyhow::Result<Option<HeldLock>> {
    Ok(client.locks().acquire(KEY, "a holder", session, MARGIN).await?)
}

async fn held(client: &ConsulClient) -> anyhow::Result<HeldLock> {
    acquired(client, &session()).await?.context("somebody else holds it")
}

/// A write that only the holder of the lock may make.
async fn is_written(client: &ConsulClient, lock: &HeldLock) -> anyhow::Result<bool> {
    let value = Bytes::from(lock.epoch().to_string());
    let write = TxnOperation::Set { key: "nova/state".to_owned(), value };
    Ok(matches!(client.txn(vec![lock.fence(), write]).await?, TxnOutcome::Committed { .. }))
}

#[tokio::test]
async fn a_session_hangs_on_its_renewals_alone_and_is_gone_when_it_was_ended() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let sessions = client.sessions();
    let id = sessions.create(&session()).await?;
    let known = sessions.info(&id).await?.context("it was made")?;
    assert_eq!((known.id.as_str(), known.name.as_str()), (id.as_str(), "nova-agent"));
    assert!(sessions.renew(&id).await?);
    let raw = consul.api().get(&format!("/v1/session/info/{id}")).await?;
    assert_eq!((&raw[0]["TTL"], &raw[0]["Behavior"]), (&"30000ms".into(), &"release".into()), "{raw}");
    assert_eq!(raw[0]["LockDelay"], 60_000_000_000_u64, "{raw}");
    assert!(raw[0]["NodeChecks"].as_array().is_none_or(Vec::is_empty), "{raw}");
    sessions.destroy(&id).await?;
    sessions.destroy(&id).await?;
    assert!(!sessions.renew(&id).await?);
    assert_eq!(sessions.info(&id).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_time_to_live_that_the_servers_do_not_take_is_refused() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let short = SessionConfig { ttl: Duration::from_secs(1), ..session() };
    let error = client(&consul)?.sessions().create(&short).await.expect_err("too short");
    assert!(error.to_string().contains("TTL"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_lock_is_handed_over_at_once_and_the_last_holder_is_fenced_off() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let mut first = held(&client).await?;
    assert!(acquired(&client, &session()).await?.is_none(), "two hold it");
    assert_eq!(
        consul.api().get("/v1/session/list").await?.as_array().map(Vec::len),
        Some(1),
        "one was left over"
    );
    assert_eq!(client.locks().renew(&mut first).await?, Renewal::Held);
    assert!(first.lease().may_act(Instant::now()));
    assert!(is_written(&client, &first).await?);

    let deposed = first.clone();
    client.locks().release(first, "nobody").await?;
    let second = held(&client).await?;
    assert_eq!(second.epoch(), deposed.epoch() + 1);
    assert!(!is_written(&client, &deposed).await?, "the last holder still writes");
    assert!(is_written(&client, &second).await?);
    let state = client.kv().get("nova/state", Consistency::Consistent).await?.value.context("a state")?;
    assert_eq!(state.value, second.epoch().to_string());
    assert!(!client.kv().release(KEY, "nobody", deposed.session()).await?, "it was not its to release");
    Ok(())
}

#[tokio::test]
async fn the_end_of_a_session_stops_its_holder_and_delays_the_next_one() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let delayed = SessionConfig { lock_delay: Duration::from_secs(2), ..session() };
    let mut first = acquired(&client, &delayed).await?.context("it is free")?;
    client.sessions().destroy(first.session()).await?;
    assert!(acquired(&client, &delayed).await?.is_none(), "the delay has not passed");
    assert!(!is_written(&client, &first).await?);
    assert!(first.lease().may_act(Instant::now()), "it cannot know yet");
    assert_eq!(client.locks().renew(&mut first).await?, Renewal::Lost);
    assert!(!first.lease().may_act(Instant::now()));
    let second = wait_for("the delay to pass", DEADLINE, async || {
        Ok(acquired(&client, &delayed).await?.map_or(Look::NotYet("refused"), Look::Ready))
    });
    assert!(second.await?.epoch() > first.epoch());
    let error = client.kv().acquire("nova/other", "x", first.session()).await.expect_err("it has ended");
    assert!(error.to_string().contains("invalid session"), "{error}");
    Ok(())
}

#[tokio::test]
async fn the_key_of_a_session_that_deletes_is_gone_with_it() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = client(&consul)?;
    let deleting = SessionConfig { behavior: SessionBehavior::Delete, ..session() };
    let lock = acquired(&client, &deleting).await?.context("it is free")?;
    client.sessions().destroy(lock.session()).await?;
    assert!(client.kv().get(KEY, Consistency::Consistent).await?.value.is_none());
    Ok(())
}
