//! Every stream ends in exactly one terminal event, whatever Bedrock does.
//!
//! The rules themselves are in `outcome.rs`, which reads every stream of every test. What each fault is to be called is
//! in `faults.rs`.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::bed::{Bed, Settings, ask, ask_script, with};
use crate::case::Cases;
use crate::outcome::{self, Terminal};

/// Scripts of every kind of end that the simulator has.
fn scripts() -> Vec<Value> {
    let mut scripts = vec![
        json!({ "text": "one two three", "chunks": 3 }),
        json!({ "text": "" }),
        json!({ "deltas": ["a", "", "b"] }),
        json!({ "deltas": ["\u{1f600}", "\u{e9}", "\u{4e16}\u{754c}"] }),
        json!({ "text": "x".repeat(20_000), "chunks": 500 }),
        json!({ "text": "slow", "first_byte_delay_ms": 50, "delta_delay_ms": 20, "chunks": 4 }),
        json!({ "reasoning": "because", "text": "therefore" }),
        json!({ "text": "odd", "stop_reason": "no_such_reason" }),
        json!({ "text": "bytes behind the end", "trailing_bytes": 9 }),
        json!({ "text": "an event from the future", "unknown_event": 1 }),
        json!({ "empty_stream": true }),
    ];
    for after in 1..=4 {
        for fault in ["disconnect_after_events", "end_after_events", "corrupt_event"] {
            scripts.push(json!({ "text": "one two three four", "chunks": 4, fault: after }));
        }
        let error = json!({ "type": "ThrottlingException", "message": "slow down", "after_events": after });
        scripts.push(json!({ "text": "one two three four", "chunks": 4, "error": error }));
    }
    scripts
}

#[tokio::test]
async fn every_stream_ends_in_exactly_one_terminal_event() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for script in scripts() {
        let result = async {
            let request = with(ask_script(&script), json!({ "stream_options": { "include_usage": true } }));
            let stream = bed.stream(&request).await?;
            if stream.status != 200 {
                // Broken before the first event: an ordinary error answer, which has to be OpenAI's.
                let status = stream.status;
                let ended = stream.finish().await;
                let body: Value = serde_json::from_str(&ended.raw)?;
                ensure!(
                    status.as_u16() >= 400 && body["error"]["message"].is_string(),
                    "{status} {}",
                    ended.raw
                );
                return Ok(());
            }
            let content_type = stream.header("content-type").unwrap_or_default().to_owned();
            ensure!(content_type.starts_with("text/event-stream"), "content-type {content_type:?}");
            outcome::read(&stream.finish().await)?;
            Ok(())
        };
        let name: String = script.to_string().chars().take(100).collect();
        cases.note(name, result.await);
    }
    cases.all_hold();
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn the_text_arrives_whole_and_piece_by_piece() {
    let bed = Bed::start().await.unwrap();
    let deltas = ["He", "llo, ", "w\u{f6}rld \u{1f30d}", "!"];
    let outcome =
        outcome::read(&bed.stream_to_end(&ask_script(&json!({ "deltas": deltas }))).await.unwrap()).unwrap();
    outcome.finished("stop").unwrap();
    assert_eq!(outcome.text, deltas.concat());
    let pieces: Vec<_> =
        outcome.chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(pieces.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>(), deltas);
}

#[tokio::test]
async fn a_piece_is_sent_before_the_next_one_exists() {
    let bed = Bed::start().await.unwrap();
    // The second piece is half a minute away: the first one has to come by itself.
    let script = json!({ "deltas": ["first", "second"], "delta_delay_ms": 25_000 });
    let mut stream = bed.stream(&ask_script(&script)).await.unwrap();
    let first = async {
        while let Some(event) = stream.next().await? {
            if event.data.contains("\"first\"") {
                return Ok(());
            }
        }
        anyhow::bail!("the stream ended without the first piece")
    };
    tokio::time::timeout(Duration::from_secs(60), first).await.unwrap().unwrap();
}

#[tokio::test]
async fn usage_is_given_once_at_the_end_and_only_when_asked_for() {
    let bed = Bed::start().await.unwrap();
    let ended = bed.stream_to_end(&ask("Hello")).await.unwrap();
    assert_eq!(outcome::read(&ended).unwrap().usage, None);
    let request = with(ask("Hello"), json!({ "stream_options": { "include_usage": true } }));
    let outcome = outcome::read(&bed.stream_to_end(&request).await.unwrap()).unwrap();
    let (last, others) = outcome.chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]), "{last}");
    let usage = &last["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"), "{usage}");
    assert!(others.iter().all(|chunk| chunk.get("usage").is_none_or(Value::is_null)), "{outcome:?}");
}

#[tokio::test]
async fn raw_tool_input_is_passed_on_as_it_comes() {
    let bed = Bed::start().await.unwrap();
    let raw = r#"{"city": "Z\u00fcrich", "days": 3}"#;
    let script = json!({ "tool_uses": [{ "name": "get_weather", "raw_input": raw }], "chunks": 5 });
    let request = with(ask_script(&script), json!({ "tools": [crate::chat::weather_tool("get_weather")] }));
    let outcome = outcome::read(&bed.stream_to_end(&request).await.unwrap()).unwrap();
    outcome.finished("tool_calls").unwrap();
    let arguments = &outcome.tool_calls[&0].arguments;
    assert_eq!(
        serde_json::from_str::<Value>(arguments).unwrap(),
        json!({ "city": "Z\u{fc}rich", "days": 3 }),
        "{arguments}"
    );
}

#[tokio::test]
async fn quiet_phases_are_filled_with_comments() {
    let rest = "limits {\n  keep_alive_interval = \"1s\"\n}".to_owned();
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let script = json!({ "deltas": ["before", "after"], "delta_delay_ms": 3_500 });
    let ended = bed.stream_to_end(&ask_script(&script)).await.unwrap();
    let outcome = outcome::read(&ended).unwrap();
    assert_eq!(outcome.terminal, Terminal::Done);
    assert!(ended.comments >= 2, "{} comments in {:?}", ended.comments, ended.raw);
}

#[tokio::test]
async fn a_streamed_n_keeps_its_choices_apart() {
    let bed = Bed::start().await.unwrap();
    let request = with(ask_script(&json!({ "text": "one two", "chunks": 2 })), json!({ "n": 2 }));
    let stream = bed.stream(&request).await.unwrap();
    if stream.status == 200 {
        let outcome = outcome::read(&stream.finish().await).unwrap();
        assert_eq!(outcome.finish_reasons.keys().copied().collect::<Vec<_>>(), [0, 1], "{outcome:?}");
    } else {
        let raw = stream.finish().await.raw;
        let body: Value = serde_json::from_str(&raw).unwrap();
        assert_eq!(body["error"]["param"], "n", "a refusal has to name the parameter: {raw}");
    }
}
