//! What Nomad's answers mean for a rollout.
//!
//! Pure. An allocation's own version is the truth; what Nomad has found healthy once says nothing of now.

use std::collections::{BTreeMap, BTreeSet};

use nova_hashistack::HashistackError;
use nova_hashistack::nomad::{
    Allocation, Deployment, DeploymentGroup, DeploymentStatus, Evaluation, Job, PlacementFailure, TaskState,
};
use serde_json::Value;

use crate::rollout::observation::{
    AllocationSeen, ClientStatus, DeploymentSeen, DeploymentStanding, GroupSeen, JobSeen, PlacementSeen, Seen,
};

/// What the keys of a job's `meta` begin with that are for us.
const META: &str = "nova_rollout";

/// The key of a job's `meta` that says under which name its instances are in the catalog, where several services are registered.
const META_SERVICE: &str = "nova_rollout_service";

/// Where an instance's registration says on which port its metrics are: the service that has it is the proxy's.
const META_PORT: &str = "metrics_port";

/// Events after which a task does not come back by itself (`nomad/structs/structs.go`).
const FATAL: [&str; 4] = ["Driver Failure", "Not Restarting", "Failed Validation", "Setup Failure"];

/// An artifact that is not there may be one that is not there yet: the second time it is told.
const ARTIFACT: &str = "Failed Artifact Download";

pub(super) fn deployment(found: Deployment) -> DeploymentSeen {
    let group = |found: DeploymentGroup| GroupSeen {
        promoted: found.promoted,
        auto_promote: found.auto_promote,
        auto_revert: found.auto_revert,
        desired_canaries: found.desired_canaries,
        desired_total: found.desired_total,
        healthy: found.healthy_allocs,
        unhealthy: found.unhealthy_allocs,
    };
    DeploymentSeen {
        id: found.id,
        job_version: found.job_version,
        status: match found.status {
            DeploymentStatus::Running => DeploymentStanding::Running,
            DeploymentStatus::Paused => DeploymentStanding::Paused,
            DeploymentStatus::Successful => DeploymentStanding::Successful,
            DeploymentStatus::Failed => DeploymentStanding::Failed,
            DeploymentStatus::Cancelled => DeploymentStanding::Cancelled,
            DeploymentStatus::Initializing
            | DeploymentStatus::Pending
            | DeploymentStatus::Blocked
            | DeploymentStatus::Unblocking
            | DeploymentStatus::Unknown => DeploymentStanding::Other,
        },
        description: found.status_description,
        groups: found.task_groups.into_iter().map(|(name, found)| (name, group(found))).collect(),
    }
}

/// The job with what its versions tell. Without them nothing of it is known: which version is stable decides what is gone back to.
pub(super) fn job(
    found: &Seen<Job>,
    versions: Result<Vec<Job>, String>,
    version: Option<u64>,
) -> Seen<JobSeen> {
    let found = match found {
        Seen::Known(found) => found,
        Seen::Absent => return Seen::Absent,
        Seen::Unknown(why) => return Seen::Unknown(why.clone()),
    };
    let versions = match versions {
        Ok(versions) => versions,
        Err(why) => return Seen::Unknown(why),
    };
    let current = found.head.version;
    let rolled_out = version.unwrap_or(current);
    let stable = versions.iter().filter(|version| version.head.version < rolled_out && version.head.stable);
    let stable = stable.max_by_key(|version| version.head.version);
    let previous = versions.iter().filter(|version| version.head.version < current);
    let previous = previous.max_by_key(|version| version.head.version);
    Seen::Known(JobSeen {
        version: current,
        create_index: found.head.create_index,
        modify_index: found.head.job_modify_index,
        stopped: found.head.stop,
        version_name: version_name(found),
        stable: stable.map(|stable| (stable.head.version, version_name(stable))),
        counts: counts(found),
        previous_counts: previous.map(counts).unwrap_or_default(),
        meta: found.head.meta.clone().into_iter().filter(|(key, _)| key.starts_with(META)).collect(),
    })
}

