//! One look at a candidate and at what is around it.
//!
//! Owns the order of calls. What cannot be read is unknown, and the rest of the look stays good.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use nova_config::Candidate;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::CheckStatus;
use nova_hashistack::transport::TlsConfig;

use super::ledger::Ledger;
use super::observation::{CandidateSeen, InstanceSeen, Observation, Order, Told, Tried};
use super::reading;
use super::record::ConfigCanary;
use super::store::CanaryStore;
use crate::documents::{CONFIG, StoredDocuments};
use crate::fleet::Fleet;
use crate::instance::Instance;
use crate::receipt::Receipt;
use crate::rollout::check::Snapshot;
use crate::rollout::observation::Seen;
use crate::rollout::record::{Rollout, Target};
use crate::rollout::store::{RecordsError, RolloutStore};

/// How many pages of metrics are read at once. Each may be some megabytes.
const CONCURRENCY: usize = 8;

/// How many instances are looked at; of more, a sample of this size says as much.
const MAX_INSTANCES: usize = 500;

/// What is looked at.
#[derive(Debug)]
pub(super) struct Sources {
    consul: ConsulClient,
    tls: TlsConfig,
    rollouts: RolloutStore,
    /// The instances of the service that was looked at last.
    fleet: Mutex<Option<Arc<Fleet>>>,
}

/// An instance with what a look needs of it beside what is told of it.
struct Found {
    instance: Instance,
    seen: InstanceSeen,
}

impl Sources {
    pub(super) fn new(consul: ConsulClient, tls: TlsConfig, prefix: &str) -> Self {
        let rollouts = RolloutStore::new(consul.clone(), prefix);
        Self { consul, tls, rollouts, fleet: Mutex::default() }
    }

    pub(super) async fn look(
        &self,
        store: &CanaryStore,
        record: &ConfigCanary,
        orders: Vec<Order>,
        ledger: &mut Ledger,
    ) -> Observation {
        let fleet = self.fleet(&record.push.service);
        let (documents, rollouts, found) = futures_util::future::join3(
            store.documents(),
            self.rollouts.all(),
            found(&fleet, store.prefix()),
        )
        .await;
        ledger.turn(record);
        if let (Seen::Known(found), true) = (&found, ledger.is_open()) {
            ledger.take(sample(&fleet, record, found).await);
        }
        let (config, candidate) =
            keys(documents.map_err(|error| format!("{:#}", anyhow::Error::from(error))));
        Observation {
            config,
            candidate,
            rollouts: under_way(rollouts),
            instances: match found {
                Seen::Known(found) => Seen::Known(found.into_iter().map(|found| found.seen).collect()),
                Seen::Absent => Seen::Absent,
                Seen::Unknown(why) => Seen::Unknown(why),
            },
            checks: ledger.judge(record.policy()),
            orders,
        }
    }

    fn fleet(&self, service: &str) -> Arc<Fleet> {
        let mut kept = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_ref().filter(|fleet| fleet.service() == service) {
            Some(fleet) => Arc::clone(fleet),
            None => {
                Arc::clone(kept.insert(Arc::new(Fleet::new(self.consul.clone(), service, self.tls.clone()))))
            }
        }
    }
}

fn keys(documents: Result<StoredDocuments, String>) -> (Seen<u64>, Seen<CandidateSeen>) {
    let stored = match documents {
        Ok(stored) => stored,
        Err(why) => return (Seen::Unknown(why.clone()), Seen::Unknown(why)),
    };
    let config = stored.documents().get(CONFIG).map(|document| document.modify_index);
    let candidate = stored.canary().map(|found| {
        let parsed = Candidate::parse(&found.value).ok();
        let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        CandidateSeen {
            modify_index: found.modify_index,
            is_over: parsed.as_ref().is_none_or(|candidate| now_ms >= candidate.expires_at_ms()),
            id: parsed.map(|candidate| candidate.id),
        }
    });
    (config.map_or(Seen::Absent, Seen::Known), candidate.map_or(Seen::Absent, Seen::Known))
}

/// A rollout, or why its record cannot be read.
type FoundRollout = (Target, Result<Rollout, RecordsError>);

/// The rollouts that are under way. One whose record cannot be read may be.
fn under_way(all: Result<Vec<FoundRollout>, RecordsError>) -> Seen<Vec<String>> {
    let all = match all {
        Ok(all) => all,
        Err(error) => return Seen::Unknown(format!("{:#}", anyhow::Error::from(error))),
    };
    let open =
        all.into_iter().filter(|(_, rollout)| !rollout.as_ref().is_ok_and(|rollout| rollout.has_ended()));
    Seen::Known(open.map(|(target, _)| format!("{}/{}", target.namespace, target.job)).collect())
}

