//! A Nomad with one job, its instances and what they count, in memory and in a time of its own.
//!
//! As far as rollouts can tell it apart: canaries beside old allocations, promotion and replacement, health that is found once, a
//! deployment that a newer version cancels, a revert that is a new version, which changes allocations in place where they fit.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::rollout::action::{Refusal, Settled};
use crate::rollout::check::{Counts, Histogram, Snapshot};
use crate::rollout::observation::{
    AllocationSeen, ClientStatus, DeploymentSeen, DeploymentStanding, GroupSeen, JobSeen, Seen,
};
use crate::rollout::policy::{CheckPolicy, Policy, Revert, StepPolicy, TrafficMode, default_checks};
use crate::rollout::record::Rollout;
use crate::seams::{CatalogInstance, JobLook};

/// How many instances the job has.
pub(super) const COUNT: u64 = 3;

/// What is wrong with the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Half of its requests fail.
    Errors,
    /// It takes four times as long.
    Slow,
    /// It crashes after a while, again and again.
    Crash,
    /// It never becomes healthy.
    NeverStarts,
    /// Half of its requests fail once the old version is gone.
    ErrorsOncePromoted,
}

/// What is rolled out, and what happens meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) canaries: u64,
    pub(super) fault: Fault,
    pub(super) traffic: TrafficMode,
    /// When somebody registers another version, which is good.
    pub(super) superseded_at: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Version {
    /// What it asks for: 0 is the old version, 1 the new one, 2 the one after it.
    asks_for: usize,
    is_stable: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) version: usize,
    canaries: u64,
    pub(super) is_promoted: bool,
    pub(super) status: DeploymentStanding,
    description: &'static str,
    began: Timestamp,
}

#[derive(Clone, Debug)]
struct Allocation {
    id: String,
    version: usize,
    asks_for: usize,
    deployment: Option<usize>,
    is_canary: bool,
    is_wanted: bool,
    began: Timestamp,
    is_healthy: bool,
    restarts: u64,
    counted: Snapshot,
}

/// The cluster.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) now: Timestamp,
    began: Timestamp,
    plan: Plan,
    versions: Vec<Version>,
    pub(super) deployments: Vec<Deployment>,
    allocations: Vec<Allocation>,
    /// Promotions that changed something, by deployment.
    pub(super) promotions: BTreeMap<String, u32>,
    pub(super) failures: u32,
    pub(super) reverts: u32,
    pub(super) refuses_to_fail: Option<Refusal>,
    /// What the splitter says: the canary's version name and its share.
    pub(super) split: Option<(String, u8)>,
}

fn name(asks_for: usize) -> String {
    format!("1.{asks_for}.0")
}

impl Cluster {
    /// The old version runs, and the new one was registered just now.
    pub(super) fn new(mut plan: Plan) -> Self {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let superseded_at = plan.superseded_at.take();
        let mut cluster = Self {
            now,
            began: now,
            plan,
            versions: vec![Version { asks_for: 0, is_stable: true }],
            deployments: Vec::new(),
            allocations: Vec::new(),
            promotions: BTreeMap::new(),
            failures: 0,
            reverts: 0,
            refuses_to_fail: None,
            split: None,
        };
        for _ in 0..COUNT {
            cluster.start(0, None, false);
        }
        cluster.pass(Duration::from_secs(60));
        (cluster.began, cluster.plan.superseded_at) = (cluster.now, superseded_at);
        cluster.register(1);
        cluster
    }

    pub(super) fn policy(&self) -> Policy {
        let short = |check: CheckPolicy| CheckPolicy { min_sample: check.min_sample.min(30), ..check };
        let mut policy = Policy {
            interval: Duration::from_secs(5),
            steps: vec![StepPolicy { percent: 20, bake: Duration::from_secs(15) }],
            traffic: self.plan.traffic,
            checks: default_checks().into_iter().map(short).collect(),
            post_promotion_bake: Duration::from_secs(15),
            timeout: Duration::from_secs(1_200),
            success_timeout: Duration::from_secs(600),
            ..Policy::default()
        };
        policy.rollback.revert = Revert::PriorVersion;
        policy
    }

    /// The record of the rollout as it is adopted.
    pub(super) fn adopted(&self) -> Rollout {
        use crate::rollout::phase::{Adoption, Candidate, adopt};
        let look = self.look(None, None);
        let policy = self.policy();
        let candidate = Candidate {
            target: &super::target(),
            latest: &look.latest,
            job: &look.job,
            current: None,
            policy: Some((&policy, &[])),
            epoch: 1,
        };
        match adopt(&candidate, self.now) {
            Adoption::Adopt(rollout) => *rollout,
            other => panic!("{other:?}"),
        }
    }

