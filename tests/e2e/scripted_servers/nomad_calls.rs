//! The calls that both Nomads answer: a job through all that can happen to its versions.

use http::Method;
use serde_json::{Value, json};

use super::transcript::{Step, call, get, until};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub(super) fn steps() -> Vec<Step> {
    [
        nothing(),
        first(),
        canary(),
        ended(),
        given_up(),
        back_in_place(),
        superseded(),
        back_through_canaries(),
        names(),
        end(),
    ]
    .concat()
}

fn post(path: &str, body: impl ToString) -> Step {
    call(Method::POST, path, body)
}

/// A job that sleeps.
fn job(version: &str) -> Value {
    json!({
        "ID": "sleeper", "Name": "sleeper", "Type": "service", "Datacenters": ["*"], "Meta": { "version": version },
        "TaskGroups": [{
            "Name": "group", "Count": 2,
            "Update": {
                "Canary": 1, "MaxParallel": 1, "HealthCheck": "task_states", "MinHealthyTime": 0,
                "HealthyDeadline": 20_000_000_000_u64, "ProgressDeadline": 30_000_000_000_u64,
            },
            "RestartPolicy": { "Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000_u64, "Delay": 1_000_000_000_u64 },
            "ReschedulePolicy": { "Attempts": 0, "Unlimited": false },
            "Tasks": [{
                "Name": "task", "Driver": "raw_exec", "KillTimeout": 1_000_000_000_u64,
                "Config": { "command": "bash", "args": ["-c", "exec sleep 1000"] },
                "Resources": { "CPU": 20, "MemoryMB": 16 },
            }],
        }],
    })
}

fn register(version: &str) -> Step {
    post("/v1/jobs", json!({ "Job": job(version) }))
}

/// The newest deployment, as soon as it is one of this version of the job and looks like this.
fn deployment(version: u64, wanted: impl IntoIterator<Item = (&'static str, Value)>) -> Step {
    let of_version = ("/JobVersion", json!(version));
    until("/v1/job/sleeper/deployment", [of_version].into_iter().chain(wanted))
}

fn healthy_canary(version: u64) -> Step {
    deployment(version, [("/TaskGroups/group/HealthyAllocs", json!(1))])
}

fn successful(version: u64) -> Step {
    deployment(version, [("/Status", json!("successful"))])
}

/// Keeps the id of the newest deployment.
fn keep_deployment() -> Step {
    get("/v1/job/sleeper/deployment").keep("d", "/ID")
}

fn promote() -> Step {
    post("/v1/deployment/promote/{d}", json!({ "DeploymentID": "{d}", "All": true }))
}

fn fail() -> Step {
    post("/v1/deployment/fail/{d}", "")
}

fn pause(pauses: bool) -> Step {
    post("/v1/deployment/pause/{d}", json!({ "DeploymentID": "{d}", "Pause": pauses }))
}

fn revert(to: u64, from: &Value) -> Step {
    post(
        "/v1/job/sleeper/revert",
        json!({ "JobID": "sleeper", "JobVersion": to, "EnforcePriorVersion": from }),
    )
}

fn nothing() -> Vec<Step> {
    let promote = json!({ "DeploymentID": NOBODY, "All": true });
    vec![
        get("/v1/job/sleeper"),
        get("/v1/job/sleeper/versions"),
        get("/v1/job/sleeper/deployment"),
        get("/v1/job/sleeper/deployments"),
        get("/v1/job/sleeper/allocations"),
        get("/v1/deployments?namespace=*"),
        get(&format!("/v1/deployment/{NOBODY}")),
        post(&format!("/v1/deployment/promote/{NOBODY}"), promote),
        post(&format!("/v1/deployment/fail/{NOBODY}"), ""),
        get(&format!("/v1/evaluation/{NOBODY}")),
        revert(0, &Value::Null),
        post("/v1/jobs", json!({ "Job": job("1"), "EnforceIndex": true, "JobModifyIndex": 7 })),
        get("/v1/acl/token/self"),
    ]
}

fn first() -> Vec<Step> {
    vec![
        post("/v1/jobs", json!({ "Job": job("1"), "EnforceIndex": true, "JobModifyIndex": 0 })),
        successful(0),
        until("/v1/job/sleeper", [("/Stable", json!(true))]),
        get("/v1/job/sleeper/allocations"),
        get("/v1/job/sleeper/versions"),
        get("/v1/jobs?prefix=sleeper"),
        post("/v1/jobs", json!({ "Job": job("2"), "EnforceIndex": true, "JobModifyIndex": 0 })),
        post("/v1/jobs", json!({ "Job": job("2"), "EnforceIndex": true, "JobModifyIndex": 999_999 })),
        // The same again is no new version.
        register("1"),
        until("/v1/job/sleeper", [("/Version", json!(0))]),
    ]
}

fn canary() -> Vec<Step> {
    let foreign =
        json!({ "DeploymentID": "{d}", "HealthyAllocationIDs": ["{old}"], "UnhealthyAllocationIDs": [] });
    vec![
        get("/v1/job/sleeper/allocations").keep("old", "/0/ID"),
        register("2"),
        healthy_canary(1),
        keep_deployment(),
        get("/v1/deployment/{d}"),
        get("/v1/deployment/allocations/{d}"),
        get("/v1/job/sleeper/allocations"),
        post("/v1/deployment/allocation-health/{d}", foreign),
        post("/v1/deployment/promote/{d}", json!({ "DeploymentID": NOBODY, "All": true })),
        post("/v1/job/sleeper/revert", json!({ "JobID": "other", "JobVersion": 0 })),
        pause(true),
        get("/v1/deployment/{d}"),
        pause(false),
        get("/v1/deployment/{d}"),
        promote(),
        until(
            "/v1/deployment/{d}",
            [("/TaskGroups/group/Promoted", json!(true)), ("/Status", json!("successful"))],
        ),
        until("/v1/job/sleeper", [("/Stable", json!(true))]),
        until("/v1/deployment/allocations/{d}", [("/1/ClientStatus", json!("running"))]),
    ]
}

fn ended() -> Vec<Step> {
    let health =
        json!({ "DeploymentID": "{d}", "HealthyAllocationIDs": ["{old}"], "UnhealthyAllocationIDs": [] });
    vec![promote(), fail(), pause(true), pause(false), post("/v1/deployment/allocation-health/{d}", health)]
}

fn given_up() -> Vec<Step> {
    vec![
        register("3"),
        healthy_canary(2),
        keep_deployment(),
        fail(),
        get("/v1/deployment/{d}"),
        until(
            "/v1/deployment/allocations/{d}",
            [("/0/DesiredStatus", json!("stop")), ("/0/ClientStatus", json!("complete"))],
        ),
        get("/v1/job/sleeper"),
        promote(),
    ]
}

/// What runs is what is gone back to: nothing is replaced, and there are no canaries.
fn back_in_place() -> Vec<Step> {
    vec![
        revert(1, &json!(7)),
        revert(2, &Value::Null),
        revert(9, &Value::Null),
        revert(1, &json!(2)),
        successful(3),
        get("/v1/job/sleeper"),
    ]
}

fn superseded() -> Vec<Step> {
    vec![
        register("4"),
        healthy_canary(4),
        keep_deployment(),
        register("5"),
        until("/v1/deployment/{d}", [("/Status", json!("cancelled"))]),
        until(
            "/v1/deployment/allocations/{d}",
            [("/0/DesiredStatus", json!("stop")), ("/0/ClientStatus", json!("complete"))],
        ),
        healthy_canary(5),
        keep_deployment(),
        promote(),
        successful(5),
    ]
}

/// What runs is something else: going back has canaries again.
fn back_through_canaries() -> Vec<Step> {
    vec![
        revert(3, &json!(5)),
        healthy_canary(6),
        keep_deployment(),
        get("/v1/job/sleeper"),
        promote(),
        successful(6),
    ]
}

fn names() -> Vec<Step> {
    let tag = |version: u64| {
        post("/v1/job/sleeper/versions/good/tag", json!({ "Version": version, "Description": "it serves" }))
    };
    let stable = |is_stable: bool| json!({ "JobID": "sleeper", "JobVersion": 6, "Stable": is_stable });
    vec![
        post("/v1/job/sleeper/stable", stable(false)),
        until("/v1/job/sleeper", [("/Stable", json!(false))]),
        post("/v1/job/sleeper/stable", stable(true)),
        until("/v1/job/sleeper", [("/Stable", json!(true))]),
        tag(6),
        get("/v1/job/sleeper"),
        tag(5),
        call(Method::DELETE, "/v1/job/sleeper/versions/good/tag", ""),
        call(Method::DELETE, "/v1/job/sleeper/versions/good/tag", ""),
    ]
}

fn end() -> Vec<Step> {
    vec![
        register("8"),
        healthy_canary(7),
        keep_deployment(),
        call(Method::DELETE, "/v1/job/sleeper", ""),
        until("/v1/deployment/{d}", [("/Status", json!("cancelled"))]),
        until("/v1/job/sleeper", [("/Status", json!("dead"))]),
        call(Method::DELETE, "/v1/job/sleeper?purge=true", ""),
        until("/v1/job/sleeper", [("", json!("job not found"))]),
    ]
}
