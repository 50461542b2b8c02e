//! Synthetic requests: one instance of each region is asked by each model, whole, as a stream, and for the call of a tool.
//!
//! What an answer has to look like is in `requests/answer`, which is pure.

mod answer;

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue};
use nova_hashistack::Address;
use nova_hashistack::consul::ServiceInstance;
use nova_hashistack::transport::{Call, Dialect, HashistackError, TlsConfig, Transport, TransportConfig};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::super::fact::{Asked, KeyFact, ModelFact, Tried, Trouble};
use super::instances::{Listed, label};
use super::{CONCURRENCY, in_time, trouble};
use crate::instance::Instance;

/// The largest answer that is read: what was asked for is a sentence.
const MAX_ANSWER: usize = 1 << 20;

/// How many models are asked in a region at most, where nobody has named any.
const MOST_MODELS: usize = 64;

/// The API of an instance: it has neither tokens of a header of their own nor indexes.
static API: Dialect = Dialect {
    product: "nova-proxy",
    token: "x-nova-token",
    index: None,
    known_leader: None,
    last_contact: None,
    filtered: None,
    words: answer::message,
};

/// Which requests are made.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// The models; all that the key may use where none are named.
    pub models: Vec<String>,
    /// The API key.
    pub key: Option<SecretString>,
    /// Whether the API speaks TLS.
    pub is_https: bool,
    /// How long one request may take.
    pub patience: Duration,
}

/// What became of them.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) keys: Vec<KeyFact>,
    pub(super) models: Vec<ModelFact>,
}

/// Makes the requests. Without a plan none is made, and the facts say why.
pub(super) async fn make(plan: &Result<RequestPlan, String>, listed: &Listed, tls: &TlsConfig) -> Made {
    let mut made = Made::default();
    let plan = match plan {
        Ok(plan) => plan,
        Err(why) => {
            let models = Err(Trouble::NotAsked(why.clone()));
            made.keys.push(KeyFact { region: "any region".to_owned(), models });
            return made;
        }
    };
    for (region, (instance, service)) in listed.ready_by_region() {
        let api = match api(plan, service, tls) {
            Ok(api) => api,
            Err(error) => {
                made.keys.push(KeyFact { region, models: Err(trouble::of(&error)) });
                continue;
            }
        };
        let names = models(plan, &api).await;
        made.keys.push(KeyFact {
            region: region.clone(),
            models: names.as_ref().map(Vec::len).map_err(Clone::clone),
        });
        let names = match names {
            Ok(_) if !plan.models.is_empty() => plan.models.clone(),
            Ok(names) => names.into_iter().take(MOST_MODELS).collect(),
            Err(_) => continue,
        };
        let tried: Vec<_> = stream::iter(names)
            .map(|model| try_model(plan, &api, region.clone(), model, instance))
            .buffered(CONCURRENCY)
            .collect()
            .await;
        made.models.extend(tried);
    }
    made
}

fn api(plan: &RequestPlan, service: &ServiceInstance, tls: &TlsConfig) -> Result<Transport, HashistackError> {
    let host = if service.address.contains(':') && !service.address.starts_with('[') {
        format!("[{}]", service.address)
    } else {
        service.address.clone()
    };
    let scheme = if plan.is_https { "https" } else { "http" };
    let address: Address = format!("{scheme}://{host}:{}", service.port).parse()?;
    let mut config = TransportConfig::new(address, &API);
    config.tls = tls.clone();
    config.headers =
        HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    if let Some(key) = &plan.key {
        let value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()));
        let mut value = value.map_err(|_| HashistackError::Invalid {
            what: "the API key has characters that no header may carry; copy it again".to_owned(),
        })?;
        value.set_sensitive(true);
        config.headers.insert(http::header::AUTHORIZATION, value);
    }
    config.call_timeout = plan.patience;
    Transport::new(config)
}

/// The models that the key may use.
async fn models(plan: &RequestPlan, api: &Transport) -> Asked<Vec<String>> {
    let asked = async { api.send(&Call::get("/v1/models").max_answer(MAX_ANSWER)).await?.json::<Value>() };
    match in_time(plan.patience, asked).await {
        Ok(list) => Ok(list["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|model| model["id"].as_str().map(str::to_owned))
            .collect()),
        Err(Trouble::Refused { status: 401, .. }) if plan.key.is_none() => Err(Trouble::NotAsked(
            "instances ask for an API key: put one into NOVA_API_KEY or --api-key-file".to_owned(),
        )),
        Err(trouble) => Err(trouble),
    }
}

async fn try_model(
    plan: &RequestPlan,
    api: &Transport,
    region: String,
    model: String,
    instance: &Instance,
) -> ModelFact {
    let plain = plain(plan, api, &model).await;
    let mut fact = ModelFact {
        region,
        model,
        instance: label(instance),
        plain: None,
        stream: None,
        tools: None,
        sent: 0,
    };
    match plain {
        Err(why) if answer::is_of_another_endpoint(&why) => {}
        Err(why) => fact.plain = Some(Err(why)),
        Ok(()) => {
            fact.plain = Some(Ok(()));
            fact.stream = Some(streamed(plan, api, &fact.model).await);
            fact.tools = Some(tools(plan, api, &fact.model).await);
        }
    }
    // Those that failed may have been refused before they were counted.
    let tried = [&fact.plain, &fact.stream, &fact.tools];
    fact.sent = tried.into_iter().flatten().filter(|tried| tried.is_ok()).map(|_| 1).sum();
    fact
}

async fn post(plan: &RequestPlan, api: &Transport, body: &Value) -> Result<Value, String> {
    let asked = async {
        let call =
            Call::post("/v1/chat/completions").json(body)?.max_answer(MAX_ANSWER).timeout(plan.patience);
        api.send(&call).await?.json::<Value>()
    };
    in_time(plan.patience, asked).await.map_err(|trouble| trouble.told().to_owned())
}

async fn plain(plan: &RequestPlan, api: &Transport, model: &str) -> Tried {
    let body =
        json!({ "model": model, "max_tokens": 64, "messages": question("Reply with the word ready.") });
    answer::is_whole(&post(plan, api, &body).await?)
}

async fn tools(plan: &RequestPlan, api: &Transport, model: &str) -> Tried {
    let body = json!({
        "model": model, "max_tokens": 256, "messages": question("Report that the system is ready."),
        "tools": [answer::tool()], "tool_choice": "required",
    });
    answer::has_called(&post(plan, api, &body).await?)
}

async fn streamed(plan: &RequestPlan, api: &Transport, model: &str) -> Tried {
    let body = json!({
        "model": model, "max_tokens": 64, "stream": true, "messages": question("Reply with the word ready."),
    });
    let asked = async {
        let call = Call::post("/v1/chat/completions").json(&body)?.timeout(plan.patience);
        // Read up to the limit, whole: what matters is how it ends.
        api.open(&call).await?.read(MAX_ANSWER).await
    };
    let read = in_time(plan.patience, asked).await.map_err(|trouble| trouble.told().to_owned())?;
    answer::has_ended(&String::from_utf8_lossy(&read.body))
}

fn question(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}
