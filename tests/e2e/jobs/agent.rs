//! The agent on Nomad where everything has ACLs: its instances hold nothing but the identities that Nomad gives them. One leads, all
//! answer, and the tokens of Nomad decide who may ask.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::workspace_root;
use nova_test_support::client::{Call, Reply};
use nova_test_support::server::{Consul, ConsulLaunch, Nomad, NomadLaunch};
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};

use super::Job;
use super::rollout::{address, ready};
use crate::consul_policies::workload;

/// How long placements, logins and an election may take together on a busy machine.
const PLACED: Duration = Duration::from_secs(120);

struct Stack {
    consul: Consul,
    nomad: Nomad,
}

impl Stack {
    /// Both servers with ACLs, set up by the commands of the guides.
    async fn start() -> anyhow::Result<Self> {
        let consul = ConsulLaunch::new().with_acls().start().await?;
        let nomad = NomadLaunch::new().with_acls().with_consul(&consul).start().await?;
        let keys = json!(format!("http://{}/.well-known/jwks.json", nomad.address()));
        workload::follow_the_guide(&consul, ("JWKSURL", keys)).await?;
        let page = std::fs::read_to_string(workspace_root().join("docs/how-to/agent-on-nomad.md"))?;
        let commands = page.split("   ```\n").find(|block| block.starts_with("   nomad acl policy"));
        let commands = commands.context("the guide has no block for Nomad")?;
        let script = format!("cd '{}'\n{commands}", workspace_root().display());
        let finished = nomad.script(&script)?.finish().await?;
        ensure!(finished.code == Some(0), "{script}\n{}\n{}", finished.stdout, finished.stderr);
        Ok(Self { consul, nomad })
    }

    async fn token(&self, policy: &str) -> anyhow::Result<String> {
        let script = format!("nomad acl token create -name 'who has {policy}' -policy {policy} -json");
        let finished = self.nomad.script(&script)?.finish().await?;
        ensure!(finished.code == Some(0), "{}{}", finished.stdout, finished.stderr);
        let token: Value = serde_json::from_str(&finished.stdout)?;
        Ok(token["SecretID"].as_str().context("a token has a secret")?.to_owned())
    }

    /// Waits for so many instances in the catalog that are ready.
    async fn instances(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let look = async || {
            let found = ready(&self.consul.api(), "nova-agent").await?;
            let addresses: Vec<String> = found.iter().map(address).collect();
            Ok(if addresses.len() == count {
                Look::Ready(addresses)
            } else {
                Look::NotYet(self.report().await?)
            })
        };
        wait_for("the agents", PLACED, look).await
    }

    async fn report(&self) -> anyhow::Result<String> {
        let script = "nomad job status nova-agent || true
            for id in $(nomad job allocs -t '{{range .}}{{.ID}} {{end}}' nova-agent | cut -d ' ' -f 1-2); do
                nomad alloc status $id || true
                nomad alloc fs $id nova-agent/local/place.hcl || true
                nomad alloc logs -stderr -tail -n 20 $id || true
            done";
        Ok(self.nomad.script(script)?.finish().await?.stdout)
    }
}

async fn ask(address: &str, token: Option<&str>, method: Method, path: &str) -> anyhow::Result<Reply> {
    let call = Call::new(method, &format!("http://{address}{path}"))?;
    let call = match token {
        Some(token) => call.header("x-nomad-token", token)?,
        None => call,
    };
    call.send().await
}

#[tokio::test]
async fn the_agent_leads_and_answers_by_the_identities_that_nomad_gives_it() {
    let stack = Stack::start().await.unwrap();
    let job = Job::agent().unwrap().with(json!({
        "consul_address": format!("http://{}", stack.consul.address()),
        "consul_auth_method": "nova-workloads",
    }));
    job.run(&stack.nomad).await.unwrap();
    let instances = stack.instances(2).await.unwrap();
    let (viewer, operator) =
        (stack.token("nova-viewer").await.unwrap(), stack.token("nova-deployer").await.unwrap());

    let mut leaders = Vec::new();
    for instance in &instances {
        let status = ask(instance, Some(&viewer), Method::GET, "/v1/agent").await.unwrap();
        assert_eq!(status.status, 200, "{}", status.text());
        let status = status.json().unwrap();
        assert!(status["leader"]["instance"].is_string(), "{status}");
        if status["is_leader"] == true {
            leaders.push(instance.clone());
        }
        for (token, expected) in [(None, 401), (Some("5f1e6f0a-6a55-4f0c-9d5b-0a6f4c1d7e99"), 403)] {
            let reply = ask(instance, token, Method::GET, "/v1/agent").await.unwrap();
            assert_eq!(reply.status, expected, "{}", reply.text());
        }
    }
    assert_eq!(leaders.len(), 1, "{leaders:?}");

    let activate = "/v1/tasks/leader-record/activate";
    for instance in &instances {
        let refused = ask(instance, Some(&viewer), Method::POST, activate).await.unwrap();
        assert_eq!(refused.status, 403, "{}", refused.text());
        let reply = ask(instance, Some(&operator), Method::POST, activate).await.unwrap();
        if leaders.contains(instance) {
            assert_eq!(reply.status, 202, "{}", reply.text());
        } else {
            assert_eq!(reply.status, 307, "{}", reply.text());
            let location = reply.header("location").unwrap();
            assert_eq!(location, format!("http://{}{activate}", leaders[0]));
        }
    }
}
