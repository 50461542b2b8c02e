//! The calls that decide a deployment, each safe to make again.
//!
//! Nomad's writes are not idempotent by a key, and an answer may be lost: each act reads whether it is done, acts, and reads again
//! when nobody knows what came of it. Refusals are told apart by `NomadFault`.

use nova_hashistack::nomad::{Deployment, DeploymentStatus, Groups, Job, NomadFault};
use nova_hashistack::{HashistackError, NomadClient};
use serde_json::Value;

use super::told;
use crate::rollout::action::{Refusal, Settled};

/// What our names of versions begin with; the number of the version follows.
const TAG: &str = "nova-stable-";

/// How many versions keep a name of ours: the one in force, and the two before it.
const KEPT_TAGS: usize = 3;

/// What of a job Nomad writes by itself, so that it does not tell specifications apart.
const NOT_SPECIFIED: [&str; 11] = [
    "Version",
    "VersionTag",
    "Stable",
    "Status",
    "StatusDescription",
    "SubmitTime",
    "CreateIndex",
    "ModifyIndex",
    "JobModifyIndex",
    "Stop",
    "DispatchIdempotencyToken",
];

/// Promotes the canaries of all groups.
pub(super) async fn promote(client: &NomadClient, id: &str) -> Settled {
    let deployments = client.deployments();
    if let Some(settled) = settled_by(read(client, id).await, is_promoted) {
        return settled;
    }
    match deployments.promote(id, &Groups::All).await {
        Ok(_) => Settled::Done,
        Err(error) => again(error, async || settled_by(read(client, id).await, is_promoted)).await,
    }
}

/// Gives a deployment up.
pub(super) async fn fail(client: &NomadClient, id: &str) -> Settled {
    let is_failed = |found: &Deployment| found.status == DeploymentStatus::Failed;
    if let Some(settled) = settled_by(read(client, id).await, is_failed) {
        return settled;
    }
    match client.deployments().fail(id).await {
        Ok(_) => Settled::Done,
        Err(error) => again(error, async || settled_by(read(client, id).await, is_failed)).await,
    }
}

/// Registers an earlier version anew.
pub(super) async fn revert(client: &NomadClient, job: &str, to: u64, enforce_prior: u64) -> Settled {
    if let Some(settled) = is_reverted(client, job, to, enforce_prior).await {
        return settled;
    }
    match client.jobs().revert(job, to, Some(enforce_prior)).await {
        Ok(_) => Settled::Done,
        Err(error) => again(error, async || is_reverted(client, job, to, enforce_prior).await).await,
    }
}

/// Gives a version a name of ours, and takes those of the oldest away.
pub(super) async fn tag_stable(client: &NomadClient, job: &str, version: u64) -> Settled {
    if job.contains('/') {
        // `jobVersionApplyTag` in nomad's command/agent/job_endpoint.go takes such an id apart.
        let why = "nomad names no versions of a job whose id has a slash: raise job_tracked_versions to keep what is gone back to";
        return Settled::Refused(Refusal::Other, why.to_owned());
    }
    match tag(client, job, version).await {
        Ok(()) => Settled::Done,
        Err(error) => refused(&error).unwrap_or_else(|| Settled::Failed(told(error))),
    }
}

async fn tag(client: &NomadClient, job: &str, version: u64) -> Result<(), HashistackError> {
    let versions = client.jobs().versions(job).await?;
    let tag_of = |found: &Job| found.specification["VersionTag"]["Name"].as_str().map(str::to_owned);
    let wanted = versions.iter().find(|found| found.head.version == version);
    // A name of somebody else's keeps the version just as well.
    if wanted.is_some_and(|found| tag_of(found).is_none()) {
        let description = "it was in force; nova-agent goes back to it when a later version turns bad";
        client.jobs().tag_version(job, version, &format!("{TAG}{version}"), description).await?;
    }
    let mut ours: Vec<(u64, String)> = versions
        .iter()
        .filter(|found| found.head.version != version)
        .filter_map(|found| Some((found.head.version, tag_of(found)?)))
        .filter(|(_, name)| name.starts_with(TAG))
        .collect();
    ours.sort_unstable();
    let surplus = ours.len().saturating_sub(KEPT_TAGS - 1);
    for (_, name) in ours.into_iter().take(surplus) {
        client.jobs().untag_version(job, &name).await?;
    }
    Ok(())
}

async fn read(client: &NomadClient, id: &str) -> Result<Option<Deployment>, HashistackError> {
    client.deployments().read(id, None).await.map(|found| found.value)
}