/// The instances that the catalog lists, with what their receipts tell.
async fn found(fleet: &Fleet, prefix: &str) -> Seen<Vec<Found>> {
    let listed = match fleet.health().await {
        Ok(listed) if listed.is_empty() => return Seen::Absent,
        Ok(listed) => listed,
        Err(error) => return Seen::Unknown(format!("{:#}", anyhow::Error::from(error))),
    };
    let passing: BTreeMap<_, _> = listed
        .iter()
        .map(|(instance, found)| (instance.name.clone(), found.status == CheckStatus::Passing))
        .collect();
    let instances = listed.into_iter().map(|(instance, _)| instance).take(MAX_INSTANCES).collect();
    let config = format!("{prefix}/{CONFIG}");
    let answers = fleet.receipts(instances).map(|(instance, receipt)| {
        let name = receipt.as_ref().ok().and_then(|receipt| receipt.instance.clone());
        let seen = InstanceSeen {
            name: name.unwrap_or_else(|| instance.name.id.clone()),
            passing: passing.get(&instance.name).copied().unwrap_or_default(),
            told: receipt.map(|receipt| told(&receipt, &config)),
        };
        Found { instance, seen }
    });
    let mut all: Vec<_> = answers.collect().await;
    all.sort_by(|one, other| one.seen.name.cmp(&other.seen.name));
    Seen::Known(all)
}

fn told(receipt: &Receipt, config: &str) -> Told {
    let candidate = receipt.candidate.as_ref().and_then(Option::as_ref);
    Told {
        version: receipt.version.clone(),
        hash: receipt.config.hash.clone(),
        config_index: receipt.applied().get(config).copied(),
        tries_candidates: receipt.candidate.is_some(),
        candidate: candidate.and_then(|view| {
            Some(Tried {
                id: view.id.clone()?,
                state: view.state.clone().unwrap_or_default(),
                refusal: view.refusal.as_ref().map(|why| (why.kind.clone(), why.problem.clone())),
            })
        }),
    }
}

/// What each instance has counted: of the ring under the candidate alone, of the others under whatever they run. Others of another
/// version than the ring's are passed over where there are some of the same.
async fn sample(
    fleet: &Fleet,
    record: &ConfigCanary,
    found: &[Found],
) -> Vec<(String, bool, Result<Snapshot, String>)> {
    let ring = record.trial.as_ref().map(|trial| &trial.ring);
    let is_of_ring = |found: &Found| ring.is_some_and(|ring| ring.contains(&found.seen.name));
    let version = |found: &Found| found.seen.told.as_ref().ok().and_then(|told| told.version.clone());
    let versions: BTreeSet<_> = found.iter().filter(|one| is_of_ring(one)).map(version).collect();
    let of_same = |one: &&Found| is_of_ring(one) || versions.contains(&version(one));
    let same: Vec<_> = found.iter().filter(of_same).collect();
    let has_others = same.iter().any(|one| !is_of_ring(one));
    let compared: Vec<&Found> = if has_others { same } else { found.iter().collect() };
    let asked = compared.into_iter().filter_map(|one| {
        let is_of_ring = is_of_ring(one);
        // What an instance of the ring counts while it runs `config` is not the candidate's.
        let counts = !is_of_ring || one.seen.told.is_err() || one.seen.has_applied(&record.id);
        counts.then(|| Asked {
            name: one.seen.name.clone(),
            is_of_ring,
            // What told no receipt is not asked for counts that could not be told apart.
            told: one.seen.told.as_ref().map_err(Clone::clone).and_then(|told| {
                let hash = told.hash.clone().filter(|_| is_of_ring);
                Ok((one.instance.address.clone()?, hash))
            }),
        })
    });
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).map(|asked| snapshot(fleet, asked)).buffered(CONCURRENCY).collect().await
}

/// An instance that is asked for its counts: where, and of which configuration, or why it cannot be asked.
struct Asked {
    name: String,
    is_of_ring: bool,
    told: Result<(String, Option<String>), String>,
}

async fn snapshot(fleet: &Fleet, asked: Asked) -> (String, bool, Result<Snapshot, String>) {
    let Asked { name, is_of_ring, told } = asked;
    let read = async {
        let (address, hash) = told?;
        let page = fleet.metrics(&address).await?;
        reading::read(&page, hash.as_deref()).map_err(|error| format!("{address}: {error}"))
    };
    (name, is_of_ring, read.await)
}
