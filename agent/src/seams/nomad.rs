//! Nomad as the orchestrator: deployments, jobs and allocations as they are seen, and the calls that decide a deployment.
//!
//! Owns which calls are made, and what a lost answer means: every act reads first whether it is done, and reads again when nobody
//! knows what came of it. What the answers mean is in `reading`, which is pure; acts are in `acts`.

mod acts;
mod reading;
mod watch;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{join, join5};
use nova_hashistack::nomad::{Deployment, Job};
use nova_hashistack::{HashistackError, NomadClient};

use super::{Deployments, JobLook, Listed, Orchestrator};
use crate::rollout::action::Settled;
use crate::rollout::observation::Seen;
use crate::rollout::record::Target;
use watch::Watch;

/// Nomad, in the namespaces that are watched.
#[derive(Debug)]
pub struct Nomad {
    client: NomadClient,
    /// What lists are asked in: one namespace, or `*` for all that the token may read.
    watched: NomadClient,
    watch: Watch,
    namespaces: BTreeSet<String>,
}

impl Nomad {
    /// Nomad by this client, whose own namespace is not used. Deployments of these namespaces are seen, of all where there are none.
    #[must_use]
    pub fn new(client: NomadClient, namespaces: BTreeSet<String>) -> Self {
        let scope = match (namespaces.len(), namespaces.first()) {
            (1, Some(only)) => only.clone(),
            _ => "*".to_owned(),
        };
        let watched = client.in_namespace(scope);
        Self { watch: Watch::new(watched.clone()), watched, client, namespaces }
    }

    fn of(&self, target: &Target) -> NomadClient {
        self.client.in_namespace(target.namespace.clone())
    }

    fn is_watched(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }
}

impl Orchestrator for Nomad {
    async fn deployments(&self) -> Result<Deployments, String> {
        let found = self.watched.deployments().list(None).await.map_err(told)?;
        let watched = found.value.into_iter().filter(|deployment| self.is_watched(&deployment.namespace));
        let listed = watched.map(|deployment| Listed {
            is_active: deployment.status.is_active(),
            target: Target { namespace: deployment.namespace, job: deployment.job_id },
        });
        Ok(Deployments { listed: listed.collect(), index: found.index })
    }

    async fn changed(&self, index: u64, wait: Duration) {
        self.watch.changed(index, wait).await;
    }

    async fn look(&self, target: &Target, deployment_id: Option<&str>, version: Option<u64>) -> JobLook {
        // Seven calls at once: on the heap, where their size is of no weight to those who wait for them.
        Box::pin(look(&self.of(target), target, deployment_id, version)).await
    }

    async fn promote(&self, target: &Target, deployment_id: &str) -> Settled {
        acts::promote(&self.of(target), deployment_id).await
    }

    async fn fail(&self, target: &Target, deployment_id: &str) -> Settled {
        acts::fail(&self.of(target), deployment_id).await
    }

    async fn revert(&self, target: &Target, to: u64, enforce_prior: u64) -> Settled {
        acts::revert(&self.of(target), &target.job, to, enforce_prior).await
    }

    async fn tag_stable(&self, target: &Target, version: u64) -> Settled {
        acts::tag_stable(&self.of(target), &target.job, version).await
    }
}

/// All reads of one look, at once: none waits for another, and one that fails spoils no other.
async fn look(
    client: &NomadClient,
    target: &Target,
    deployment_id: Option<&str>,
    version: Option<u64>,
) -> JobLook {
    let jobs = client.jobs();
    let allocations = client.allocations();
    let of_deployment = async {
        match deployment_id {
            Some(id) => {
                let deployments = client.deployments();
                let (found, members) = join(deployments.read(id, None), deployments.allocations(id)).await;
                (seen(found.map(|found| found.value)), Some(members))
            }
            None => (Seen::Absent, None),
        }
    };
    let (of_deployment, job, versions, latest, (allocations, evaluations)) = Box::pin(join5(
        of_deployment,
        jobs.read(&target.job),
        jobs.versions(&target.job),
        jobs.deployment(&target.job),
        join(allocations.of_job(&target.job), jobs.evaluations(&target.job)),
    ))
    .await;
    let (deployment, members) = of_deployment;
    let job = seen(job);
    let latest = seen(latest);
    let specification_index = index_of(&deployment, &latest, version);
    JobLook {
        service: job_seen(&job, reading::service),
        job: reading::job(&job, versions.map_err(told), version),
        allocations: match allocations {
            Ok(found) => reading::allocations(&found, members, specification_index),
            Err(error) => Seen::Unknown(told(error)),
        },
        placement: match evaluations {
            Ok(found) => reading::placement(&found),
            Err(error) => Seen::Unknown(told(error)),
        },
        deployment: mapped(deployment, reading::deployment),
        latest: mapped(latest, reading::deployment),
    }
}

/// The index of the specification of the rollout's version, by which allocations are told that were changed where they ran.
fn index_of(
    deployment: &Seen<Deployment>,
    latest: &Seen<Deployment>,
    version: Option<u64>,
) -> Option<(u64, u64)> {
    let known = [deployment.known(), latest.known()].into_iter().flatten();
    let mut of_version = known.filter(|found| version.is_none_or(|version| found.job_version == version));
    of_version.next().map(|found| (found.job_version, found.job_spec_modify_index))
}

fn seen<T>(read: Result<Option<T>, HashistackError>) -> Seen<T> {
    match read {
        Ok(Some(found)) => Seen::Known(found),
        Ok(None) => Seen::Absent,
        Err(error) => Seen::Unknown(told(error)),
    }
}

fn mapped<T, U>(seen: Seen<T>, change: impl FnOnce(T) -> U) -> Seen<U> {
    match seen {
        Seen::Known(found) => Seen::Known(change(found)),
        Seen::Absent => Seen::Absent,
        Seen::Unknown(why) => Seen::Unknown(why),
    }
}

fn job_seen<U>(job: &Seen<Job>, read: impl FnOnce(&Job) -> Option<U>) -> Seen<U> {
    match job {
        Seen::Known(job) => read(job).map_or(Seen::Absent, Seen::Known),
        Seen::Absent => Seen::Absent,
        Seen::Unknown(why) => Seen::Unknown(why.clone()),
    }
}

/// An error with its causes, in one line.
fn told(error: HashistackError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}

#[cfg(test)]
mod tests;
