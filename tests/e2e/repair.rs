//! Second chances: refusals that a changed request avoids, as the simulator saw them.

use serde_json::{Value, json};

use crate::bed::{Bed, ask_script, expect_error, with};
use crate::chat::weather_tool;

/// A script that fails once, and answers from then on.
fn fails_once(key: &str, kind: &str, message: &str) -> Value {
    json!({ "text": "after all", "error": { "type": kind, "message": message }, "times": 1, "key": key })
}

const NO_CACHE_POINT: &str =
    "Malformed input request: #/messages/0/content/1: extraneous key [cachePoint] is not permitted";

#[tokio::test]
async fn cache_points_that_a_model_refuses_are_left_out_once_and_then_remembered() {
    let bed = Bed::start().await.unwrap();
    let cached = |script: &Value| {
        let mut request = ask_script(script);
        request["messages"][0]["cache_control"] = json!({ "type": "ephemeral" });
        request
    };
    let reply = bed.chat(&cached(&fails_once("cache", "ValidationException", NO_CACHE_POINT))).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.headers["x-nova-dropped-params"], "cache_control");
    let sent = bed.simulator.last_request().await.unwrap().json().unwrap();
    assert!(!sent.to_string().contains("\"cachePoint\""), "{sent}");
    assert_eq!(bed.simulator.invocations().await.unwrap().len(), 2);

    // Remembered: the next request needs no refusal.
    let reply = bed.chat(&cached(&json!({ "text": "at once" }))).await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["x-nova-dropped-params"]),
        (200, &"cache_control".parse().unwrap())
    );
    assert_eq!(bed.simulator.invocations().await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_invalid_tool_call_is_asked_for_again_greedily_and_once() {
    const MESSAGE: &str = "Model produced invalid sequence as part of ToolUse. Please refer to the model tool use troubleshooting guide.";
    let bed = Bed::start().await.unwrap();
    let tools = json!({ "tools": [weather_tool("weather")], "temperature": 0.9 });
    for stream in [false, true] {
        let script = fails_once(&format!("greedy {stream}"), "ModelErrorException", MESSAGE);
        let request = with(with(ask_script(&script), tools.clone()), json!({ "stream": stream }));
        let reply = bed.chat(&request).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let sent = bed.simulator.last_request().await.unwrap().json().unwrap();
        assert_eq!(sent["inferenceConfig"]["temperature"], 0.0, "{sent}");
        assert_eq!(sent["additionalModelRequestFields"]["inferenceConfig"]["topK"], 1, "{sent}");
    }
    let before = bed.simulator.invocations().await.unwrap().len();
    let always = json!({ "error": { "type": "ModelErrorException", "message": MESSAGE } });
    let reply = bed.chat(&with(ask_script(&always), tools)).await.unwrap();
    expect_error(&reply, 424, Some("model_error")).unwrap();
    assert_eq!(bed.simulator.invocations().await.unwrap().len(), before + 2, "one second chance, no more");
}
