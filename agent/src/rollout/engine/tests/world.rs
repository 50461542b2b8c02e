//! The seams over the cluster in memory. Each call has a number; at one of them the process is killed.

use std::sync::{Arc, Mutex, MutexGuard};

use nova_hashistack::consul::TxnOperation;
use tokio::sync::Notify;

use super::super::*;
use super::cluster::Cluster;
use crate::rollout::action::Split;
use crate::rollout::observation::{Command, InstanceSeen, TrafficSeen};
use crate::rollout::policy::TrafficMode;
use crate::seams::{CatalogInstance, Deployments, JobLook, Listed, Route};

/// Where the process is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crash {
    /// At which call, from 1.
    pub(super) call: u64,
    /// After what the call does was done, and before its answer came; else before it was done.
    pub(super) after_effect: bool,
}

pub(super) fn target() -> Target {
    Target { namespace: "default".to_owned(), job: "web".to_owned() }
}

fn bad() -> Target {
    Target { namespace: "default".to_owned(), job: "bad".to_owned() }
}

/// A leader of some term.
pub(super) struct SimLead {
    pub(super) epoch: u64,
}

impl Lead for SimLead {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn fence(&self) -> TxnOperation {
        TxnOperation::CheckSession { key: "leader".to_owned(), session: self.epoch.to_string() }
    }

    fn may_act(&self) -> bool {
        true
    }

    fn doubt(&self) {}
}

#[derive(Debug)]
struct State {
    cluster: Cluster,
    /// The record as it is in the store, with its index.
    record: Option<(String, u64)>,
    history: Vec<Rollout>,
    epoch: u64,
    calls: u64,
    /// The numbers of calls that change something.
    effects: Vec<u64>,
    was_killed: bool,
    has_bad_record: bool,
    story: Vec<String>,
}

/// Everything that the engine stands on.
#[derive(Debug)]
pub(super) struct Sim {
    state: Mutex<State>,
    crash: Option<Crash>,
    kill: Notify,
}

