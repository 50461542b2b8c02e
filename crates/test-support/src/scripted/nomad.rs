//! A scripted Nomad: jobs with their versions, deployments with canaries, allocations that come up, and instances behind them.
//!
//! Owns the paths, the pace and the handle that tests have. What a call does and what the servers do by themselves is in the files
//! of this folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::UNKNOWN;
use super::consul::ScriptedConsul;
use super::http::{Asked, Listener, Machine, Said};
use super::instance::Behavior;
use super::switch::Switch;
use crate::server::Api;

mod allocation;
mod cluster;
mod decision;
mod deployment;
mod fleet;
mod job;
mod job_api;
mod node;
mod placement;
mod scheduler;
mod version_api;

use cluster::Cluster;
pub use cluster::Deployed;
use fleet::Fleet;

/// How often the servers do what they do by themselves.
const PACE: Duration = Duration::from_millis(15);

/// A running scripted Nomad. Dropping it ends it, and all instances.
#[derive(Debug)]
pub struct ScriptedNomad {
    shared: Arc<Shared>,
    listener: Listener,
    _clock: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    cluster: Mutex<Cluster>,
    revision: watch::Sender<u64>,
    unknown: Mutex<Vec<String>>,
}

impl ScriptedNomad {
    /// Starts it without jobs. The instances that it brings up are registered with this Consul.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(switch: Switch, consul: Arc<ScriptedConsul>) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            cluster: Mutex::default(),
            revision: watch::Sender::new(0),
            unknown: Mutex::default(),
        });
        let listener = Listener::start(Arc::clone(&shared), switch)?;
        let mut clock = JoinSet::new();
        let moved = Arc::clone(&shared);
        clock.spawn(async move {
            let mut fleet = Fleet::new(consul);
            loop {
                tokio::time::sleep(PACE).await;
                moved.change(Cluster::step);
                let failed = fleet.follow(&moved.lock().wanted());
                moved.change(|cluster| cluster.note_crashes(&failed));
            }
        });
        Ok(Self { shared, listener, _clock: clock })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its API, for what a test does as a human or a pipeline.
    pub fn api(&self) -> Api {
        Api::at(self.address(), "x-nomad-token")
    }

    /// Registers a job, as a pipeline does. The switch does not count it, since it does not come by HTTP.
    ///
    /// # Errors
    /// When it is refused.
    pub fn register(&self, job: &Value) -> anyhow::Result<()> {
        let body = json!({ "Job": job }).to_string();
        let said = self.shared.answer(&Asked::new(Method::POST, "/v1/jobs", body.into()));
        anyhow::ensure!(said.status() == 200, "the job was refused: {said:?}");
        Ok(())
    }

    /// Says how the version behaves whose job has this `version` in its meta. Those of which nothing is said behave well.
    pub fn behaves(&self, version: &str, behavior: Behavior) {
        self.shared.lock().behaviors.insert(version.to_owned(), behavior);
    }

    /// From now on other jobs are deployed all the time: whoever waits for a change of any deployment is woken often.
    pub fn be_busy(&self) {
        self.shared.lock().is_busy = true;
    }

    /// What runs of a job: how many instances of each version, by the `version` in its meta.
    pub fn running(&self, namespace: &str, job: &str) -> BTreeMap<String, usize> {
        self.shared.lock().running(namespace, job)
    }

    /// The deployments of a job, the oldest first.
    pub fn deployments(&self, namespace: &str, job: &str) -> Vec<Deployed> {
        self.shared.lock().deployed(namespace, job)
    }

    /// The writes that were carried out, in their order: what was done, and to what.
    pub fn acts(&self) -> Vec<String> {
        self.shared.lock().acts.clone()
    }

    /// The calls that it did not know.
    pub fn unknown(&self) -> Vec<String> {
        self.shared.unknown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes those who wait when it has changed.
    fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        let (index, changed) = {
            let mut cluster = self.lock();
            let changed = change(&mut cluster);
            (cluster.index(), changed)
        };
        self.revision.send_if_modified(|revision| std::mem::replace(revision, index) != index);
        changed
    }

    fn unknown(&self, asked: &Asked) -> Said {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner).push(asked.name());
        Said::text(501, UNKNOWN)
    }

    fn write(&self, asked: &Asked) -> Said {
        let is_delete = asked.method == Method::DELETE;
        self.change(|cluster| match asked.path().as_slice() {
            ["jobs"] => cluster.register_job(asked),
            ["job", id] if is_delete => cluster.stop_job(asked, id),
            ["job", id] if !id.is_empty() => cluster.register_job(asked),
            ["job", id, "revert"] => cluster.revert_job(asked, id),
            ["job", id, "stable"] => cluster.set_stable(asked, id),
            ["job", id, "versions", name, "tag"] if is_delete => cluster.remove_tag(asked, id, name),
            ["job", id, "versions", name, "tag"] => cluster.tag_version(asked, id, name),
            ["deployment", "promote", id] => cluster.promote(asked, id),
            ["deployment", "fail", id] => cluster.fail(id),
            ["deployment", "pause", id] => cluster.pause(asked, id),
            ["deployment", "allocation-health", id] => cluster.set_health(asked, id),
            _ => self.unknown(asked),
        })
    }

    fn read(&self, asked: &Asked) -> Said {
        let cluster = self.lock();
        match asked.path().as_slice() {
            ["jobs"] => cluster.jobs_list(asked),
            ["job", id] => cluster.job(asked, id),
            ["job", id, "versions"] => cluster.job_versions(asked, id),
            ["job", id, "deployment"] => cluster.job_deployment(asked, id),
            ["job", id, "deployments"] => cluster.job_deployments(asked, id),
            ["job", id, "allocations"] => cluster.job_allocations(asked, id),
            ["job", id, "evaluations"] => cluster.job_evaluations(asked, id),
            ["deployments"] => cluster.deployments_list(asked),
            ["deployment", id] => cluster.deployment(id),
            ["deployment", "allocations", id] => cluster.deployment_allocations(id),
            ["evaluation", id] => cluster.evaluation(id),
            ["status", "leader"] => Said::json(&json!("127.0.0.1:4647")),
            ["agent", "health"] => Said::json(&json!({ "server": { "ok": true, "message": "ok" } })),
            ["agent", "self"] => {
                Said::json(&json!({ "config": { "Version": { "Version": "1.11.1" } }, "member": {} }))
            }
            // What Nomad says where it has no ACLs, to everybody.
            ["acl", "token", "self"] => Said::json(&json!({
                "AccessorID": "acls-disabled", "SecretID": "", "Name": "ACLs disabled token", "Type": "client",
                "Policies": null, "Roles": null, "Global": false, "ExpirationTime": null,
            })),
            ["nodes"] => Said::json(&Value::Array(Vec::new())),
            _ => self.unknown(asked),
        }
    }
}

