//! The watch against a real Consul: changes, outages, lost data and tokens that end.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::Method;
use nova_hashistack::consul::{Consistency, WatchConfig, WatchCounters, WatchEvent, Watched};
use nova_hashistack::transport::TokenSource;
use nova_hashistack::{ConsulClient, ConsulConfig, HashistackError};
use nova_test_support::server::{Consul, ConsulLaunch};
use secrecy::SecretString;

/// How long anything may take on a machine that does something else meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

type Events = BoxStream<'static, WatchEvent>;

fn client(consul: &Consul, token: TokenSource) -> anyhow::Result<ConsulClient> {
    let mut config = ConsulConfig::new(format!("http://{}", consul.address()).parse()?);
    config.token = token;
    Ok(ConsulClient::new(config)?)
}

fn fixed(token: &str) -> TokenSource {
    TokenSource::Fixed(SecretString::from(token))
}

/// The client that may do everything.
fn operator(consul: &Consul) -> anyhow::Result<ConsulClient> {
    client(consul, consul.api().token().map_or(TokenSource::None, fixed))
}

fn prefix() -> WatchConfig {
    WatchConfig::new(Watched::Prefix("nova/prod/config".to_owned()))
}

async fn next(events: &mut Events) -> anyhow::Result<WatchEvent> {
    let event = tokio::time::timeout(PATIENCE, events.next()).await.context("no event comes")?;
    event.context("the watch has ended")
}

/// The keys and values of the next event, which has to be a change.
async fn changed(events: &mut Events) -> anyhow::Result<Vec<(String, String)>> {
    match next(events).await? {
        WatchEvent::Changed(answer) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Ok(answer.value.into_iter().map(|entry| (entry.key, text(&entry.value))).collect())
        }
        other => bail!("{other:?} is no change"),
    }
}

/// The next failure, and the index of the last content before it.
async fn failed(events: &mut Events) -> anyhow::Result<(HashistackError, Option<u64>)> {
    loop {
        match next(events).await? {
            WatchEvent::Failed { error, last_good_index, .. } => return Ok((error, last_good_index)),
            WatchEvent::Unchanged(_) => {}
            other @ WatchEvent::Changed(_) => bail!("{other:?} is no failure"),
        }
    }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn a_change_is_told_and_one_beside_the_prefix_wakes_nobody() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = operator(&consul)?;
    let counters = WatchCounters::default();
    let mut events = client.watch(WatchConfig { counters: counters.clone(), ..prefix() }).boxed();
    assert_eq!(changed(&mut events).await?, []);

    let kv = client.kv();
    for number in 0..20 {
        kv.put(&format!("nova/prod/history/{number}"), "beside").await?;
        kv.put(&format!("nova/production/config/{number}"), "beside").await?;
    }
    kv.put("nova/prod/config", "one").await?;
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "one")]);
    kv.put("nova/prod/config.d/limits", "two").await?;
    let both = [pair("nova/prod/config", "one"), pair("nova/prod/config.d/limits", "two")];
    assert_eq!(changed(&mut events).await?, both);
    kv.delete("nova/prod/config.d/limits").await?;
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "one")]);
    kv.put("nova/prod/config", "two").await?;
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "two")]);
    let counts = counters.counts();
    assert_eq!((counts.unchanged, counts.resets, counts.errors), (0, 0, 0), "{counts:?}");
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_absent_is_waited_for() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().start().await?;
    let client = operator(&consul)?;
    let what = Watched::Key("nova/prod/config".to_owned());
    let config = WatchConfig { consistency: Consistency::Default, ..WatchConfig::new(what) };
    let mut events = client.watch(config).boxed();
    assert_eq!(changed(&mut events).await?, []);
    client.kv().put("nova/prod/config.d/limits", "beside").await?;
    client.kv().put("nova/prod/config", "one").await?;
    let told = loop {
        match next(&mut events).await? {
            // Writes beside an absent key may wake its watch.
            WatchEvent::Unchanged(_) => {}
            WatchEvent::Changed(answer) => break answer.value,
            other @ WatchEvent::Failed { .. } => bail!("{other:?}"),
        }
    };
    assert_eq!(told.len(), 1);
    assert_eq!(&told[0].value[..], b"one");
    Ok(())
}

#[tokio::test]
async fn a_restart_is_a_failure_and_a_recovery_without_a_change() -> anyhow::Result<()> {
    let mut consul = ConsulLaunch::new().with_data().start().await?;
    let client = operator(&consul)?;
    client.kv().put("nova/prod/config", "one").await?;
    let mut events = client.watch(prefix()).boxed();
    assert_eq!(changed(&mut events).await?.len(), 1);
    consul.kill().await?;
    let (error, last_good) = failed(&mut events).await?;
    assert!(error.is_transient() && last_good.is_some(), "{error} {last_good:?}");
    consul.restart().await?;
    loop {
        match next(&mut events).await? {
            WatchEvent::Unchanged(_) => break,
            // A server that starts tells that it has no leader yet.
            WatchEvent::Failed { .. } => {}
            other @ WatchEvent::Changed(_) => bail!("{other:?} although nothing has changed"),
        }
    }
    client.kv().put("nova/prod/config", "two").await?;
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "two")]);
    Ok(())
}

