//! The proxy's calls and those of AWS's SDK, byte by byte.
//!
//! The same conversation is given to the proxy in OpenAI's words and to `aws-sdk-bedrockruntime` in its own; both call the
//! simulator, which keeps what it received. One exception: the SDK holds JSON documents (tool schemas, tool inputs, further
//! fields) in a hash map, so that the order of their keys changes from run to run. There both sides are put in order first.

use anyhow::{Context, ensure};
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig};
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::types::{
    AnyToolChoice, ContentBlock, ConversationRole, DocumentBlock, DocumentFormat, DocumentSource, ImageBlock,
    ImageFormat, ImageSource, InferenceConfiguration, Message, SystemContentBlock, Tool, ToolChoice,
    ToolConfiguration, ToolInputSchema, ToolResultBlock, ToolResultContentBlock, ToolSpecification,
    ToolUseBlock,
};
use aws_smithy_types::{Document, Number};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::bed::{Bed, Settings, with};
use crate::case::Cases;
use crate::simulator::{ACCESS_KEY_ID, Captured, REGION, SECRET_ACCESS_KEY};

const TARGET: &str = "us.amazon.nova-lite-v1:0";

/// The head of a PNG file: enough for both sides to take it for one.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A conversation in the SDK's words.
#[derive(Debug, Clone, Default)]
struct Spoken {
    system: Option<Vec<SystemContentBlock>>,
    messages: Vec<Message>,
    inference: Option<InferenceConfiguration>,
    tools: Option<ToolConfiguration>,
    further: Option<Document>,
}

/// One conversation in both languages.
struct Case {
    name: &'static str,
    openai: Value,
    spoken: Spoken,
}

fn message(role: ConversationRole, content: Vec<ContentBlock>) -> anyhow::Result<Message> {
    Ok(Message::builder().role(role).set_content(Some(content)).build()?)
}

fn user(text: &str) -> anyhow::Result<Message> {
    message(ConversationRole::User, vec![ContentBlock::Text(text.to_owned())])
}

/// A JSON value as the SDK's document.
fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => {
            Document::Number(match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => Number::PosInt(value),
                (_, Some(value), _) => Number::NegInt(value),
                (_, _, value) => Number::Float(value.unwrap_or_default()),
            })
        }
        Value::String(value) => Document::String(value.clone()),
        Value::Array(values) => Document::Array(values.iter().map(document).collect()),
        Value::Object(members) => {
            Document::Object(members.iter().map(|(key, value)| (key.clone(), document(value))).collect())
        }
    }
}

fn tool_configuration(
    name: &str,
    schema: &Value,
    choice: Option<ToolChoice>,
) -> anyhow::Result<ToolConfiguration> {
    let specification = ToolSpecification::builder()
        .name(name)
        .description("Tells the weather of a city")
        .input_schema(ToolInputSchema::Json(document(schema)))
        .build()?;
    Ok(ToolConfiguration::builder().tools(Tool::ToolSpec(specification)).set_tool_choice(choice).build()?)
}

fn plain_cases() -> anyhow::Result<Vec<Case>> {
    let hello = json!({ "messages": [{ "role": "user", "content": "Hello" }] });
    let awkward =
        "Quotes \" and \\ and / and \u{8} \u{c} \n \r \t \u{1f} \u{7f} \u{2028} \u{1f600} \u{e9} <&>";
    let system = |text: &str| SystemContentBlock::Text(text.to_owned());
    Ok(vec![
        Case {
            name: "one message",
            openai: hello.clone(),
            spoken: Spoken { messages: vec![user("Hello")?], ..Spoken::default() },
        },
        Case {
            name: "characters that need an escape",
            openai: json!({ "messages": [{ "role": "user", "content": awkward }] }),
            spoken: Spoken { messages: vec![user(awkward)?], ..Spoken::default() },
        },
        Case {
            name: "a system text and turns",
            openai: json!({ "messages": [
                { "role": "system", "content": "Be brief." },
                { "role": "user", "content": "One" },
                { "role": "assistant", "content": "Two" },
                { "role": "user", "content": "Three" },
            ] }),
            spoken: Spoken {
                system: Some(vec![system("Be brief.")]),
                messages: vec![
                    user("One")?,
                    message(ConversationRole::Assistant, vec![ContentBlock::Text("Two".to_owned())])?,
                    user("Three")?,
                ],
                ..Spoken::default()
            },
        },
        Case {
            name: "inference parameters",
            openai: with(
                hello,
                json!({ "max_tokens": 77, "temperature": 0.5, "top_p": 0.25, "stop": ["END", "FIN"], "top_k": 20 }),
            ),
            spoken: Spoken {
                messages: vec![user("Hello")?],
                inference: Some(
                    InferenceConfiguration::builder()
                        .max_tokens(77)
                        .temperature(0.5)
                        .top_p(0.25)
                        .stop_sequences("END")
                        .stop_sequences("FIN")
                        .build(),
                ),
                further: Some(document(&json!({ "inferenceConfig": { "topK": 20 } }))),
                ..Spoken::default()
            },
        },
    ])
}

