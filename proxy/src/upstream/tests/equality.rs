//! The AWS SDK as the oracle: the same input makes the same request on the wire.

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Builder, Region, SharedCredentialsProvider};
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseTokensRequest, CountTokensInput, InferenceConfiguration, Message,
};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rstest::rstest;

use super::super::scripted_server::Received;
use super::*;

const ARN: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4";

fn sdk(server: &ScriptedServer) -> Client {
    let credentials = Credentials::new("AKID1", "secret", Some("token".to_owned()), None, "test");
    Client::from_conf(
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(server.url())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build(),
    )
}

fn message() -> Message {
    Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text("Grüße, \"Welt\" \u{1F30D}".to_owned()))
        .build()
        .unwrap()
}

fn settings() -> InferenceConfiguration {
    InferenceConfiguration::builder().max_tokens(100).temperature(0.5).build()
}

async fn both_streamed(server: &ScriptedServer, model: &str) {
    let theirs =
        sdk(server).converse_stream().model_id(model).messages(message()).inference_config(settings());
    theirs.send().await.unwrap();
    let body = Bytes::from(server.received()[0].body.clone());
    let call = Call { model_id: model, body, ..call() };
    let mut stream = client(fast(server)).converse_stream(&call, &mut Attempts::new()).await.unwrap();
    assert!(drain(&mut stream).await.1.is_none());
}

async fn both_whole(server: &ScriptedServer, model: &str) {
    let theirs = sdk(server).converse().model_id(model).messages(message()).inference_config(settings());
    theirs.send().await.unwrap();
    let body = Bytes::from(server.received()[0].body.clone());
    let call = Call { model_id: model, body, ..call() };
    client(fast(server)).converse(&call, &mut Attempts::new()).await.unwrap();
}

/// Signs what was received, with the headers that its signature names, and compares.
fn assert_signature_verifies(request: &Received, url: &str) {
    let authorization = request.header("authorization");
    let signed_names: Vec<_> =
        authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap().split(';').collect();
    let added = ["x-amz-date", "x-amz-security-token"];
    let headers = request.headers.iter().filter(|(name, _)| signed_names.contains(&name.as_str()));
    let headers = headers.filter(|(name, _)| !added.contains(&name.as_str()));
    let path = request.request_line.split(' ').nth(1).unwrap();
    let signable = SignableRequest::new(
        "POST",
        format!("{url}{path}"),
        headers.map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Bytes(&request.body),
    );
    let identity = Credentials::new("AKID1", "secret", Some("token".to_owned()), None, "test").into();
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", request.header("x-amz-date")).unwrap();
    let time = TimeZone::UTC.to_timestamp(time).unwrap().as_second();
    let time = UNIX_EPOCH + Duration::from_secs(time.unsigned_abs());
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("bedrock")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let (_, signature) = sign(signable.unwrap(), &params).unwrap().into_parts();
    assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
}

#[rstest]
#[tokio::test]
async fn sends_the_bytes_that_the_aws_sdk_sends(
    #[values("us.amazon.nova-lite-v1:0", ARN, "amazon.nova-pro-v1:0:24k")] model: &str,
    #[values(false, true)] streaming: bool,
) {
    let script = || if streaming { streamed(&frames::answer(), ended()) } else { answered() };
    let server = ScriptedServer::start([script(), script()]).await;
    if streaming {
        both_streamed(&server, model).await
    } else {
        both_whole(&server, model).await
    }
    let received = server.received();
    let [theirs, ours] = received.as_slice() else { panic!("{} requests instead of two", received.len()) };

    assert_eq!(ours.request_line, theirs.request_line);
    for name in
        ["host", "content-type", "content-length", "x-amz-security-token", "transfer-encoding", "accept"]
    {
        assert_eq!(ours.header(name), theirs.header(name), "{name}");
    }
    assert_eq!(ours.body, theirs.body);
    assert!(
        !ours.body.is_empty() && !ours.header("host").is_empty() && !ours.header("content-length").is_empty()
    );
    for request in [theirs, ours] {
        assert_signature_verifies(request, &server.url());
    }
    let signed = "SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-security-token";
    assert!(ours.header("authorization").contains(signed), "{}", ours.header("authorization"));
}

/// What is not Converse goes the same way: the SDK's calls and ours differ in nothing but time and the SDK's own agent.
#[rstest]
#[tokio::test]
async fn the_cold_calls_are_those_of_the_aws_sdk(#[values(false, true)] counting: bool) {
    let model = "amazon.titan-embed-text-v2:0";
    let server = ScriptedServer::start([answered(), answered()]).await;
    // The SDK may not like the answer: what it sent is what counts.
    if counting {
        let converse = ConverseTokensRequest::builder().messages(message()).build();
        let input = CountTokensInput::Converse(converse);
        drop(sdk(&server).count_tokens().model_id(model).input(input).send().await);
    } else {
        let body = Blob::new(r#"{"inputText":"Grüße"}"#);
        let call = sdk(&server).invoke_model().model_id(model).content_type("application/json").body(body);
        call.send().await.unwrap();
    }
    let body = Bytes::from(server.received()[0].body.clone());
    let (call, attempts) = (Call { model_id: model, body, ..call() }, &mut Attempts::new());
    let ours = client(fast(&server));
    if counting {
        ours.run::<CountTokens>(&call, attempts).await.unwrap();
    } else {
        ours.run::<InvokeModel>(&call, attempts).await.unwrap();
    }
    let received = server.received();
    let [theirs, ours] = received.as_slice() else { panic!("{} requests instead of two", received.len()) };
    assert_eq!(ours.request_line, theirs.request_line);
    for name in ["host", "content-type", "content-length", "x-amz-security-token", "transfer-encoding"] {
        assert_eq!(ours.header(name), theirs.header(name), "{name}");
    }
    assert_eq!(ours.body, theirs.body);
    for request in [theirs, ours] {
        assert_signature_verifies(request, &server.url());
    }
}