    /// Lets time pass, second by second.
    pub(super) fn pass(&mut self, time: Duration) {
        for _ in 0..time.as_secs().max(1) {
            self.now = self.now.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
            self.second();
        }
    }

    fn second(&mut self) {
        if self.plan.superseded_at.is_some_and(|at| self.age(self.began) >= at.as_secs()) {
            self.plan.superseded_at = None;
            self.register(2);
        }
        let is_promoted = self.deployments.iter().any(|found| found.version == 1 && found.is_promoted);
        let (now, fault, split) = (self.now, self.plan.fault, self.split.clone());
        let live: Vec<usize> =
            self.allocations.iter().filter(|found| found.is_wanted).map(|found| found.asks_for).collect();
        for found in self.allocations.iter_mut().filter(|found| found.is_wanted) {
            let age = now.duration_since(found.began).as_secs();
            let fault = if found.asks_for == 1 { fault } else { Fault::None };
            found.is_healthy |= age >= 6 && fault != Fault::NeverStarts;
            if age < 2 {
                continue;
            }
            if fault == Fault::Crash && age >= 18 && (age - 18) % 10 == 0 {
                found.restarts += 1;
                found.counted = Snapshot::default();
            }
            let peers = live.iter().filter(|asks_for| **asks_for == found.asks_for).count();
            let requests = requests(found.asks_for, peers, live.len(), split.as_ref());
            let is_failing = fault == Fault::Errors || (fault == Fault::ErrorsOncePromoted && is_promoted);
            count(&mut found.counted, requests, is_failing, fault == Fault::Slow);
        }
        for deployment in 0..self.deployments.len() {
            self.replace(deployment);
        }
    }

    /// The next step of a deployment: old allocations go when as many new ones are healthy.
    fn replace(&mut self, place: usize) {
        let found = self.deployments[place].clone();
        if found.status != DeploymentStanding::Running {
            return;
        }
        let is_ours = |allocation: &&Allocation| allocation.is_wanted && allocation.version == found.version;
        let ours = self.allocations.iter().filter(is_ours).count();
        let healthy =
            self.allocations.iter().filter(is_ours).filter(|allocation| allocation.is_healthy).count();
        if found.canaries > 0 && !found.is_promoted {
            let is_canary =
                |allocation: &&Allocation| allocation.is_canary && allocation.deployment == Some(place);
            let canaries = self.allocations.iter().filter(is_ours).filter(is_canary).count();
            for _ in canaries..usize::try_from(found.canaries).unwrap() {
                self.start(found.version, Some(place), true);
            }
            // Nomad's own deadline: canaries that never become healthy.
            if self.age(found.began) > 60 && healthy < usize::try_from(found.canaries).unwrap() {
                self.end(place, DeploymentStanding::Failed, "Failed due to progress deadline");
            }
            return;
        }
        let old: Vec<usize> = self
            .allocations
            .iter()
            .enumerate()
            .filter(|(_, allocation)| allocation.is_wanted && allocation.version != found.version)
            .map(|(position, _)| position)
            .collect();
        let wanted = usize::try_from(COUNT).unwrap();
        if old.is_empty() && healthy == wanted {
            self.end(place, DeploymentStanding::Successful, "Deployment completed successfully");
            self.versions[found.version].is_stable = true;
        } else if healthy == ours {
            let surplus = (ours + old.len()).saturating_sub(wanted);
            // With as many canaries as instances all old ones go at once, and else one at a time.
            for position in old.into_iter().take(if ours >= wanted { usize::MAX } else { surplus.max(1) }) {
                self.allocations[position].is_wanted = false;
            }
            if ours < wanted {
                self.start(found.version, Some(place), false);
            }
        }
    }

    fn start(&mut self, version: usize, deployment: Option<usize>, is_canary: bool) {
        self.allocations.push(Allocation {
            id: format!("a{}", self.allocations.len()),
            version,
            asks_for: self.versions[version].asks_for,
            deployment,
            is_canary,
            is_wanted: true,
            began: self.now,
            is_healthy: false,
            restarts: 0,
            counted: Snapshot::default(),
        });
    }

    /// Registers a version. What runs already as it asks is changed in place; the deployment before it is cancelled.
    fn register(&mut self, asks_for: usize) {
        self.versions.push(Version { asks_for, is_stable: false });
        let version = self.versions.len() - 1;
        for place in 0..self.deployments.len() {
            if self.deployments[place].status == DeploymentStanding::Running {
                self.end(place, DeploymentStanding::Cancelled, "Cancelled due to newer version of job");
            }
        }
        for found in self.allocations.iter_mut().filter(|found| found.is_wanted && found.asks_for == asks_for)
        {
            found.version = version;
        }
        let fits =
            self.allocations.iter().filter(|found| found.is_wanted).all(|found| found.version == version);
        self.deployments.push(Deployment {
            id: format!("d{version}"),
            version,
            canaries: if fits { 0 } else { self.plan.canaries },
            is_promoted: false,
            status: DeploymentStanding::Running,
            description: "Deployment is running",
            began: self.now,
        });
    }