fn rich_cases() -> anyhow::Result<Vec<Case>> {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" }, "days": { "type": "integer" } },
        "required": ["city"] });
    let tool = json!({ "type": "function", "function": {
        "name": "get_weather", "description": "Tells the weather of a city", "parameters": schema } });
    let input = json!({ "city": "Z\u{fc}rich", "days": 3 });
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "get_weather", "arguments": input.to_string() } });
    let tool_use =
        ToolUseBlock::builder().tool_use_id("call_1").name("get_weather").input(document(&input)).build()?;
    let result = ToolResultBlock::builder()
        .tool_use_id("call_1")
        .content(ToolResultContentBlock::Text("clear sky".to_owned()))
        .build()?;
    let picture = ImageBlock::builder()
        .format(ImageFormat::Png)
        .source(ImageSource::Bytes(Blob::new(STANDARD.decode(PNG)?)))
        .build()?;
    Ok(vec![
        Case {
            name: "a tool that must be called",
            openai: json!({ "messages": [{ "role": "user", "content": "Hello" }], "tools": [tool], "tool_choice": "required" }),
            spoken: Spoken {
                messages: vec![user("Hello")?],
                tools: Some(tool_configuration(
                    "get_weather",
                    &schema,
                    Some(ToolChoice::Any(AnyToolChoice::builder().build())),
                )?),
                ..Spoken::default()
            },
        },
        Case {
            name: "a call and its result",
            openai: json!({ "tools": [tool], "messages": [
                { "role": "user", "content": "The weather?" },
                { "role": "assistant", "content": null, "tool_calls": [call] },
                { "role": "tool", "tool_call_id": "call_1", "content": "clear sky" },
            ] }),
            spoken: Spoken {
                messages: vec![
                    user("The weather?")?,
                    message(ConversationRole::Assistant, vec![ContentBlock::ToolUse(tool_use)])?,
                    message(ConversationRole::User, vec![ContentBlock::ToolResult(result)])?,
                ],
                tools: Some(tool_configuration("get_weather", &schema, None)?),
                ..Spoken::default()
            },
        },
        Case {
            name: "a picture",
            openai: json!({ "messages": [{ "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{PNG}") } },
            ] }] }),
            spoken: Spoken {
                messages: vec![message(
                    ConversationRole::User,
                    vec![ContentBlock::Text("What is this?".to_owned()), ContentBlock::Image(picture)],
                )?],
                ..Spoken::default()
            },
        },
    ])
}

/// The SDK's client, made to look like the proxy: same endpoint, same credentials, one attempt.
fn sdk(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

async fn sent_by_sdk(bed: &Bed, client: &Client, spoken: Spoken, streamed: bool) -> anyhow::Result<Captured> {
    let Spoken { system, messages, inference, tools, further } = spoken;
    let messages = Some(messages);
    if streamed {
        let call = client.converse_stream().model_id(TARGET).set_system(system).set_messages(messages);
        let call = call.set_inference_config(inference).set_tool_config(tools);
        let mut stream = call.set_additional_model_request_fields(further).send().await?.stream;
        while stream.recv().await?.is_some() {}
    } else {
        let call = client.converse().model_id(TARGET).set_system(system).set_messages(messages);
        let call = call.set_inference_config(inference).set_tool_config(tools);
        call.set_additional_model_request_fields(further).send().await?;
    }
    bed.simulator.last_request().await
}

async fn sent_by_proxy(bed: &Bed, openai: &Value, streamed: bool) -> anyhow::Result<Captured> {
    let request = with(openai.clone(), json!({ "model": "house-model", "stream": streamed }));
    let reply = bed.chat(&request).await?;
    ensure!(reply.status == 200, "{request}\nanswered {} {}", reply.status, reply.text());
    bed.simulator.last_request().await
}

/// The body with the keys of every JSON document in order, and all other keys as they were.
fn in_order(body: &[u8]) -> anyhow::Result<String> {
    let mut body: Value = serde_json::from_slice(body)?;
    let mut sort_at = |pointer: &str| {
        if let Some(document) = body.pointer_mut(pointer) {
            *document = sorted(document.take());
        }
    };
    sort_at("/additionalModelRequestFields");
    // The table has one tool, three messages and one block of each at the most.
    sort_at("/toolConfig/tools/0/toolSpec/inputSchema/json");
    sort_at("/messages/1/content/0/toolUse/input");
    Ok(body.to_string())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            members.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(members.into_iter().collect::<Map<_, _>>())
        }
        other => other,
    }
}

