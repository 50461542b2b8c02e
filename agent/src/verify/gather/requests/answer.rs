//! What answers of the API have to look like. Pure.

use serde_json::{Value, json};

use super::super::super::fact::Tried;

/// The tool that has to be called.
const TOOL: &str = "report_status";

/// How the proxy says that a model is asked elsewhere.
const ELSEWHERE: [&str; 2] = ["POST /v1/embeddings", "POST /v1/images/generations"];

/// A tool with one argument, as requests declare it.
pub(super) fn tool() -> Value {
    json!({ "type": "function", "function": {
        "name": TOOL,
        "description": "Reports the status of the system.",
        "parameters": {
            "type": "object",
            "properties": { "status": { "type": "string", "description": "one word" } },
            "required": ["status"],
        },
    } })
}

/// The message in a refusal of the API, for people.
pub(super) fn message(body: &str) -> Option<String> {
    let read: Value = serde_json::from_str(body).ok()?;
    let error = &read["error"];
    let message = error["message"].as_str()?;
    Some(match error["code"].as_str() {
        Some(code) => format!("{message} ({code})"),
        None => message.to_owned(),
    })
}

/// Whether the model is one for embeddings or images, which a conversation says nothing of.
pub(super) fn is_of_another_endpoint(refusal: &str) -> bool {
    ELSEWHERE.iter().any(|endpoint| refusal.contains(endpoint))
}

/// Whether it is a whole answer with text in it.
pub(super) fn is_whole(answer: &Value) -> Tried {
    let choice = &answer["choices"][0];
    if choice["finish_reason"].is_null() {
        return Err(format!("the answer has no finish_reason: {}", excerpt(answer)));
    }
    match choice["message"]["content"].as_str() {
        Some(text) if !text.is_empty() => Ok(()),
        _ => Err(format!("the answer has no text: {}", excerpt(answer))),
    }
}

/// Whether the tool was called, with arguments that are what it takes.
pub(super) fn has_called(answer: &Value) -> Tried {
    let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
    if call["name"] != TOOL {
        return Err(format!("the tool was not called: {}", excerpt(answer)));
    }
    let arguments: Option<Value> =
        call["arguments"].as_str().and_then(|arguments| serde_json::from_str(arguments).ok());
    match arguments {
        Some(arguments) if arguments["status"].is_string() => Ok(()),
        _ => Err(format!("the tool was called with what it does not take: {call}")),
    }
}

/// Whether a stream has chunks, and ends as one that is finished.
pub(super) fn has_ended(text: &str) -> Tried {
    let mut chunks = 0_usize;
    let mut is_done = false;
    for line in text.lines() {
        if line.starts_with("event: error") {
            return Err(format!("the stream broke: {}", short(text)));
        }
        match line.strip_prefix("data: ") {
            Some("[DONE]") => is_done = true,
            Some(_) => chunks += 1,
            None => {}
        }
    }
    match (chunks, is_done) {
        (0, _) => Err("the stream has no chunk".to_owned()),
        (_, false) => Err(format!("the stream ended after {chunks} chunks without data: [DONE]")),
        _ => Ok(()),
    }
}

fn excerpt(answer: &Value) -> String {
    short(&answer.to_string())
}

/// The last characters, on one line: an answer is told where it went wrong.
fn short(text: &str) -> String {
    let letters: Vec<char> = text.chars().rev().take(200).collect();
    letters.into_iter().rev().collect::<String>().replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_answers_have_text_and_an_end() {
        let answer = |content: Value, reason: Value| json!({ "choices": [{ "message": { "content": content }, "finish_reason": reason }] });
        assert_eq!(is_whole(&answer(json!("ready"), json!("stop"))), Ok(()));
        assert!(is_whole(&answer(json!(""), json!("stop"))).is_err());
        assert!(is_whole(&answer(json!("ready"), Value::Null)).is_err());
        assert!(is_whole(&json!({})).is_err());
    }

    #[test]
    fn a_call_names_the_tool_and_gives_what_it_takes() {
        let answer = |name: &str, arguments: &str| {
            let function = json!({ "name": name, "arguments": arguments });
            json!({ "choices": [{ "message": { "tool_calls": [{ "function": function }] } }] })
        };
        assert_eq!(has_called(&answer(TOOL, r#"{"status":"ready"}"#)), Ok(()));
        assert!(has_called(&answer(TOOL, r#"{"status":"#)).is_err());
        assert!(has_called(&answer(TOOL, "{}")).is_err());
        assert!(has_called(&answer("another", r#"{"status":"ready"}"#)).is_err());
    }

    #[test]
    fn a_stream_ends_with_done_and_nothing_else_will_do() {
        assert_eq!(has_ended("data: {\"a\":1}\n\ndata: [DONE]\n\n"), Ok(()));
        assert!(has_ended("data: {\"a\":1}\n\n").is_err());
        assert!(has_ended("data: [DONE]\n\n").is_err());
        assert!(has_ended("data: {}\n\nevent: error\ndata: {}\n\n").is_err());
    }

    #[test]
    fn refusals_tell_their_message_and_what_is_asked_elsewhere_is_no_fault() {
        let body = r#"{"error":{"message":"too fast","type":"rate_limit_error","param":null,"code":"rate_limited"}}"#;
        assert_eq!(message(body).as_deref(), Some("too fast (rate_limited)"));
        assert_eq!(message("<html>"), None);
        assert!(is_of_another_endpoint("titan is asked by POST /v1/embeddings"));
        assert!(!is_of_another_endpoint("too fast"));
    }
}
