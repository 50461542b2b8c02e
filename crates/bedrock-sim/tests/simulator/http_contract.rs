//! What every answer has, whatever was sent; and what the records hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedrock_sim::{Limits, Simulator, SimulatorConfig};
use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{API_KEY, LITE, NOVA2, ask, control, invocations, post, scripted, send, simulator};

#[tokio::test]
async fn other_operations_are_unknown() {
    let simulator = simulator().await;
    let base = simulator.endpoint("us-east-1");
    for (method, path) in [
        (Method::GET, "/"),
        (Method::POST, "/model/x/invoke-with-response-stream"),
        (Method::POST, "/model/a/b/converse"),
        (Method::PUT, "/model/x/converse"),
    ] {
        let answer = send(method, &format!("{base}{path}"), "{}").await.unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(answer.exception().0, "UnknownOperationException", "{path}");
    }
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let limits = Limits { body_bytes: 1000, ..Limits::default() };
    let config =
        SimulatorConfig { bearer_tokens: vec![API_KEY.to_owned()], limits, ..SimulatorConfig::default() };
    let simulator = Simulator::start(config).await.unwrap();
    let answer = post(&simulator, LITE, "converse", &ask(&"a".repeat(2000))).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.exception().0.as_str()),
        (413, "RequestEntityTooLargeException")
    );
    assert_eq!(post(&simulator, LITE, "converse", &ask("a")).await.unwrap().status, 200);
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn equal_requests_have_equal_bytes() {
    let simulator = simulator().await;
    for operation in ["converse", "converse-stream"] {
        let first = post(&simulator, LITE, operation, &ask("the same")).await.unwrap();
        let second = post(&simulator, LITE, operation, &ask("the same")).await.unwrap();
        assert_eq!(first.body, second.body);
        assert_ne!(first.headers["x-amzn-requestid"], second.headers["x-amzn-requestid"]);
    }
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn the_bill_equals_the_sum_of_the_usages() {
    let simulator = simulator().await;
    let mut sums = [0, 0, 0, 0];
    let cached = json!({
        "system": [{"text": "a long system prompt"}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "requestMetadata": {"team": "red"},
        "serviceTier": {"type": "flex"},
    });
    for _ in 0..3 {
        let answer = post(&simulator, NOVA2, "converse", &cached).await.unwrap().json();
        assert_eq!(answer["serviceTier"]["type"], "flex");
        let keys = ["inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"];
        for (sum, key) in sums.iter_mut().zip(keys) {
            *sum += answer["usage"][key].as_u64().unwrap();
        }
    }
    post(&simulator, NOVA2, "converse", &scripted(&json!({"error": {"type": "ThrottlingException"}})))
        .await
        .unwrap();
    invocations(&simulator.control(), 4).await;
    let bill = control(&simulator, Method::GET, "bill", &Value::Null).await.json();
    let line = &bill["lines"][0];
    assert_eq!(
        (line["region"].as_str(), line["model"].as_str()),
        (Some("us-east-1"), Some("amazon.nova-2-lite-v1:0"))
    );
    assert_eq!(line["requests"], 3, "what failed is not billed");
    let keys = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens"];
    assert_eq!(keys.map(|key| line[key].as_u64().unwrap()), sums);
    assert_eq!((sums[2], sums[3]), (10, 5), "written once, read twice");
    let records = control(&simulator, Method::GET, "invocations?last=2", &Value::Null).await.json();
    assert_eq!(records["invocations"][0]["request_metadata"], json!({"team": "red"}));
    assert_eq!(records["invocations"][0]["service_tier"], "flex");
    assert_eq!(records["invocations"][1]["error"], "ThrottlingException");
    control(&simulator, Method::POST, "reset", &Value::Null).await;
    assert!(simulator.control().bill().lines.is_empty());
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn requests_are_captured_byte_for_byte() {
    let simulator = simulator().await;
    let url = format!("{}/model/us.amazon.nova-lite-v1%3A0/converse", simulator.endpoint("us-east-1"));
    let body = r#"{ "messages" : [ {"role":"user","content":[{"text":"hi"}]} ] }"#;
    send(Method::POST, &url, body).await.unwrap();
    let captured = control(&simulator, Method::GET, "requests?last=1", &Value::Null).await.json();
    let request = &captured["requests"][0];
    assert_eq!(
        (request["method"].as_str(), request["path"].as_str()),
        (Some("POST"), Some("/model/us.amazon.nova-lite-v1%3A0/converse"))
    );
    assert_eq!(STANDARD.decode(request["body"].as_str().unwrap()).unwrap(), body.as_bytes());
    let headers = request["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["content-type", "application/json"])), "{headers:?}");
    simulator.stop().await.unwrap();
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys = prop::sample::select(vec![
        "messages",
        "role",
        "content",
        "text",
        "image",
        "document",
        "toolUse",
        "toolResult",
        "toolUseId",
        "toolConfig",
        "tools",
        "toolSpec",
        "name",
        "inputSchema",
        "json",
        "type",
        "input",
        "format",
        "source",
        "bytes",
        "system",
        "inferenceConfig",
        "maxTokens",
        "stopSequences",
        "additionalModelRequestFields",
        "cachePoint",
        "other",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        prop::sample::select(vec![
            "user",
            "assistant",
            "object",
            "default",
            "png",
            "[[sim {}]]",
            "[[sim {\"chunks\":0}]]"
        ])
        .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..4).prop_map(|members| Value::Object(
                members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    })
}

/// A request that is good but for one part, so that the later checks are reached too.
fn almost_good() -> impl Strategy<Value = Value> {
    (
        prop::sample::select(vec![
            "messages",
            "system",
            "toolConfig",
            "inferenceConfig",
            "additionalModelRequestFields",
            "content",
            "none",
        ]),
        any_json(),
    )
        .prop_map(|(part, value)| {
            let mut body = ask("hello");
            match part {
                "none" => {}
                "content" => body["messages"][0]["content"][0] = value,
                part => body[part] = value,
            }
            body
        })
}

#[test]
fn any_json_gets_an_answer_or_an_aws_exception() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let simulator = runtime.block_on(simulator());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::default());
    runner
        .run(&(prop_oneof![any_json(), almost_good()], any::<bool>()), |(body, streamed)| {
            let operation = if streamed { "converse-stream" } else { "converse" };
            let answer =
                runtime.block_on(post(&simulator, NOVA2, operation, &body)).map_err(TestCaseError::fail)?;
            if answer.status.is_success() {
                prop_assert!(answer.complete && !answer.body.is_empty());
            } else {
                prop_assert_eq!(answer.status.as_u16(), 400);
                let name = answer.exception().0;
                prop_assert!(name == "ValidationException" || name == "SerializationException", "{}", name);
            }
            Ok(())
        })
        .unwrap();
    runtime.block_on(simulator.stop()).unwrap();
}
