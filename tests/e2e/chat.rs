//! Chat completions on the wire: what goes in, what Bedrock gets, what comes back.

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use crate::bed::{Bed, MODEL, Settings, ask, ask_script, expect_error, with};
use crate::case::Cases;
use crate::outcome;
use crate::simulator::scripted;

/// A picture of one pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

pub(crate) fn weather_tool(name: &str) -> Value {
    json!({ "type": "function", "function": {
        "name": name,
        "description": "Tells the weather of a city",
        "parameters": {
            "type": "object",
            "properties": { "city": { "type": "string" }, "days": { "type": "integer", "minimum": 1 } },
            "required": ["city", "days"],
            "additionalProperties": false,
        },
    } })
}

#[tokio::test]
async fn a_plain_answer_has_the_shape_of_openai() {
    let bed = Bed::start().await.unwrap();
    let reply = bed.chat(&ask_script(&json!({ "text": "forty-two" }))).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("x-request-id").is_some(), "{:?}", reply.headers);
    assert!(reply.header("x-nova-aws-request-id").is_some(), "{:?}", reply.headers);
    let body = reply.json().unwrap();
    assert_eq!(body["object"], "chat.completion", "{body}");
    assert_eq!(body["model"], MODEL, "{body}");
    assert!(body["id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")), "{body}");
    assert!(body["created"].as_u64().is_some_and(|created| created > 1_700_000_000), "{body}");
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant", "{body}");
    assert_eq!(choice["message"]["content"], "forty-two", "{body}");
    assert_eq!(choice["finish_reason"], "stop", "{body}");
    let count = |name: &str| body["usage"][name].as_u64().unwrap();
    assert!(count("prompt_tokens") > 0 && count("completion_tokens") > 0, "{body}");
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"), "{body}");
}

#[tokio::test]
async fn every_stop_reason_of_bedrock_becomes_one_of_openai() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (reason, expected) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("content_filtered", "content_filter"),
        ("guardrail_intervened", "content_filter"),
    ] {
        let request = ask_script(&json!({ "text": "some text", "stop_reason": reason }));
        cases.note(reason, stops_with(&bed, &request, expected).await);
    }
    cases.all_hold();
}

async fn stops_with(bed: &Bed, request: &Value, expected: &str) -> anyhow::Result<()> {
    let body = bed.chat_ok(request).await?;
    ensure!(body["choices"][0]["finish_reason"] == expected, "plain: {body}");
    let ended = bed.stream_to_end(request).await?;
    outcome::read(&ended)?.finished(expected).context("streamed")?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_bedrock_calls_malformed_is_an_error() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for reason in ["malformed_model_output", "malformed_tool_use"] {
        let request = ask_script(&json!({ "text": "some text", "stop_reason": reason }));
        let result = async {
            let reply = bed.chat(&request).await?;
            ensure!(reply.status.as_u16() >= 400, "plain: {} {}", reply.status, reply.text());
            expect_error(&reply, reply.status.as_u16(), None)?;
            outcome::read(&bed.stream_to_end(&request).await?)?.error().map(drop)
        };
        cases.note(reason, result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn a_stop_reason_that_openai_has_not_is_shown() {
    let bed = Bed::start().await.unwrap();
    let request = ask_script(&json!({ "text": "some text", "stop_reason": "became_sentient" }));
    let body = bed.chat_ok(&request).await.unwrap();
    assert_eq!(body["choices"][0]["native_finish_reason"], "became_sentient", "{body}");
    let outcome = outcome::read(&bed.stream_to_end(&request).await.unwrap()).unwrap();
    let shown =
        outcome.chunks.iter().any(|chunk| chunk["choices"][0]["native_finish_reason"] == "became_sentient");
    assert!(shown, "{outcome:?}");
}

#[tokio::test]
async fn cached_tokens_are_part_of_the_prompt() {
    let bed = Bed::start().await.unwrap();
    let usage = json!({ "inputTokens": 10, "outputTokens": 5, 
        "cacheReadInputTokens": 100, "cacheWriteInputTokens": 7 });
    let request = ask_script(&json!({ "text": "ok", "usage": usage }));
    let plain = bed.chat_ok(&request).await.unwrap()["usage"].clone();
    let request = with(request, json!({ "stream_options": { "include_usage": true } }));
    let streamed = outcome::read(&bed.stream_to_end(&request).await.unwrap()).unwrap().usage.unwrap();
    for usage in [plain, streamed] {
        assert_eq!(usage["prompt_tokens"], 117, "{usage}");
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 100, "{usage}");
        assert_eq!(usage["completion_tokens"], 5, "{usage}");
        assert_eq!(usage["total_tokens"], 122, "{usage}");
    }
}

#[tokio::test]
async fn system_and_developer_messages_become_system_blocks() {
    let bed = Bed::start().await.unwrap();
    let messages = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "developer", "content": [{ "type": "text", "text": "Be kind." }] },
        { "role": "user", "content": "Hello" },
    ]);
    bed.chat_ok(&json!({ "model": MODEL, "messages": messages })).await.unwrap();
    let sent = bed.simulator.last_request().await.unwrap().json().unwrap();
    assert_eq!(sent["system"], json!([{ "text": "Be brief." }, { "text": "Be kind." }]), "{sent}");
    assert_eq!(sent["messages"], json!([{ "role": "user", "content": [{ "text": "Hello" }] }]), "{sent}");
}