    fn end(&mut self, place: usize, status: DeploymentStanding, description: &'static str) {
        let found = &mut self.deployments[place];
        (found.status, found.description) = (status, description);
        if status != DeploymentStanding::Successful && !found.is_promoted {
            for canary in
                self.allocations.iter_mut().filter(|found| found.deployment == Some(place) && found.is_canary)
            {
                canary.is_wanted = false;
            }
        }
    }

    fn age(&self, of: Timestamp) -> u64 {
        u64::try_from(self.now.duration_since(of).as_secs()).unwrap_or_default()
    }

    fn passes(&self, found: &Allocation) -> bool {
        let crashed = self.plan.fault == Fault::Crash && found.asks_for == 1;
        let since_crash = (self.age(found.began) + 2) % 10;
        found.is_wanted && found.is_healthy && !(crashed && found.restarts > 0 && since_crash < 3)
    }

    // What is seen.

    pub(super) fn look(&self, deployment_id: Option<&str>, version: Option<u64>) -> JobLook {
        let current = self.versions.len() - 1;
        let rolled_out = version.map_or(current, |version| usize::try_from(version).unwrap());
        let stable = (0..rolled_out).rev().find(|number| self.versions[*number].is_stable);
        let number = |number: usize| u64::try_from(number).unwrap();
        let of =
            |id: &str| self.deployments.iter().find(|found| found.id == id).map(|found| self.seen(found));
        let known = |found: Option<DeploymentSeen>| found.map_or(Seen::Absent, Seen::Known);
        let counts = BTreeMap::from([("proxy".to_owned(), COUNT)]);
        JobLook {
            deployment: known(deployment_id.and_then(of)),
            latest: known(self.deployments.last().map(|found| self.seen(found))),
            job: Seen::Known(JobSeen {
                version: number(current),
                create_index: 7,
                modify_index: 10 + number(current),
                stopped: false,
                version_name: Some(name(self.versions[current].asks_for)),
                stable: stable.map(|stable| (number(stable), Some(name(self.versions[stable].asks_for)))),
                counts: counts.clone(),
                previous_counts: counts,
                meta: BTreeMap::new(),
            }),
            allocations: Seen::Known(
                self.allocations.iter().map(|found| self.allocation(found, deployment_id)).collect(),
            ),
            placement: Seen::Absent,
            service: Seen::Known("web".to_owned()),
        }
    }

    fn seen(&self, found: &Deployment) -> DeploymentSeen {
        let is_ours = |allocation: &&Allocation| allocation.version == found.version && allocation.is_wanted;
        let healthy =
            self.allocations.iter().filter(is_ours).filter(|allocation| allocation.is_healthy).count();
        let group = GroupSeen {
            promoted: found.is_promoted,
            desired_canaries: found.canaries,
            desired_total: COUNT,
            healthy: u64::try_from(healthy).unwrap(),
            ..GroupSeen::default()
        };
        DeploymentSeen {
            id: found.id.clone(),
            job_version: u64::try_from(found.version).unwrap(),
            status: found.status,
            description: found.description.to_owned(),
            groups: BTreeMap::from([("proxy".to_owned(), group)]),
        }
    }

    fn allocation(&self, found: &Allocation, deployment_id: Option<&str>) -> AllocationSeen {
        let of = found.deployment.and_then(|place| self.deployments.get(place));
        AllocationSeen {
            id: found.id.clone(),
            job_version: u64::try_from(found.version).unwrap(),
            group: "proxy".to_owned(),
            client: match (found.is_wanted, self.age(found.began)) {
                (false, _) => ClientStatus::Complete,
                (true, 0..2) => ClientStatus::Pending,
                (true, _) => ClientStatus::Running,
            },
            wanted: found.is_wanted,
            healthy: found.is_healthy.then_some(true),
            canary: found.is_canary && of.is_some_and(|of| !of.is_promoted),
            of_deployment: of.is_some_and(|of| Some(of.id.as_str()) == deployment_id),
            restarts: found.restarts,
            fatal: None,
            in_place: false,
        }
    }

    pub(super) fn instances(&self) -> Vec<CatalogInstance> {
        let listed = self.allocations.iter().filter(|found| found.is_wanted && self.age(found.began) >= 2);
        listed
            .map(|found| CatalogInstance {
                id: format!("i-{}", found.id),
                allocation_id: Some(found.id.clone()),
                version_name: Some(name(found.asks_for)),
                passing: self.passes(found),
                metrics: Ok(found.id.clone()),
            })
            .collect()
    }

