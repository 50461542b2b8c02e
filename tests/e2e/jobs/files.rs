//! The job files as a real Nomad judges them: in its format, valid and planned with each value of the variables that choose something,
//! and refused with what to write where a value is wrong.

use anyhow::ensure;
use nova_test_support::binary::workspace_root;
use nova_test_support::server::{ConsulLaunch, Nomad, NomadLaunch};
use serde_json::{Value, json};

use super::Job;
use crate::case::Cases;

/// A client that has what every choice needs.
const CLIENT: &str = r#"
client {
  options = {
    "driver.allowlist" = "exec,raw_exec"
  }
  meta {
    cloud = "aws"
  }
  host_volume "nova-data" {
    path = "/tmp"
  }
}
"#;

const ARCHIVE: &str = "https://example.com/nova-0.1.0-linux-amd64.tar.gz?checksum=sha256:\
                       0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Choices of the proxy's job, with a part of the job that Nomad makes of each and its value.
fn choices() -> Vec<(Value, &'static str, Value)> {
    let task = "/TaskGroups/0/Tasks/0";
    let at = |path: &str| -> &'static str { Box::leak(format!("{task}{path}").into_boxed_str()) };
    vec![
        (json!({ "driver": "exec" }), at("/Driver"), json!("exec")),
        (json!({ "driver": "raw_exec" }), at("/Driver"), json!("raw_exec")),
        (json!({ "driver": "exec", "artifact": ARCHIVE }), at("/Artifacts/0/GetterSource"), json!(ARCHIVE)),
        (
            json!({ "artifact": ARCHIVE, "archive_path": "bin/nova-proxy" }),
            at("/Config/command"),
            json!("local/nova/bin/nova-proxy"),
        ),
        (json!({ "strategy": "rolling" }), "/Update/Canary", json!(0)),
        (json!({ "strategy": "canary" }), "/Update/Canary", json!(1)),
        (json!({ "strategy": "canary", "canaries": 2 }), "/Update/Canary", json!(2)),
        (json!({ "strategy": "blue-green", "instances": 5 }), "/Update/Canary", json!(5)),
        (json!({ "max_parallel": 2 }), "/Update/MaxParallel", json!(2)),
        (json!({}), "/Update/AutoPromote", json!(false)),
        (json!({}), "/Update/AutoRevert", json!(false)),
        (json!({}), "/TaskGroups/0/Services/0/CanaryTags", Value::Null),
        (json!({}), "/TaskGroups/0/Services/0/CanaryMeta", Value::Null),
        (json!({}), "/TaskGroups/0/Services/0/Meta/version", json!("0.1.0")),
        (json!({}), "/TaskGroups/0/Services/0/Checks/0/Path", json!("/health/ready")),
        (json!({}), "/TaskGroups/0/ShutdownDelay", json!(5_000_000_000_u64)),
        // What a client of Nomad allows where nobody has raised max_kill_timeout.
        (json!({}), at("/KillTimeout"), json!(30_000_000_000_u64)),
        (json!({ "drain_seconds": 600 }), at("/KillTimeout"), json!(610_000_000_000_u64)),
        (
            json!({ "driver": "exec", "host_volume": "nova-data" }),
            "/TaskGroups/0/Volumes/data/Source",
            json!("nova-data"),
        ),
        (
            json!({ "driver": "exec", "host_volume": "nova-data" }),
            at("/VolumeMounts/0/Destination"),
            json!("/var/lib/nova-proxy"),
        ),
        (json!({}), "/TaskGroups/0/Volumes", Value::Null),
        (
            json!({ "distinct_hosts": true, "instances": 1 }),
            "/TaskGroups/0/Constraints/0/Operand",
            json!("distinct_hosts"),
        ),
        (
            json!({ "constraints": [{ "attribute": "meta.cloud", "operator": "=", "value": "aws" }] }),
            "/Constraints/2/LTarget",
            json!("${meta.cloud}"),
        ),
        (
            json!({ "spread_attribute": "meta.cloud", "spread_percent": { "aws": 70, "gcp": 30 } }),
            "/Spreads/0/SpreadTarget/0/Percent",
            json!(70),
        ),
        (json!({ "spread_attribute": "meta.cloud" }), "/Spreads/0/Attribute", json!("${meta.cloud}")),
        (json!({ "datacenters": ["dc1", "aws-us-east-1"] }), "/Datacenters/1", json!("aws-us-east-1")),
        (json!({ "node_pool": "default" }), "/NodePool", json!("default")),
        (json!({ "keys": "nomad" }), at("/Templates/3/DestPath"), json!("secrets/keys.json")),
        (json!({ "consul_auth_method": "nova-workloads" }), at("/Identities/0/Name"), json!("nova_consul")),
        (
            json!({ "vault_address": "https://vault.example.com:8200" }),
            at("/Identities/0/Name"),
            json!("nova_vault"),
        ),
        (json!({ "consul_address": "" }), at("/Identities"), Value::Null),
        (json!({ "memory": 2048 }), at("/Resources/MemoryMB"), json!(2048)),
    ]
}

