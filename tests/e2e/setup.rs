//! `nova-agent setup` against real servers: a plan that is carried out as it was shown, what others have made, and tokens that may
//! not. What comes of all three together is seen in `jobs/chain.rs`.

mod consul;
mod nomad;
mod vault;

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::process::{Finished, Launch};
use nova_test_support::server::{Consul, Nomad, Vault};
use serde_json::Value;

/// There is something to do, and a plan does nothing.
const PENDING: i32 = 5;

/// The role that the proxy is to have at AWS.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/nova";

/// One server, and the command for it.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    server: &'static str,
    address: String,
    token: Option<String>,
    arguments: Vec<String>,
}

impl Desk {
    /// `nova-agent setup consul` for the tasks of this Nomad.
    pub(crate) fn of_consul(consul: &Consul, nomad: &Nomad) -> Self {
        let api = consul.api();
        let token = api.token().map(str::to_owned);
        let desk =
            Self { server: "consul", address: api.address().to_string(), token, arguments: Vec::new() };
        desk.with(&["--jwks-url", &jwks(nomad)])
    }

    /// `nova-agent setup vault` for the tasks of this Nomad.
    pub(crate) fn of_vault(vault: &Vault, nomad: &Nomad) -> Self {
        let token = vault.api().token().map(str::to_owned);
        let address = format!("http://{}", vault.address());
        let desk = Self { server: "vault", address, token, arguments: Vec::new() };
        desk.with(&["--jwks-url", &jwks(nomad), "--role-arn", ROLE])
    }

    /// `nova-agent setup nomad`.
    pub(crate) fn of_nomad(nomad: &Nomad) -> Self {
        let token = nomad.api().token().map(str::to_owned);
        let address = format!("http://{}", nomad.address());
        Self { server: "nomad", address, token, arguments: Vec::new() }
    }

    /// With further options.
    pub(crate) fn with(&self, arguments: &[&str]) -> Self {
        let mut desk = self.clone();
        desk.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        desk
    }

    /// As the bearer of another token, or of none.
    fn as_bearer(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// Runs the command.
    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        let (address, token) = match self.server {
            "consul" => ("CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN"),
            "vault" => ("VAULT_ADDR", "VAULT_TOKEN"),
            _ => ("NOMAD_ADDR", "NOMAD_TOKEN"),
        };
        let mut launch = Launch::new(Program::Agent.path()?)
            .args(["setup", self.server])
            .args(&self.arguments)
            .args(arguments)
            .env(address, &self.address);
        if let Some(secret) = &self.token {
            launch = launch.env(token, secret);
        }
        let finished = launch.finish().await?;
        if let Some(secret) = &self.token {
            ensure!(!format!("{finished:?}").contains(secret), "the token shows: {finished:?}");
        }
        Ok(finished)
    }

    /// Carries the plan out, which has to succeed.
    pub(crate) async fn apply(&self) -> anyhow::Result<Value> {
        let finished = self.run(&["--apply", "--json"]).await?;
        ensure!(finished.code == Some(0), "{finished:?}");
        serde_json::from_str(&finished.stdout).with_context(|| finished.stdout.clone())
    }

    /// What is there and what would be done, with the exit code.
    async fn plan(&self) -> anyhow::Result<(i32, Value)> {
        let finished = self.run(&["--plan", "--json"]).await?;
        let told = serde_json::from_str(&finished.stdout).with_context(|| format!("{finished:?}"))?;
        Ok((finished.code.context("a signal ended it")?, told))
    }
}

/// Where a Nomad's public keys are.
fn jwks(nomad: &Nomad) -> String {
    format!("http://{}/.well-known/jwks.json", nomad.address())
}

/// The things of a plan for which this is to be done.
fn those(told: &Value, action: &str) -> Vec<String> {
    let steps = told["steps"].as_array().into_iter().flatten();
    steps
        .filter(|step| step["action"] == action)
        .map(|step| {
            format!(
                "{}/{}",
                step["kind"].as_str().unwrap_or_default(),
                step["name"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

/// A new server, planned, set up, planned and set up again.
async fn is_set_up_once(desk: &Desk) -> anyhow::Result<()> {
    let (code, told) = desk.plan().await?;
    ensure!(code == PENDING && told["change"] == 0 && told["leave"] == 0, "{told}");
    let planned = those(&told, "create");
    let (code, again) = desk.plan().await?;
    ensure!(code == PENDING && again == told, "a plan has written something: {again}");
    let done = desk.apply().await?;
    ensure!(those(&done, "create") == planned && done["applied"] == true, "{done}");
    let (code, told) = desk.plan().await?;
    ensure!(code == 0 && told["create"] == 0 && told["change"] == 0 && told["leave"] == 0, "{told}");
    let done = desk.apply().await?;
    ensure!(done["create"] == 0 && done["change"] == 0, "{done}");
    Ok(())
}
