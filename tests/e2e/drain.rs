//! Stopping without breaking what is under way.

use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::client::{Ended, Stream};
use nova_test_support::sse::Event;
use nova_test_support::wait::DEADLINE;
use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use crate::bed::{Bed, Settings, ask_script, with};
use crate::case::Cases;
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

/// How many streams are open when the signal comes.
const STREAMS: usize = 200;

/// Opens streams of this script at once, and returns each with its first event: it is under way.
async fn open_streams(bed: &Bed, script: &serde_json::Value) -> Vec<(Event, Stream)> {
    let members = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let request = with(ask_script(script), members);
    let mut opening = JoinSet::new();
    for _ in 0..STREAMS {
        let call = bed.chat_call(&request).unwrap();
        opening.spawn(async move {
            let mut stream = call.stream().await?;
            let first = stream.next().await?.context("an empty stream")?;
            anyhow::Ok((first, stream))
        });
    }
    opening.join_all().await.into_iter().map(|opened| opened.unwrap()).collect()
}

/// Reads all of them to their ends, at once.
async fn finish(streams: Vec<(Event, Stream)>) -> Vec<Ended> {
    let mut reading = JoinSet::new();
    for (first, stream) in streams {
        reading.spawn(async move {
            let mut ended = stream.finish().await;
            ended.events.insert(0, first);
            ended
        });
    }
    reading.join_all().await
}

#[tokio::test]
async fn two_hundred_streams_in_flight_at_the_signal_arrive_whole() {
    let mut bed = Bed::with(Settings::default()).await.unwrap();
    let deltas: Vec<String> = (0..60).map(|number| format!("{number} ")).collect();
    let streams = open_streams(&bed, &json!({ "deltas": deltas, "delta_delay_ms": 50 })).await;
    bed.own_proxy().unwrap().signal(Signal::TERM).unwrap();
    let mut cases = Cases::default();
    for (number, ended) in finish(streams).await.into_iter().enumerate() {
        let whole = outcome::read(&ended).and_then(|outcome| {
            outcome.finished("stop")?;
            ensure!(outcome.text == deltas.concat(), "{}", outcome.text);
            ensure!(outcome.usage.is_some_and(|usage| usage["completion_tokens"].is_u64()), "no usage");
            Ok(())
        });
        cases.note(number, whole);
    }
    cases.all_hold();
    let status = bed.own_proxy().unwrap().exited(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(0), "nothing was cut");
}

#[tokio::test]
async fn two_hundred_streams_that_outlast_the_deadline_each_get_a_typed_end() {
    let rest = "server {\n  drain_timeout = \"1s\"\n}".to_owned();
    let mut bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let deltas: Vec<String> = (0..300).map(|number| format!("{number} ")).collect();
    let streams = open_streams(&bed, &json!({ "deltas": deltas, "delta_delay_ms": 500 })).await;
    bed.own_proxy().unwrap().signal(Signal::TERM).unwrap();
    let mut cases = Cases::default();
    for (number, ended) in finish(streams).await.into_iter().enumerate() {
        let typed = outcome::read(&ended).and_then(|outcome| {
            let error = outcome.error()?;
            ensure!(error["code"] == "server_shutdown", "{error}");
            Ok(())
        });
        cases.note(number, typed);
    }
    cases.all_hold();
    let status = bed.own_proxy().unwrap().exited(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(3), "a forced end has an exit code of its own");
}