/// Choices of the agent's job, as those of the proxy's.
fn choices_of_the_agent() -> Vec<(Value, &'static str, Value)> {
    let task = "/TaskGroups/0/Tasks/0";
    let at = |path: &str| -> &'static str { Box::leak(format!("{task}{path}").into_boxed_str()) };
    let archive = ARCHIVE;
    vec![
        (json!({}), "/TaskGroups/0/Count", json!(2)),
        (json!({ "instances": 1 }), "/TaskGroups/0/Count", json!(1)),
        (json!({ "driver": "exec", "artifact": archive }), at("/Artifacts/0/GetterSource"), json!(archive)),
        (
            json!({ "artifact": archive, "archive_path": "bin/nova-agent" }),
            at("/Config/command"),
            json!("local/nova/bin/nova-agent"),
        ),
        // What a client of Nomad allows where nobody has raised max_kill_timeout.
        (json!({}), at("/KillTimeout"), json!(30_000_000_000_u64)),
        (json!({ "drain_seconds": 60 }), at("/KillTimeout"), json!(134_000_000_000_u64)),
        (json!({}), "/TaskGroups/0/Services/0/Checks/0/Path", json!("/health/ready")),
        (json!({}), "/Update/AutoRevert", json!(true)),
        (json!({}), "/TaskGroups/0/Volumes", Value::Null),
        (
            json!({ "driver": "exec", "host_volume": "nova-data" }),
            at("/VolumeMounts/0/Destination"),
            json!("/var/lib/nova-agent"),
        ),
        (json!({}), at("/Identity/File"), json!(true)),
        (json!({ "consul_auth_method": "nova-workloads" }), at("/Identities/0/Name"), json!("nova_consul")),
        (json!({ "has_vault_identity": true }), at("/Identities/0/Name"), json!("nova_vault")),
        (
            json!({ "distinct_hosts": true, "instances": 1 }),
            "/TaskGroups/0/Constraints/0/Operand",
            json!("distinct_hosts"),
        ),
    ]
}

