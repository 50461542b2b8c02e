//! A simulator for one test, and a plain HTTP client that authenticates with an API key.

use std::time::Duration;

use bedrock_sim::{Control, Invocation, Simulator, SimulatorConfig};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

pub(crate) const API_KEY: &str = "test-api-key";
pub(crate) const LITE: &str = "us.amazon.nova-lite-v1:0";
pub(crate) const NOVA2: &str = "us.amazon.nova-2-lite-v1:0";
/// Long enough for a loaded machine; only a defect waits this long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn simulator() -> Simulator {
    let config = SimulatorConfig { bearer_tokens: vec![API_KEY.to_owned()], ..SimulatorConfig::default() };
    Simulator::start(config).await.unwrap()
}

pub(crate) fn ask(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}

pub(crate) fn scripted(script: &Value) -> Value {
    ask(&format!("[[sim {script}]]"))
}

/// A response whose body was read as far as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The body ended without an error.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The exception's name and text, after checking that it looks as AWS's do.
    pub(crate) fn exception(&self) -> (String, String) {
        let error_type = self.headers["x-amzn-errortype"].to_str().unwrap();
        let (name, suffix) = error_type.split_once(':').unwrap();
        assert!(suffix.starts_with("http://internal.amazon.com/"), "{error_type}");
        assert!(self.headers.contains_key("x-amzn-requestid"));
        assert_eq!(self.headers["content-type"], "application/json");
        (name.to_owned(), self.json()["message"].as_str().unwrap().to_owned())
    }
}

pub(crate) async fn send(method: Method, url: &str, body: impl Into<Bytes>) -> Result<Answer, String> {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Bearer {API_KEY}"))
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap();
    let response = client.request(request).await.map_err(|error| format!("{error:?}"))?;
    let (parts, mut incoming) = response.into_parts();
    let mut answer =
        Answer { status: parts.status, headers: parts.headers, body: Vec::new(), complete: true };
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => answer.body.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => answer.complete = false,
        }
    }
    Ok(answer)
}

pub(crate) async fn post(
    simulator: &Simulator,
    model: &str,
    operation: &str,
    body: &Value,
) -> Result<Answer, String> {
    let url = format!("{}/model/{model}/{operation}", simulator.endpoint("us-east-1"));
    send(Method::POST, &url, body.to_string()).await
}

pub(crate) async fn control(simulator: &Simulator, method: Method, path: &str, body: &Value) -> Answer {
    let url = format!("{}/_sim/{path}", simulator.endpoint("us-east-1"));
    send(method, &url, body.to_string()).await.unwrap()
}

/// Waits until `count` invocations are recorded, and returns them.
pub(crate) async fn invocations(control: &Control, count: usize) -> Vec<Invocation> {
    let recorded = async {
        loop {
            let recorded = control.invocations(usize::MAX);
            if recorded.len() >= count {
                return recorded;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, recorded).await.expect("the invocations are recorded")
}
