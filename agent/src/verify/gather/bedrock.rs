//! Bedrock: its clock, and whether it answers a request of one token with the credentials that there are.
//!
//! The proxy has a way of its own to AWS, and the agent does not depend on the proxy: here is one call, signed by AWS's library.

mod answer;
mod credentials;
mod partition;
mod sign;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue};
use nova_hashistack::VaultClient;
use nova_hashistack::transport::{
    Address, Call, Dialect, HashistackError, TlsConfig, Transport, TransportConfig,
};
use serde_json::json;

use super::super::fact::{
    Asked, BedrockAnswer, BedrockCall, BedrockCredentials, ClockFact, EndpointFact, TlsTrouble, Trouble,
    Whose,
};
use super::{CONCURRENCY, clock, in_time};

pub use credentials::Credentials;
use credentials::Keys;

/// How long a call may take. A request of one token takes a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the question for the time may take.
const CLOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The largest answer.
const MAX_ANSWER: usize = 1 << 20;

/// All statuses are answers here: what they mean is read from the exception.
const STATUSES: &[u16] = &[400, 401, 403, 404, 405, 408, 413, 424, 429, 500, 501, 502, 503, 504];

static BEDROCK: Dialect = Dialect {
    product: "bedrock",
    token: "x-nova-token",
    index: None,
    known_leader: None,
    last_contact: None,
    filtered: None,
    words: |_plain_already| None,
};

/// Where Bedrock is.
#[derive(Clone, Debug, Default)]
pub struct BedrockPlaces {
    /// The URL for each region that has one of its own.
    pub by_region: BTreeMap<String, String>,
    /// The URL for all others, where it is not AWS's own.
    pub elsewhere: Option<String>,
    /// Certificates of the authorities that it may have.
    pub tls: TlsConfig,
    /// Why it is not reached from here directly, if so.
    pub detour: Option<String>,
}

/// What Bedrock is to be asked.
#[derive(Debug)]
pub struct BedrockRequest {
    /// Where it is.
    pub places: BedrockPlaces,
    /// The regions.
    pub regions: BTreeSet<String>,
    /// The models or inference profiles.
    pub models: Vec<String>,
    /// With what it is asked; or why it is not asked.
    pub credentials: Result<Credentials, String>,
}

impl BedrockPlaces {
    /// The URL of a region.
    #[must_use]
    pub fn url(&self, region: &str) -> String {
        let own = self.by_region.get(region).or(self.elsewhere.as_ref());
        own.cloned().unwrap_or_else(|| partition::url(region))
    }

    fn transport(&self, region: &str, headers: HeaderMap) -> Result<Transport, HashistackError> {
        let address: Address = self.url(region).parse()?;
        let mut config = TransportConfig::new(address, &BEDROCK);
        config.tls = self.tls.clone();
        config.headers = headers;
        Transport::new(config)
    }
}

/// The clocks of these regions. One that cannot be asked from here is a fact that says so: instances have ways of their own.
pub(super) async fn clocks(places: &BedrockPlaces, regions: &BTreeSet<String>) -> Vec<ClockFact> {
    stream::iter(regions)
        .map(|region| async move {
            let asked = async {
                let call = Call::get("/").without_token().accepting(STATUSES).timeout(CLOCK_PATIENCE);
                clock::dated(&places.transport(region, HeaderMap::new())?, &call).await
            };
            let skew = match &places.detour {
                Some(detour) => Err(Trouble::NotAsked(detour.clone())),
                None => in_time(CLOCK_PATIENCE, asked).await.and_then(|(_, skew)| skew),
            };
            ClockFact { whose: Whose::Bedrock, name: format!("Bedrock in {region}"), skew }
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// Asks each model in each region, as far as there is a way to it.
pub(super) async fn ask(
    request: &BedrockRequest,
    vault: Result<&VaultClient, String>,
    endpoints: &[EndpointFact],
) -> (Asked<BedrockCredentials>, Vec<BedrockCall>) {
    let keys = match &request.credentials {
        Ok(credentials) => credentials.keys(vault).await,
        Err(why) => Err(Trouble::NotAsked(why.clone())),
    };
    let (source, keys) = match keys {
        Ok((source, keys)) => (Ok(BedrockCredentials { source }), Ok(keys)),
        Err(trouble) => (Err(trouble.clone()), Err(trouble.told().to_owned())),
    };
    let mut all = Vec::new();
    for region in &request.regions {
        all.extend(request.models.iter().map(|model| (region.as_str(), model.as_str())));
    }
    let calls = stream::iter(all)
        .map(|(region, model)| {
            let keys = keys.as_ref();
            async move {
                let answer = match (way(region, endpoints), keys) {
                    (Err(why), _) => BedrockAnswer::NotAsked(why),
                    (Ok(()), Err(why)) => BedrockAnswer::NotAsked(why.clone()),
                    (Ok(()), Ok(keys)) => call(&request.places, keys, region, model).await,
                };
                BedrockCall { region: region.to_owned(), model: model.to_owned(), answer }
            }
        })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    (source, calls)
}

/// The name of a region's place, by which a call finds out whether there is a way to it.
#[must_use]
pub(crate) fn place_name(region: &str) -> String {
    format!("bedrock {region}")
}

/// Whether the way to a region is open. Why it is not is told by the checks of the network.
fn way(region: &str, endpoints: &[EndpointFact]) -> Result<(), String> {
    let name = place_name(region);
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.name == name) else { return Ok(()) };
    let is_open =
        endpoint.connected.is_ok() && matches!(&endpoint.certificate, Ok(_) | Err(TlsTrouble::NotAsked(_)));
    if is_open { Ok(()) } else { Err(format!("there is no way to {name}")) }
}

async fn call(places: &BedrockPlaces, keys: &Keys, region: &str, model: &str) -> BedrockAnswer {
    let body = json!({
        "messages": [{ "role": "user", "content": [{ "text": "Reply with the word ready." }] }],
        "inferenceConfig": { "maxTokens": 1 },
    })
    .to_string();
    let asked = async {
        let path = Call::post("/model").segment(model)?.segment("converse")?;
        let headers = headers(places, keys, region, model, &body)?;
        let call = path.body(body.clone()).without_token().accepting(STATUSES).timeout(PATIENCE);
        let open = places.transport(region, headers)?.open(&call).await?;
        let name = open.header("x-amzn-errortype").map(str::to_owned);
        Ok::<_, HashistackError>((name, open.read(MAX_ANSWER).await?))
    };
    match in_time(PATIENCE, asked).await {
        Ok((name, read)) => answer::of(read.head.status, name.as_deref(), &read.body),
        Err(trouble) => BedrockAnswer::Other(trouble.told().to_owned()),
    }
}

fn headers(
    places: &BedrockPlaces,
    keys: &Keys,
    region: &str,
    model: &str,
    body: &str,
) -> Result<HeaderMap, HashistackError> {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]);
    let url = format!("{}/model/{}/converse", places.url(region).trim_end_matches('/'), sign::segment(model));
    sign::add(&mut headers, keys, region, &url, body)?;
    Ok(headers)
}