#[tokio::test]
async fn parameters_reach_bedrock() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    for (parameters, pointer, expected) in [
        (json!({ "max_tokens": 77 }), "/inferenceConfig/maxTokens", json!(77)),
        (json!({ "max_completion_tokens": 78 }), "/inferenceConfig/maxTokens", json!(78)),
        (json!({ "temperature": 0.5 }), "/inferenceConfig/temperature", json!(0.5)),
        (json!({ "top_p": 0.25 }), "/inferenceConfig/topP", json!(0.25)),
        (json!({ "stop": "END" }), "/inferenceConfig/stopSequences", json!(["END"])),
        (json!({ "stop": ["END", "FIN"] }), "/inferenceConfig/stopSequences", json!(["END", "FIN"])),
        (json!({ "top_k": 20 }), "/additionalModelRequestFields/inferenceConfig/topK", json!(20)),
    ] {
        let result = async {
            bed.chat_ok(&with(ask("Hello"), parameters.clone())).await?;
            let sent = bed.simulator.last_request().await?.json()?;
            ensure!(sent.pointer(pointer) == Some(&expected), "expected {expected} at {pointer} of {sent}");
            Ok(())
        };
        cases.note(&parameters, result.await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn a_limit_of_tokens_ends_the_answer_with_length() {
    let bed = Bed::start().await.unwrap();
    let request = with(ask_script(&json!({ "text": "word ".repeat(200) })), json!({ "max_tokens": 5 }));
    stops_with(&bed, &request, "length").await.unwrap();
}

#[tokio::test]
async fn n_gives_that_many_choices_and_the_sum_of_their_tokens() {
    let bed = Bed::start().await.unwrap();
    let one = bed.chat_ok(&ask_script(&json!({ "text": "twice" }))).await.unwrap();
    let two = bed.chat_ok(&with(ask_script(&json!({ "text": "twice" })), json!({ "n": 2 }))).await.unwrap();
    let choices = two["choices"].as_array().unwrap();
    assert_eq!(
        choices.iter().map(|choice| choice["index"].as_u64().unwrap()).collect::<Vec<_>>(),
        [0, 1],
        "{two}"
    );
    assert!(choices.iter().all(|choice| choice["message"]["content"] == "twice"), "{two}");
    let completion = |body: &Value| body["usage"]["completion_tokens"].as_u64().unwrap();
    assert_eq!(completion(&two), 2 * completion(&one), "{two}");
    let reply = bed.chat(&with(ask("Hello"), json!({ "n": 9 }))).await.unwrap();
    let error = expect_error(&reply, 400, None).unwrap();
    assert_eq!(error["param"], "n", "{error}");
}

#[tokio::test]
async fn tools_are_called_plain_and_streamed_with_every_choice() {
    let bed = Bed::start().await.unwrap();
    let tools = json!([weather_tool("get_weather"), weather_tool("get_tides")]);
    let named = json!({ "type": "function", "function": { "name": "get_tides" } });
    let mut cases = Cases::default();
    for (choice, text, expected) in [
        (json!("auto"), "Use get_weather and get_tides now", vec!["get_weather", "get_tides"]),
        (json!("required"), "Hello", vec!["get_weather"]),
        (named, "Hello", vec!["get_tides"]),
        (json!("none"), "Use get_weather", vec![]),
    ] {
        let request = with(ask(text), json!({ "tools": tools, "tool_choice": choice }));
        cases.note(format!("{choice} plain"), calls_plain(&bed, &request, &expected).await);
        cases.note(format!("{choice} streamed"), calls_streamed(&bed, &request, &expected).await);
    }
    cases.all_hold();
}

fn expected_reason(calls: &[&str]) -> &'static str {
    if calls.is_empty() { "stop" } else { "tool_calls" }
}

fn check_arguments(arguments: &str) -> anyhow::Result<()> {
    let arguments: Value =
        serde_json::from_str(arguments).with_context(|| format!("not JSON: {arguments:?}"))?;
    ensure!(arguments["city"].is_string() && arguments["days"].is_u64(), "not by the schema: {arguments}");
    Ok(())
}

async fn calls_plain(bed: &Bed, request: &Value, expected: &[&str]) -> anyhow::Result<()> {
    let body = bed.chat_ok(request).await?;
    let choice = &body["choices"][0];
    ensure!(choice["finish_reason"] == expected_reason(expected), "{body}");
    let calls = choice["message"]["tool_calls"].as_array().cloned().unwrap_or_default();
    let names: Vec<_> = calls.iter().filter_map(|call| call["function"]["name"].as_str()).collect();
    ensure!(names == expected, "{body}");
    for call in &calls {
        ensure!(call["type"] == "function" && call["id"].as_str().is_some_and(|id| !id.is_empty()), "{body}");
        check_arguments(call["function"]["arguments"].as_str().context("arguments are no string")?)?;
    }
    Ok(())
}

async fn calls_streamed(bed: &Bed, request: &Value, expected: &[&str]) -> anyhow::Result<()> {
    let outcome = outcome::read(&bed.stream_to_end(request).await?)?;
    outcome.finished(expected_reason(expected))?;
    let names: Vec<_> = outcome.tool_calls.values().map(|call| call.name.as_str()).collect();
    ensure!(names == expected, "{outcome:?}");
    ensure!(outcome.tool_calls.keys().copied().eq(0..expected.len() as u64), "{outcome:?}");
    outcome.tool_calls.values().try_for_each(|call| check_arguments(&call.arguments))
}

#[tokio::test]
async fn tool_names_that_bedrock_refuses_come_back_as_they_were_sent() {
    let bed = Bed::start().await.unwrap();
    let mut cases = Cases::default();
    let long = "x".repeat(100);
    for name in ["get weather", "weather.get", "w\u{e9}ather", long.as_str()] {
        let request = with(ask("Hello"), json!({ "tools": [weather_tool(name)], "tool_choice": "required" }));
        cases.note(format!("{name} plain"), calls_plain(&bed, &request, &[name]).await);
        cases.note(format!("{name} streamed"), calls_streamed(&bed, &request, &[name]).await);
    }
    cases.all_hold();
}

#[tokio::test]
async fn tool_results_go_back_and_are_answered() {
    let bed = Bed::start().await.unwrap();
    let tools = json!([weather_tool("get_weather"), weather_tool("get_tides")]);
    let first = with(ask("Use get_weather and get_tides"), json!({ "tools": tools }));
    let answer = bed.chat_ok(&first).await.unwrap();
    let message = answer["choices"][0]["message"].clone();
    let ids: Vec<_> =
        message["tool_calls"].as_array().unwrap().iter().map(|call| call["id"].clone()).collect();
    assert_eq!(ids.len(), 2, "{answer}");
    for (choice, name) in [(json!("auto"), "auto"), (json!("none"), "none with a history of tools")] {
        let messages = json!([
            { "role": "user", "content": "Use get_weather and get_tides" },
            message,
            { "role": "tool", "tool_call_id": ids[0], "content": "{\"sky\":\"clear\"}" },
            { "role": "tool", "tool_call_id": ids[1], "content": "high at noon" },
        ]);
        let request = json!({ "model": MODEL, "messages": messages, "tools": tools, "tool_choice": choice });
        let body = bed.chat_ok(&request).await.unwrap();
        let choice = &body["choices"][0];
        assert_eq!(choice["finish_reason"], "stop", "{name}: {body}");
        let text = choice["message"]["content"].as_str().unwrap();
        // Without tools the simulator takes the results for a question, and repeats only a part of it.
        let repeats = text.contains("clear") && text.contains("high at noon");
        assert!(if name == "auto" { repeats } else { !text.is_empty() }, "{name}: {body}");
        assert!(choice["message"].get("tool_calls").is_none_or(Value::is_null), "{name}: {body}");
    }
}

#[tokio::test]
async fn structured_output_is_content_and_fits_the_schema() {
    let bed = Bed::start().await.unwrap();
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" }, "age": { "type": "integer" } },
        "required": ["name", "age"], "additionalProperties": false });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "person", "schema": schema, "strict": true } });
    let request = with(ask("Describe a person"), json!({ "response_format": format }));
    let body = bed.chat_ok(&request).await.unwrap();
    assert_eq!(body["choices"][0]["finish_reason"], "stop", "{body}");
    assert!(body["choices"][0]["message"].get("tool_calls").is_none_or(Value::is_null), "{body}");
    let outcome = outcome::read(&bed.stream_to_end(&request).await.unwrap()).unwrap();
    outcome.finished("stop").unwrap();
    assert!(outcome.tool_calls.is_empty(), "{outcome:?}");
    for text in [body["choices"][0]["message"]["content"].as_str().unwrap(), &outcome.text] {
        let person: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert!(person["name"].is_string() && person["age"].is_i64(), "{person}");
    }
}

