//! Metrics from the instances themselves: whom Consul lists, and what each one's metrics listener shows.
//!
//! Owns who is asked, how many at once, and what an instance is by its registration. What a page means is in `readings`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::{CheckStatus, ServiceInstance};
use nova_hashistack::transport::TlsConfig;

use super::{CatalogInstance, MetricSource, readings};
use crate::fleet::Fleet;
use crate::instance::Instance;
use crate::rollout::check::Snapshot;
use crate::rollout::observation::Seen;

/// How many pages are read at once. Each may be some megabytes.
const CONCURRENCY: usize = 8;

/// How many instances of a service are looked at; of more, a sample of this size says as much.
const MAX_INSTANCES: usize = 500;

/// How many services are kept in mind. Forgetting one closes its connections, and nothing else.
const MAX_SERVICES: usize = 64;

/// Where a registration says which allocation it is, in jobs as ours; others tell by their id.
const META_INSTANCE: &str = "instance";

/// What ids of Nomad's registrations begin with; the id of the allocation follows.
const NOMAD_TASK: &str = "_nomad-task-";

/// The length of an allocation's id, which is a UUID.
const ALLOCATION_ID: usize = 36;

/// Asks the metrics listeners of the instances that Consul lists.
#[derive(Debug)]
pub struct Scraper {
    consul: ConsulClient,
    tls: TlsConfig,
    fleets: Mutex<BTreeMap<String, Arc<Fleet>>>,
}

impl Scraper {
    /// `tls` is for instances whose metrics listener speaks TLS.
    #[must_use]
    pub fn new(consul: ConsulClient, tls: TlsConfig) -> Self {
        Self { consul, tls, fleets: Mutex::default() }
    }

    fn fleet(&self, service: &str) -> Arc<Fleet> {
        let mut fleets = self.fleets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = fleets.get(service) {
            return Arc::clone(known);
        }
        if fleets.len() >= MAX_SERVICES {
            fleets.pop_first();
        }
        let fleet = Arc::new(Fleet::new(self.consul.clone(), service, self.tls.clone()));
        fleets.insert(service.to_owned(), Arc::clone(&fleet));
        fleet
    }
}

impl MetricSource for Scraper {
    async fn instances(&self, service: &str) -> Seen<Vec<CatalogInstance>> {
        match self.fleet(service).health().await {
            Ok(found) if found.is_empty() => Seen::Absent,
            Ok(found) => {
                let listed = found.iter().take(MAX_INSTANCES);
                Seen::Known(listed.map(|(instance, found)| listing(instance, found)).collect())
            }
            Err(error) => Seen::Unknown(format!("{:#}", anyhow::Error::from(error))),
        }
    }

    async fn snapshots(&self, service: &str, instances: &[CatalogInstance]) -> Vec<Result<Snapshot, String>> {
        let fleet = self.fleet(service);
        let addresses: Vec<_> = instances.iter().map(|instance| instance.metrics.clone()).collect();
        let asked = stream::iter(addresses).map(|address| snapshot(&fleet, address));
        asked.buffered(CONCURRENCY).collect().await
    }
}

async fn snapshot(fleet: &Fleet, address: Result<String, String>) -> Result<Snapshot, String> {
    let address = address?;
    let page = fleet.metrics(&address).await?;
    readings::read(&page).map_err(|error| format!("{address}: {error}"))
}

fn listing(instance: &Instance, found: &ServiceInstance) -> CatalogInstance {
    CatalogInstance {
        id: format!("{}/{}", instance.name.node, instance.name.id),
        allocation_id: allocation(&found.id, found.meta.get(META_INSTANCE)),
        version_name: instance.version.clone(),
        passing: found.status == CheckStatus::Passing,
        metrics: instance.address.clone(),
    }
}

