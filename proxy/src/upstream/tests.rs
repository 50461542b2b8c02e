//! The client against a scripted server: what it sends, what it makes of every answer, what it tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use slog::Logger;

use super::clock::WallClock;
use super::scripted_server::{LAST_CHUNK, ScriptedServer, Step, chunk, chunked_head, whole};
use super::*;

mod authority;
mod connections;
mod equality;
mod exceptions;
mod retries;
mod streams;

pub(super) const MODEL: &str = "us.amazon.nova-lite-v1:0";
const BODY: &str = r#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}"#;
const ANSWER: &str =
    r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hello"}]}},"stopReason":"end_turn"}"#;
const REQUEST_ID: (&str, &str) = ("x-amzn-requestid", "req-1");
const JSON: (&str, &str) = ("content-type", "application/json");
const EVENT_STREAM: (&str, &str) = ("content-type", "application/vnd.amazon.eventstream");

/// Gives `AKID1`, `AKID2`, … at each load, or fails.
#[derive(Debug, Default)]
struct Numbered {
    loads: AtomicUsize,
    fails: bool,
}

impl CredentialSource for Numbered {
    fn load(&self) -> BoxFuture<'_, Result<Credentials, CredentialsError>> {
        let number = self.loads.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if self.fails {
                return Err(CredentialsError::not_loaded("nothing is set"));
            }
            Ok(Credentials::new(format!("AKID{number}"), "secret", Some("token".to_owned()), None, "test"))
        })
    }

    fn describe(&self) -> String {
        "a numbered source".to_owned()
    }
}

fn fixed_clock() -> WallClock {
    Arc::new(|| UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

fn fast(server: &ScriptedServer) -> UpstreamConfig {
    let mut config = UpstreamConfig::new("us-east-1");
    config.endpoint = Some(server.url().parse().unwrap());
    config.retry.base_delay = Duration::from_millis(1);
    config
}

fn client_of(config: UpstreamConfig, source: Arc<dyn CredentialSource>) -> BedrockClient {
    client_with(config, source, None)
}

fn client_with(
    config: UpstreamConfig,
    source: Arc<dyn CredentialSource>,
    bearer_key: Option<SecretString>,
) -> BedrockClient {
    try_client_with(config, source, bearer_key).unwrap()
}

fn try_client_with(
    config: UpstreamConfig,
    source: Arc<dyn CredentialSource>,
    bearer_key: Option<SecretString>,
) -> Result<BedrockClient, UpstreamSetupError> {
    let cache =
        CredentialCacheConfig { min_reload_interval: Duration::ZERO, ..CredentialCacheConfig::default() };
    let log = Logger::root(slog::Discard, slog::o!());
    let credentials = CachedCredentials::new(source, cache, fixed_clock(), log).with_bearer_key(bearer_key);
    BedrockClient::new(config, Arc::new(credentials), fixed_clock())
}

fn client(config: UpstreamConfig) -> BedrockClient {
    client_of(config, Arc::new(Numbered::default()))
}

pub(super) fn call() -> Call<'static> {
    Call {
        model_id: MODEL,
        region: "us-east-1",
        body: Bytes::from_static(BODY.as_bytes()),
        first_byte_timeout: None,
        spill: Spill::Never,
    }
}

fn answered() -> Vec<Step> {
    vec![Step::Write(whole(200, &[JSON, REQUEST_ID], ANSWER.as_bytes()))]
}

fn refused(status: u16, exception: &str) -> Vec<Step> {
    let body = format!(r#"{{"message":"about {exception}"}}"#);
    vec![Step::Write(whole(status, &[JSON, REQUEST_ID, ("x-amzn-errortype", exception)], body.as_bytes()))]
}

/// A stream of these frames, then these steps.
fn streamed(frames: &[Vec<u8>], then: Vec<Step>) -> Vec<Step> {
    let mut bytes = chunked_head(&[EVENT_STREAM, REQUEST_ID]);
    for frame in frames {
        bytes.extend(chunk(frame));
    }
    std::iter::once(Step::Write(bytes)).chain(then).collect()
}

fn ended() -> Vec<Step> {
    vec![Step::Write(LAST_CHUNK.to_vec())]
}

/// All events, and the error that came instead of an end.
async fn drain(stream: &mut EventStream) -> (usize, Option<UpstreamError>) {
    let mut events = 0;
    while let Some(item) = stream.next().await {
        match item {
            Ok(_event) => events += 1,
            Err(error) => {
                assert!(stream.next().await.is_none(), "after an error the stream is finished");
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

#[test]
fn calls_can_run_as_tasks() {
    fn is_send<T: Send>(_: &T) {}
    let client = client(UpstreamConfig {
        endpoint: Some("http://127.0.0.1:1".parse().unwrap()),
        ..UpstreamConfig::new("us-east-1")
    });
    let (call, mut attempts) = (call(), Attempts::new());
    is_send(&client.converse(&call, &mut attempts));
    is_send(&client.converse_stream(&call, &mut attempts));
}

#[tokio::test]
async fn a_client_for_aws_itself_finds_its_root_certificates() {
    let log = Logger::root(slog::Discard, slog::o!());
    let credentials = Arc::new(CachedCredentials::new(
        Arc::new(DefaultChain::new("us-east-1")),
        CredentialCacheConfig::default(),
        clock::system_clock(),
        log,
    ));
    BedrockClient::new(UpstreamConfig::new("us-east-1"), credentials, clock::system_clock()).unwrap();
}