#[tokio::test]
async fn pictures_and_documents_reach_bedrock_as_they_are() {
    let bed = Bed::start().await.unwrap();
    let text = STANDARD.encode("Plain words.");
    let parts = json!([
        { "type": "text", "text": "What is this?" },
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PNG}") } },
        { "type": "file", "file": { "filename": "notes.txt", "file_data": format!("data:text/plain;base64,{text}") } },
    ]);
    bed.chat_ok(&json!({ "model": MODEL, "messages": [{ "role": "user", "content": parts }] }))
        .await
        .unwrap();
    let sent = bed.simulator.last_request().await.unwrap().json().unwrap();
    let blocks = sent["messages"][0]["content"].as_array().unwrap();
    let find = |kind: &str| {
        blocks.iter().find_map(|block| block.get(kind)).unwrap_or_else(|| panic!("no {kind}: {sent}"))
    };
    assert_eq!(find("image")["format"], "png");
    assert_eq!(find("image")["source"]["bytes"], PNG);
    assert_eq!(find("document")["format"], "txt");
    assert_eq!(find("document")["source"]["bytes"], text.as_str());
}

#[tokio::test]
async fn dropped_parameters_are_named_and_strict_refuses_them() {
    let loose = Bed::start().await.unwrap();
    let strict =
        Bed::with(Settings { rest: "strict = true".to_owned(), ..Settings::default() }).await.unwrap();
    let mut cases = Cases::default();
    for (name, value) in [
        ("seed", json!(7)),
        ("presence_penalty", json!(0.5)),
        ("frequency_penalty", json!(0.5)),
        ("logit_bias", json!({ "50256": -100 })),
    ] {
        let request = with(ask("Hello"), json!({ name: value }));
        let result = async {
            let reply = loose.chat(&request).await?;
            ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
            let dropped = reply.header("x-nova-dropped-params").unwrap_or_default().to_owned();
            ensure!(dropped.split(',').map(str::trim).eq([name]), "x-nova-dropped-params: {dropped:?}");
            let stream = loose.stream(&request).await?;
            ensure!(stream.header("x-nova-dropped-params") == Some(name), "streamed: {:?}", stream.headers);
            let error = expect_error(&strict.chat(&request).await?, 400, None)?;
            ensure!(error["param"] == name, "strict: {error}");
            Ok(())
        };
        cases.note(name, result.await);
    }
    cases.all_hold();
    let plain = loose.chat(&ask("Hello")).await.unwrap();
    assert_eq!(plain.header("x-nova-dropped-params"), None);
}

