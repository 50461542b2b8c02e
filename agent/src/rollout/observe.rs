//! One look: everything that a decision may depend on, gathered at once from the seams.
//!
//! Owns the order of the reads, and what belongs to which side. Each part stands for itself: one that cannot be read is unknown, and
//! spoils no other. What was counted since the bake began is kept in `samples`, which is pure.

mod gates;
mod samples;

use futures_util::future::join;
use tokio::sync::Mutex;

use super::action::{Split, VersionRef};
use super::engine::World;
use super::observation::{AllocationSeen, Command, InstanceSeen, Observation, Seen};
use super::record::Rollout;
use crate::seams::{
    CatalogInstance, JobLook, MetricSource as _, Orchestrator as _, Route, TrafficRouter as _,
};

use gates::Asked;
use samples::Ledger;

/// What is remembered of one job from look to look. It is lost with the process: a bake then counts from anew, which takes longer and
/// decides nothing else.
#[derive(Debug, Default)]
pub(super) struct Memory {
    ledger: Ledger,
    gates: Asked,
    /// The last name under which the instances were listed: that of a job which could not be read a moment ago.
    service: Option<String>,
    /// The ended rollout that has left nothing in the mesh any more.
    cleared: String,
}

impl Memory {
    /// Whether an ended rollout is known to have left nothing in the mesh.
    pub(super) fn is_cleared(&self, deployment_id: &str) -> bool {
        self.cleared == deployment_id
    }

    /// An ended rollout has left nothing in the mesh.
    pub(super) fn cleared(&mut self, deployment_id: &str) {
        deployment_id.clone_into(&mut self.cleared);
    }

    /// The name under which the instances are listed.
    pub(super) fn found(&mut self, service: &Seen<String>) {
        if let Seen::Known(service) = service {
            self.service = Some(service.clone());
        }
    }

    /// By what requests are shared.
    pub(super) fn route<'r>(&'r self, rollout: &Rollout) -> Route<'r> {
        Route { mode: rollout.policy.traffic, service: self.service.as_deref() }
    }
}

/// Looks at everything.
pub(super) async fn observe<W: World>(
    world: &W,
    rollout: &Rollout,
    commands: Vec<Command>,
    memory: &Mutex<Memory>,
) -> Observation {
    let mut memory = memory.lock().await;
    let memory = &mut *memory;
    let (target, version) = (&rollout.target, rollout.canary.job_version);
    let asked = gates::ask(world, rollout, &mut memory.gates);
    let orchestrator = world.orchestrator();
    let (look, gates) =
        join(orchestrator.look(target, Some(&rollout.deployment_id), Some(version)), asked).await;
    memory.found(&look.service);
    let listed = listed(world, &look, memory.service.as_deref()).await;
    let instances = instances(&listed, &look.allocations, rollout);
    let split = Split { stable: rollout.stable.clone(), canary: rollout.canary.clone(), canary_percent: 0 };
    let route = Route { mode: rollout.policy.traffic, service: memory.service.as_deref() };
    let service = memory.service.as_deref().unwrap_or_default();
    let running = Running { listed: &listed, instances: &instances, allocations: &look.allocations };
    let (traffic, ()) = join(
        world.router().seen(&route, &split, &instances),
        sample(world, rollout, service, running, &mut memory.ledger),
    )
    .await;
    let checks = memory.ledger.judge(rollout);
    Observation {
        deployment: look.deployment,
        job: look.job,
        latest: look.latest,
        allocations: look.allocations,
        instances,
        placement: look.placement,
        checks,
        gates,
        traffic,
        commands,
    }
}

/// The instances in the catalog. That the job registers none is known only from the job.
async fn listed<W: World>(world: &W, look: &JobLook, service: Option<&str>) -> Seen<Vec<CatalogInstance>> {
    match (service, &look.service) {
        (Some(service), _) => world.metrics().instances(service).await,
        (None, Seen::Unknown(why)) => Seen::Unknown(why.clone()),
        (None, Seen::Known(_) | Seen::Absent) => Seen::Absent,
    }
}

/// Which version each instance is of: that of its allocation, or, where the catalog does not say which it is, the one that is called so.
fn instances(
    listed: &Seen<Vec<CatalogInstance>>,
    allocations: &Seen<Vec<AllocationSeen>>,
    rollout: &Rollout,
) -> Seen<Vec<InstanceSeen>> {
    let listed = match listed {
        Seen::Known(listed) => listed,
        Seen::Absent => return Seen::Absent,
        Seen::Unknown(why) => return Seen::Unknown(why.clone()),
    };
    let allocations = allocations.known().map(Vec::as_slice).unwrap_or_default();
    let one = |found: &CatalogInstance| {
        let by_allocation = found.allocation_id.as_ref().and_then(|id| {
            allocations
                .iter()
                .find(|allocation| allocation.id == *id)
                .map(|allocation| allocation.job_version)
        });
        InstanceSeen {
            id: found.id.clone(),
            allocation_id: found.allocation_id.clone(),
            job_version: by_allocation.or_else(|| by_name(found, rollout)),
            version_name: found.version_name.clone(),
            passing: found.passing,
        }
    };
    Seen::Known(listed.iter().map(one).collect())
}

fn by_name(found: &CatalogInstance, rollout: &Rollout) -> Option<u64> {
    if found.allocation_id.is_some() {
        return None;
    }
    let is_called = |version: &&VersionRef| version.name.is_some() && version.name == found.version_name;
    let mut of_name =
        [Some(&rollout.canary), rollout.stable.as_ref()].into_iter().flatten().filter(is_called);
    // Two versions of the job may be of one version of the program: then the name says nothing.
    let found = of_name.next()?;
    if of_name.next().is_some() { None } else { Some(found.job_version) }
}

/// What runs, as the catalog and Nomad say.
struct Running<'l> {
    listed: &'l Seen<Vec<CatalogInstance>>,
    instances: &'l Seen<Vec<InstanceSeen>>,
    allocations: &'l Seen<Vec<AllocationSeen>>,
}

/// Takes a snapshot of every instance of both sides.
async fn sample<W: World>(
    world: &W,
    rollout: &Rollout,
    service: &str,
    Running { listed, instances, allocations }: Running<'_>,
    ledger: &mut Ledger,
) {
    ledger.turn(rollout);
    if let Seen::Known(allocations) = allocations {
        ledger.restarts(rollout, allocations);
    }
    let (Seen::Known(listed), Seen::Known(instances)) = (listed, instances) else { return };
    let snapshots = world.metrics().snapshots(service, listed).await;
    ledger.take(rollout, instances.iter().zip(snapshots));
}
