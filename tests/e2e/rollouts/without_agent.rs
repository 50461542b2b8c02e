//! `nova-agent rollout` while no agent answers: what was written last is read from Consul's keys, and nothing is ever written there.

use anyhow::ensure;
use http::Method;
use nova_test_support::binary::{Program, workspace_root};
use nova_test_support::process::{Finished, Launch};
use nova_test_support::server::{Consul, ConsulLaunch};
use serde_json::{Value, json};

/// A record as an agent writes it.
fn record(job: &str) -> anyhow::Result<Value> {
    let path = workspace_root().join("agent/src/cli/rollout/shown/fixtures/baking.json");
    let mut record: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    record["target"]["job"] = json!(job);
    Ok(record)
}

async fn put(consul: &Consul, key: &str, record: &Value) -> anyhow::Result<()> {
    let reply = consul.api().send(Method::PUT, &format!("/v1/kv/{key}"), &record.to_string()).await?;
    ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
    Ok(())
}

/// Runs `nova-agent rollout …` where no agent is.
async fn rollout(consul: &str, token: &str, arguments: &[&str]) -> anyhow::Result<Finished> {
    let launch = Launch::new(Program::Agent.path()?).arg("rollout").args(arguments);
    let launch = launch.env("NOVA_AGENT_ADDR", "unix:///nowhere/agent.sock");
    launch.env("CONSUL_HTTP_ADDR", consul).env("CONSUL_HTTP_TOKEN", token).finish().await
}

#[tokio::test]
async fn records_are_read_from_consul_while_no_agent_answers() {
    let consul = ConsulLaunch::new().with_acls().start().await.unwrap();
    let address = consul.address().to_string();
    for (key, job) in [
        ("nova/default/rollouts/default/nova-proxy", "nova-proxy"),
        ("nova/default/rollouts/default/team%252Fweb", "team/web"),
        ("nova/default/rollout-history/default/nova-proxy/0000000001", "nova-proxy"),
    ] {
        put(&consul, key, &record(job).unwrap()).await.unwrap();
    }
    let rules = r#"key_prefix "nova/default/" { policy = "read" }"#;
    let reader = consul.token_for("reader", rules).await.unwrap();

    let all = rollout(&address, &reader, &["status"]).await.unwrap();
    assert_eq!(all.code, Some(0), "{all:?}");
    assert!(all.stderr.contains("no agent answers") && all.stderr.contains("nova/default"), "{all:?}");
    assert!(all.stdout.contains("default/nova-proxy") && all.stdout.contains("default/team/web"), "{all:?}");

    let one = rollout(&address, &reader, &["status", "default/team/web", "--json"]).await.unwrap();
    let told: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(
        (&told["origin"], &told["rollouts"][0]["phase"]),
        (&json!("consul"), &json!("baking")),
        "{told}"
    );
    assert!(told["why_no_agent"].as_str().unwrap().contains("/nowhere/agent.sock"), "{told}");

    let history = rollout(&address, &reader, &["history", "nova-proxy", "--json"]).await.unwrap();
    let told: Value = serde_json::from_str(&history.stdout).unwrap();
    assert_eq!((history.code, &told["kept"]), (Some(0), &json!(1)), "{history:?}");

    // A command needs an agent: nothing goes around it.
    let abort = rollout(&address, &reader, &["abort", "nova-proxy"]).await.unwrap();
    assert_eq!(abort.code, Some(1), "{abort:?}");
    assert!(
        abort.stderr.contains("NOVA_AGENT_ADDR") && abort.stderr.contains("/nowhere/agent.sock"),
        "{abort:?}"
    );
}

#[tokio::test]
async fn without_an_agent_and_without_a_right_to_the_keys_both_are_told() {
    let consul = ConsulLaunch::new().with_acls().start().await.unwrap();
    put(&consul, "nova/default/rollouts/default/nova-proxy", &record("nova-proxy").unwrap()).await.unwrap();
    let nobody = consul.token_for("nobody", "").await.unwrap();
    let refused = rollout(&consul.address().to_string(), &nobody, &["status"]).await.unwrap();
    // What may not be seen must not look as if it were not there.
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for word in ["NOVA_AGENT_ADDR", "CONSUL_HTTP_TOKEN"] {
        assert!(refused.stderr.contains(word), "no {word} in {refused:?}");
    }
    let neither = rollout("127.0.0.1:1", "", &["status"]).await.unwrap();
    assert_eq!(neither.code, Some(1), "{neither:?}");
    assert!(
        neither.stderr.contains("127.0.0.1:1") && neither.stderr.contains("/nowhere/agent.sock"),
        "{neither:?}"
    );
}