#[tokio::test]
async fn models_are_listed_and_told_one_by_one() {
    let bed = Bed::start().await.unwrap();
    let list = bed.call(Method::GET, "/v1/models").unwrap().send().await.unwrap().json().unwrap();
    assert_eq!(list["object"], "list", "{list}");
    let models = list["data"].as_array().unwrap();
    assert!(models.iter().any(|model| model["id"] == MODEL), "{list}");
    for model in models {
        let id = model["id"].as_str().unwrap();
        let reply = bed.call(Method::GET, &format!("/v1/models/{id}")).unwrap().send().await.unwrap();
        assert_eq!(reply.status, 200, "{id}: {}", reply.text());
        assert_eq!(&reply.json().unwrap(), model);
        assert_eq!(model["object"], "model", "{model}");
    }
    let reply = bed.call(Method::GET, "/v1/models/gpt-17").unwrap().send().await.unwrap();
    expect_error(&reply, 404, Some("model_not_found")).unwrap();
}

#[tokio::test]
async fn explain_tells_the_translation_and_calls_nobody() {
    let bed = Bed::start().await.unwrap();
    let call =
        bed.call(Method::POST, "/v1/explain").unwrap().header("content-type", "application/json").unwrap();
    let request = with(ask("Hello"), json!({ "seed": 7, "max_tokens": 77 }));
    let reply = call.body(request.to_string()).send().await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.json().unwrap().to_string();
    assert!(text.contains("amazon.nova-lite") && text.contains("seed") && text.contains("77"), "{text}");
    assert_eq!(bed.simulator.invocations().await.unwrap(), Vec::<Value>::new());
}

