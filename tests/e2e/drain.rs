//! Stopping without breaking what is under way.

use std::time::Duration;

use nova_test_support::wait::DEADLINE;
use rustix::process::Signal;
use serde_json::json;

use crate::bed::{Bed, Settings, ask_script};
use crate::outcome;

#[tokio::test]
async fn drain_lets_open_streams_finish() {
    let mut bed = Bed::with(Settings::default()).await.unwrap();
    let deltas: Vec<String> = (0..20).map(|number| format!("{number} ")).collect();
    let script = json!({ "deltas": deltas, "delta_delay_ms": 100 });
    let mut stream = bed.stream(&ask_script(&script)).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    bed.own_proxy().unwrap().signal(Signal::TERM).unwrap();
    let mut ended = stream.finish().await;
    ended.events.insert(0, first);
    let outcome = outcome::read(&ended).unwrap();
    outcome.finished("stop").unwrap();
    assert_eq!(outcome.text, deltas.concat());
    let status = bed.own_proxy().unwrap().exited(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_drain_has_a_deadline_and_ends_streams_with_an_error() {
    let rest = "server {\n  drain_timeout = \"1s\"\n}".to_owned();
    let mut bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let deltas: Vec<String> = (0..600).map(|number| format!("{number} ")).collect();
    let mut stream =
        bed.stream(&ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 100 }))).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    bed.own_proxy().unwrap().signal(Signal::TERM).unwrap();
    let mut ended = stream.finish().await;
    ended.events.insert(0, first);
    // The last word is an error event where there is still time for one, or else a broken body: never a finished look.
    assert!(ended.events.iter().all(|event| event.data != "[DONE]"), "{ended:?}");
    if ended.broken.is_none() {
        outcome::read(&ended).unwrap().error().unwrap();
    }
    let status = bed.own_proxy().unwrap().exited(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(3), "a forced end has an exit code of its own");
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut bed = Bed::with(Settings::default()).await.unwrap();
    let deltas: Vec<String> = (0..600).map(|number| format!("{number} ")).collect();
    let mut stream =
        bed.stream(&ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 100 }))).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let proxy = bed.own_proxy().unwrap();
    proxy.signal(Signal::TERM).unwrap();
    proxy
        .line_where("the log of the drain", DEADLINE, |line| line.to_lowercase().contains("drain"))
        .await
        .unwrap();
    proxy.signal(Signal::TERM).unwrap();
    // Far less than the drain's own thirty seconds.
    let status = proxy.exited(Duration::from_secs(15)).await.unwrap();
    assert_eq!(status.code(), Some(3));
    drop(stream);
}

#[tokio::test]
async fn the_launcher_stops_clean() {
    let bed = Bed::start().await.unwrap();
    bed.still_serves().await.unwrap();
    assert_eq!(bed.stop_local().await.unwrap(), Some(0));
}
