//! The instances: who is listed, and what each tells at its metrics listener.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use nova_hashistack::consul::ServiceInstance;
use nova_hashistack::transport::{Call, HashistackError};
use serde::Deserialize;

use super::super::fact::{
    Asked, ClockFact, HealthPage, InstanceFact, ReadinessCondition, Skew, Trouble, Whose,
};
use super::{CONCURRENCY, SERVER_PATIENCE, clock, in_time, metrics};
use crate::fleet::Fleet;
use crate::instance::Instance;

/// How long one instance may take for one page.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request is counted when its guard is dropped, which may be a moment after its answer was read.
const COUNT_PATIENCE: Duration = Duration::from_secs(3);
const COUNT_PAUSE: Duration = Duration::from_millis(150);

/// What is known of the instances before anything is asked of them as a proxy.
#[derive(Debug)]
pub(super) struct Listed {
    /// Each with its registration and how its checks stand.
    pub(super) found: Vec<(Instance, ServiceInstance)>,
    pages: Vec<(Asked<HealthPage>, Asked<f64>)>,
    /// Their clocks.
    pub(super) clocks: Vec<ClockFact>,
}

impl Listed {
    /// An instance of each region that is ready.
    pub(super) fn ready_by_region(&self) -> BTreeMap<String, (&Instance, &ServiceInstance)> {
        let mut chosen = BTreeMap::new();
        for ((instance, service), (health, _)) in self.found.iter().zip(&self.pages) {
            if health.as_ref().is_ok_and(|page| page.is_ready) {
                let region = instance.region.clone().unwrap_or_else(|| "an unnamed region".to_owned());
                chosen.entry(region).or_insert((instance, service));
            }
        }
        chosen
    }
}

/// The name of an instance, for people.
pub(super) fn label(instance: &Instance) -> String {
    format!("{} on {}", instance.name.id, instance.name.node)
}

/// Asks the catalog, and each instance for its health and its metrics.
pub(super) async fn ask(fleet: &Fleet) -> Asked<Listed> {
    let found = in_time(SERVER_PATIENCE, fleet.health()).await?;
    let asked: Vec<_> = stream::iter(&found)
        .map(|(instance, _)| async move { tokio::join!(health(fleet, instance), counted(fleet, instance)) })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let mut pages = Vec::new();
    let mut clocks = Vec::new();
    for ((instance, _), (told, counted)) in found.iter().zip(asked) {
        let health = told.map(|(page, skew)| {
            clocks.push(ClockFact { whose: Whose::Instance, name: label(instance), skew });
            page
        });
        pages.push((health, counted));
    }
    Ok(Listed { found, pages, clocks })
}

/// Asks each for its receipt, and for its metrics once more where it was asked something in between.
pub(super) async fn finish(fleet: &Fleet, listed: Listed, sent: &BTreeMap<String, u32>) -> Vec<InstanceFact> {
    let instances: Vec<Instance> = listed.found.iter().map(|(instance, _)| instance.clone()).collect();
    let mut receipts: BTreeMap<_, _> =
        fleet.receipts(instances).map(|(instance, receipt)| (instance.name, receipt)).collect().await;
    let mut facts = Vec::new();
    for ((instance, service), (health, before)) in listed.found.into_iter().zip(listed.pages) {
        let receipt = receipts
            .remove(&instance.name)
            .unwrap_or_else(|| Err("it was not asked".to_owned()))
            .map_err(Trouble::Odd);
        let sent = sent.get(&label(&instance)).copied().unwrap_or_default();
        let counted = match before {
            Ok(before) if sent > 0 => {
                settle(fleet, &instance, before + f64::from(sent)).await.map(|after| (before, after))
            }
            Ok(before) => Ok((before, before)),
            Err(trouble) => Err(trouble),
        };
        facts.push(InstanceFact {
            name: label(&instance),
            registered_version: instance.version,
            region: instance.region,
            status: service.status,
            health,
            receipt,
            counted,
        });
    }
    facts
}

/// The count, as soon as it has come to `expected`, or when that has been waited for long enough.
async fn settle(fleet: &Fleet, instance: &Instance, expected: f64) -> Asked<f64> {
    let until = tokio::time::Instant::now() + COUNT_PATIENCE;
    loop {
        let count = counted(fleet, instance).await?;
        if count >= expected || tokio::time::Instant::now() >= until {
            return Ok(count);
        }
        tokio::time::sleep(COUNT_PAUSE).await;
    }
}

async fn counted(fleet: &Fleet, instance: &Instance) -> Asked<f64> {
    let address = instance.address.as_ref().map_err(|why| Trouble::Odd(why.clone()))?;
    let page = fleet.metrics(address).await.map_err(Trouble::Odd)?;
    metrics::requests(&page)
}

#[derive(Deserialize)]
struct Page {
    status: String,
    phase: String,
    version: String,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    name: String,
    holds: bool,
    #[serde(default)]
    reason: String,
}

async fn health(fleet: &Fleet, instance: &Instance) -> Asked<(HealthPage, Asked<Skew>)> {
    let address = instance.address.as_ref().map_err(|why| Trouble::Unreachable(why.clone()))?;
    let asked = async {
        let call = Call::get("/health").timeout(PATIENCE);
        let (answer, skew) = clock::dated(&fleet.listener(address)?, &call).await?;
        Ok::<_, HashistackError>((answer.json::<Page>()?, skew))
    };
    let (page, skew) = in_time(PATIENCE, asked).await?;
    let conditions = page.conditions.into_iter();
    let health = HealthPage {
        is_ready: page.status == "ready",
        phase: page.phase,
        version: page.version,
        conditions: conditions
            .map(|Condition { name, holds, reason }| ReadinessCondition { name, holds, reason })
            .collect(),
    };
    Ok((health, skew))
}