impl Machine for Shared {
    const INDEX: Option<&'static str> = Some("x-nomad-index");

    fn counts(&self, asked: &Asked) -> bool {
        asked.method != Method::GET
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    fn answer(&self, asked: &Asked) -> Said {
        if asked.method == Method::GET { self.read(asked) } else { self.write(asked) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::{DEADLINE, Look, wait_for, wait_until};

    fn job(version: &str) -> Value {
        json!({ "Job": { "ID": "web", "Meta": { "version": version }, "TaskGroups": [
            { "Name": "g", "Count": 2, "Update": { "Canary": 1 }, "Services": [{ "Name": "web-http" }], "Tasks": [{ "Name": "t" }] },
        ] } })
    }

    async fn runs(nomad: &ScriptedNomad, expected: &[(&str, usize)]) {
        let expected = expected.iter().map(|(version, count)| ((*version).to_owned(), *count)).collect();
        wait_until(&format!("{expected:?} to run"), DEADLINE, || {
            let running = nomad.running("default", "web");
            Ok(if running == expected { Look::Ready(()) } else { Look::NotYet(running) })
        })
        .await
        .unwrap();
    }

    async fn last(nomad: &ScriptedNomad, status: &str, description: &str) -> Deployed {
        wait_until(&format!("a deployment that is {status} ({description})"), DEADLINE, || {
            let deployed = nomad.deployments("default", "web");
            let found = deployed
                .last()
                .filter(|found| found.status == status && found.description.contains(description));
            Ok(found.cloned().map_or(Look::NotYet(deployed), Look::Ready))
        })
        .await
        .unwrap()
    }

    fn start() -> (Arc<ScriptedConsul>, ScriptedNomad) {
        let consul = Arc::new(ScriptedConsul::start(Switch::new()).unwrap());
        let nomad = ScriptedNomad::start(Switch::new(), Arc::clone(&consul)).unwrap();
        (consul, nomad)
    }

    #[tokio::test]
    async fn canaries_are_placed_beside_the_old_ones_and_replace_them_when_they_are_promoted() {
        let (consul, nomad) = start();
        let api = nomad.api();
        api.post("/v1/jobs", &job("1")).await.unwrap();
        runs(&nomad, &[("1", 2)]).await;
        last(&nomad, "successful", "").await;
        api.post("/v1/jobs", &job("2")).await.unwrap();
        runs(&nomad, &[("1", 2), ("2", 1)]).await;
        let listed = wait_for("three instances in the catalog", DEADLINE, async || {
            let listed = consul.api().get("/v1/catalog/service/web-http").await?;
            let count = listed.as_array().map_or(0, Vec::len);
            Ok(if count == 3 { Look::Ready(listed) } else { Look::NotYet(listed) })
        });
        let listed = listed.await.unwrap();
        let versions: Vec<&Value> =
            listed.as_array().unwrap().iter().map(|one| &one["ServiceMeta"]["version"]).collect();
        assert_eq!(versions.iter().filter(|version| **version == "2").count(), 1, "{listed}");
        let id = last(&nomad, "running", "manual promotion").await.id;
        let body = json!({ "DeploymentID": id, "All": true });
        wait_until("the canary to be healthy", DEADLINE, || {
            let healthy =
                nomad.shared.lock().deployment(&id).body_json()["TaskGroups"]["g"]["HealthyAllocs"].clone();
            Ok(if healthy == 1 { Look::Ready(()) } else { Look::NotYet(healthy) })
        })
        .await
        .unwrap();
        api.post(&format!("/v1/deployment/promote/{id}"), &body).await.unwrap();
        last(&nomad, "successful", "").await;
        runs(&nomad, &[("2", 2)]).await;
        assert_eq!(nomad.acts(), ["register web", "register web", &format!("promote {id}")]);
    }

    #[tokio::test]
    async fn a_version_that_does_not_come_up_fails_its_deployment() {
        let (_consul, nomad) = start();
        nomad.behaves("2", Behavior { comes_up: false, ..Behavior::default() });
        nomad.api().post("/v1/jobs", &job("1")).await.unwrap();
        last(&nomad, "successful", "").await;
        nomad.api().post("/v1/jobs", &job("2")).await.unwrap();
        last(&nomad, "failed", "unhealthy allocations").await;
        runs(&nomad, &[("1", 2)]).await;
    }
}