/// The name under which the job's instances are in the catalog.
pub(super) fn service(job: &Job) -> Option<String> {
    let written = job.head.meta.get(META_SERVICE).filter(|name| !name.is_empty());
    let of_spec = || services(job).into_iter().find_map(|service| literal(&service["Name"]));
    written.cloned().or_else(of_spec)
}

/// `Meta.version` of the service, or the job's own `version`. What is filled in when an allocation starts is not known here.
fn version_name(job: &Job) -> Option<String> {
    let of_service = services(job).into_iter().find_map(|service| literal(&service["Meta"]["version"]));
    of_service.or_else(|| job.head.meta.get("version").filter(|version| !version.contains("${")).cloned())
}

/// The services that the job registers with Consul: those with metrics first.
fn services(job: &Job) -> Vec<&Value> {
    let mut found = Vec::new();
    for group in list(&job.specification["TaskGroups"]) {
        found.extend(list(&group["Services"]));
        for task in list(&group["Tasks"]) {
            found.extend(list(&task["Services"]));
        }
    }
    found.retain(|service| matches!(service["Provider"].as_str(), None | Some("" | "consul")));
    found.sort_by_key(|service| service["Meta"][META_PORT].is_null());
    found
}

/// Nomad writes `null` for an empty list.
fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn literal(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty() && !text.contains("${")).map(str::to_owned)
}

fn counts(job: &Job) -> BTreeMap<String, u64> {
    list(&job.specification["TaskGroups"])
        .iter()
        .filter_map(|group| Some((group["Name"].as_str()?.to_owned(), group["Count"].as_u64()?)))
        .collect()
}

/// The allocations of the job. `members` are those of the rollout's deployment, where there is one: without them it is not known which
/// are its canaries. `specification` is the rollout's version with the index of its specification.
pub(super) fn allocations(
    found: &[Allocation],
    members: Option<Result<Vec<Allocation>, HashistackError>>,
    specification: Option<(u64, u64)>,
) -> Seen<Vec<AllocationSeen>> {
    let members: BTreeSet<String> = match members {
        Some(Ok(members)) => members.into_iter().map(|member| member.id).collect(),
        Some(Err(error)) => return Seen::Unknown(super::told(error)),
        None => BTreeSet::new(),
    };
    let one = |found: &Allocation| {
        let health = found.deployment_status.clone().unwrap_or_default();
        let is_older =
            |(version, index): (u64, u64)| found.job_version == version && found.create_index < index;
        AllocationSeen {
            id: found.id.clone(),
            job_version: found.job_version,
            group: found.task_group.clone(),
            client: match found.client_status.as_str() {
                "pending" => ClientStatus::Pending,
                "running" => ClientStatus::Running,
                "complete" => ClientStatus::Complete,
                "failed" => ClientStatus::Failed,
                _ => ClientStatus::Lost,
            },
            wanted: found.desired_status == "run",
            healthy: health.healthy,
            canary: health.canary,
            of_deployment: members.contains(&found.id),
            restarts: found.task_states.values().map(|task| task.restarts).sum(),
            fatal: found.task_states.iter().find_map(|(name, task)| fatal(name, task)),
            in_place: found.create_index > 0 && specification.is_some_and(is_older),
        }
    };
    Seen::Known(found.iter().map(one).collect())
}

/// Why a task does not come back by itself.
fn fatal(name: &str, task: &TaskState) -> Option<String> {
    if task.state == "running" {
        return None;
    }
    // What was before it last ran is over.
    let recent = task.events.iter().rev().take_while(|event| event.kind != "Started");
    let told = |event: &nova_hashistack::nomad::TaskEvent| {
        let words = if event.display_message.is_empty() { &event.kind } else { &event.display_message };
        format!("task {name}: {words}")
    };
    let past_help = recent.clone().find(|event| FATAL.contains(&event.kind.as_str()));
    let mut artifacts = recent.clone().filter(|event| event.kind == ARTIFACT);
    let artifact = artifacts.next().filter(|_| artifacts.next().is_some());
    past_help.or(artifact).map(told).or_else(|| {
        let is_dead = task.failed && task.state == "dead";
        is_dead.then(|| recent.clone().next().map_or_else(|| format!("task {name} has failed"), told))
    })
}