async fn compare(bed: &Bed, client: &Client, case: &Case, streamed: bool) -> anyhow::Result<()> {
    let ours = sent_by_proxy(bed, &case.openai, streamed).await.context("by the proxy")?;
    let theirs = sent_by_sdk(bed, client, case.spoken.clone(), streamed).await.context("by the SDK")?;
    ensure!(ours.method == theirs.method, "methods: {} and {}", ours.method, theirs.method);
    ensure!(ours.path == theirs.path, "paths: {} and {}", ours.path, theirs.path);
    ensure!(
        ours.content_type == theirs.content_type,
        "types: {} and {}",
        ours.content_type,
        theirs.content_type
    );
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let has_documents = case.spoken.tools.is_some() || case.spoken.further.is_some();
    let (left, right) = if has_documents {
        (in_order(&ours.body)?, in_order(&theirs.body)?)
    } else {
        (text(&ours.body), text(&theirs.body))
    };
    ensure!(left == right, "bodies differ\nproxy: {left}\nSDK:   {right}");
    // Reordering must not hide a difference of length: every byte is there on both sides.
    ensure!(ours.body.len() == theirs.body.len(), "lengths: {} and {}", ours.body.len(), theirs.body.len());
    Ok(())
}

#[tokio::test]
async fn sends_the_bytes_that_the_aws_sdk_sends() {
    let rest = format!("model \"house-model\" {{\n  target = \"{TARGET}\"\n}}");
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let client = sdk(&bed.simulator.endpoint);
    let mut cases = Cases::default();
    for case in plain_cases().unwrap().into_iter().chain(rich_cases().unwrap()) {
        for streamed in [false, true] {
            let name = format!("{}, streamed: {streamed}", case.name);
            cases.note(name, compare(&bed, &client, &case, streamed).await);
        }
    }
    cases.all_hold();
}

#[tokio::test]
async fn a_document_keeps_its_bytes_under_a_name_bedrock_allows() {
    let rest = format!("model \"house-model\" {{\n  target = \"{TARGET}\"\n}}");
    let bed = Bed::with(Settings { rest, ..Settings::default() }).await.unwrap();
    let words = STANDARD.encode("Plain words.");
    let openai = json!({ "messages": [{ "role": "user", "content": [
        { "type": "text", "text": "Read this." },
        { "type": "file", "file": { "filename": "notes_v1.2 (final).txt", "file_data": format!("data:text/plain;base64,{words}") } },
    ] }] });
    let ours = sent_by_proxy(&bed, &openai, false).await.unwrap();
    // The name is the proxy's choice; with it given, the SDK has to send the same bytes.
    let name =
        ours.json().unwrap()["messages"][0]["content"][1]["document"]["name"].as_str().unwrap().to_owned();
    let file = DocumentBlock::builder()
        .format(DocumentFormat::Txt)
        .name(name)
        .source(DocumentSource::Bytes(Blob::new("Plain words.")))
        .build()
        .unwrap();
    let content = vec![ContentBlock::Text("Read this.".to_owned()), ContentBlock::Document(file)];
    let spoken =
        Spoken { messages: vec![message(ConversationRole::User, content).unwrap()], ..Spoken::default() };
    let theirs = sent_by_sdk(&bed, &sdk(&bed.simulator.endpoint), spoken, false).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&ours.body), String::from_utf8_lossy(&theirs.body));
}
