//! A Nomad that runs: jobs on it, tokens for it, its end and its return.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use http::Method;
use serde_json::{Value, json};

use super::{Agents, NomadLaunch, Ports};
use crate::process::{Launch, Process};
use crate::server::home::Home;
use crate::server::{Api, kill, script};
use crate::wait::{DEADLINE, Look, wait_for};

/// A running Nomad. Dropping it kills it and every task that it started.
#[derive(Debug)]
pub struct Nomad {
    // Before its home: what runs in it ends before it is removed.
    pub(super) agents: Agents,
    pub(super) launch: NomadLaunch,
    pub(super) home: Home,
    pub(super) ports: Ports,
}

impl Nomad {
    /// Its HTTP API, with the management token where ACLs are on.
    pub fn api(&self) -> Api {
        self.launch.api(self.ports)
    }

    /// Where HTTP is spoken, by the server.
    pub fn address(&self) -> SocketAddr {
        self.api().address()
    }

    /// The process of the server.
    pub fn server(&mut self) -> &mut Process {
        &mut self.agents.server
    }

    /// The process of the client, which runs the tasks.
    pub fn client(&mut self) -> &mut Process {
        &mut self.agents.client
    }

    /// The folder that everything of it is in, gone when this value is.
    pub fn folder(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Registers a job, written in HCL, and returns Nomad's answer, with `EvalID` and `JobModifyIndex`.
    ///
    /// # Errors
    /// When Nomad refuses it. Whether it is placed is for later: see [`Self::allocations`].
    pub async fn run(&self, job: &str) -> anyhow::Result<Value> {
        let api = self.api();
        let parsed = api.post("/v1/jobs/parse", &json!({ "JobHCL": job, "Canonicalize": true })).await?;
        api.post("/v1/jobs", &json!({ "Job": parsed })).await
    }

    /// The allocations of a job in the default namespace, dead ones too.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn allocations(&self, job: &str) -> anyhow::Result<Vec<Value>> {
        let listed = self.api().get(&format!("/v1/job/{}/allocations?all=true", encoded(job))).await?;
        listed.as_array().cloned().with_context(|| format!("no list of allocations: {listed}"))
    }

    /// Ends server and client at once, without a word to anybody. The tasks run on, as they do in production.
    ///
    /// # Errors
    /// When one had ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        kill(&mut self.agents.client).await?;
        kill(&mut self.agents.server).await
    }

    /// Starts both again at the same addresses, killing them first if they run. They find their jobs, and the tasks that
    /// run.
    ///
    /// # Errors
    /// When they do not become ready in time.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        for process in [&mut self.agents.client, &mut self.agents.server] {
            if process.is_running()? {
                kill(process).await?;
            }
        }
        self.agents = self.launch.run(&self.home, self.ports).await?;
        Ok(())
    }

    /// Stops every job as an operator does, waits until no task runs, and then stops the agents.
    ///
    /// Services are out of the catalog then, which a Nomad that is dropped leaves in it.
    ///
    /// # Errors
    /// When a task does not end, or an agent has to be killed; nothing remains even then.
    pub async fn stop(self) -> anyhow::Result<()> {
        let api = self.api();
        let jobs = api.get("/v1/jobs?namespace=*").await?;
        for job in jobs.as_array().with_context(|| format!("no list of jobs: {jobs}"))? {
            let (id, namespace) = (job["ID"].as_str().unwrap_or_default(), job["Namespace"].as_str());
            let path =
                format!("/v1/job/{}?purge=true&namespace={}", encoded(id), namespace.unwrap_or("default"));
            let reply = api.send(Method::DELETE, &path, "").await?;
            ensure!(reply.status == 200, "DELETE {path} answered {}: {}", reply.status, reply.text());
        }
        wait_for("the allocations to end", DEADLINE, async || {
            let allocations = api.get("/v1/allocations?namespace=*").await?;
            let is_live = |allocation: &&Value| {
                let status = &allocation["ClientStatus"];
                status == "running" || status == "pending"
            };
            let live = allocations.as_array().and_then(|all| all.iter().find(is_live));
            Ok(live.map_or(Look::Ready(()), |live| Look::NotYet(live.to_string())))
        })
        .await?;
        let Agents { client, server } = self.agents;
        client.stop(DEADLINE).await?;
        server.stop(DEADLINE).await?;
        Ok(())
    }

    /// A script of bash, in which `nomad` is Nomad's own command line, for this one and with its management token.
    ///
    /// # Errors
    /// When there is no program.
    pub fn script(&self, text: &str) -> anyhow::Result<Launch> {
        script("nomad", text, &self.api(), ["NOMAD_ADDR", "NOMAD_TOKEN"])
    }

    /// Makes a policy of these rules, in HCL, and a token that has this policy alone; returns the token.
    ///
    /// # Errors
    /// When Nomad refuses one of them, or has no ACLs.
    pub async fn token_for(&self, policy: &str, rules: &str) -> anyhow::Result<String> {
        ensure!(self.launch.has_acls, "this Nomad was started without ACLs");
        let api = self.api();
        api.post(&format!("/v1/acl/policy/{policy}"), &json!({ "Name": policy, "Rules": rules })).await?;
        let token = json!({ "Name": policy, "Type": "client", "Policies": [policy] });
        let token = api.post("/v1/acl/token", &token).await?;
        let secret = token["SecretID"].as_str().with_context(|| format!("no SecretID in {token}"))?;
        Ok(secret.to_owned())
    }
}

/// The name of a job as one part of a path: those of dispatched and periodic jobs have a slash in them.
fn encoded(job: &str) -> String {
    job.replace('%', "%25").replace('/', "%2F")
}