impl Sim {
    pub(super) fn new(cluster: Cluster, crash: Option<Crash>) -> Self {
        let state = State {
            cluster,
            record: None,
            history: Vec::new(),
            epoch: 1,
            calls: 0,
            effects: Vec::new(),
            was_killed: false,
            has_bad_record: false,
            story: Vec::new(),
        };
        Self { state: Mutex::new(state), crash, kill: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// One call. A read has no effect that a kill after it could leave behind.
    async fn call<T>(&self, is_write: bool, does: impl FnOnce(&mut State) -> T + Send) -> T {
        let is_killed_here = {
            let mut state = self.state();
            state.calls += 1;
            if is_write {
                let call = state.calls;
                state.effects.push(call);
            }
            let is_here = self.crash.is_some_and(|crash| crash.call == state.calls) && !state.was_killed;
            state.was_killed |= is_here;
            is_here
        };
        if is_killed_here && !self.crash.is_some_and(|crash| crash.after_effect) {
            self.die().await;
        }
        let came_of_it = does(&mut self.state());
        if is_killed_here {
            self.die().await;
        }
        came_of_it
    }

    async fn die(&self) {
        self.kill.notify_one();
        std::future::pending().await
    }

    pub(super) async fn killed(&self) {
        self.kill.notified().await;
    }

    pub(super) fn was_killed(&self) -> bool {
        self.state().was_killed
    }

    /// Another job has a record that nobody can read.
    pub(super) fn has_a_bad_record_beside(&self) {
        self.state().has_bad_record = true;
    }

    pub(super) fn leads(&self, epoch: u64) {
        self.state().epoch = epoch;
    }

    pub(super) fn pass(&self, time: Duration) {
        self.state().cluster.pass(time);
    }

    pub(super) fn calls(&self) -> (u64, Vec<u64>) {
        let state = self.state();
        (state.calls, state.effects.clone())
    }

    pub(super) fn record(&self) -> Option<(String, u64)> {
        self.state().record.clone()
    }

    fn rollout(&self) -> Rollout {
        serde_json::from_str(&self.state().record.clone().unwrap().0).unwrap()
    }

    /// What has happened, for a test that fails.
    pub(super) fn story(&self) -> String {
        format!("{:#?} {:?}", self.state().story, self.crash)
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.state().cluster.is_at_rest() && self.rollout().is_closed()
    }

    pub(super) fn ended_as(&self, name: &str) {
        let rollout = self.rollout();
        assert_eq!(rollout.phase.name().as_str(), name, "{}", self.story());
        assert!(rollout.is_closed(), "{:?} is left of {}", rollout.intents, self.story());
        assert!(self.is_at_rest(), "the servers are not at rest in {}", self.story());
    }

    pub(super) fn runs_alone(&self, asks_for: usize) {
        let running = self.state().cluster.running();
        assert_eq!(running, vec![asks_for; 3], "{}", self.story());
    }

    pub(super) fn never_promoted_the_new_version(&self) {
        let is_promoted = self.state().cluster.promotions.contains_key("d1");
        assert!(!is_promoted, "{}", self.story());
    }

    /// Promotions, failures and reverts that changed something were made once.
    pub(super) fn did_nothing_twice(&self) {
        let state = self.state();
        let cluster = &state.cluster;
        assert!(
            cluster.promotions.values().all(|times| *times == 1),
            "{:?} in {:#?}",
            cluster.promotions,
            state.story
        );
        assert!(cluster.failures <= 1 && cluster.reverts <= 1, "{:#?}", state.story);
    }

    pub(super) fn left_nothing_in_the_mesh(&self) {
        let split = self.state().cluster.split.clone();
        assert_eq!(split, None, "{}", self.story());
    }

    /// The first rollout, where anybody adopted it before it was over, has ended so.
    pub(super) fn has_in_history_at_most(&self, name: &str) {
        let state = self.state();
        let ended: Vec<_> = state.history.iter().map(|rollout| rollout.phase.name().as_str()).collect();
        let is_it = ended.iter().all(|found| *found == name) && ended.len() <= 1;
        assert!(is_it, "{ended:?} in {:#?} {:?}", state.story, self.crash);
        assert!(self.crash.is_some() || ended.len() == 1, "{:#?}", state.story);
    }
}

impl World for Arc<Sim> {
    type Orchestrator = Sim;
    type Router = Sim;
    type Metrics = Sim;
    type Records = Sim;
    type Hooks = Sim;
    type Policies = Sim;

    fn orchestrator(&self) -> &Sim {
        self
    }

    fn router(&self) -> &Sim {
        self
    }

    fn metrics(&self) -> &Sim {
        self
    }

    fn records(&self) -> &Sim {
        self
    }

    fn hooks(&self) -> &Sim {
        self
    }

    fn policies(&self) -> &Sim {
        self
    }

    fn now(&self) -> Timestamp {
        self.state().cluster.now
    }

    fn changed(&self, before: Option<&Rollout>, after: &Rollout) {
        let from = before.map(|before| before.phase.name());
        if from != Some(after.phase.name()) {
            let last = after.transitions.last().map(|last| last.why.clone()).unwrap_or_default();
            let mut state = self.state();
            let line = format!(
                "{} of {}: {} ({last})",
                state.cluster.now,
                after.deployment_id,
                after.phase.name().as_str()
            );
            state.story.push(line);
        }
    }
}

impl Orchestrator for Sim {
    async fn deployments(&self) -> Result<Deployments, String> {
        let state = self.state();
        let one = |target| Listed { target, is_active: !state.cluster.is_at_rest() };
        let mut listed = vec![one(target())];
        listed.extend(state.has_bad_record.then(|| one(bad())));
        Ok(Deployments { listed, index: 7 })
    }

    /// Nothing ever changes by itself: time is what passes.
    async fn changed(&self, _index: u64, _wait: Duration) {
        std::future::pending().await
    }

    async fn look(&self, _target: &Target, deployment_id: Option<&str>, version: Option<u64>) -> JobLook {
        self.call(false, |state| state.cluster.look(deployment_id, version)).await
    }

    async fn promote(&self, _target: &Target, deployment_id: &str) -> Settled {
        self.call(true, |state| state.cluster.promote(deployment_id)).await
    }

    async fn fail(&self, _target: &Target, deployment_id: &str) -> Settled {
        self.call(true, |state| state.cluster.fail(deployment_id)).await
    }

    async fn revert(&self, _target: &Target, to: u64, enforce_prior: u64) -> Settled {
        self.call(true, |state| state.cluster.revert(to, enforce_prior)).await
    }

    async fn tag_stable(&self, _target: &Target, _version: u64) -> Settled {
        self.call(true, |_| Settled::Done).await
    }
}

impl TrafficRouter for Sim {
    async fn seen(
        &self,
        how: &Route<'_>,
        split: &Split,
        instances: &Seen<Vec<InstanceSeen>>,
    ) -> Seen<TrafficSeen> {
        if how.mode == TrafficMode::Instances {
            let instances = instances.known().cloned().unwrap_or_default();
            return Seen::Known(crate::seams::instance_share::seen(&instances, split.canary.job_version));
        }
        let canary = split.canary.name.clone().unwrap();
        self.call(false, move |state| match &state.cluster.split {
            Some((of, percent)) if *of == canary => {
                Seen::Known(TrafficSeen { canary_percent: *percent, can_move: true })
            }
            _ => Seen::Absent,
        })
        .await
    }

    async fn share(&self, how: &Route<'_>, split: &Split) -> Settled {
        if how.mode == TrafficMode::Instances {
            return Settled::Done;
        }
        let wanted = (split.canary.name.clone().unwrap(), split.canary_percent);
        self.call(true, move |state| {
            state.cluster.split = Some(wanted);
            Settled::Done
        })
        .await
    }

    async fn collapse(&self, _how: &Route<'_>) -> Settled {
        self.call(true, |state| {
            state.cluster.split = None;
            Settled::Done
        })
        .await
    }
}

impl MetricSource for Sim {
    async fn instances(&self, _service: &str) -> Seen<Vec<CatalogInstance>> {
        self.call(false, |state| Seen::Known(state.cluster.instances())).await
    }

    async fn snapshots(
        &self,
        _service: &str,
        instances: &[CatalogInstance],
    ) -> Vec<Result<crate::rollout::check::Snapshot, String>> {
        let snapshots =
            |state: &mut State| instances.iter().map(|found| state.cluster.snapshot(found)).collect();
        self.call(false, snapshots).await
    }
}

impl Records for Sim {
    async fn load(&self, target: &Target) -> Result<Option<Stored>, RecordsError> {
        if *target == bad() {
            let source = serde_json::from_str::<Rollout>("{").unwrap_err();
            return Err(RecordsError::Unreadable { key: "bad".to_owned(), source });
        }
        let record = self.call(false, |state| state.record.clone()).await;
        Ok(record.map(|(text, index)| Stored { rollout: serde_json::from_str(&text).unwrap(), index }))
    }

    async fn targets(&self) -> Result<Vec<Target>, RecordsError> {
        Ok(vec![target()])
    }

    async fn write(&self, lead: &impl Lead, rollout: &Rollout, index: u64) -> Result<Write, RecordsError> {
        let (epoch, text) = (lead.epoch(), serde_json::to_string(rollout).unwrap());
        Ok(self.call(true, move |state| state.put(epoch, text, index)).await)
    }

    async fn follow(&self, lead: &impl Lead, ended: &Stored, next: &Rollout) -> Result<Write, RecordsError> {
        let (epoch, text) = (lead.epoch(), serde_json::to_string(next).unwrap());
        let ended = ended.clone();
        let follow = move |state: &mut State| {
            let written = state.put(epoch, text, ended.index);
            if matches!(written, Write::Written(_)) {
                state.history.push(ended.rollout);
            }
            written
        };
        Ok(self.call(true, follow).await)
    }

    async fn commands(&self, _target: &Target) -> Result<Vec<Command>, RecordsError> {
        Ok(self.call(false, |_| Vec::new()).await)
    }

    async fn forget(&self, _target: &Target, _commands: &[String]) -> Result<(), RecordsError> {
        Ok(())
    }
}

impl State {
    /// A write behind the fence, as Consul makes it.
    fn put(&mut self, epoch: u64, text: String, index: u64) -> Write {
        if epoch != self.epoch {
            return Write::Deposed;
        }
        let current = self.record.as_ref().map_or(0, |(_, index)| *index);
        if current != index {
            return Write::Conflict;
        }
        self.record = Some((text, current + 1));
        Write::Written(current + 1)
    }
}

impl Hooks for Sim {
    async fn ask(&self, _gate: &GatePolicy, _rollout: &Rollout) -> GateState {
        GateState::Open
    }

    async fn tell(&self, _event: &Event, _rollout: &Rollout) -> Settled {
        Settled::Done
    }
}

impl Policies for Sim {
    async fn of(&self, _target: &Target, _job: &JobSeen) -> Result<Option<(Policy, Vec<String>)>, String> {
        Ok(self.call(false, |state| Some((state.cluster.policy(), vec!["tests".to_owned()]))).await)
    }
}
