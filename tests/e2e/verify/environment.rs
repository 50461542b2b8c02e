//! Consul, Nomad and Vault with ACLs, two proxies and the agent as jobs that hold nothing but identities, and the simulator.

use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::binary::{Program, workspace_root};
use nova_test_support::process::{Finished, Launch, Process};
use nova_test_support::server::{Consul, ConsulLaunch, Nomad, NomadLaunch, Vault, VaultLaunch};
use nova_test_support::sts::Sts;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fleet::model;
use crate::jobs::Job;
use crate::jobs::vault_policies::call_double;
use crate::setup::Desk;
use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Simulator};

/// The session token of what STS gives: Bedrock lets in no other.
pub(super) const SESSION_TOKEN: &str = "session-token-of-the-role";

/// The prefix of all keys.
pub(super) const PREFIX: &str = "nova/default";

/// The model that requests are made with, where there is no need for all of them.
pub(super) const MODEL: &str = "assistant";

/// How long an environment may take to come up, and a report to be made.
const PATIENCE: Duration = Duration::from_secs(240);

/// The environment.
pub(super) struct Environment {
    pub(super) consul: Consul,
    pub(super) nomad: Nomad,
    pub(super) vault: Vault,
    pub(super) simulator: Simulator,
    pub(super) key: String,
    consul_token: String,
    nomad_token: String,
    _keys: TempDir,
    _bedrock: Process,
    _sts: Sts,
}

/// What the command has said.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: Option<i32>,
    pub(super) report: Value,
}

impl Told {
    pub(super) fn of(finished: &Finished) -> anyhow::Result<Self> {
        let report = serde_json::from_str(&finished.stdout).with_context(|| format!("{finished:?}"))?;
        Ok(Self { code: finished.code, report })
    }

    /// The checks with this status.
    pub(super) fn those(&self, status: &str) -> Vec<&Value> {
        let all = self.report["checks"].as_array().into_iter().flatten();
        all.filter(|check| check["status"] == status).collect()
    }

    /// One check failed, this one, and what was skipped was skipped for it or for want of something else.
    pub(super) fn names(&self, id: &str) -> anyhow::Result<()> {
        let failed = self.those("failed");
        let names: Vec<&str> = failed.iter().filter_map(|check| check["id"].as_str()).collect();
        ensure!(
            names == [id],
            "expected {id} alone to fail: {failed:#?}\nskipped: {:#?}",
            self.those("skipped")
        );
        ensure!(self.code == Some(1) && self.report["success"] == false, "{self:?}");
        for check in self.those("skipped") {
            ensure!(check["needs"].is_null() || check["needs"] == id, "{check}");
        }
        ensure!(failed[0]["hint"].is_string() && failed[0]["told"][0].is_string(), "{failed:?}");
        Ok(())
    }
}