#[tokio::test]
async fn health_answers_without_a_key() {
    let bed = Bed::start().await.unwrap();
    for path in ["/health", "/health/live", "/health/ready"] {
        let url = format!("{}{path}", bed.root);
        let reply = nova_test_support::client::Call::new(Method::GET, &url).unwrap().send().await.unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn many_requests_at_once_get_their_own_answers() {
    let bed = Bed::start().await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let text = format!("answer {number}");
        let call =
            bed.chat_call(&ask(&scripted(&json!({ "text": text, "first_byte_delay_ms": 50 })))).unwrap();
        tasks.spawn(async move { (text, call.send().await.unwrap()) });
    }
    for (text, reply) in tasks.join_all().await {
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json().unwrap()["choices"][0]["message"]["content"], text.as_str());
    }
}

/// A model's own slip in an earlier turn must not end the conversation: what it wrote is sent along as text.
#[tokio::test]
async fn arguments_that_are_no_json_are_kept_as_text() {
    let bed = Bed::start().await.unwrap();
    let slip = json!({ "role": "assistant", "tool_calls": [
        { "id": "1", "type": "function", "function": { "name": "a", "arguments": "{\"cut\":" } }] });
    let messages = json!([
        { "role": "user", "content": "Use a" }, slip,
        { "role": "tool", "tool_call_id": "1", "content": "the arguments are no JSON" },
    ]);
    let reply = bed
        .chat(&json!({ "model": MODEL, "messages": messages, "tools": [weather_tool("a")] }))
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = bed.simulator.last_request().await.unwrap().json().unwrap();
    assert_eq!(sent["messages"][1]["content"][0]["toolUse"]["input"], json!({ "arguments": "{\"cut\":" }));
}

/// A model may end its turn without a word, after tool results for example: that is an answer, and no failure.
#[tokio::test]
async fn an_empty_answer_is_an_answer() {
    let bed = Bed::start().await.unwrap();
    let reply = bed.chat(&ask_script(&json!({ "empty_output": true }))).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let choice = &reply.json().unwrap()["choices"][0];
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!(""), &json!("stop")));
}
