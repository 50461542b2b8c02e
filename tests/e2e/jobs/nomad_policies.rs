//! The policies of `jobs/policies/nomad` in a real Nomad: each allows what its bearer has to do, and refuses the rest.

use anyhow::{Context, bail};
use http::Method;
use nova_test_support::binary::workspace_root;
use nova_test_support::server::{Nomad, NomadLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};

/// One thing to try: method, path below `/v1/`, body. Names in braces stand for what [`Planted`] has.
type Ask = (&'static str, &'static str, &'static str);

/// What is expected of a policy, by the name of its file.
struct Duty {
    policy: &'static str,
    may: &'static [Ask],
    may_not: &'static [Ask],
}

const RUN: Ask = ("POST", "jobs", r#"{"Job":{job}}"#);
const RUN_WITH_VOLUME: Ask = ("POST", "jobs", r#"{"Job":{job with volume}}"#);
const PLAN: Ask = ("POST", "job/nova-proxy/plan", r#"{"Job":{job}}"#);
const PARSE: Ask = ("POST", "jobs/parse", r#"{"JobHCL":"job \"x\" {}"}"#);
const LIST: Ask = ("GET", "jobs", "");
const READ: Ask = ("GET", "job/nova-proxy", "");
const DEPLOYMENTS: Ask = ("GET", "job/nova-proxy/deployments", "");
const FAIL: Ask = ("PUT", "deployment/fail/{deployment}", "{}");
const REVERT: Ask = ("PUT", "job/nova-proxy/revert", r#"{"JobID":"nova-proxy","JobVersion":{previous}}"#);
const LOGS: Ask = ("GET", "client/fs/logs/{allocation}?task=nova-proxy&type=stdout", "");
const FILES: Ask = ("GET", "client/fs/ls/{allocation}", "");
const READ_KEYS: Ask = ("GET", "var/nomad/jobs/nova-proxy", "");
const WRITE_KEYS: Ask = ("PUT", "var/nomad/jobs/nova-proxy", r#"{"Items":{"keys":"new"}}"#);
const OTHER_VARIABLE: Ask = ("GET", "var/nomad/jobs/web", "");

/// What none of them may do.
const NOBODY: &[Ask] = &[
    ("POST", "jobs", r#"{"Job":{job of another namespace}}"#),
    ("GET", "job/web?namespace=other", ""),
    ("POST", "jobs", r#"{"Job":{job with a foreign volume}}"#),
    FILES,
    OTHER_VARIABLE,
    ("PUT", "client/allocation/{allocation}/signal", r#"{"Signal":"SIGKILL"}"#),
    ("GET", "nodes", ""),
    ("GET", "agent/self", ""),
    ("PUT", "system/gc", ""),
    ("GET", "operator/scheduler/configuration", ""),
    ("POST", "acl/policy/tried", r#"{"Name":"tried","Rules":""}"#),
    ("POST", "namespace/tried", r#"{"Name":"tried"}"#),
];

const DUTIES: &[Duty] = &[
    Duty {
        policy: "deployer",
        may: &[PARSE, PLAN, RUN, RUN_WITH_VOLUME, LIST, READ, DEPLOYMENTS, LOGS, REVERT, FAIL],
        may_not: &[READ_KEYS, WRITE_KEYS],
    },
    Duty {
        policy: "viewer",
        may: &[LIST, READ, DEPLOYMENTS],
        may_not: &[PLAN, RUN, REVERT, FAIL, LOGS, READ_KEYS, WRITE_KEYS],
    },
    Duty {
        policy: "keys-administrator",
        may: &[READ_KEYS, WRITE_KEYS],
        may_not: &[PLAN, RUN, READ, REVERT, FAIL, LOGS],
    },
    Duty {
        policy: "agent",
        may: &[LIST, READ, DEPLOYMENTS, PLAN, REVERT, FAIL],
        may_not: &[LOGS, RUN_WITH_VOLUME, READ_KEYS, WRITE_KEYS],
    },
];

/// A Nomad with jobs in two namespaces and variables.
struct Planted {
    nomad: Nomad,
    words: Vec<(&'static str, String)>,
}

/// The job, in the form of the API.
fn job(namespace: &str, volume: Option<&str>) -> Value {
    let mut job = json!({
        "ID": "nova-proxy", "Name": "nova-proxy", "Namespace": namespace, "Type": "service", "Datacenters": ["*"],
        "TaskGroups": [{
            "Name": "proxy", "Count": 1,
            "Update": { "Canary": 0, "MaxParallel": 1, "HealthCheck": "manual", "ProgressDeadline": 0 },
            "Tasks": [{
                "Name": "nova-proxy", "Driver": "raw_exec",
                "Config": { "command": "sleep", "args": ["1000"] },
                "Resources": { "CPU": 50, "MemoryMB": 32 },
            }],
        }],
    });
    if let Some(source) = volume {
        let volumes = json!({ "data": { "Name": "data", "Type": "host", "Source": source } });
        job["TaskGroups"][0]["Volumes"] = volumes;
    }
    job
}

impl Planted {
    async fn start() -> anyhow::Result<Self> {
        let nomad = NomadLaunch::new().with_acls().start().await?;
        let api = nomad.api();
        api.post("/v1/namespace/other", &json!({ "Name": "other" })).await?;
        for (variable, namespace) in [("nomad/jobs/nova-proxy", "default"), ("nomad/jobs/web", "default")] {
            let items = json!({ "Namespace": namespace, "Path": variable, "Items": { "keys": "old" } });
            api.put(&format!("/v1/var/{variable}"), &items).await?;
        }
        let allocation = wait_for("an allocation that runs", DEADLINE, async || {
            let found = nomad.allocations("nova-proxy").await?;
            if found.is_empty() {
                api.post("/v1/jobs", &json!({ "Job": job("default", None) })).await?;
            }
            let running = found.iter().find(|one| one["ClientStatus"] == "running");
            let id = running.and_then(|one| one["ID"].as_str()).map(str::to_owned);
            Ok(id.map_or(Look::NotYet(found), Look::Ready))
        })
        .await?;
        let words = vec![
            ("{allocation}", allocation),
            ("{job}", job("default", None).to_string()),
            ("{job with volume}", job("default", Some("nova-data")).to_string()),
            ("{job with a foreign volume}", job("default", Some("other")).to_string()),
            ("{job of another namespace}", job("other", None).to_string()),
        ];
        Ok(Self { nomad, words })
    }

    /// A deployment that runs: one that has ended can no more be failed.
    async fn deployment(&self) -> anyhow::Result<String> {
        let mut changed = job("default", None);
        let instant = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        changed["TaskGroups"][0]["Tasks"][0]["Env"] = json!({ "INSTANT": instant.to_string() });
        let api = self.nomad.api();
        let made = api.post("/v1/jobs", &json!({ "Job": changed })).await?;
        wait_for("a deployment", DEADLINE, async || {
            let newest = api.get("/v1/job/nova-proxy/deployment").await?;
            let is_it =
                newest["Status"] == "running" && newest["JobSpecModifyIndex"] == made["JobModifyIndex"];
            Ok(match newest["ID"].as_str() {
                Some(id) if is_it => Look::Ready(id.to_owned()),
                _ => Look::NotYet(newest.to_string()),
            })
        })
        .await
    }

    async fn is_allowed(&self, token: &str, ask: &Ask) -> anyhow::Result<bool> {
        let (method, path, body) = *ask;
        let mut words = self.words.clone();
        if path.contains("{deployment}") {
            words.push(("{deployment}", self.deployment().await?));
        }
        if ask == &REVERT {
            // Nomad keeps few versions, and reverts to another one only.
            self.deployment().await?;
            let now = self.nomad.api().get("/v1/job/nova-proxy").await?;
            let now = now["Version"].as_u64().with_context(|| format!("no Version in {now}"))?;
            words.push(("{previous}", now.saturating_sub(1).to_string()));
        }
        let fill =
            |text: &str| words.iter().fold(text.to_owned(), |text, (name, word)| text.replace(name, word));
        let method = Method::from_bytes(method.as_bytes())?;
        let api = self.nomad.api().with_token(token);
        let reply = api.send(method, &format!("/v1/{}", fill(path)), &fill(body)).await?;
        match reply.status.as_u16() {
            200 | 204 => Ok(true),
            403 => Ok(false),
            // What a client of Nomad refuses comes back through the server as an error of the server's.
            500 if reply.text().trim() == "Permission denied" => Ok(false),
            other => bail!("tries {ask:?}: {other} {}", reply.text()),
        }
    }
}

fn rules(policy: &str) -> String {
    let path = workspace_root().join("jobs/policies/nomad").join(format!("{policy}.hcl"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn each_policy_of_nomad_allows_its_duties_and_refuses_the_rest() {
    let planted = Planted::start().await.unwrap();
    let mut lines = Vec::new();
    for duty in DUTIES {
        let token = planted.nomad.token_for(duty.policy, &rules(duty.policy)).await.unwrap();
        let refused = duty.may_not.iter().chain(NOBODY).map(|ask| (ask, false));
        for (ask, expected) in duty.may.iter().map(|ask| (ask, true)).chain(refused) {
            let is_allowed = planted.is_allowed(&token, ask).await;
            if is_allowed.with_context(|| duty.policy).unwrap() != expected {
                lines.push(format!("{}: {ask:?}, expected {expected}", duty.policy));
            }
        }
    }
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn every_policy_of_nomad_is_tried() {
    let folder = std::fs::read_dir(workspace_root().join("jobs/policies/nomad")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut policies: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".hcl")?.to_owned())).collect();
    policies.sort();
    let mut tried: Vec<&str> = DUTIES.iter().map(|duty| duty.policy).collect();
    tried.sort_unstable();
    assert_eq!(policies, tried);
}
