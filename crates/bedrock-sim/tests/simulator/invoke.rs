//! InvokeModel and CountTokens over real sockets: answers, headers, faults and the bill.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{ask, control, invocations, post, scripted, simulator};

const TITAN: &str = "amazon.titan-embed-text-v2:0";
const NOVA: &str = "amazon.nova-2-multimodal-embeddings-v1:0";
const CANVAS: &str = "amazon.nova-canvas-v1:0";

fn draw(text: &str, count: u32) -> Value {
    json!({
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": text},
        "imageGenerationConfig": {"numberOfImages": count},
    })
}

fn nova(text: &str) -> Value {
    json!({
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_INDEX",
            "text": {"truncationMode": "NONE", "value": text},
        },
    })
}

#[tokio::test]
async fn tokens_are_told_in_the_header_and_by_titan_in_the_body_too() {
    let simulator = simulator().await;
    let titan = post(&simulator, TITAN, "invoke", &json!({"inputText": "twelve chars"})).await.unwrap();
    assert_eq!(titan.headers["x-amzn-bedrock-input-token-count"], "3");
    assert_eq!(titan.json()["inputTextTokenCount"], 3);
    let nova = post(&simulator, NOVA, "invoke", &nova("twelve chars")).await.unwrap();
    assert_eq!(nova.headers["x-amzn-bedrock-input-token-count"], "3");
    assert_eq!(nova.json()["embeddings"][0]["embedding"].as_array().unwrap().len(), 3072);
    assert!(nova.json().get("inputTextTokenCount").is_none());
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn tokens_and_images_are_on_the_bill() {
    let simulator = simulator().await;
    post(&simulator, TITAN, "invoke", &json!({"inputText": "twelve chars"})).await.unwrap();
    post(&simulator, CANVAS, "invoke", &draw("a cat", 3)).await.unwrap();
    let refused = post(&simulator, CANVAS, "invoke", &draw("a cat", 6)).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.exception().0.as_str()), (400, "ValidationException"));
    let bill = simulator.control().bill();
    let line = |model: &str| bill.lines.iter().find(|line| line.model == model).unwrap();
    assert_eq!((line(TITAN).requests, line(TITAN).usage.input_tokens), (1, 3));
    assert_eq!((line(CANVAS).requests, line(CANVAS).usage.images), (1, 3));
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn images_that_are_held_back_are_told_as_canvas_tells_them() {
    let simulator = simulator().await;
    let prompt = |blocked: u32| format!("[[sim {}]]", json!({"blocked_images": blocked}));
    let some = post(&simulator, CANVAS, "invoke", &draw(&prompt(1), 2)).await.unwrap().json();
    assert_eq!(some["images"].as_array().unwrap().len(), 1);
    assert!(some["error"].as_str().unwrap().starts_with("Some of"));
    let all = post(&simulator, CANVAS, "invoke", &draw(&prompt(2), 2)).await.unwrap().json();
    assert!(all["images"].is_null() && all["error"].as_str().unwrap().starts_with("All of"));
    simulator.stop().await.unwrap();
}

#[rstest]
#[case(json!({"error": {"type": "ThrottlingException"}}), 429)]
#[case(json!({"error": {"type": "InternalServerException"}}), 500)]
#[tokio::test]
async fn scripts_are_followed_and_counted(#[case] mut script: Value, #[case] status: u16) {
    let simulator = simulator().await;
    script["times"] = json!(1);
    script["key"] = json!("once");
    let body = json!({"inputText": format!("[[sim {script}]]")});
    assert_eq!(post(&simulator, TITAN, "invoke", &body).await.unwrap().status, status);
    assert_eq!(post(&simulator, TITAN, "invoke", &body).await.unwrap().status, 200);
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn broken_answers_arrive_as_broken() {
    let simulator = simulator().await;
    let body = |script: Value| json!({"inputText": format!("[[sim {script}]]")});
    let half = post(&simulator, TITAN, "invoke", &body(json!({"malformed_body": true}))).await.unwrap();
    assert!(half.complete && serde_json::from_slice::<Value>(&half.body).is_err());
    let cut = post(&simulator, TITAN, "invoke", &body(json!({"disconnect_after_events": 0}))).await.unwrap();
    assert!(!cut.complete);
    let records = invocations(&simulator.control(), 2).await;
    assert!(records[1].broken_off && records[1].operation == "InvokeModel");
    let reset = post(&simulator, TITAN, "invoke", &body(json!({"disconnect": true}))).await;
    reset.expect_err("a reset");
    let rules = json!({"rules": [{"throttle_every": 1, "model": "titan"}]});
    control(&simulator, Method::PUT, "faults", &rules).await;
    assert_eq!(post(&simulator, TITAN, "invoke", &json!({"inputText": "a"})).await.unwrap().status, 429);
    assert_eq!(post(&simulator, CANVAS, "invoke", &draw("a", 1)).await.unwrap().status, 200);
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn each_model_has_its_own_operation() {
    let simulator = simulator().await;
    for (model, operation, body) in [
        (TITAN, "converse", ask("hello")),
        (CANVAS, "converse-stream", ask("hello")),
        ("amazon.nova-lite-v1:0", "invoke", json!({"inputText": "hello"})),
    ] {
        let answer = post(&simulator, model, operation, &body).await.unwrap();
        assert_eq!(answer.exception().0, "ValidationException", "{model} {operation}");
    }
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn tokens_of_nova_are_counted_only_where_a_script_says_so() {
    let simulator = simulator().await;
    let count = |converse: Value| json!({"input": {"converse": converse}});
    let model = "amazon.nova-lite-v1:0";
    let refused = post(&simulator, model, "count-tokens", &count(ask("hello"))).await.unwrap();
    assert_eq!(refused.exception().1, "The provided model doesn't support counting tokens.");
    let script = scripted(&json!({"counts_tokens": true}));
    let counted = post(&simulator, model, "count-tokens", &count(script.clone())).await.unwrap();
    let length = script["messages"][0]["content"][0]["text"].as_str().unwrap().len();
    assert_eq!(counted.json()["inputTokens"], length.div_ceil(4));
    let profile = post(&simulator, "us.amazon.nova-lite-v1:0", "count-tokens", &count(script)).await.unwrap();
    assert_eq!(profile.status, 400, "inference profiles are not counted for");
    let wrong =
        post(&simulator, model, "count-tokens", &count(json!({"inferenceConfig": {}}))).await.unwrap();
    assert_eq!(wrong.status, 400, "only what a model reads is taken");
    assert!(simulator.control().bill().lines.is_empty(), "counting is free");
    simulator.stop().await.unwrap();
}