/// What a deployment says of an act: that it is done, that it is too late, or nothing, so that it has to be done.
fn settled_by(
    found: Result<Option<Deployment>, HashistackError>,
    is_done: impl Fn(&Deployment) -> bool,
) -> Option<Settled> {
    match found {
        Ok(None) => Some(Settled::Refused(Refusal::Gone, "there is no such deployment any more".to_owned())),
        Ok(Some(found)) if is_done(&found) => Some(Settled::Done),
        Ok(Some(found)) if !found.status.is_active() => {
            let text = format!("the deployment has ended: {}", found.status_description);
            Some(Settled::Refused(Refusal::DeploymentEnded, text))
        }
        Ok(Some(_)) => None,
        Err(error) => Some(refused(&error).unwrap_or_else(|| Settled::Failed(told(error)))),
    }
}

fn is_promoted(found: &Deployment) -> bool {
    let mut canaried = found.task_groups.values().filter(|group| group.desired_canaries > 0).peekable();
    found.status == DeploymentStatus::Successful
        || (canaried.peek().is_some() && canaried.all(|group| group.promoted))
}

/// Whether the job is back already, or at a version that forbids it.
async fn is_reverted(client: &NomadClient, job: &str, to: u64, enforce_prior: u64) -> Option<Settled> {
    let found = match client.jobs().read(job).await {
        Ok(Some(found)) if found.head.version == enforce_prior => return None,
        Ok(Some(found)) => found,
        Ok(None) => return Some(Settled::Refused(Refusal::Gone, "there is no such job any more".to_owned())),
        Err(error) => return Some(refused(&error).unwrap_or_else(|| Settled::Failed(told(error)))),
    };
    let versions = match client.jobs().versions(job).await {
        Ok(versions) => versions,
        Err(error) => return Some(refused(&error).unwrap_or_else(|| Settled::Failed(told(error)))),
    };
    let is_back = found.head.version == enforce_prior.saturating_add(1)
        && versions.iter().any(|version| {
            version.head.version == to && is_same(&version.specification, &found.specification)
        });
    if is_back {
        return Some(Settled::Done);
    }
    let text = format!("the job is at version {} and not at {enforce_prior}", found.head.version);
    Some(Settled::Refused(Refusal::Conflict, text))
}

/// Whether two versions ask for the same.
fn is_same(one: &Value, other: &Value) -> bool {
    let specified = |job: &Value| {
        let mut job = job.as_object().cloned().unwrap_or_default();
        for name in NOT_SPECIFIED {
            job.remove(name);
        }
        job
    };
    specified(one) == specified(other)
}

/// After an act that failed: a refusal is final, but for one that says that it is too late, which may be the answer to our own act
/// before. Where nothing is known, it is read what came of it.
async fn again(error: HashistackError, look: impl AsyncFnOnce() -> Option<Settled>) -> Settled {
    let fault = error.nomad_fault();
    let is_open = matches!(
        fault,
        None | Some(NomadFault::DeploymentEnded | NomadFault::Conflict | NomadFault::Unavailable)
    );
    let found = if is_open { look().await } else { None };
    match found {
        Some(found @ (Settled::Done | Settled::Refused(..))) => found,
        Some(Settled::Failed(_)) | None => refused(&error).unwrap_or_else(|| Settled::Failed(told(error))),
    }
}

/// What a refusal means; nothing where it may pass, or nobody knows what came of the call.
fn refused(error: &HashistackError) -> Option<Settled> {
    let refusal = match error.nomad_fault()? {
        NomadFault::Conflict => Refusal::Conflict,
        NomadFault::DeploymentEnded => Refusal::DeploymentEnded,
        NomadFault::CanariesNotHealthy => Refusal::CanariesNotHealthy,
        NomadFault::Gone => Refusal::Gone,
        NomadFault::AlreadyAtVersion => Refusal::AlreadyAtVersion,
        NomadFault::UnknownVersion => Refusal::UnknownVersion,
        NomadFault::PermissionDenied | NomadFault::TokenNotFound => Refusal::PermissionDenied,
        NomadFault::ForeignAllocation | NomadFault::InvalidJob => Refusal::Other,
        NomadFault::Unavailable => return None,
    };
    let text = error.refusal().map(|refusal| refusal.text.clone()).unwrap_or_default();
    Some(Settled::Refused(refusal, text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn versions_are_the_same_by_what_they_ask_for() {
        let one = json!({ "ID": "web", "Version": 3, "JobModifyIndex": 9, "Stable": true, "TaskGroups": [{ "Count": 2 }] });
        let other = json!({ "ID": "web", "Version": 5, "JobModifyIndex": 12, "Stable": false, "TaskGroups": [{ "Count": 2 }] });
        let third = json!({ "ID": "web", "Version": 5, "TaskGroups": [{ "Count": 3 }] });
        assert!(is_same(&one, &other) && !is_same(&one, &third));
    }
}