/// The allocation of a registration: by the id that Nomad gives it, or by its own word.
fn allocation(id: &str, told: Option<&String>) -> Option<String> {
    let by_id = id.strip_prefix(NOMAD_TASK).and_then(|rest| rest.get(..ALLOCATION_ID));
    by_id.map(str::to_owned).or_else(|| told.filter(|told| told.len() == ALLOCATION_ID).cloned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use nova_hashistack::ConsulConfig;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::scripted::{Answer, Asked, Scripted, answer};

    const PAGE: &str = "nova_proxy_requests_total{status=\"200\"} 3\n";
    const ALLOCATION: &str = "11111111-2222-3333-4444-555555555555";

    fn entry(id: &str, port: &str, version: &str, status: &str) -> serde_json::Value {
        json!({
            "Node": { "Node": "n", "Address": "127.0.0.1" },
            "Service": { "ID": id, "Service": "web", "Address": "", "Port": 1,
                "Meta": { "version": version, "metrics_port": port }, "Tags": [] },
            "Checks": [{ "Status": status }],
        })
    }

    async fn consul(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Scripted, Scraper) {
        let server = Scripted::start(answers).await;
        let config = ConsulConfig::new(server.address.parse().unwrap());
        let scraper = Scraper::new(ConsulClient::new(config).unwrap(), TlsConfig::default());
        (server, scraper)
    }

    fn port(server: &Scripted) -> String {
        server.address.rsplit(':').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn each_instance_tells_what_it_has_counted_or_why_it_does_not() {
        let good = Scripted::start(|_| answer(200, PAGE)).await;
        let broken = Scripted::start(|_| answer(200, "<html>")).await;
        let cut = Scripted::start(|_| Answer::Cut).await;
        let other = Scripted::start(|_| answer(404, "")).await;
        let ports = [port(&good), port(&broken), port(&cut), port(&other)];
        let listed = json!([
            entry(&format!("_nomad-task-{ALLOCATION}-group-web-http"), &ports[0], "1", "passing"),
            entry("b", &ports[1], "2", "critical"),
            entry("c", &ports[2], "2", "passing"),
            entry("d", &ports[3], "2", "passing"),
            entry("e", "none", "2", "passing"),
        ]);
        let (_server, scraper) = consul(move |_| answer(200, listed.to_string())).await;
        let Seen::Known(instances) = scraper.instances("web").await else { panic!("nothing was listed") };
        assert_eq!(instances[0].allocation_id.as_deref(), Some(ALLOCATION));
        assert_eq!(
            instances.iter().map(|found| found.passing).collect::<Vec<_>>(),
            [true, false, true, true, true]
        );
        let found = scraper.snapshots("web", &instances).await;
        assert_eq!(found[0].as_ref().unwrap().requests, 3);
        for (position, why) in [(1, "line 1"), (2, "cannot be reached"), (3, "no such page"), (4, "no port")]
        {
            let reason = found[position].as_ref().unwrap_err();
            assert!(reason.contains(why), "{position}: {reason}");
        }
    }

    #[tokio::test]
    async fn an_instance_that_hangs_holds_up_nobody_for_long() {
        let deaf = Scripted::start(|_| Answer::Silence).await;
        let good = Scripted::start(|_| answer(200, PAGE)).await;
        let (_server, scraper) = consul(|_| answer(200, "[]")).await;
        let of = |server: &Scripted| CatalogInstance {
            id: server.address.clone(),
            allocation_id: None,
            version_name: None,
            passing: true,
            metrics: Ok(format!("http://{}", server.address)),
        };
        let instances = [of(&deaf), of(&good)];
        let found = scraper.snapshots("web", &instances).await;
        assert!(found[0].as_ref().unwrap_err().contains("no whole answer within"), "{found:?}");
        assert!(found[1].is_ok());
    }

    #[tokio::test]
    async fn a_catalog_that_does_not_answer_is_no_empty_one() {
        let is_down = Arc::new(AtomicBool::new(true));
        let down = Arc::clone(&is_down);
        let (_server, scraper) = consul(move |_| {
            if down.load(Ordering::SeqCst) { answer(500, "No cluster leader") } else { answer(200, "[]") }
        })
        .await;
        let Seen::Unknown(reason) = scraper.instances("web").await else { panic!("it was known") };
        assert!(reason.contains("No cluster leader"), "{reason}");
        is_down.store(false, Ordering::SeqCst);
        assert_eq!(scraper.instances("web").await, Seen::Absent);
    }

    #[rstest]
    #[case("_nomad-task-11111111-2222-3333-4444-555555555555-group-web-http", None, Some(ALLOCATION))]
    #[case("own", Some(ALLOCATION), Some(ALLOCATION))]
    #[case("own", Some("laptop"), None)]
    #[case("_nomad-task-short", None, None)]
    fn a_registration_says_which_allocation_it_is(
        #[case] id: &str,
        #[case] told: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let told = told.map(str::to_owned);
        assert_eq!(allocation(id, told.as_ref()).as_deref(), expected);
    }
}
