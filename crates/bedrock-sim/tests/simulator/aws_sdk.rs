//! AWS's own client for Rust: it parses what the simulator sends, and types its errors.

use aws_credential_types::Credentials;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Region};
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::operation::RequestId;
use aws_sdk_bedrockruntime::operation::converse::ConverseError;
use aws_sdk_bedrockruntime::operation::converse_stream::ConverseStreamError;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError as StreamError;
use aws_sdk_bedrockruntime::types::{
    AnyToolChoice, ContentBlock, ContentBlockDelta, ContentBlockStart, ConversationRole,
    ConverseStreamOutput, Message, StopReason, Tool, ToolChoice, ToolConfiguration, ToolInputSchema,
    ToolSpecification,
};
use aws_smithy_types::date_time::Format;
use aws_smithy_types::{DateTime, Document, Number};
use bedrock_sim::{DEFAULT_ACCESS_KEY_ID, DEFAULT_SECRET_ACCESS_KEY, Simulator, SimulatorConfig};
use rstest::rstest;

use crate::harness::{LITE, simulator};

fn client(simulator: &Simulator, region: &str, secret: &str) -> Client {
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(simulator.endpoint(region))
        .credentials_provider(Credentials::new(DEFAULT_ACCESS_KEY_ID, secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn user(text: &str) -> Message {
    Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(text.to_owned()))
        .build()
        .unwrap()
}

fn scripted(script: &str) -> Message {
    user(&format!("[[sim {script}]]"))
}

fn weather_tool(name: &str) -> Tool {
    let property = Document::Object([("type".to_owned(), Document::String("integer".to_owned()))].into());
    let properties = Document::Object([("days".to_owned(), property)].into());
    let schema = Document::Object(
        [("type".to_owned(), Document::String("object".to_owned())), ("properties".to_owned(), properties)]
            .into(),
    );
    let spec =
        ToolSpecification::builder().name(name).input_schema(ToolInputSchema::Json(schema)).build().unwrap();
    Tool::ToolSpec(spec)
}

#[tokio::test]
async fn converse_answers_every_kind_of_model_id() {
    let simulator = simulator().await;
    for (region, model) in [
        ("us-east-1", "amazon.nova-lite-v1:0"),
        ("us-west-2", LITE),
        ("us-east-1", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0"),
        ("us-east-1", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/simulated0001"),
    ] {
        let client = client(&simulator, region, DEFAULT_SECRET_ACCESS_KEY);
        let output = client.converse().model_id(model).messages(user("hello")).send().await.unwrap();
        assert!(output.request_id().is_some());
        assert_eq!(output.stop_reason(), &StopReason::EndTurn);
        let usage = output.usage().unwrap();
        assert_eq!(usage.input_tokens(), 2);
        assert_eq!(usage.total_tokens(), usage.input_tokens() + usage.output_tokens());
        let message = output.output().unwrap().as_message().unwrap();
        assert!(message.content()[0].as_text().unwrap().contains("hello"), "{model}");
    }
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let simulator = simulator().await;
    let error =
        client(&simulator, "us-east-1", "wrong").converse().model_id(LITE).messages(user("a")).send().await;
    assert_eq!(error.unwrap_err().code(), Some("InvalidSignatureException"));
    simulator.stop().await.unwrap();
}

#[rstest]
#[case(0, None)]
#[case(3600, Some("Signature expired"))]
#[case(-3600, Some("Signature not yet current"))]
#[tokio::test]
async fn a_clock_that_is_off_is_noticed_and_shown(#[case] ahead: i64, #[case] words: Option<&str>) {
    let config = SimulatorConfig { clock_ahead_seconds: ahead, ..SimulatorConfig::default() };
    let simulator = Simulator::start(config).await.unwrap();
    let client = client(&simulator, "us-east-1", DEFAULT_SECRET_ACCESS_KEY);
    let outcome = client.converse().model_id(LITE).messages(user("a")).send().await;
    match words {
        None => assert!(outcome.is_ok(), "{outcome:?}"),
        Some(words) => {
            let error = outcome.unwrap_err();
            assert_eq!(error.code(), Some("InvalidSignatureException"));
            assert!(error.message().unwrap().starts_with(words), "{error:?}");
            let date = error.raw_response().unwrap().headers().get("date").unwrap();
            let date = DateTime::from_str(date, Format::HttpDate).unwrap().secs();
            let here = DateTime::from(std::time::SystemTime::now()).secs();
            assert!((date - here - ahead).abs() < 600, "{date} is about {ahead} seconds from {here}");
        }
    }
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_tool_round_trip_completes() {
    let simulator = simulator().await;
    let client = client(&simulator, "us-east-1", DEFAULT_SECRET_ACCESS_KEY);
    let config = ToolConfiguration::builder()
        .tools(weather_tool("get_weather"))
        .tool_choice(ToolChoice::Any(AnyToolChoice::builder().build()))
        .build()
        .unwrap();
    let output = client
        .converse()
        .model_id(LITE)
        .messages(user("weather?"))
        .tool_config(config.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(output.stop_reason(), &StopReason::ToolUse);
    let message = output.output().unwrap().as_message().unwrap();
    let call = message.content()[0].as_tool_use().unwrap();
    assert_eq!(call.input().as_object().unwrap()["days"], Document::Number(Number::PosInt(1)));

    let orphan = client
        .converse()
        .model_id(LITE)
        .messages(user("weather?"))
        .messages(message.clone())
        .messages(user("no result"))
        .tool_config(config)
        .send()
        .await
        .unwrap_err();
    let expected = format!(
        "Expected toolResult blocks at messages.2.content for the following Ids: {}",
        call.tool_use_id()
    );
    assert_eq!(orphan.message(), Some(expected.as_str()));
    simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_has_text_calls_reasoning_and_usage() {
    let simulator = simulator().await;
    let client = client(&simulator, "us-east-1", DEFAULT_SECRET_ACCESS_KEY);
    let script =
        r#"{"reasoning":"think","text":"hello world","chunks":3,"tool_uses":[{"name":"f","input":{"a":1}}]}"#;
    let mut stream =
        client.converse_stream().model_id(LITE).messages(scripted(script)).send().await.unwrap().stream;
    let (mut text, mut input, mut reasoning, mut started, mut stop, mut usage) =
        (String::new(), String::new(), String::new(), Vec::new(), None, None);
    while let Some(event) = stream.recv().await.unwrap() {
        match event {
            ConverseStreamOutput::ContentBlockStart(event) => {
                let Some(ContentBlockStart::ToolUse(start)) = event.start else { panic!("an unknown start") };
                started.push((event.content_block_index, start.name));
            }
            ConverseStreamOutput::ContentBlockDelta(event) => match event.delta.unwrap() {
                ContentBlockDelta::Text(piece) => text += &piece,
                ContentBlockDelta::ToolUse(piece) => input += &piece.input,
                ContentBlockDelta::ReasoningContent(piece) => reasoning += piece.as_text().unwrap(),
                other => panic!("an unknown delta {other:?}"),
            },
            ConverseStreamOutput::MessageStop(event) => stop = Some(event.stop_reason),
            ConverseStreamOutput::Metadata(event) => usage = event.usage,
            _ => {}
        }
    }
    assert_eq!((text.as_str(), input.as_str(), reasoning.as_str()), ("hello world", r#"{"a":1}"#, "think"));
    assert_eq!(started, [(2, "f".to_owned())]);
    assert_eq!(stop, Some(StopReason::ToolUse));
    // Reasoning 2, text 3, the call's JSON 2 and its name 1.
    assert_eq!(usage.unwrap().output_tokens, 8);
    simulator.stop().await.unwrap();
}

/// A named question to a typed error.
type Is<E> = fn(&E) -> bool;

#[rstest]
#[case(
    "AccessDeniedException",
    403,
    ConverseError::is_access_denied_exception,
    ConverseStreamError::is_access_denied_exception
)]
#[case(
    "ThrottlingException",
    429,
    ConverseError::is_throttling_exception,
    ConverseStreamError::is_throttling_exception
)]
#[case(
    "ResourceNotFoundException",
    404,
    ConverseError::is_resource_not_found_exception,
    ConverseStreamError::is_resource_not_found_exception
)]
#[case(
    "ModelTimeoutException",
    408,
    ConverseError::is_model_timeout_exception,
    ConverseStreamError::is_model_timeout_exception
)]
#[case(
    "InternalServerException",
    500,
    ConverseError::is_internal_server_exception,
    ConverseStreamError::is_internal_server_exception
)]
#[case(
    "ServiceUnavailableException",
    503,
    ConverseError::is_service_unavailable_exception,
    ConverseStreamError::is_service_unavailable_exception
)]
#[case(
    "ValidationException",
    400,
    ConverseError::is_validation_exception,
    ConverseStreamError::is_validation_exception
)]
#[case(
    "ModelNotReadyException",
    429,
    ConverseError::is_model_not_ready_exception,
    ConverseStreamError::is_model_not_ready_exception
)]
#[case(
    "ModelErrorException",
    424,
    ConverseError::is_model_error_exception,
    ConverseStreamError::is_model_error_exception
)]
#[tokio::test]
async fn every_exception_before_the_stream_is_the_sdks_typed_error(
    #[case] name: &str,
    #[case] status: u16,
    #[case] is: Is<ConverseError>,
    #[case] is_in_stream: Is<ConverseStreamError>,
) {
    let simulator = simulator().await;
    let client = client(&simulator, "us-east-1", DEFAULT_SECRET_ACCESS_KEY);
    let prompt = scripted(&format!(r#"{{"error":{{"type":"{name}"}}}}"#));
    let error = client.converse().model_id(LITE).messages(prompt.clone()).send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), status);
    let error = error.into_service_error();
    assert!(is(&error), "{error:?}");
    if let ConverseError::ModelErrorException(error) = &error {
        assert_eq!(error.original_status_code(), Some(500));
        assert!(error.resource_name().is_some());
    }
    let error = client.converse_stream().model_id(LITE).messages(prompt).send().await.unwrap_err();
    assert!(matches!(&error, SdkError::ServiceError(error) if is_in_stream(error.err())), "{error:?}");
    simulator.stop().await.unwrap();
}

