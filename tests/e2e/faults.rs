//! What goes wrong at Bedrock, and what the caller is told.

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::wire::{Mode, Wire};
use serde_json::{Value, json};

use crate::bed::{Bed, Settings, ask, ask_script, expect_error, with};
use crate::case::Cases;
use crate::outcome;
use crate::simulator::client_left;

/// AWS's exception, the status and the code that the caller gets (no code: any).
const EXCEPTIONS: &[(&str, u16, Option<&str>)] = &[
    ("ThrottlingException", 429, Some("rate_limit_exceeded")),
    ("ServiceQuotaExceededException", 429, Some("insufficient_quota")),
    ("ModelNotReadyException", 503, None),
    ("AccessDeniedException", 403, None),
    ("ResourceNotFoundException", 404, None),
    ("ModelTimeoutException", 408, None),
    ("ModelErrorException", 424, Some("model_error")),
    ("InternalServerException", 500, None),
    ("ServiceUnavailableException", 503, None),
    ("ValidationException", 400, None),
];

/// The exceptions that AWS's model has for a stream that has begun.
const STREAM_EXCEPTIONS: &[&str] = &[
    "InternalServerException",
    "ModelStreamErrorException",
    "ValidationException",
    "ThrottlingException",
    "ServiceUnavailableException",
];

/// The account in the ARNs of the simulator's error texts.
const ACCOUNT_ID: &str = "123456789012";

/// Settings under which a fault that is retried is told soon.
fn impatient() -> Settings {
    let bedrock =
        "retry {\n    max_attempts = 2\n    base_delay = \"10ms\"\n    max_delay = \"20ms\"\n  }".to_owned();
    Settings { bedrock, ..Settings::default() }
}

