//! The Consul that tests start: real, of the pinned version, and with the bad days that a test may ask for.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::server::{Consul, ConsulLaunch, pinned_version};
use nova_test_support::wire::{Mode, Wire};
use serde_json::json;

const KEY: &str = "/v1/kv/nova/default/config";

/// The raw value at [`KEY`], and the index that Consul tells with the answer.
async fn read(consul: &Consul) -> anyhow::Result<(Option<String>, u64)> {
    let reply = consul.api().send(Method::GET, &format!("{KEY}?raw"), "").await?;
    let index = reply.header("x-consul-index").context("an answer without an index")?.parse()?;
    match reply.status.as_u16() {
        200 => Ok((Some(reply.text()), index)),
        404 => Ok((None, index)),
        other => anyhow::bail!("GET {KEY} answered {other}: {}", reply.text()),
    }
}

async fn write(consul: &Consul, value: &str) -> anyhow::Result<()> {
    let reply = consul.api().send(Method::PUT, KEY, value).await?;
    ensure!(reply.status == 200 && reply.text().trim() == "true", "{} {}", reply.status, reply.text());
    Ok(())
}

#[tokio::test]
async fn two_consuls_run_at_once_and_know_nothing_of_each_other() {
    let (one, other) = tokio::try_join!(ConsulLaunch::new().start(), ConsulLaunch::new().start()).unwrap();
    assert_ne!(one.address(), other.address());
    write(&one, "strict = true").await.unwrap();
    assert_eq!(read(&one).await.unwrap().0.as_deref(), Some("strict = true"));
    assert_eq!(read(&other).await.unwrap().0, None);
    let agent = one.api().get("/v1/agent/self").await.unwrap();
    assert_eq!(agent["Config"]["Version"], pinned_version("consul").unwrap().as_str(), "{}", agent["Config"]);
}

#[tokio::test]
async fn with_acls_a_token_may_do_what_its_policy_says_and_nothing_else() {
    let consul = ConsulLaunch::new().with_acls().start().await.unwrap();
    write(&consul, "strict = true").await.unwrap();
    let reader =
        consul.token_for("reader", r#"key_prefix "nova/default/" { policy = "read" }"#).await.unwrap();
    let status = async |token: Option<&str>, method: Method| {
        let api = token.map_or_else(|| consul.api().anonymous(), |token| consul.api().with_token(token));
        api.send(method, KEY, "x").await.unwrap().status.as_u16()
    };
    assert_eq!(status(Some(&reader), Method::GET).await, 200);
    assert_eq!(status(Some(&reader), Method::PUT).await, 403);
    assert_eq!(status(None, Method::GET).await, 403);
    // A list is not refused for lack of a policy: it looks empty, which whoever reads configuration must not believe.
    let listed =
        consul.api().anonymous().send(Method::GET, "/v1/kv/nova/default/?recurse", "").await.unwrap();
    assert_eq!((listed.status.as_u16(), listed.text().as_str()), (404, ""));
    assert_eq!(status(Some("00000000-0000-0000-0000-000000000000"), Method::GET).await, 403);
}

#[tokio::test]
async fn a_killed_consul_comes_back_at_its_address_with_its_data() {
    let mut consul = ConsulLaunch::new().with_data().start().await.unwrap();
    let address = consul.address();
    write(&consul, "strict = true").await.unwrap();
    let (_, before) = read(&consul).await.unwrap();
    consul.kill().await.unwrap();
    assert!(read(&consul).await.is_err(), "a killed Consul answers");
    consul.restart().await.unwrap();
    assert_eq!(consul.address(), address);
    let (value, after) = read(&consul).await.unwrap();
    assert_eq!(value.as_deref(), Some("strict = true"));
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_consul_that_lost_its_data_has_no_keys_and_begins_its_index_anew() {
    let mut consul = ConsulLaunch::new().with_data().start().await.unwrap();
    for number in 0..50 {
        write(&consul, &format!("# {number}")).await.unwrap();
    }
    let (_, before) = read(&consul).await.unwrap();
    consul.restart_without_data().await.unwrap();
    let (value, after) = read(&consul).await.unwrap();
    assert_eq!(value, None);
    assert!(after < before, "the index was {before} and is {after}");
}

#[tokio::test]
async fn a_blocking_query_over_a_wire_ends_when_the_wire_is_cut() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    write(&consul, "strict = true").await.unwrap();
    let (_, index) = read(&consul).await.unwrap();
    let wire = Wire::to(consul.address()).await.unwrap();
    let url = |wait: &str| format!("http://{}{KEY}?raw&index={index}&wait={wait}", wire.address());
    // It waits as long as it was told, plus the spread that Consul adds, and answers with what is unchanged.
    let unchanged = Call::new(Method::GET, &url("10ms")).unwrap().send().await.unwrap();
    assert_eq!(unchanged.header("x-consul-index"), Some(index.to_string().as_str()));
    let waiting = Call::new(Method::GET, &url("60s")).unwrap().send();
    let cut = async {
        // The second connection is the one that waits.
        nova_test_support::wait::wait_until("the waiting connection", Duration::from_secs(30), || {
            use nova_test_support::wait::Look;
            Ok(if wire.accepted() >= 2 { Look::Ready(()) } else { Look::NotYet(wire.accepted()) })
        })
        .await
        .unwrap();
        wire.set(Mode::Cut);
    };
    let (waited, ()) = tokio::join!(waiting, cut);
    assert!(waited.is_err(), "{waited:?}");
    // Who asks Consul itself sees it well.
    consul.api().put("/v1/kv/other", &json!("x")).await.unwrap();
}