#[rstest]
#[case("InternalServerException", StreamError::is_internal_server_exception)]
#[case("ModelStreamErrorException", StreamError::is_model_stream_error_exception)]
#[case("ValidationException", StreamError::is_validation_exception)]
#[case("ThrottlingException", StreamError::is_throttling_exception)]
#[case("ServiceUnavailableException", StreamError::is_service_unavailable_exception)]
#[tokio::test]
async fn every_exception_within_a_stream_is_the_sdks_typed_error(
    #[case] name: &str,
    #[case] is: Is<StreamError>,
) {
    let simulator = simulator().await;
    let client = client(&simulator, "us-east-1", DEFAULT_SECRET_ACCESS_KEY);
    for after in [1, 3] {
        let script = format!(
            r#"{{"text":"hello there","chunks":4,"error":{{"type":"{name}","after_events":{after}}}}}"#
        );
        let mut stream =
            client.converse_stream().model_id(LITE).messages(scripted(&script)).send().await.unwrap().stream;
        for event in 0..after {
            assert!(stream.recv().await.unwrap().is_some(), "event {event} comes before the exception");
        }
        let error = stream.recv().await.unwrap_err().into_service_error();
        assert!(is(&error), "{error:?}");
        if let StreamError::ModelStreamErrorException(error) = &error {
            assert_eq!((error.original_status_code(), error.original_message().is_some()), (Some(500), true));
        }
    }
    simulator.stop().await.unwrap();
}

#[rstest]
#[case("end_turn")]
#[case("tool_use")]
#[case("max_tokens")]
#[case("stop_sequence")]
#[case("guardrail_intervened")]
#[case("content_filtered")]
#[case("malformed_model_output")]
#[case("malformed_tool_use")]
#[case("model_context_window_exceeded")]
#[case("a_reason_of_the_future")]
#[tokio::test]
async fn every_stop_reason_arrives(#[case] reason: &str) {
    let simulator = simulator().await;
    let client = client(&simulator, "us-east-1", DEFAULT_SECRET_ACCESS_KEY);
    let prompt = scripted(&format!(r#"{{"text":"a","stop_reason":"{reason}"}}"#));
    let output = client.converse().model_id(LITE).messages(prompt).send().await.unwrap();
    assert_eq!(output.stop_reason().as_str(), reason);
    simulator.stop().await.unwrap();
}
