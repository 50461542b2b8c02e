//! The instances of the proxy: who is there by Consul's catalog, and what each tells about itself.
//!
//! Owns the calls and their limits. What the answers mean is in `receipt` and `standing`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use nova_hashistack::consul::{Consistency, ServiceInstance};
use nova_hashistack::transport::{Call, Dialect, HashistackError, TlsConfig, Transport, TransportConfig};
use nova_hashistack::{Address, ConsulClient};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::instance::{Instance, InstanceId};
use crate::receipt::Receipt;

/// How many instances are asked at once: enough for a fleet of hundreds within seconds, and few enough for any laptop.
const CONCURRENCY: usize = 16;

/// How long one instance may take to answer. A receipt is a few lines that are held in memory.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest receipt that is read: one with a thousand faults has some 300 KB.
const MAX_RECEIPT: usize = 1 << 20;

/// The largest schema that is read. Today's has 100 KB.
const MAX_SCHEMA: usize = 4 << 20;

/// The largest page of metrics that is read: one of the largest sensible size has some ten thousand lines of 200 bytes.
const MAX_METRICS: usize = 8 << 20;

/// What an older version, or another program, answers.
const NOT_FOUND: u16 = 404;

/// What a metrics listener calls things: it has neither tokens nor indexes.
static LISTENER: Dialect = Dialect {
    product: "nova-proxy",
    token: "x-nova-token",
    index: None,
    known_leader: None,
    last_contact: None,
    filtered: None,
    words: |_plain_already| None,
};

/// All instances of one service.
#[derive(Debug)]
pub struct Fleet {
    consul: ConsulClient,
    service: String,
    tls: TlsConfig,
    /// By address: connections are kept from one round to the next.
    transports: Mutex<BTreeMap<String, Transport>>,
}

impl Fleet {
    /// The instances that `consul` lists under `service`. `tls` is for those whose metrics listener speaks TLS.
    #[must_use]
    pub fn new(consul: ConsulClient, service: impl Into<String>, tls: TlsConfig) -> Self {
        Self { consul, service: service.into(), tls, transports: Mutex::default() }
    }

    /// The name under which they are listed.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The instances that the catalog lists now, healthy or not, in the order of their names.
    ///
    /// # Errors
    /// When Consul does not answer, or refuses.
    pub async fn instances(&self) -> Result<Vec<Instance>, HashistackError> {
        let listed = self.consul.catalog().service(&self.service, Consistency::Default).await?;
        let mut instances: Vec<_> = listed.value.iter().map(instance).collect();
        instances.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(instances)
    }

    /// The instances with how their checks stand now, in the order of their names; each with the `Meta` of its registration.
    ///
    /// # Errors
    /// When Consul does not answer, or refuses.
    pub async fn health(&self) -> Result<Vec<(Instance, ServiceInstance)>, HashistackError> {
        let listed = self.consul.health().service(&self.service, false, "", Consistency::Default).await?;
        let mut instances: Vec<_> = listed.value.into_iter().map(|found| (instance(&found), found)).collect();
        instances.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        self.forget_all_but(instances.iter().filter_map(|(instance, _)| instance.address.as_deref().ok()));
        Ok(instances)
    }

    /// The page of metrics at this address.
    ///
    /// # Errors
    /// Why there is none, in one line.
    pub async fn metrics(&self, address: &str) -> Result<String, String> {
        let asked = async {
            let call = Call::get("/metrics").max_answer(MAX_METRICS).timeout(ANSWER_TIMEOUT);
            self.transport(address)?.send(&call).await
        };
        let answer = asked.await.map_err(|error| reason(address, error))?;
        String::from_utf8(answer.body.into()).map_err(|_| format!("{address} answered with what is no text"))
    }

    /// Closes connections to addresses that are listed no more: each update of a job brings new ones.
    fn forget_all_but<'a>(&self, addresses: impl Iterator<Item = &'a str>) {
        let addresses: BTreeSet<&str> = addresses.collect();
        let mut transports = self.transports.lock().unwrap_or_else(PoisonError::into_inner);
        transports.retain(|address, _| addresses.contains(address.as_str()));
    }

    /// Asks `instances` for their receipts; answers come as they arrive.
    pub fn receipts(
        &self,
        instances: Vec<Instance>,
    ) -> impl Stream<Item = (Instance, Result<Receipt, String>)> + Unpin {
        let asked = stream::iter(instances).map(async |instance| {
            let call = Call::get("/config/receipt").max_answer(MAX_RECEIPT);
            let receipt = self.ask(&instance, call).await;
            (instance, receipt)
        });
        Box::pin(asked.buffer_unordered(CONCURRENCY))
    }

    /// The JSON Schema of the version that `instance` runs.
    ///
    /// # Errors
    /// Why there is none, in one line.
    pub async fn schema(&self, instance: &Instance) -> Result<Value, String> {
        self.ask(instance, Call::get("/config/schema").max_answer(MAX_SCHEMA)).await
    }

    async fn ask<T: DeserializeOwned>(&self, instance: &Instance, call: Call) -> Result<T, String> {
        let address = instance.address.as_ref().map_err(Clone::clone)?;
        let asked = async {
            let answer = self.transport(address)?.send(&call.timeout(ANSWER_TIMEOUT)).await?;
            answer.json()
        };
        asked.await.map_err(|error| reason(address, error))
    }

    /// The metrics listener at this address, for pages that have no method here. Its answers have no limit but the call's own.
    ///
    /// # Errors
    /// When the address is none, or certificates cannot be used.
    pub(crate) fn listener(&self, address: &str) -> Result<Transport, HashistackError> {
        self.transport(address)
    }

    fn transport(&self, address: &str) -> Result<Transport, HashistackError> {
        let mut transports = self.transports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = transports.get(address) {
            return Ok(known.clone());
        }
        let parsed: Address = address.parse()?;
        let mut config = TransportConfig::new(parsed, &LISTENER);
        config.tls = self.tls.clone();
        config.connect_timeout = ANSWER_TIMEOUT;
        let made = Transport::new(config)?;
        transports.insert(address.to_owned(), made.clone());
        Ok(made)
    }
}

fn instance(found: &ServiceInstance) -> Instance {
    let name = InstanceId { node: found.node.clone(), id: found.id.clone() };
    Instance::new(name, &found.address, &found.meta)
}

/// Why an instance told nothing, in a line that goes below a table.
fn reason(address: &str, error: HashistackError) -> String {
    match &error {
        HashistackError::Unreachable { .. } => {
            let error = anyhow::Error::from(error);
            format!("{address} cannot be reached: {}", error.root_cause())
        }
        HashistackError::TimedOut { after, .. } => {
            format!("{address} gave no whole answer within {} s", after.as_secs())
        }
        HashistackError::Refused(refusal) if refusal.status == NOT_FOUND => {
            format!("{address} has no such page: is it a nova-proxy, and of a version that tells it?")
        }
        _ => format!("{:#}", anyhow::Error::from(error)),
    }
}
