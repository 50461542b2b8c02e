//! Asks everybody, and judges nothing: every question has a limit, and an answer that does not come is a fact as well.
//!
//! Owns who is asked, in which order, and how many at once. Nothing is written anywhere; synthetic requests cost what such requests cost.

mod agent;
mod bedrock;
mod clock;
mod consul;
mod endpoint;
mod instances;
mod machine;
mod metrics;
mod nomad;
mod requests;
mod trouble;
mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use nova_hashistack::transport::{HashistackError, Retries, TlsConfig};
use nova_hashistack::{ConsulClient, NomadClient, NomadConfig, VaultClient};
use secrecy::SecretString;

use super::fact::{Facts, Trouble};
use super::rules::Rules;
use crate::fleet::Fleet;

pub(crate) use bedrock::place_name;
pub use bedrock::{BedrockPlaces, BedrockRequest, Credentials};
pub use endpoint::Place;
pub use requests::RequestPlan;

/// How many are asked at once: nodes, instances, models.
const CONCURRENCY: usize = 8;

/// How long one server may take for all questions together. Each question has a limit of its own below that.
const SERVER_PATIENCE: Duration = Duration::from_secs(45);

/// One more try for a question that may be answered a moment later: enough for a connection that a server has just closed, and little
/// enough that a server that is gone is found out soon.
const RETRIES: Retries =
    Retries { most: 1, first: Duration::from_millis(300), longest: Duration::from_millis(300) };

/// The servers, as they are reached.
#[derive(Debug)]
pub struct Servers {
    /// Consul.
    pub consul: ConsulClient,
    /// Consul's address, for people.
    pub consul_address: String,
    /// How Nomad is reached, and as whom; or why it is not asked. Clients of it are reached in the same way.
    pub nomad: Result<NomadConfig, String>,
    /// Vault, its address for people, and whether there is a token; or why it is not asked.
    pub vault: Result<(VaultClient, String, bool), String>,
}

/// What of it is the product's.
#[derive(Debug)]
pub struct Deployment {
    /// The prefix of the keys.
    pub kv_prefix: String,
    /// The instances.
    pub fleet: Fleet,
    /// The proxy's job in Nomad.
    pub job: String,
    /// Its namespace there.
    pub namespace: String,
    /// Certificates of the instances' listeners.
    pub tls: TlsConfig,
    /// Which synthetic requests are made, if any.
    pub requests: Result<RequestPlan, String>,
    /// Where Bedrock is.
    pub bedrock: BedrockPlaces,
}

/// What is to be there before an installation.
#[derive(Debug)]
pub struct Site {
    /// Addresses that have to be free.
    pub ports: Vec<String>,
    /// Places that have to be reached.
    pub places: Vec<Place>,
    /// Bedrock, with the models that are to answer.
    pub bedrock: BedrockRequest,
}

/// Asks about an environment that is deployed.
pub async fn deployed(servers: &Servers, deployment: &Deployment, rules: Rules) -> Facts {
    let mut facts = Facts::new(Timestamp::now(), rules);
    let consul = servers.consul.retrying(RETRIES);
    let job = nomad::Wanted::Job { id: &deployment.job, namespace: &deployment.namespace };
    let ((mut own, mut clocks), (nomad, of_nomad), (vault, of_vault), instances, agent) = tokio::join!(
        consul::ask(&consul, &servers.consul_address, Some(&deployment.kv_prefix)),
        nomad::ask(servers.nomad.as_ref(), job),
        vault::ask(servers.vault.as_ref()),
        instances::ask(&deployment.fleet),
        agent::ask(&consul, &deployment.kv_prefix),
    );
    clocks.extend(of_nomad);
    clocks.extend(of_vault);
    own.catalog = match &instances {
        Ok(asked) => consul::catalog(&consul, deployment.fleet.service(), asked.found.len()).await,
        Err(trouble) => Err(trouble.clone()),
    };
    facts.consul = Ok(own);
    (facts.nomad, facts.vault, facts.agent) = (nomad, vault, agent);
    if let Ok(mut asked) = instances {
        clocks.append(&mut asked.clocks);
        let regions: BTreeSet<String> =
            asked.found.iter().filter_map(|(instance, _)| instance.region.clone()).collect();
        clocks.extend(bedrock::clocks(&deployment.bedrock, &regions).await);
        let made = requests::make(&deployment.requests, &asked, &deployment.tls).await;
        let sent = sent_by_instance(&made.models);
        (facts.keys, facts.models) = (made.keys, made.models);
        facts.instances = instances::finish(&deployment.fleet, asked, &sent).await;
    }
    facts.clocks = clocks;
    facts
}

/// Asks about a place where nothing is deployed yet.
pub async fn site(servers: &Servers, site: &Site, rules: Rules) -> Facts {
    let mut facts = Facts::new(Timestamp::now(), rules);
    let consul = servers.consul.retrying(RETRIES);
    let ((own, mut clocks), (nomad, of_nomad), (vault, of_vault), endpoints, of_aws) = tokio::join!(
        consul::ask(&consul, &servers.consul_address, None),
        nomad::ask(servers.nomad.as_ref(), nomad::Wanted::Nodes),
        vault::ask(servers.vault.as_ref()),
        endpoint::ask_all(&site.places),
        bedrock::clocks(&site.bedrock.places, &site.bedrock.regions),
    );
    clocks.extend(of_nomad);
    clocks.extend(of_vault);
    clocks.extend(of_aws);
    (facts.consul, facts.nomad, facts.vault) = (Ok(own), nomad, vault);
    (facts.clocks, facts.endpoints) = (clocks, endpoints);
    facts.ports = machine::ports(&site.ports);
    let vault = servers.vault.as_ref().map(|(vault, _, _)| vault).map_err(Clone::clone);
    (facts.credentials, facts.bedrock) = bedrock::ask(&site.bedrock, vault, &facts.endpoints).await;
    facts
}

fn sent_by_instance(models: &[super::fact::ModelFact]) -> BTreeMap<String, u32> {
    let mut sent: BTreeMap<String, u32> = BTreeMap::new();
    for model in models {
        *sent.entry(model.instance.clone()).or_default() += model.sent;
    }
    sent
}

/// A question that has to be answered in time.
async fn in_time<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, HashistackError>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(patience, asked).await {
        Ok(answer) => answer.map_err(|error| trouble::of(&error)),
        Err(_elapsed) => {
            Err(Trouble::Unreachable(format!("there was no whole answer within {} s", patience.as_secs())))
        }
    }
}

/// A secret in the environment; nothing where it is unset or empty.
#[must_use]
pub fn secret(value: Option<String>) -> Option<SecretString> {
    value.filter(|value| !value.trim().is_empty()).map(|value| SecretString::from(value.trim().to_owned()))
}

/// The client that a configuration makes.
fn nomad_client(config: &NomadConfig) -> Result<NomadClient, HashistackError> {
    Ok(NomadClient::new(config.clone())?.retrying(RETRIES))
}
