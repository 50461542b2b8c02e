//! The seams of a rollout: what is asked of the servers around it, as traits, so that the engine knows no product.
//!
//! Owns the traits and what they hand over. Each implementation has a file of its own; tests have theirs in memory. What was seen is
//! never an error: what could not be read is [`Seen::Unknown`], and the rest of a look stays good. What was done is a [`Settled`]:
//! whoever implements an act reads again after an answer that was lost, so that to repeat it is safe.

pub mod exposition;
pub mod instance_share;
pub mod nomad;
pub mod readings;
pub mod router;
pub mod scrape;
pub mod service_splitter;
pub mod webhook;

use std::time::Duration;

use crate::rollout::action::{Settled, Split};
use crate::rollout::check::Snapshot;
use crate::rollout::observation::{
    AllocationSeen, DeploymentSeen, InstanceSeen, JobSeen, PlacementSeen, Seen, TrafficSeen,
};
use crate::rollout::policy::TrafficMode;
use crate::rollout::record::Target;

/// What the orchestrator shows of one job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobLook {
    /// The deployment that was asked for by its id; absent too where none was.
    pub deployment: Seen<DeploymentSeen>,
    /// The job as it is registered.
    pub job: Seen<JobSeen>,
    /// Its latest deployment.
    pub latest: Seen<DeploymentSeen>,
    /// Its allocations.
    pub allocations: Seen<Vec<AllocationSeen>>,
    /// What could not be placed.
    pub placement: Seen<PlacementSeen>,
    /// The name under which its instances are in the catalog; absent where the job registers none.
    pub service: Seen<String>,
}

/// A deployment in the list of all, as far as it tells whether to look at its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The job.
    pub target: Target,
    /// Whether it can still be decided.
    pub is_active: bool,
}

/// All deployments, and the point from which to wait for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployments {
    /// The deployments.
    pub listed: Vec<Listed>,
    /// What [`Orchestrator::changed`] waits after.
    pub index: u64,
}

/// Who brings versions of jobs into force: Nomad.
pub trait Orchestrator: Send + Sync {
    /// The deployments of all namespaces that are watched.
    fn deployments(&self) -> impl Future<Output = Result<Deployments, String>> + Send;

    /// Returns when a deployment has changed after this index, or `wait` is over, or it cannot be told: a reason to look, and nothing more.
    fn changed(&self, index: u64, wait: Duration) -> impl Future<Output = ()> + Send;

    /// One look at a job, and at one of its deployments. `version` is that of the rollout, which is older than the job's where a newer
    /// one was registered; without it the job's own counts.
    fn look(
        &self,
        target: &Target,
        deployment_id: Option<&str>,
        version: Option<u64>,
    ) -> impl Future<Output = JobLook> + Send;

    /// Promotes the canaries of all groups, unless they are promoted.
    fn promote(&self, target: &Target, deployment_id: &str) -> impl Future<Output = Settled> + Send;

    /// Gives the deployment up, unless it is.
    fn fail(&self, target: &Target, deployment_id: &str) -> impl Future<Output = Settled> + Send;

    /// Registers version `to` anew, if the job is at `enforce_prior`.
    fn revert(&self, target: &Target, to: u64, enforce_prior: u64) -> impl Future<Output = Settled> + Send;

    /// Keeps a version from being collected, as one to go back to.
    fn tag_stable(&self, target: &Target, version: u64) -> impl Future<Output = Settled> + Send;
}

/// Who shares requests between versions, and by what means.
pub trait TrafficRouter: Send + Sync {
    /// How requests are shared now. `instances` are those of the catalog, for routers that go by their number.
    fn seen(
        &self,
        how: &Route<'_>,
        split: &Split,
        instances: &Seen<Vec<InstanceSeen>>,
    ) -> impl Future<Output = Seen<TrafficSeen>> + Send;

    /// Shares requests so.
    fn share(&self, how: &Route<'_>, split: &Split) -> impl Future<Output = Settled> + Send;

    /// Takes away what was made for the rollout, which has ended.
    fn collapse(&self, how: &Route<'_>) -> impl Future<Output = Settled> + Send;
}

/// By what requests of a service are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'r> {
    /// By what.
    pub mode: TrafficMode,
    /// The name in the catalog; absent where it is not known.
    pub service: Option<&'r str>,
}

/// An instance as the catalog lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogInstance {
    /// Its id, unique within the service.
    pub id: String,
    /// The allocation that it is, where its registration tells.
    pub allocation_id: Option<String>,
    /// `Meta.version`.
    pub version_name: Option<String>,
    /// Whether all its checks pass.
    pub passing: bool,
    /// Where its metrics listener is, or why there is no knowing it.
    pub metrics: Result<String, String>,
}

/// Who knows the instances of a service, and what each has counted.
pub trait MetricSource: Send + Sync {
    /// The instances of a service that the catalog lists.
    fn instances(&self, service: &str) -> impl Future<Output = Seen<Vec<CatalogInstance>>> + Send;

    /// What each of these has counted, or why it did not tell, in their order.
    fn snapshots(
        &self,
        service: &str,
        instances: &[CatalogInstance],
    ) -> impl Future<Output = Vec<Result<Snapshot, String>>> + Send;
}