impl Environment {
    /// All of it, as the guides bring it up.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let keys = [ACCESS_KEY_ID, SECRET_ACCESS_KEY, SESSION_TOKEN];
        let sts = Sts::giving(Duration::from_secs(3600), keys).await?;
        let (consul, vault) = tokio::try_join!(
            ConsulLaunch::new().with_acls().start(),
            VaultLaunch::new().with_data().start()
        )?;
        let nomad = NomadLaunch::new().with_acls().with_consul(&consul).start().await?;
        for desk in [Desk::of_consul(&consul, &nomad), Desk::of_vault(&vault, &nomad), Desk::of_nomad(&nomad)]
        {
            desk.apply().await?;
        }
        call_double(&vault, &sts).await?;
        let (bedrock, simulator) = simulator().await?;
        let folder = tempfile::tempdir()?;
        let key = keep_a_key(&nomad, &folder).await?;
        let consul_token = consul.token_for("verifier", &guide(0)?).await?;
        let nomad_token = nomad.token_for("verifier", &guide(1)?).await?;
        let environment = Self {
            consul,
            nomad,
            vault,
            simulator,
            key,
            consul_token,
            nomad_token,
            _keys: folder,
            _bedrock: bedrock,
            _sts: sts,
        };
        environment.put("config", &model(MODEL)).await?;
        environment.proxies()?.run(&environment.nomad).await?;
        environment.agent()?.run(&environment.nomad).await?;
        Ok(environment)
    }

    fn proxies(&self) -> anyhow::Result<Job> {
        Ok(Job::proxy()?.with(json!({
            "instances": 2, "strategy": "rolling", "min_healthy_seconds": 1, "shutdown_delay_seconds": 0,
            "keys": "nomad", "cpu": 100, "memory": 256,
            // Nothing of the machine that runs the test.
            "env": {},
            "config": format!("bedrock {{\n  endpoint = \"{}\"\n  vault_credentials {{\n    role = \"nova-bedrock\"\n  }}\n}}\n", self.simulator.endpoint),
            "consul_address": format!("http://{}", self.consul.address()),
            "consul_auth_method": "nova-workloads",
            "vault_address": format!("http://{}", self.vault.address()),
        })))
    }

    fn agent(&self) -> anyhow::Result<Job> {
        Ok(Job::agent()?.with(json!({
            "instances": 1,
            "consul_address": format!("http://{}", self.consul.address()),
            "consul_auth_method": "nova-workloads",
        })))
    }

    /// Writes a key below the prefix by hand.
    pub(super) async fn put(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = format!("/v1/kv/{PREFIX}/{name}");
        let reply = self.consul.api().send(http::Method::PUT, &path, text).await?;
        ensure!(reply.status == 200, "PUT {path}: {} {}", reply.status, reply.text());
        Ok(())
    }

    /// `nova-agent verify`, as somebody runs it who has the tokens of the guide.
    pub(super) fn verify(&self) -> anyhow::Result<Launch> {
        Ok(self.with_variables(Launch::new(Program::Agent.path()?).args(["verify", "--json"])))
    }

    /// Any command of the agent's with what says where everything is, and with the tokens of the guide.
    pub(super) fn with_variables(&self, launch: Launch) -> Launch {
        launch
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &self.simulator.endpoint)
            .env("CONSUL_HTTP_ADDR", self.consul.address().to_string())
            .env("CONSUL_HTTP_TOKEN", &self.consul_token)
            .env("NOMAD_ADDR", format!("http://{}", self.nomad.address()))
            .env("NOMAD_TOKEN", &self.nomad_token)
            .env("VAULT_ADDR", format!("http://{}", self.vault.address()))
            .env("VAULT_TOKEN", self.vault.api().token().unwrap_or_default())
            .env("NOVA_API_KEY", &self.key)
    }

    /// What it says, within the time that a whole environment may take.
    pub(super) async fn told(&self, launch: Launch) -> anyhow::Result<Told> {
        Told::of(&launch.finish_within(PATIENCE).await?)
    }

    /// Everything is as it should be, nothing is left unasked, and a request of each kind came through by every model.
    pub(super) async fn is_good(&self) -> anyhow::Result<()> {
        let told = self.told(self.verify()?.args(["--instances", "2", "--strict", "--wait", "2m"])).await?;
        let rest = [told.those("failed"), told.those("warned"), told.those("skipped")];
        if told.code != Some(0) || rest.iter().any(|those| !those.is_empty()) {
            let report = crate::jobs::report(&self.nomad).await?;
            anyhow::bail!("{rest:#?}\n{report}");
        }
        Ok(())
    }

    /// With this change to how it is run, one check fails, and it is this one.
    pub(super) async fn expect(&self, id: &str, change: impl FnOnce(Launch) -> Launch) -> anyhow::Result<()> {
        self.told(change(self.verify()?)).await?.names(id)
    }

    /// As [`Self::expect`], without a request: for faults that have nothing to do with requests.
    pub(super) async fn expect_quietly(
        &self,
        id: &str,
        change: impl FnOnce(Launch) -> Launch,
    ) -> anyhow::Result<()> {
        self.expect(id, |launch| change(launch.arg("--no-requests"))).await
    }
}

/// The simulator, which lets in what STS gives.
pub(super) async fn simulator() -> anyhow::Result<(Process, Simulator)> {
    let arguments = ["sim", "--json", "--session-token", SESSION_TOKEN];
    let mut process = Launch::new(Program::Local.path()?).args(arguments).start()?;
    let told = process.ready_line().await?;
    let endpoint = told["simulator"][REGION].as_str().with_context(|| format!("no {REGION} in {told}"))?;
    let endpoint = endpoint.to_owned();
    Ok((process, Simulator { endpoint }))
}

/// A block of HCL in the guide: the policy for Consul is the first, that for Nomad the second.
fn guide(number: usize) -> anyhow::Result<String> {
    let page = std::fs::read_to_string(workspace_root().join("docs/how-to/verify.md"))?;
    let block = page.split("```hcl\n").nth(number + 1).and_then(|rest| rest.split("```").next());
    Ok(block.context("the guide has a block for each server")?.to_owned())
}

/// Makes an API key, and keeps it in the variable that the job reads, by the commands of the guide.
async fn keep_a_key(nomad: &Nomad, folder: &TempDir) -> anyhow::Result<String> {
    let script = format!(
        "cd '{}'
        '{}' keys add --keys-file keys.json --name verifier --json
        nomad var put -force nomad/jobs/nova-proxy keys=@keys.json pepper=@keys.json.pepper >&2",
        folder.path().display(),
        Program::Proxy.path()?.display(),
    );
    let finished = nomad.script(&script)?.finish().await?;
    ensure!(finished.code == Some(0), "{finished:?}");
    let made: Value = serde_json::from_str(&finished.stdout)?;
    Ok(made["key"].as_str().with_context(|| format!("{made}"))?.to_owned())
}