/// Wrong values of the agent's job, and what they are answered with.
const WRONG_OF_THE_AGENT: &[(&str, &str, &str)] = &[
    ("version", r#""latest""#, "The version is a semantic version"),
    ("artifact", r#""nova-agent""#, "or an absolute path on the host"),
    ("driver", r#""docker""#, "The driver is \"exec\", or \"raw_exec\" for trials."),
    ("user", r#""""#, "The user has a name"),
    ("config", r#""listen = \"0.0.0.0:80\"""#, "The config says nothing of listen"),
    ("namespaces", "[]", "There is at least one of the namespaces"),
    ("instances", "0", "There is at least one of the instances"),
    ("memory", "16", "The memory is 64 MiB at least."),
    ("drain_seconds", "0", "The drain_seconds are from 1 to 600."),
    ("consul_address", r#""""#, "The consul_address begins with"),
    ("consul_prefix", r#""nova/default/""#, "The consul_prefix neither begins nor ends with a slash."),
    ("nomad_address", r#""127.0.0.1:4646""#, "The nomad_address begins with"),
    ("service", r#""Nova proxy""#, "The service is of lower-case letters"),
];

/// Wrong values of the proxy's job, and what they are answered with.
const WRONG: &[(&str, &str, &str)] = &[
    ("version", r#""latest""#, "The version is a semantic version"),
    ("version", r#""""#, "The version is a semantic version"),
    ("artifact", r#""https://example.com/nova-0.1.0-linux-amd64.tar.gz""#, "ends in ?checksum=sha256:"),
    ("artifact", r#""nova-proxy""#, "or an absolute path on the host"),
    ("archive_path", r#""../nova-proxy""#, "The archive_path is relative"),
    ("driver", r#""docker""#, "The driver is \"exec\", or \"raw_exec\" for trials."),
    ("user", r#""""#, "The user has a name"),
    ("uid", "-1", "The uid is the number of the user."),
    ("config", r#""listen = \"0.0.0.0:80\"""#, "The config says nothing of listen"),
    ("config", r#""bedrock {\n}\nserver {\n}""#, "The config says nothing of listen"),
    ("keys", r#""vault""#, "The keys come from"),
    ("ring", r#""Stable ring""#, "The ring is of lower-case letters"),
    ("bedrock_region", r#""virginia""#, "The bedrock_region is one of AWS's"),
    ("datacenters", "[]", "There is at least one datacenter"),
    ("spread_attribute", r#""${node.datacenter}""#, "The spread_attribute begins with"),
    (
        "constraints",
        r#"[{"attribute":"cloud","operator":"=","value":"aws"}]"#,
        "The attribute of each of the constraints",
    ),
    ("memory", "64", "The memory is 256 MiB at least."),
    ("instances", "0", "There is at least one of the instances"),
    ("instances", "1.5", "There is at least one of the instances"),
    ("strategy", r#""big-bang""#, "The strategy is \"rolling\", \"canary\" or \"blue-green\"."),
    ("canaries", "0", "There is at least one of the canaries"),
    ("max_parallel", "0", "The max_parallel is 1 at least"),
    ("min_healthy_seconds", "101", "The min_healthy_seconds are from 1 to 100"),
    ("shutdown_delay_seconds", "-1", "The shutdown_delay_seconds are from 0 to 600."),
    ("drain_seconds", "0", "The drain_seconds are from 1 to 3600."),
    ("consul_address", r#""127.0.0.1:8500""#, "The consul_address begins with"),
    ("consul_prefix", r#""nova/default/""#, "The consul_prefix neither begins nor ends with a slash."),
    ("vault_address", r#""vault.example.com""#, "The vault_address begins with"),
];

/// What is wrong with a job as `nomad job validate` and `nomad job plan` see it.
async fn judge(nomad: &Nomad, job: &Job, pointer: &str, expected: &Value) -> anyhow::Result<()> {
    let valid = job.tried(nomad, "validate").await?;
    ensure!(valid.code == Some(0) && !valid.stdout.contains("Warning"), "{}{}", valid.stdout, valid.stderr);
    let planned = job.tried(nomad, "plan").await?;
    // 1 says that there is something to do.
    ensure!(planned.code == Some(1), "{}{}", planned.stdout, planned.stderr);
    ensure!(planned.stdout.contains("All tasks successfully allocated."), "{}", planned.stdout);
    let made = job.tried(nomad, "run -output").await?;
    let made: Value = serde_json::from_str(&made.stdout)?;
    let found = made["Job"].pointer(pointer).cloned().unwrap_or_default();
    ensure!(found == *expected, "{pointer} is {found}, not {expected}");
    Ok(())
}

#[tokio::test]
async fn a_job_is_valid_and_finds_its_place_with_each_choice() {
    // A job with a service of Consul's finds no place on a node without Consul.
    let consul = ConsulLaunch::new().start().await.unwrap();
    let nomad = NomadLaunch::new().with_consul(&consul).with_settings(CLIENT).start().await.unwrap();
    let mut cases = Cases::default();
    for (variables, pointer, expected) in choices() {
        let job = Job::proxy().unwrap().with(variables.clone());
        cases.note(variables.to_string(), judge(&nomad, &job, pointer, &expected).await);
    }
    for (variables, pointer, expected) in choices_of_the_agent() {
        let job = Job::agent().unwrap().with(variables.clone());
        cases.note(format!("the agent: {variables}"), judge(&nomad, &job, pointer, &expected).await);
    }
    let simulator = Job::simulator().unwrap();
    cases.note("the simulator", judge(&nomad, &simulator, "/ID", &json!("bedrock-sim")).await);
    cases.all_hold();
}

#[tokio::test]
async fn a_wrong_value_is_refused_with_what_to_write() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let mut cases = Cases::default();
    let of_the_proxy = WRONG.iter().map(|wrong| (Job::proxy().unwrap(), wrong));
    let of_the_agent = WRONG_OF_THE_AGENT.iter().map(|wrong| (Job::agent().unwrap(), wrong));
    for (job, (variable, value, message)) in of_the_proxy.chain(of_the_agent) {
        let value: Value = serde_json::from_str(value).unwrap();
        let refused = job.with(json!({ *variable: value })).tried(&nomad, "validate").await;
        let judged = refused.and_then(|refused| {
            ensure!(refused.code == Some(1) && refused.stderr.contains(message), "{refused:?}");
            Ok(())
        });
        cases.note(format!("{}: {variable} = {value}", job.file), judged);
    }
    for variable in ["version", "artifact"] {
        let mut job = Job::proxy().unwrap();
        job.variables.as_object_mut().unwrap().remove(variable);
        let refused = job.tried(&nomad, "validate").await.unwrap();
        assert!(refused.code == Some(1) && refused.stderr.contains(variable), "{refused:?}");
    }
    cases.all_hold();
}

#[tokio::test]
async fn every_job_file_is_in_nomads_own_format_and_describes_its_variables() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let jobs = workspace_root().join("jobs");
    let script = format!("nomad fmt -check -recursive '{}'", jobs.display());
    let checked = nomad.script(&script).unwrap().finish().await.unwrap();
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), ""), "{checked:?}");
    for file in ["nova-proxy", "nova-agent", "bedrock-sim"] {
        let text = std::fs::read_to_string(jobs.join(format!("{file}.nomad.hcl"))).unwrap();
        let variables = text.split("\nvariable \"").skip(1);
        let lacking: Vec<_> = variables
            .filter(|variable| !variable.split("\n}").next().unwrap().contains("description = "))
            .collect();
        assert!(lacking.is_empty(), "{file}: {lacking:?}");
    }
}
