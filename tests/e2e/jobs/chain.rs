//! The job where everything has ACLs: keys come from a variable of Nomad's, configuration from Consul, AWS credentials from Vault,
//! and the proxy holds nothing but the identities that Nomad gives it.

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::binary::Program;
use nova_test_support::client::Call;
use nova_test_support::process::{Launch, Process};
use nova_test_support::server::{Consul, ConsulLaunch, Nomad, NomadLaunch, Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Job;
use super::rollout::{ROLLOUT, address, chat_call, ready};
use super::vault_policies::call_double;
use crate::bed::ask;
use crate::fleet::model;
use crate::setup::Desk;
use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// The session token of what STS gives: Bedrock lets in no other.
const SESSION_TOKEN: &str = "session-token-of-the-role";

/// An API key, and how it is called.
struct ApiKey {
    id: String,
    key: String,
}

/// The servers around the proxy, set up by `nova-agent setup` alone.
struct Stack {
    consul: Consul,
    vault: Vault,
    nomad: Nomad,
    endpoint: String,
    /// Where the keys file and the pepper are made.
    keys: TempDir,
    _bedrock: Process,
    _sts: Sts,
}

impl Stack {
    async fn start() -> anyhow::Result<Self> {
        let keys = [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN];
        let sts = Sts::giving(Duration::from_secs(3600), keys).await?;
        let (consul, vault) =
            tokio::try_join!(ConsulLaunch::new().with_acls().start(), VaultLaunch::new().start())?;
        let nomad = NomadLaunch::new().with_acls().with_consul(&consul).start().await?;
        for desk in [Desk::of_consul(&consul, &nomad), Desk::of_vault(&vault, &nomad), Desk::of_nomad(&nomad)]
        {
            desk.apply().await?;
        }
        call_double(&vault, &sts).await?;
        let bedrock = ["sim", "--json", "--session-token", SESSION_TOKEN];
        let mut bedrock = Launch::new(Program::Local.path()?).args(bedrock).start()?;
        let told = bedrock.ready_line().await?;
        let endpoint =
            told["simulator"][REGION].as_str().with_context(|| format!("no {REGION} in {told}"))?;
        let keys = tempfile::tempdir()?;
        Ok(Self { consul, vault, nomad, endpoint: endpoint.to_owned(), keys, _bedrock: bedrock, _sts: sts })
    }

    fn proxy(&self) -> anyhow::Result<Job> {
        Ok(Job::proxy()?.with(json!({
            "instances": 1, "strategy": "rolling", "min_healthy_seconds": 1, "shutdown_delay_seconds": 0,
            "keys": "nomad",
            // Nothing of the machine that runs the test.
            "env": {},
            "config": format!("bedrock {{\n  endpoint = \"{}\"\n  vault_credentials {{\n    role = \"nova-bedrock\"\n  }}\n}}\n", self.endpoint),
            "consul_address": format!("http://{}", self.consul.address()),
            "consul_auth_method": "nova-workloads",
            "vault_address": format!("http://{}", self.vault.address()),
        })))
    }

    /// Makes an API key, disables these, and keeps the files in the variable that the job reads, by the commands of the guide.
    async fn keep_a_key(&self, disabled: &[&str]) -> anyhow::Result<ApiKey> {
        let disabled: String =
            disabled.iter().map(|id| format!("nova-proxy keys disable {id} >&2\n")).collect();
        let script = format!(
            "cd '{}'
            nova-proxy() {{ '{}' \"$@\"; }}
            export NOVA_KEYS_FILE=keys.json
            nova-proxy keys add --name trial --json
            {disabled}
            nomad var put -force nomad/jobs/nova-proxy keys=@keys.json pepper=@keys.json.pepper >&2",
            self.keys.path().display(),
            Program::Proxy.path()?.display(),
        );
        let finished = self.nomad.script(&script)?.finish().await?;
        ensure!(finished.code == Some(0), "{finished:?}");
        let made: Value = serde_json::from_str(&finished.stdout)?;
        let member = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("{made}"));
        Ok(ApiKey { id: member("id")?, key: member("key")? })
    }

    async fn ask(&self, found: &Value, model: &str, key: Option<&str>) -> anyhow::Result<u16> {
        let mut request = ask("Hello");
        request["model"] = json!(model);
        let mut call = chat_call(&address(found))?.body(request.to_string());
        if let Some(key) = key {
            call = call.header("authorization", &format!("Bearer {key}"))?;
        }
        Ok(call.send().await?.status.as_u16())
    }
}

#[tokio::test]
async fn a_job_serves_by_nothing_but_the_identities_that_nomad_gives_it() {
    let stack = Stack::start().await.unwrap();
    let ApiKey { id, key } = stack.keep_a_key(&[]).await.unwrap();
    stack.consul.api().send(Method::PUT, "/v1/kv/nova/default/config", &model("assistant")).await.unwrap();
    stack.proxy().unwrap().run(&stack.nomad).await.unwrap();
    let api = stack.consul.api();
    let waited = wait_for("an instance that is ready", ROLLOUT, async || {
        let found = ready(&api, "nova-proxy").await?;
        Ok(found.first().cloned().map_or(Look::NotYet(found), Look::Ready))
    });
    let found = match waited.await {
        Ok(found) => found,
        Err(error) => panic!("{error:#}\n{}", super::report(&stack.nomad).await.unwrap()),
    };
    // The model is one that the document in Consul names.
    assert_eq!(stack.ask(&found, "assistant", Some(&key)).await.unwrap(), 200);
    assert_eq!(stack.ask(&found, "assistant", None).await.unwrap(), 401);
    assert_eq!(stack.ask(&found, "another", Some(&key)).await.unwrap(), 404);

    // Nomad's is the one entry, with what nova-agent looks for.
    let metrics = format!("http://127.0.0.1:{}", found["Meta"]["metrics_port"].as_str().unwrap_or_default());
    let receipt = Call::new(Method::GET, &format!("{metrics}/config/receipt")).unwrap().send().await.unwrap();
    let receipt = receipt.json().unwrap();
    assert_eq!(receipt["instance"], found["Meta"]["instance"], "{receipt}\n{found}");
    assert_eq!(receipt["consul"]["registration"], "off", "{receipt}");
    assert_eq!(receipt["config"]["source"], "consul", "{receipt}");
    assert_eq!(receipt["region"], found["Meta"]["region"], "{receipt}\n{found}");
    assert_eq!(receipt["ring"], found["Meta"]["ring"], "{receipt}\n{found}");

    // A key that is taken back stops working without a restart.
    let second = stack.keep_a_key(&[&id]).await.unwrap();
    wait_for("the other key to be taken", ROLLOUT, async || {
        let statuses = (
            stack.ask(&found, "assistant", Some(&second.key)).await?,
            stack.ask(&found, "assistant", Some(&key)).await?,
        );
        Ok(if statuses == (200, 401) { Look::Ready(()) } else { Look::NotYet(statuses) })
    })
    .await
    .unwrap();
}