    pub(super) fn snapshot(&self, instance: &CatalogInstance) -> Result<Snapshot, String> {
        let found = self.allocations.iter().find(|found| Some(&found.id) == instance.allocation_id.as_ref());
        found
            .filter(|found| found.is_wanted)
            .map(|found| found.counted.clone())
            .ok_or_else(|| "it is gone".to_owned())
    }

    // What is done.

    pub(super) fn promote(&mut self, id: &str) -> Settled {
        let Some(place) = self.deployments.iter().position(|found| found.id == id) else {
            return Settled::Refused(Refusal::Gone, "gone".to_owned());
        };
        let found = self.deployments[place].clone();
        if found.is_promoted || found.status == DeploymentStanding::Successful {
            return Settled::Done;
        }
        if found.status != DeploymentStanding::Running {
            return Settled::Refused(Refusal::DeploymentEnded, found.description.to_owned());
        }
        let healthy = self.allocations.iter().filter(|allocation| {
            allocation.deployment == Some(place)
                && allocation.is_canary
                && allocation.is_wanted
                && allocation.is_healthy
        });
        if u64::try_from(healthy.count()).unwrap() < found.canaries {
            return Settled::Refused(Refusal::CanariesNotHealthy, "not healthy".to_owned());
        }
        self.deployments[place].is_promoted = true;
        *self.promotions.entry(found.id).or_default() += 1;
        Settled::Done
    }

    pub(super) fn fail(&mut self, id: &str) -> Settled {
        if let Some(refusal) = self.refuses_to_fail {
            return Settled::Refused(refusal, "as the test says".to_owned());
        }
        match self.deployments.iter().position(|found| found.id == id) {
            None => Settled::Refused(Refusal::Gone, "gone".to_owned()),
            Some(place) => match self.deployments[place].status {
                DeploymentStanding::Failed => Settled::Done,
                DeploymentStanding::Running => {
                    self.end(place, DeploymentStanding::Failed, "Deployment marked as failed");
                    self.failures += 1;
                    Settled::Done
                }
                _ => Settled::Refused(Refusal::DeploymentEnded, "ended".to_owned()),
            },
        }
    }

    pub(super) fn revert(&mut self, to: u64, enforce_prior: u64) -> Settled {
        let (to, prior) = (usize::try_from(to).unwrap(), usize::try_from(enforce_prior).unwrap());
        let current = self.versions.len() - 1;
        let wanted = self.versions[to].asks_for;
        if current == prior {
            self.register(wanted);
            self.reverts += 1;
            return Settled::Done;
        }
        if current == prior + 1 && self.versions[current].asks_for == wanted {
            return Settled::Done;
        }
        Settled::Refused(Refusal::Conflict, "somebody else has changed the job".to_owned())
    }

    // What is judged.

    /// Whether the servers have come to rest as well.
    pub(super) fn is_at_rest(&self) -> bool {
        self.plan.superseded_at.is_none()
            && self.deployments.iter().all(|found| found.status != DeploymentStanding::Running)
    }

    /// What the allocations that run ask for.
    pub(super) fn running(&self) -> Vec<usize> {
        self.allocations.iter().filter(|found| found.is_wanted).map(|found| found.asks_for).collect()
    }
}

/// What an instance gets in a second: of forty requests its part, by the splitter where there is one.
fn requests(asks_for: usize, peers: usize, all: usize, split: Option<&(String, u8)>) -> u64 {
    let part = match split {
        Some((canary, percent)) if *canary == name(asks_for) => u64::from(*percent),
        Some((_, percent)) => 100 - u64::from(*percent),
        None => 100 * u64::try_from(peers).unwrap() / u64::try_from(all.max(1)).unwrap(),
    };
    40 * part / 100 / u64::try_from(peers.max(1)).unwrap()
}

fn count(counted: &mut Snapshot, requests: u64, is_failing: bool, is_slow: bool) {
    counted.requests += requests;
    counted.failed += if is_failing { requests / 2 } else { 0 };
    let bounds = [0.1, 0.2, 0.3, 0.4, 0.8, f64::INFINITY];
    // All take just below the second bound, or the fifth where they are slow.
    let first = if is_slow { 4 } else { 1 };
    for histogram in [&mut counted.latency, &mut counted.first_token] {
        if histogram.buckets.is_empty() {
            *histogram = Histogram { buckets: bounds.iter().map(|bound| (*bound, 0)).collect() };
        }
        for (_, values) in histogram.buckets.iter_mut().skip(first) {
            *values += requests;
        }
    }
    let counts = Counts {
        requests: counted.requests,
        failed: counted.failed,
        latency: counted.latency.clone(),
        first_token: counted.first_token.clone(),
        ..Counts::default()
    };
    counted.strata.insert("chat_completions a".to_owned(), counts);
}
