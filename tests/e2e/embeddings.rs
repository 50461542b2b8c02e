//! Embeddings: texts in, vectors out, one call of Bedrock for each text.

use std::time::Duration;

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};

use crate::bed::{Bed, Settings, ask, expect_error, with};
use crate::case::Cases;
use crate::metrics;
use crate::regions::{OTHER, asked, set_fault, two_regions};
use crate::simulator::{client_left, scripted};

const PATH: &str = "/v1/embeddings";
const MODEL: &str = "text-embedding-3-small";

fn embed(input: impl Into<Value>) -> Value {
    json!({ "model": MODEL, "input": input.into() })
}

/// The vectors of an answer in floats, in the order of their indexes.
fn vectors(answer: &Value) -> anyhow::Result<Vec<Vec<f32>>> {
    let data = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (index, entry) in data.iter().enumerate() {
        ensure!(entry["index"] == index && entry["object"] == "embedding", "{entry}");
    }
    data.iter().map(|entry| Ok(serde_json::from_value(entry["embedding"].clone())?)).collect()
}

#[tokio::test]
async fn vectors_are_in_the_order_of_their_texts_and_tokens_add_up() {
    let bed = Bed::start().await.unwrap();
    let texts: Vec<String> = (0..40).map(|number| format!("text {}", "x".repeat(number))).collect();
    let together = bed.post_ok(PATH, &embed(texts.clone())).await.unwrap();
    assert_eq!((&together["object"], &together["model"]), (&json!("list"), &json!(MODEL)));
    let tokens: usize = texts.iter().map(|text| text.len().div_ceil(4)).sum();
    assert_eq!(together["usage"], json!({ "prompt_tokens": tokens, "total_tokens": tokens }));
    let all = vectors(&together).unwrap();
    assert_eq!(all.len(), texts.len());
    for index in [0, 17, 39] {
        let alone = bed.post_ok(PATH, &embed(texts[index].as_str())).await.unwrap();
        assert_eq!(vectors(&alone).unwrap()[0], all[index], "text {index}");
    }
    let request = with(embed(texts[17].as_str()), json!({ "encoding_format": "base64" }));
    let written = bed.post_ok(PATH, &request).await.unwrap();
    let bytes = STANDARD.decode(written["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let numbers: Vec<f32> =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect();
    assert_eq!(numbers, all[17], "base64 holds the same numbers");
}

#[tokio::test]
async fn every_model_gives_the_lengths_that_it_has() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (model, asked, length) in [
        ("titan-embed-text-v1", None, 1536),
        ("text-embedding-ada-002", None, 1536),
        ("titan-embed-text-v2", None, 1024),
        ("titan-embed-text-v2", Some(256), 256),
        ("titan-embed-image-v1", Some(384), 384),
        ("text-embedding-3-large", None, 3072),
        ("nova-2-multimodal-embeddings", Some(1024), 1024),
        ("amazon.titan-embed-text-v2:0", Some(512), 512),
    ] {
        let result = async {
            let request = json!({ "model": model, "input": "twelve chars", "dimensions": asked });
            let answer = bed.post_ok(PATH, &request).await?;
            let found = vectors(&answer)?[0].len();
            ensure!(found == length, "{found} numbers");
            // Nova tells its tokens in a header alone.
            ensure!(answer["usage"]["prompt_tokens"] == 3, "{}", answer["usage"]);
            Ok(())
        };
        cases.note(format!("{model} {asked:?}"), result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn tokens_that_bedrock_does_not_tell_are_not_made_up() {
    let bed = Bed::start().await.unwrap();
    let silent = scripted(&json!({ "usage": { "input_tokens": 0 } }));
    let request = json!({ "model": "text-embedding-3-large", "input": ["told", silent] });
    let answer = bed.post_ok(PATH, &request).await.unwrap();
    assert_eq!(vectors(&answer).unwrap().len(), 2);
    assert!(answer.get("usage").is_none(), "{}", answer["usage"]);
}

#[tokio::test]
async fn wrong_requests_are_refused_with_their_parameter() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (name, request, param, code) in [
        ("tokens", embed(json!([1, 2])), Some("input"), "unsupported_parameter"),
        ("arrays of tokens", embed(json!([[1], [2]])), Some("input"), "unsupported_parameter"),
        ("no text", embed(json!([])), Some("input"), "invalid_value"),
        ("an empty text", embed(json!(["a", ""])), Some("input[1]"), "invalid_value"),
        ("a long text", embed("x".repeat(50_001)), Some("input"), "invalid_value"),
        ("too many texts", embed(vec!["x"; 2049]), Some("input"), "invalid_value"),
        (
            "no number of the model's",
            with(embed("a"), json!({ "dimensions": 300 })),
            Some("dimensions"),
            "invalid_value",
        ),
        ("another form of input", embed(json!({ "text": "a" })), Some("input"), "invalid_type"),
        (
            "another encoding",
            with(embed("a"), json!({ "encoding_format": "hex" })),
            Some("encoding_format"),
            "invalid_type",
        ),
        (
            "a model that chats",
            with(embed("a"), json!({ "model": "gpt-4o" })),
            Some("model"),
            "invalid_value",
        ),
        ("an array of bodies", json!([embed("a")]), None, "invalid_type"),
    ] {
        let result = async {
            let error = expect_error(&bed.post(PATH, &request).await?, 400, Some(code))?;
            ensure!(error["param"] == json!(param), "{error}");
            Ok(())
        };
        cases.note(name, result.await);
    }
    let chat = bed.chat(&with(ask("Hello"), json!({ "model": MODEL }))).await.unwrap();
    let refusal = expect_error(&chat, 400, Some("invalid_value")).unwrap();
    assert!(refusal["message"].as_str().unwrap().contains(PATH), "{refusal}");
    assert_eq!(bed.simulator.invocations().await.unwrap(), Vec::<Value>::new(), "nobody was called");
    cases.all_hold();
}

#[tokio::test]
async fn a_throttled_region_is_left_for_the_other() {
    let (bed, _other) = two_regions("spill_on_throttle = true").await.unwrap();
    set_fault(&bed.simulator, &json!({ "throttle_every": 1 })).await.unwrap();
    let texts: Vec<String> = (0..12).map(|number| format!("text {number}")).collect();
    let answer = bed.post_ok(PATH, &embed(texts)).await.unwrap();
    assert_eq!(vectors(&answer).unwrap().len(), 12);
    assert_eq!(asked(&bed, OTHER).await.unwrap(), 12, "each text was embedded in the other region");
}

#[tokio::test]
async fn a_fault_that_passes_is_tried_again_and_never_shown() {
    let bed = Bed::start().await.unwrap();
    let script = json!({ "error": { "type": "InternalServerException" }, "times": 2, "key": "passes" });
    let answer = bed.post_ok(PATH, &embed(json!(["good", scripted(&script)]))).await.unwrap();
    assert_eq!(vectors(&answer).unwrap().len(), 2);
    assert_eq!(bed.simulator.invocations().await.unwrap().len(), 4, "one call, and three for the other");
}

#[tokio::test]
async fn what_bedrock_refuses_or_breaks_keeps_its_status() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (script, status, code) in [
        (json!({ "error": { "type": "ThrottlingException" } }), 429, "rate_limit_exceeded"),
        (json!({ "error": { "type": "AccessDeniedException" } }), 403, "access_denied"),
        (json!({ "error": { "type": "ModelErrorException" } }), 424, "model_error"),
        (json!({ "malformed_body": true }), 502, "bad_upstream_response"),
        (json!({ "empty_output": true }), 502, "bad_upstream_response"),
        (json!({ "disconnect": true }), 502, "bad_upstream_response"),
    ] {
        let result = async {
            let reply = bed.post(PATH, &embed(scripted(&script))).await?;
            expect_error(&reply, status, Some(code))?;
            let paid = status == 502 || status == 424;
            ensure!((reply.header("x-should-retry") == Some("false")) == paid, "{:?}", reply.headers);
            Ok(())
        };
        cases.note(&script, result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn one_text_that_fails_fails_the_request_and_cancels_the_rest() {
    let bed = Bed::start().await.unwrap();
    let slow = scripted(&json!({ "hang": true }));
    let bad = scripted(&json!({ "error": { "type": "ValidationException", "message": "no" } }));
    // The slow ones come first: the failure is told although they never answer.
    let reply = bed.post(PATH, &embed(json!([slow, slow, slow, bad]))).await.unwrap();
    expect_error(&reply, 400, Some("invalid_request")).unwrap();
    wait_for("the cancelled calls", Duration::from_secs(15), async || {
        let gone = bed.simulator.invocations().await?.iter().filter(|call| client_left(call)).count();
        Ok(if gone == 3 { Look::Ready(()) } else { Look::NotYet(gone) })
    })
    .await
    .unwrap();
    let fine = bed.post_ok(PATH, &embed("afterwards")).await.unwrap();
    assert_eq!(vectors(&fine).unwrap().len(), 1);
}

#[tokio::test]
async fn a_caller_who_leaves_cancels_the_calls_and_no_further_ones_are_made() {
    let bed = Bed::start().await.unwrap();
    let slow = scripted(&json!({ "hang": true }));
    let call = bed.post_call(PATH, &embed(vec![slow; 20])).unwrap();
    // Left once the first eight texts, as many as are embedded at once, have reached Bedrock.
    let underway = wait_for("eight calls", Duration::from_secs(15), async || {
        let requests = bed.simulator.received().await?;
        Ok(if requests == 8 { Look::Ready(()) } else { Look::NotYet(requests) })
    });
    tokio::select! {
        answer = call.send() => panic!("an answer came: {:?}", answer.map(|reply| reply.text())),
        underway = underway => underway.unwrap(),
    }
    wait_for("the end of the calls", Duration::from_secs(15), async || {
        let gone = bed.simulator.invocations().await?.iter().filter(|call| client_left(call)).count();
        Ok(if gone == 8 { Look::Ready(()) } else { Look::NotYet(gone) })
    })
    .await
    .unwrap();
    assert_eq!(bed.simulator.received().await.unwrap(), 8, "no further text was sent");
    let labels = ["route=\"embeddings\"", "status=\"499\""];
    metrics::counted(&bed, "nova_proxy_requests_total", &labels, 1.0).await.unwrap();
}

/// Eight of the largest requests fill the memory for vectors; the ninth is told to come back.
#[tokio::test]
async fn vectors_take_no_more_memory_than_they_may() {
    let rest = "limits {\n  queue_timeout = \"200ms\"\n}".to_owned();
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let slow = scripted(&json!({ "hang": true }));
    let largest = json!({ "model": "text-embedding-3-large", "input": vec![slow; 2048] });
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..8 {
        held.spawn(bed.post_call(PATH, &largest).unwrap().send());
    }
    wait_for("calls of all eight", Duration::from_secs(30), async || {
        let requests = bed.simulator.received().await?;
        Ok(if requests == 64 { Look::Ready(()) } else { Look::NotYet(requests) })
    })
    .await
    .unwrap();
    let refused = bed.post(PATH, &largest).await.unwrap();
    expect_error(&refused, 429, Some("rate_limit_exceeded")).unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"));
    bed.still_serves().await.unwrap();
    bed.post_ok(PATH, &embed("a small one finds room")).await.unwrap();
    assert!(held.try_join_next().is_none(), "calls that hang were answered");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let rest = "limits {\n  body_bytes = \"1MiB\"\n}".to_owned();
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let reply = bed.post(PATH, &embed(vec!["x".repeat(40_000); 40])).await.unwrap();
    expect_error(&reply, 413, Some("request_too_large")).unwrap();
    bed.post_ok(PATH, &embed(vec!["x".repeat(20_000); 20])).await.unwrap();
}

#[tokio::test]
async fn requests_and_tokens_are_counted_under_the_model() {
    let bed = Bed::start().await.unwrap();
    bed.post_ok(PATH, &embed(json!(["twelve chars", "twelve chars"]))).await.unwrap();
    let model = format!("model=\"{MODEL}\"");
    let labels = ["route=\"embeddings\"", &model, "status=\"200\""];
    metrics::counted(&bed, "nova_proxy_requests_total", &labels, 1.0).await.unwrap();
    let labels = [model.as_str(), "direction=\"input\""];
    metrics::counted(&bed, "nova_proxy_tokens_total", &labels, 6.0).await.unwrap();
    let labels = [model.as_str(), "outcome=\"answered\""];
    metrics::counted(&bed, "nova_proxy_upstream_attempts_total", &labels, 2.0).await.unwrap();
}

#[tokio::test]
async fn unknown_parameters_are_named_and_strict_refuses_them() {
    let bed = Bed::with(Settings { rest: "strict = true".to_owned(), ..Settings::default() }).await.unwrap();
    let request = with(embed("a"), json!({ "input_type": "query" }));
    let refused = expect_error(&bed.post(PATH, &request).await.unwrap(), 400, Some("unsupported_parameter"));
    assert_eq!(refused.unwrap()["param"], "input_type");
    let lenient = Bed::start().await.unwrap();
    let reply = lenient.post(PATH, &request).await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.header("x-nova-dropped-params")), (200, Some("input_type")));
}
