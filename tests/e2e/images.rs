//! Image generation, and the count of tokens in explanations.

use std::time::Duration;

use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::bed::{Bed, Settings, ask, ask_script, expect_error, with};
use crate::case::Cases;
use crate::metrics;
use crate::simulator::scripted;

const PATH: &str = "/v1/images/generations";

/// Named by the configuration of `nova-local up`: AWS has ended the model behind it.
const MODEL: &str = "gpt-image-1";

fn draw(prompt: &str) -> Value {
    json!({ "model": MODEL, "prompt": prompt })
}

#[tokio::test]
async fn images_are_drawn_as_asked_for() {
    let bed = Bed::start().await.unwrap();
    let request = with(
        draw("a cat"),
        json!({ "n": 3, "size": "1280x720", "quality": "high", "negative_prompt": "dogs", "seed": 5, "style": "vivid" }),
    );
    let reply = bed.post(PATH, &request).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("x-nova-dropped-params"), Some("style"));
    let answer = reply.json().unwrap();
    assert!(answer["created"].as_u64().unwrap() > 1_700_000_000, "{}", answer["created"]);
    let images: Vec<Vec<u8>> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| STANDARD.decode(image["b64_json"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(images.len(), 3);
    assert!(images.iter().all(|image| image.starts_with(b"\x89PNG\r\n\x1a\n")), "PNG");
    let sent = bed.simulator.last_request().await.unwrap();
    assert_eq!(sent.path, "/model/amazon.nova-canvas-v1%3A0/invoke");
    let expected = json!({
        "taskType": "TEXT_IMAGE",
        "textToImageParams": { "text": "a cat", "negativeText": "dogs" },
        "imageGenerationConfig": {
            "width": 1280, "height": 720, "quality": "premium", "numberOfImages": 3, "seed": 5
        },
    });
    assert_eq!(sent.json().unwrap(), expected);
    let labels = ["route=\"images_generations\"", "model=\"gpt-image-1\"", "status=\"200\""];
    metrics::counted(&bed, "nova_proxy_requests_total", &labels, 1.0).await.unwrap();
}

#[tokio::test]
async fn what_the_filters_hold_back_is_openais_refusal() {
    let bed = Bed::start().await.unwrap();
    let refusal = "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request.";
    let mut cases = Cases::default();
    for script in [
        json!({ "blocked_images": 1 }),
        json!({ "blocked_images": 2 }),
        json!({ "error": { "type": "ValidationException", "message": refusal } }),
    ] {
        let result = async {
            let request = with(draw(&scripted(&script)), json!({ "n": 2 }));
            let error =
                expect_error(&bed.post(PATH, &request).await?, 400, Some("content_policy_violation"))?;
            ensure!(error["type"] == "invalid_request_error", "{error}");
            Ok(())
        };
        cases.note(&script, result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn wrong_requests_are_refused_with_their_parameter() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (members, param) in [
        (json!({ "response_format": "url" }), "response_format"),
        (json!({ "stream": true }), "stream"),
        (json!({ "size": "1000x1000" }), "size"),
        (json!({ "n": 6 }), "n"),
        (json!({ "quality": "ultra" }), "quality"),
        (json!({ "output_format": "webp" }), "output_format"),
        (json!({ "background": "transparent" }), "background"),
        (json!({ "prompt": "x".repeat(1025) }), "prompt"),
        (json!({ "prompt": 7 }), "prompt"),
        (json!({ "model": "gpt-4o" }), "model"),
        (json!({ "model": "text-embedding-3-small" }), "model"),
    ] {
        let result = async {
            let error =
                expect_error(&bed.post(PATH, &with(draw("a cat"), members.clone())).await?, 400, None)?;
            ensure!(error["param"] == param, "{error}");
            Ok(())
        };
        cases.note(param, result.await);
    }
    assert_eq!(bed.simulator.invocations().await.unwrap(), Vec::<Value>::new(), "nobody was called");
    cases.all_hold();
}

#[tokio::test]
async fn faults_are_tried_again_or_told() {
    let bed = Bed::start().await.unwrap();
    let script = json!({ "error": { "type": "ServiceUnavailableException" }, "times": 2, "key": "draws" });
    let answer = bed.post_ok(PATH, &draw(&scripted(&script))).await.unwrap();
    assert_eq!(answer["data"].as_array().unwrap().len(), 1);
    let broken = bed.post(PATH, &draw(&scripted(&json!({ "empty_output": true })))).await.unwrap();
    expect_error(&broken, 502, Some("bad_upstream_response")).unwrap();
    assert_eq!(broken.header("x-should-retry"), Some("false"), "it may have been paid");
}

#[tokio::test]
async fn a_model_past_its_end_is_not_served_by_itself() {
    let bed = Bed::with(Settings::default()).await.unwrap();
    for model in ["nova-canvas", "dall-e-3", MODEL] {
        let reply = bed.post(PATH, &with(draw("a cat"), json!({ "model": model }))).await.unwrap();
        expect_error(&reply, 404, Some("model_not_found")).unwrap();
    }
}

#[tokio::test]
async fn a_model_past_its_end_is_served_on_request_and_its_images_are_in_the_log() {
    let rest = "model \"draw\" {\n  target = \"nova-canvas\"\n  extended_access = true\n}".to_owned();
    let mut bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let request = with(draw("a cat"), json!({ "model": "draw", "n": 4, "user": "somebody" }));
    bed.post_ok(PATH, &request).await.unwrap();
    let proxy = bed.own_proxy().unwrap();
    let is_line = |line: &str| line.contains("request completed") && line.contains("images_generations");
    let line =
        proxy.line_where("the log line of the request", Duration::from_secs(15), is_line).await.unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["images"], &line["user"], &line["unreported_calls"]),
        (&json!(4), &json!("somebody"), &json!(0))
    );
    assert!(!line.to_string().contains("a cat"), "the prompt is in the log: {line}");
}

#[tokio::test]
async fn explain_counts_tokens_when_asked_and_stands_when_it_cannot() {
    let bed = Bed::start().await.unwrap();
    let counts = json!({ "counts_tokens": true, "text": "ok" });
    let throttled = json!({ "error": { "type": "AccessDeniedException" } });
    let explain =
        async |query: &str, request: &Value| bed.post(&format!("/v1/explain{query}"), request).await.unwrap();

    let unsupported = explain("?count_tokens=true", &ask("Hello")).await.json().unwrap();
    assert_eq!(unsupported["token_count"]["status"], "unsupported", "{unsupported}");
    assert_eq!(unsupported["object"], "explanation");
    let counted = explain("?count_tokens=true", &ask_script(&counts)).await.json().unwrap();
    assert_eq!(counted["token_count"]["status"], "counted", "{counted}");
    let text = counted["converse"]["messages"][0]["content"][0]["text"].as_str().unwrap();
    assert_eq!(counted["token_count"]["input_tokens"], text.len().div_ceil(4));
    let sent = bed.simulator.last_request().await.unwrap();
    assert_eq!(sent.path, "/model/amazon.nova-lite-v1%3A0/count-tokens", "profiles are not counted for");
    let failed = explain("?count_tokens=true", &ask_script(&throttled)).await;
    assert_eq!(
        (failed.status.as_u16(), &failed.json().unwrap()["token_count"]["status"]),
        (200, &json!("failed"))
    );

    let before = bed.simulator.invocations().await.unwrap().len();
    assert!(explain("", &ask("Hello")).await.json().unwrap().get("token_count").is_none());
    let wrong = explain("?count_tokens=perhaps", &ask("Hello")).await;
    assert_eq!(expect_error(&wrong, 400, Some("invalid_value")).unwrap()["param"], "count_tokens");
    assert_eq!(bed.simulator.invocations().await.unwrap().len(), before, "nobody was called");
}