#[tokio::test]
async fn every_exception_before_the_answer_keeps_its_status() {
    let bed = Bed::with(impatient()).await.unwrap();
    let mut cases = Cases::default();
    for (exception, status, code) in EXCEPTIONS {
        for streamed in [false, true] {
            let request = ask_script(&json!({ "error": { "type": exception } }));
            let request = with(request, json!({ "stream": streamed }));
            let result = async {
                let reply = bed.chat(&request).await?;
                let error = expect_error(&reply, *status, *code)?;
                ensure!(!error.to_string().contains(ACCOUNT_ID), "an account id is disclosed: {error}");
                ensure!(
                    reply.header("x-nova-aws-request-id").is_some(),
                    "no AWS request id: {:?}",
                    reply.headers
                );
                let final_quota = *exception == "ServiceQuotaExceededException";
                ensure!(
                    !final_quota || reply.header("x-should-retry") == Some("false"),
                    "{:?}",
                    reply.headers
                );
                Ok(())
            };
            cases.note(format!("{exception}, streamed: {streamed}"), result.await);
        }
    }
    cases.all_hold();
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn an_exception_in_the_first_frame_still_has_a_status() {
    let bed = Bed::with(impatient()).await.unwrap();
    let mut cases = Cases::default();
    for (exception, status, code) in EXCEPTIONS.iter().filter(|row| STREAM_EXCEPTIONS.contains(&row.0)) {
        let request = ask_script(&json!({ "error": { "type": exception, "after_events": 0 } }));
        let request = with(request, json!({ "stream": true }));
        let result = async { expect_error(&bed.chat(&request).await?, *status, *code).map(drop) };
        cases.note(exception, result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn an_exception_within_the_stream_is_its_last_event() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for exception in STREAM_EXCEPTIONS {
        let error = json!({ "type": exception, "message": "it went wrong half-way", "after_events": 3 });
        let request = ask_script(&json!({ "deltas": ["half ", "of ", "it"], "error": error }));
        let result = async {
            let outcome = outcome::read(&bed.stream_to_end(&request).await?)?;
            let error = outcome.error()?;
            ensure!(!outcome.text.is_empty(), "the text before the fault is lost");
            ensure!(error.to_string().contains("it went wrong half-way"), "AWS's words are lost: {error}");
            Ok(())
        };
        cases.note(exception, result.await);
    }
    cases.all_hold();
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn a_broken_stream_is_an_error_and_never_an_end() {
    let bed = Bed::with(impatient()).await.unwrap();
    let mut cases = Cases::default();
    for fault in [
        json!({ "disconnect_after_events": 3 }),
        json!({ "end_after_events": 3 }),
        json!({ "corrupt_event": 3 }),
    ] {
        let request =
            ask_script(&with(json!({ "deltas": ["one ", "two ", "three ", "four"] }), fault.clone()));
        let result = async {
            let outcome = outcome::read(&bed.stream_to_end(&request).await?)?;
            outcome.error()?;
            ensure!("one two three four".starts_with(&outcome.text), "wrong text: {:?}", outcome.text);
            Ok(())
        };
        cases.note(&fault, result.await);
    }
    cases.note(
        "empty_stream",
        async {
            let reply = bed
                .chat(&with(ask_script(&json!({ "empty_stream": true })), json!({ "stream": true })))
                .await?;
            ensure!(
                reply.status.is_server_error(),
                "nothing at all was answered with {} {}",
                reply.status,
                reply.text()
            );
            expect_error(&reply, reply.status.as_u16(), None).map(drop)
        }
        .await,
    );
    cases.all_hold();
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn an_unknown_event_is_passed_over() {
    let bed = Bed::start().await.unwrap();
    let request = ask_script(&json!({ "deltas": ["still ", "whole"], "unknown_event": 1 }));
    let outcome = outcome::read(&bed.stream_to_end(&request).await.unwrap()).unwrap();
    outcome.finished("stop").unwrap();
    assert_eq!(outcome.text, "still whole");
}

#[tokio::test]
async fn a_fault_that_passes_is_retried_and_never_shown() {
    let bed = Bed::with(impatient()).await.unwrap();
    let mut cases = Cases::default();
    for exception in [
        "ThrottlingException",
        "ModelNotReadyException",
        "InternalServerException",
        "ServiceUnavailableException",
    ] {
        for streamed in [false, true] {
            let key = format!("{exception}-{streamed}");
            let script =
                json!({ "text": "in the end", "key": key, "times": 1, "error": { "type": exception } });
            let request = ask_script(&script);
            let result = async {
                if streamed {
                    let outcome = outcome::read(&bed.stream_to_end(&request).await?)?;
                    outcome.finished("stop")?;
                    ensure!(outcome.text == "in the end", "{outcome:?}");
                } else {
                    let body = bed.chat_ok(&request).await?;
                    ensure!(body["choices"][0]["message"]["content"] == "in the end", "{body}");
                }
                Ok(())
            };
            cases.note(key, result.await);
        }
    }
    cases.all_hold();
}

#[tokio::test]
async fn what_cannot_get_better_is_tried_once() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for exception in [
        "ValidationException",
        "AccessDeniedException",
        "ServiceQuotaExceededException",
        "ModelTimeoutException",
    ] {
        let result = async {
            let before = bed.simulator.invocations().await?.len();
            bed.chat(&ask_script(&json!({ "error": { "type": exception } }))).await?;
            let calls = bed.simulator.invocations().await?.len() - before;
            ensure!(calls == 1, "{calls} calls");
            Ok(())
        };
        cases.note(exception, result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_call() {
    let bed = Bed::start().await.unwrap();
    let deltas: Vec<String> = (0..400).map(|number| format!("{number} ")).collect();
    let script = json!({ "deltas": deltas, "delta_delay_ms": 50 });
    let mut stream = bed.stream(&ask_script(&script)).await.unwrap();
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    drop(stream);
    bed.simulator.invocation_where("the cancelled streaming call", client_left).await.unwrap();

    let slow = bed.chat_call(&ask_script(&json!({ "text": "late", "first_byte_delay_ms": 20_000 }))).unwrap();
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(500), slow.send());
    assert!(waiting.await.is_err(), "the answer came although it was to be late");
    let is_plain = |invocation: &Value| {
        client_left(invocation)
            && invocation["operation"].as_str().is_some_and(|name| !name.to_lowercase().contains("stream"))
    };
    bed.simulator.invocation_where("the cancelled plain call", is_plain).await.unwrap();
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn a_lost_bedrock_fails_requests_and_nothing_else() {
    let scout = Bed::start().await.unwrap();
    let target = scout.simulator.endpoint.trim_start_matches("http://").parse().unwrap();
    let wire = Wire::to(target).await.unwrap();
    let endpoint = Some(format!("http://{}", wire.address()));
    let bed = Bed::with(Settings { endpoint, ..impatient() }).await.unwrap();
    bed.still_serves().await.unwrap();
    wire.set(Mode::Cut);
    for streamed in [false, true] {
        let reply = bed.chat(&with(ask("Hello"), json!({ "stream": streamed }))).await.unwrap();
        assert!(reply.status.is_server_error(), "{} {}", reply.status, reply.text());
        expect_error(&reply, reply.status.as_u16(), None).unwrap();
    }
    let live = Call::new(Method::GET, &format!("{}/health/live", bed.root)).unwrap().send().await.unwrap();
    assert_eq!(live.status, 200, "the loss of Bedrock flipped liveness: {}", live.text());
    wire.set(Mode::Pass);
    bed.still_serves().await.unwrap();
}

#[tokio::test]
async fn a_wire_cut_within_a_stream_is_told_to_the_client() {
    let scout = Bed::start().await.unwrap();
    let target = scout.simulator.endpoint.trim_start_matches("http://").parse().unwrap();
    let wire = Wire::to(target).await.unwrap();
    let endpoint = Some(format!("http://{}", wire.address()));
    let bed = Bed::with(Settings { endpoint, ..impatient() }).await.unwrap();
    let deltas: Vec<String> = (0..400).map(|number| format!("{number} ")).collect();
    let mut stream =
        bed.stream(&ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 50 }))).await.unwrap();
    let mut events = vec![stream.next().await.unwrap().unwrap(), stream.next().await.unwrap().unwrap()];
    wire.set(Mode::Cut);
    let mut ended = stream.finish().await;
    events.append(&mut ended.events);
    ended.events = events;
    outcome::read(&ended).unwrap().error().unwrap();
}

#[tokio::test]
async fn a_silent_bedrock_is_given_up_at_the_deadline() {
    let bedrock =
        "first_byte_timeout = \"1s\"\n  stream_idle_timeout = \"1s\"\n  retry {\n    max_attempts = 1\n  }"
            .to_owned();
    let bed = Bed::with(Settings { bedrock, ..Settings::default() }).await.unwrap();
    let late = ask_script(&json!({ "text": "late", "first_byte_delay_ms": 20_000 }));
    for streamed in [false, true] {
        let reply = bed.chat(&with(late.clone(), json!({ "stream": streamed }))).await.unwrap();
        let status = reply.status.as_u16();
        assert!(status == 408 || status >= 500, "{status} {}", reply.text());
        expect_error(&reply, status, None).unwrap();
    }
    let stalls = ask_script(&json!({ "deltas": ["begun", "never"], "delta_delay_ms": 20_000 }));
    let outcome = outcome::read(&bed.stream_to_end(&stalls).await.unwrap()).unwrap();
    outcome.error().context("a stalled stream").unwrap();
}

#[tokio::test]
async fn a_non_stream_answer_that_breaks_is_a_server_error() {
    let bed = Bed::with(impatient()).await.unwrap();
    let mut cases = Cases::default();
    for script in [json!({ "text": "cut off", "disconnect": true }), json!({ "malformed_body": true })] {
        let result = async {
            let reply = bed.chat(&ask_script(&script)).await?;
            ensure!(
                reply.status.is_server_error() || reply.status == 424,
                "{} {}",
                reply.status,
                reply.text()
            );
            expect_error(&reply, reply.status.as_u16(), None).map(drop)
        };
        cases.note(&script, result.await);
    }
    cases.all_hold();
    bed.still_serves().await.unwrap();
}