/// What waits for room.
pub(super) fn placement(found: &[Evaluation]) -> Seen<PlacementSeen> {
    let blocked = found.iter().filter(|evaluation| evaluation.status == "blocked");
    match blocked.flat_map(|evaluation| evaluation.failed_groups.iter()).next() {
        None => Seen::Absent,
        Some((group, failure)) => Seen::Known(PlacementSeen {
            group: group.clone(),
            why: reason(failure),
            static_port: failure
                .dimension_exhausted
                .keys()
                .any(|key| key.contains("reserved port collision")),
        }),
    }
}

fn reason(failure: &PlacementFailure) -> String {
    let mut parts = Vec::new();
    for (what, nodes) in &failure.dimension_exhausted {
        parts.push(format!("{nodes} of {} nodes have not enough {what}", failure.nodes_evaluated));
    }
    for (what, nodes) in &failure.constraint_filtered {
        parts.push(format!("{nodes} nodes are kept out by {what}"));
    }
    if parts.is_empty() {
        parts.push(match failure.nodes_evaluated {
            0 => "no node is eligible".to_owned(),
            nodes => format!("none of {nodes} nodes fits"),
        });
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Job {
        serde_json::from_value(value).unwrap()
    }

    fn version(number: u64, stable: bool, name: &str, count: u64) -> Job {
        of(json!({
            "ID": "web", "Version": number, "JobModifyIndex": 10 + number, "CreateIndex": 5, "Stable": stable, "Status": "running",
            "Meta": { "nova_rollout_policy": "x", "team": "web" },
            "TaskGroups": [{
                "Name": "proxy", "Count": count,
                "Services": [
                    { "Name": "side", "Provider": "nomad", "Meta": { "version": "9" } },
                    { "Name": "web-admin", "Meta": null },
                    { "Name": "web", "Provider": "consul", "Meta": { "version": name, "metrics_port": "${NOMAD_PORT_metrics}" } },
                ],
            }],
        }))
    }

    #[test]
    fn a_job_tells_its_stable_version_and_its_service() {
        let versions =
            vec![version(4, false, "1.4", 2), version(3, true, "1.3", 3), version(1, true, "1.1", 3)];
        let found = job(&Seen::Known(versions[0].clone()), Ok(versions.clone()), None);
        let found = found.known().unwrap().clone();
        assert_eq!(found.stable, Some((3, Some("1.3".to_owned()))));
        assert_eq!(
            (found.version_name.as_deref(), found.counts["proxy"], found.previous_counts["proxy"]),
            (Some("1.4"), 2, 3)
        );
        assert_eq!(found.meta.keys().collect::<Vec<_>>(), ["nova_rollout_policy"]);
        assert_eq!(service(&versions[0]).as_deref(), Some("web"));
        // Of an older rollout, what was stable before it.
        let older = job(&Seen::Known(versions[0].clone()), Ok(versions.clone()), Some(3));
        assert_eq!(older.known().unwrap().stable, Some((1, Some("1.1".to_owned()))));
        let unread = job(&Seen::Known(versions[0].clone()), Err("no leader".to_owned()), None);
        assert_eq!(unread, Seen::Unknown("no leader".to_owned()));
    }

    #[test]
    fn what_is_filled_in_later_is_no_name() {
        let mut job = version(1, true, "${NOMAD_META_version}", 1);
        job.specification["TaskGroups"][0]["Services"][2]["Name"] = "${JOB}-web".into();
        assert_eq!(version_name(&job), None);
        assert_eq!(service(&job).as_deref(), Some("web-admin"));
        job.head.meta.insert("version".to_owned(), "1.5".to_owned());
        job.head.meta.insert(META_SERVICE.to_owned(), "other".to_owned());
        assert_eq!((version_name(&job).as_deref(), service(&job).as_deref()), (Some("1.5"), Some("other")));
    }

    fn task(state: &str, failed: bool, kinds: &[&str]) -> TaskState {
        let events: Vec<_> = kinds.iter().map(|kind| json!({ "Type": kind })).collect();
        serde_json::from_value(json!({ "State": state, "Failed": failed, "Restarts": 0, "Events": events }))
            .unwrap()
    }

    #[rstest]
    #[case::running("running", false, &["Driver Failure", "Started"], None)]
    #[case::driver("pending", false, &["Received", "Driver Failure"], Some("Driver Failure"))]
    #[case::past("pending", false, &["Driver Failure", "Started", "Terminated", "Restarting"], None)]
    #[case::given_up("dead", true, &["Started", "Terminated", "Not Restarting"], Some("Not Restarting"))]
    #[case::one_artifact("pending", false, &["Failed Artifact Download", "Restarting"], None)]
    #[case::two_artifacts(
        "pending", false, &["Failed Artifact Download", "Restarting", "Failed Artifact Download"], Some("Artifact")
    )]
    #[case::dead("dead", true, &["Started", "Terminated"], Some("Terminated"))]
    #[case::ended_well("dead", false, &["Started", "Terminated"], None)]
    #[case::without_events("dead", true, &[], Some("has failed"))]
    fn a_task_is_past_help_when_nomad_says_so(
        #[case] state: &str,
        #[case] failed: bool,
        #[case] kinds: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let found = fatal("proxy", &task(state, failed, kinds));
        match expected {
            None => assert_eq!(found, None),
            Some(words) => assert!(found.as_ref().is_some_and(|found| found.contains(words)), "{found:?}"),
        }
    }

    #[test]
    fn an_allocation_that_was_there_before_its_version_was_changed_in_place() {
        let one = |id: &str, version: u64, created: u64| -> Allocation {
            serde_json::from_value(json!({
                "ID": id, "Name": "web.proxy[0]", "JobID": "web", "JobVersion": version, "TaskGroup": "proxy",
                "ClientStatus": "running", "DesiredStatus": "run", "CreateIndex": created,
                "DeploymentStatus": { "Healthy": true, "Canary": id == "canary" },
            }))
            .unwrap()
        };
        let found = [one("old", 1, 20), one("canary", 2, 40), one("changed", 2, 21)];
        let members = Some(Ok(vec![found[1].clone()]));
        let Seen::Known(seen) = allocations(&found, members, Some((2, 30))) else { panic!("unknown") };
        assert_eq!(seen.iter().map(|found| found.in_place).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(seen.iter().map(|found| found.of_deployment).collect::<Vec<_>>(), [false, true, false]);
        assert!(seen[1].canary && seen.iter().all(AllocationSeen::is_live));
    }

    #[rstest]
    #[case(json!({ "DimensionExhausted": { "memory": 2 }, "NodesEvaluated": 3 }), "2 of 3 nodes have not enough memory", false)]
    #[case(json!({ "DimensionExhausted": { "network: reserved port collision http=80": 1 }, "NodesEvaluated": 1 }), "reserved port", true)]
    #[case(json!({ "ConstraintFiltered": { "${attr.cpu.arch} = arm64": 1 }, "NodesEvaluated": 1 }), "kept out by", false)]
    #[case(json!({}), "no node is eligible", false)]
    fn what_waits_for_room_says_for_what(
        #[case] failure: Value,
        #[case] why: &str,
        #[case] static_port: bool,
    ) {
        let evaluation = |status: &str| -> Evaluation {
            serde_json::from_value(
                json!({ "ID": "e", "Status": status, "FailedTGAllocs": { "proxy": failure } }),
            )
            .unwrap()
        };
        let Seen::Known(found) = placement(&[evaluation("complete"), evaluation("blocked")]) else {
            panic!("placed")
        };
        assert!(found.why.contains(why) && found.static_port == static_port, "{found:?}");
        assert_eq!(placement(&[evaluation("complete")]), Seen::Absent);
    }
}