#[tokio::test]
async fn lost_data_is_an_empty_state_that_the_leader_has_confirmed() -> anyhow::Result<()> {
    let mut consul = ConsulLaunch::new().with_data().start().await?;
    let client = operator(&consul)?;
    for number in 0..200 {
        client.kv().put("nova/prod/config", number.to_string()).await?;
    }
    let counters = WatchCounters::default();
    let mut events = client.watch(WatchConfig { counters: counters.clone(), ..prefix() }).boxed();
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "199")]);
    let told = async {
        loop {
            match next(&mut events).await? {
                WatchEvent::Changed(answer) => return anyhow::Ok(answer.value),
                WatchEvent::Unchanged(_) | WatchEvent::Failed { .. } => {}
            }
        }
    };
    // The call waits while it happens, as it does in a program.
    let (lost, told) = tokio::join!(consul.restart_without_data(), told);
    lost?;
    assert_eq!(told?, []);
    assert!(counters.counts().resets >= 1, "{:?}", counters.counts());
    client.kv().put("nova/prod/config", "new").await?;
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "new")]);
    Ok(())
}

#[tokio::test]
async fn a_restored_backup_is_told_although_its_index_is_smaller() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_data().start().await?;
    let client = operator(&consul)?;
    client.kv().put("nova/prod/config", "of the backup").await?;
    let folder = tempfile::tempdir()?;
    let backup = async |command: &str| {
        let finished = consul.script(command)?.env("FILE", folder.path().join("backup")).finish().await?;
        anyhow::ensure!(finished.code == Some(0), "{command}: {finished:?}");
        Ok(())
    };
    backup(r#"consul snapshot save "$FILE""#).await?;
    for number in 0..20 {
        client.kv().put("nova/prod/config", number.to_string()).await?;
    }
    let mut events = client.watch(prefix()).boxed();
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "19")]);
    let told = async {
        loop {
            match next(&mut events).await? {
                WatchEvent::Changed(answer) => return anyhow::Ok(answer.value),
                WatchEvent::Unchanged(_) | WatchEvent::Failed { .. } => {}
            }
        }
    };
    // The call waits while it happens, as it does in a program.
    let (restored, told) = tokio::join!(backup(r#"consul snapshot restore "$FILE""#), told);
    restored?;
    assert_eq!(&told?[0].value[..], b"of the backup");
    client.kv().put("nova/prod/config", "new").await?;
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "new")]);
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_deleted_is_told_and_another_in_the_file_is_taken() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    let token = consul.token_for("proxy", r#"key_prefix "nova/prod/config" { policy = "read" }"#).await?;
    let (api, operator) = (consul.api(), operator(&consul)?);
    operator.kv().put("nova/prod/config", "one").await?;

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    std::fs::write(&file, &token)?;
    let mut events = client(&consul, TokenSource::file(&file))?.watch(prefix()).boxed();
    assert_eq!(changed(&mut events).await?.len(), 1);

    let own = api.with_token(&token).get("/v1/acl/token/self").await?;
    let accessor = own["AccessorID"].as_str().context("an accessor")?;
    let deleted = api.send(Method::DELETE, &format!("/v1/acl/token/{accessor}"), "").await?;
    assert_eq!(deleted.status, 200);
    // Consul lets a call wait on with the token that it came with.
    operator.kv().put("nova/prod/config", "two").await?;
    let error = loop {
        match next(&mut events).await? {
            WatchEvent::Failed { error, .. } => break error,
            WatchEvent::Changed(_) | WatchEvent::Unchanged(_) => {}
        }
    };
    assert!(error.is_acl_not_found(), "{error}");

    let other = api.put("/v1/acl/token", &serde_json::json!({ "Policies": [{ "Name": "proxy" }] })).await?;
    operator.kv().put("nova/prod/config", "three").await?;
    std::fs::write(&file, other["SecretID"].as_str().context("a token")?)?;
    assert_eq!(changed(&mut events).await?, [pair("nova/prod/config", "three")]);
    Ok(())
}

#[tokio::test]
async fn without_a_policy_consul_leaves_out_in_silence_and_says_so_of_tokens_alone() -> anyhow::Result<()> {
    let consul = ConsulLaunch::new().with_acls().start().await?;
    operator(&consul)?.kv().put("nova/prod/config", "one").await?;
    let other = consul.token_for("other", r#"key_prefix "nova/test/" { policy = "read" }"#).await?;
    for (token, is_told) in [(TokenSource::None, false), (fixed(&other), true)] {
        let mut events = client(&consul, token)?.watch(prefix()).boxed();
        match next(&mut events).await? {
            WatchEvent::Changed(answer) => {
                assert_eq!((answer.value.len(), answer.filtered_by_acls), (0, is_told));
            }
            other => bail!("{other:?} is no answer"),
        }
    }
    Ok(())
}
