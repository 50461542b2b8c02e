//! `POST /v1/responses`: what of it is the proxy's own. What the official clients make of it is tested by `clients/`.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::{Call, Ended};
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};

use crate::bed::{Bed, MODEL, Settings, expect_error, with};
use crate::case::Cases;
use crate::simulator::scripted;

fn call(bed: &Bed, request: &Value) -> anyhow::Result<Call> {
    let call = bed.call(Method::POST, "/v1/responses")?.header("content-type", "application/json")?;
    Ok(call.body(request.to_string()))
}

fn ask_script(script: &Value) -> Value {
    json!({ "model": MODEL, "input": scripted(script) })
}

async fn stream_to_end(bed: &Bed, request: &Value) -> anyhow::Result<Ended> {
    let stream = call(bed, &with(request.clone(), json!({ "stream": true })))?.stream().await?;
    let status = stream.status;
    let ended = stream.finish().await;
    ensure!(status == 200, "{request}\nanswered {status} {}", ended.raw);
    Ok(ended)
}

/// The events of a stream, after the rules of every stream were checked: numbers without gaps, names that agree, one end.
fn events(ended: &Ended) -> anyhow::Result<Vec<Value>> {
    let mut events = Vec::new();
    let mut name = "";
    for line in ended.raw.lines() {
        if let Some(event) = line.strip_prefix("event: ") {
            name = event;
        } else if let Some(data) = line.strip_prefix("data: ") {
            let event: Value = serde_json::from_str(data).with_context(|| data.to_owned())?;
            ensure!(event["type"] == name, "the event {name} says {event}");
            ensure!(event["sequence_number"] == events.len(), "number {} is {event}", events.len());
            events.push(event);
        }
    }
    let ends: Vec<_> = events.iter().filter(|event| is_end(event)).collect();
    ensure!(ends.len() == 1 && events.last().is_some_and(is_end), "{} ends in {}", ends.len(), ended.raw);
    Ok(events)
}

fn is_end(event: &Value) -> bool {
    let ends = ["response.completed", "response.incomplete", "response.failed", "error"];
    event["type"].as_str().is_some_and(|kind| ends.contains(&kind))
}

#[tokio::test]
async fn every_stream_ends_in_exactly_one_terminal_event() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    let text = "one two three four";
    let error =
        |after| json!({ "type": "ThrottlingException", "message": "slow down", "after_events": after });
    for (script, end) in [
        (json!({ "text": text, "chunks": 4 }), "response.completed"),
        (json!({ "text": "" }), "response.completed"),
        (json!({ "reasoning": "because", "text": "therefore" }), "response.completed"),
        (json!({ "text": "x".repeat(20_000), "chunks": 500 }), "response.completed"),
        (json!({ "text": "odd", "stop_reason": "no_such_reason" }), "response.completed"),
        (json!({ "text": text, "stop_reason": "max_tokens" }), "response.incomplete"),
        (json!({ "text": text, "stop_reason": "content_filtered" }), "response.incomplete"),
        (json!({ "text": text, "stop_reason": "malformed_tool_use" }), "response.failed"),
        (json!({ "text": text, "chunks": 4, "error": error(3) }), "error"),
        (json!({ "text": text, "chunks": 4, "disconnect_after_events": 3 }), "error"),
        (json!({ "text": text, "chunks": 4, "end_after_events": 3 }), "error"),
        (json!({ "text": text, "chunks": 4, "corrupt_event": 3 }), "error"),
    ] {
        let result = async {
            let events = events(&stream_to_end(&bed, &ask_script(&script)).await?)?;
            let last = events.last().context("no event")?;
            ensure!(last["type"] == end, "ended with {last}");
            if end == "error" {
                // Both forms: the reference has the fields flat, OpenAI's clients look for a member `error`.
                ensure!(
                    last["message"] == last["error"]["message"] && last["code"] == last["error"]["code"],
                    "{last}"
                );
            } else {
                ensure!(last["response"]["usage"]["output_tokens"].is_u64(), "no usage in {last}");
            }
            Ok(())
        };
        let name: String = script.to_string().chars().take(100).collect();
        cases.note(name, result.await);
    }
    cases.all_hold();
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn the_opening_does_not_wait_for_the_text() {
    let bed = Bed::start().await.unwrap();
    // The first event of Bedrock comes at once, its text half a minute later.
    let script = json!({ "deltas": ["late"], "delta_delay_ms": 25_000 });
    let request = with(ask_script(&script), json!({ "stream": true }));
    let mut stream = call(&bed, &request).unwrap().stream().await.unwrap();
    let opening =
        tokio::time::timeout(Duration::from_secs(10), stream.next()).await.unwrap().unwrap().unwrap();
    assert!(opening.data.contains("response.created"), "{opening:?}");
}

#[tokio::test]
async fn quiet_phases_are_filled_with_comments() {
    let rest = "limits {\n  keep_alive_interval = \"1s\"\n}".to_owned();
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let script = json!({ "deltas": ["before", "after"], "delta_delay_ms": 3_500 });
    let ended = stream_to_end(&bed, &ask_script(&script)).await.unwrap();
    assert_eq!(events(&ended).unwrap().last().unwrap()["response"]["status"], "completed");
    assert!(ended.comments >= 2, "{} comments in {:?}", ended.comments, ended.raw);
}

#[tokio::test]
async fn requests_are_counted_under_their_own_route() {
    let bed = Bed::start().await.unwrap();
    let reply = call(&bed, &json!({ "model": MODEL, "input": "Hello" })).unwrap().send().await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    stream_to_end(&bed, &json!({ "model": MODEL, "input": "Hello" })).await.unwrap();
    let refused = json!({ "model": MODEL, "input": "Hello", "previous_response_id": "resp_1" });
    let reply = call(&bed, &refused).unwrap().send().await.unwrap();
    let error = expect_error(&reply, 400, Some("unsupported_parameter")).unwrap();
    assert_eq!(error["param"], "previous_response_id");
    let counted = |page: &str, status: &str, count: &str| {
        page.lines().any(|line| {
            line.starts_with("nova_proxy_requests_total{")
                && line.contains("route=\"responses\"")
                && line.contains(&format!("status=\"{status}\""))
                && line.ends_with(count)
        })
    };
    wait_for("two answers and one refusal", Duration::from_secs(10), async || {
        let page = bed.metrics_page().await?;
        let is_there = counted(&page, "200", " 2") && counted(&page, "400", " 1");
        Ok(if is_there { Look::Ready(()) } else { Look::NotYet(page) })
    })
    .await
    .unwrap();
}
