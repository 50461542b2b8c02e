//! The policies of `jobs/policies/consul`, loaded into a real Consul: each allows what its bearer has to do, refuses the
//! rest, and has no rule too many. The commands of `docs/how-to/consul-policies.md` are run as they stand there.

mod action;
mod duties;
pub(crate) mod workload;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::workspace_root;
use nova_test_support::server::{Consul, ConsulLaunch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::json;

use action::instance;
use duties::{DUTIES, Duty, PLANTED};

/// The prefix that the files name.
const PREFIX: &str = "nova/default";

fn rules(policy: &str) -> String {
    let path = workspace_root().join("jobs/policies/consul").join(format!("{policy}.hcl"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A Consul with ACLs, with every kind of key, and with instances of two services in its catalog.
async fn planted(settings: &str, prefix: &str) -> anyhow::Result<Consul> {
    let consul = ConsulLaunch::new().with_acls().with_settings(settings).start().await?;
    let api = consul.api();
    for name in PLANTED {
        let key = name.strip_prefix('/').map_or_else(|| format!("{prefix}/{name}"), str::to_owned);
        let reply = api.send(Method::PUT, &format!("/v1/kv/{key}"), "planted").await?;
        ensure!(reply.text().trim() == "true", "{key}: {} {}", reply.status, reply.text());
    }
    for service in ["nova-proxy", "web"] {
        let planted = json!({ "Name": service, "ID": instance(service), "Port": 1 });
        api.put("/v1/agent/service/register", &planted).await?;
        wait_for(&format!("{service} in the catalog"), DEADLINE, async || {
            let found = api.get(&format!("/v1/catalog/service/{service}")).await?;
            Ok(if found[0].is_null() { Look::NotYet(found) } else { Look::Ready(()) })
        })
        .await?;
    }
    Ok(consul)
}

/// Tries all that is expected of a policy with a token of it; every disappointment is a line.
async fn disappointments(
    consul: &Consul,
    prefix: &str,
    duty: &Duty,
    token: &str,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for (actions, expected) in [(duty.may, true), (duty.may_not, false)] {
        for action in actions {
            let is_allowed = action.is_allowed(consul, token, prefix).await;
            let is_allowed = is_allowed.with_context(|| format!("{} tries {action:?}", duty.policy))?;
            if is_allowed != expected {
                let may = if is_allowed { "may" } else { "may not" };
                lines.push(format!("{} {may} {action:?} below {prefix}", duty.policy));
            }
        }
    }
    Ok(lines)
}

#[tokio::test]
async fn each_policy_allows_its_duties_and_refuses_the_rest() {
    // Servers may ask for a right of its own to list keys; and the prefix is another one in most places.
    for (settings, prefix) in [("", PREFIX), ("acl { enable_key_list_policy = true }", "nova/prod")] {
        let consul = planted(settings, prefix).await.unwrap();
        let mut lines = Vec::new();
        for duty in DUTIES {
            let rules = rules(duty.policy).replace(PREFIX, prefix);
            let token = consul.token_for(duty.policy, &rules).await.unwrap();
            lines.extend(disappointments(&consul, prefix, duty, &token).await.unwrap());
        }
        assert!(lines.is_empty(), "with {settings:?}:\n{}", lines.join("\n"));
    }
}

/// The blocks of a policy, each as a whole.
pub(crate) fn blocks(rules: &str) -> Vec<String> {
    let lines: Vec<&str> =
        rules.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    lines.split_inclusive(|line| *line == "}").map(|block| block.join("\n")).collect()
}

#[tokio::test]
async fn no_policy_has_a_rule_too_many() {
    let consul = planted("", PREFIX).await.unwrap();
    let mut made = 0;
    for duty in DUTIES {
        let blocks = blocks(&rules(duty.policy));
        assert!(!blocks.is_empty(), "{} has no rules", duty.policy);
        for left_out in &blocks {
            let rest: Vec<&str> =
                blocks.iter().filter(|block| *block != left_out).map(String::as_str).collect();
            let token = consul.token_for(&format!("policy-{made}"), &rest.join("\n")).await.unwrap();
            made += 1;
            let duty = Duty { may_not: &[], ..*duty };
            let lines = disappointments(&consul, PREFIX, &duty, &token).await.unwrap();
            assert!(!lines.is_empty(), "{} can do all its duties without\n{left_out}", duty.policy);
        }
    }
}

#[test]
fn every_policy_is_tried() {
    let folder = workspace_root().join("jobs/policies/consul");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut policies: Vec<String> =
        names.filter_map(|name| Some(name.to_str()?.strip_suffix(".hcl")?.to_owned())).collect();
    policies.sort();
    let mut tried: Vec<&str> = DUTIES.iter().map(|duty| duty.policy).collect();
    tried.sort_unstable();
    assert_eq!(policies, tried);
}
