//! The client of Nomad's API against a real Nomad: jobs, deployments, and every refusal that somebody acts upon.

mod acl;
mod deployment;
mod event;
mod job;
mod refusals;
mod snapshot;
mod task_api;
mod variable;

use std::time::Duration;

use nova_hashistack::nomad::{Deployment, Registration};
use nova_hashistack::transport::TokenSource;
use nova_hashistack::{NomadClient, NomadConfig};
use nova_test_support::server::Nomad;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use secrecy::SecretString;
use serde_json::Value;

/// A client of this Nomad with this token; without one where it is empty.
fn client_with(nomad: &Nomad, token: &str) -> anyhow::Result<NomadClient> {
    let mut config = NomadConfig::new(format!("http://{}", nomad.address()).parse()?);
    if !token.is_empty() {
        config.token = TokenSource::Fixed(SecretString::from(token));
    }
    Ok(NomadClient::new(config)?)
}

/// The client that may do everything.
fn client(nomad: &Nomad) -> anyhow::Result<NomadClient> {
    client_with(nomad, nomad.api().token().unwrap_or_default())
}

/// A job that sleeps, with so many instances, `canaries` of a new version beside them, and a value that tells versions apart.
fn sleeper(count: u32, canaries: u32, version: &str) -> String {
    script("exec sleep 1000", count, canaries, version)
}

/// As [`sleeper`], with another script.
fn script(script: &str, count: u32, canaries: u32, version: &str) -> String {
    format!(
        r#"
        job "sleeper" {{
          meta {{
            version = "{version}"
          }}
          update {{
            canary            = {canaries}
            max_parallel      = 1
            health_check      = "task_states"
            min_healthy_time  = "0s"
            healthy_deadline  = "20s"
            progress_deadline = "30s"
          }}
          group "group" {{
            count = {count}
            restart {{
              attempts = 0
              mode     = "fail"
            }}
            reschedule {{
              attempts  = 0
              unlimited = false
            }}
            task "task" {{
              driver       = "raw_exec"
              kill_timeout = "1s"
              config {{
                command = "bash"
                args    = ["-c", "{script}"]
              }}
              env {{
                VERSION = "{version}"
              }}
              resources {{
                cpu    = 20
                memory = 16
              }}
            }}
          }}
        }}
        "#
    )
}

/// Registers a job in HCL, whatever is there.
async fn run(client: &NomadClient, hcl: &str) -> anyhow::Result<Value> {
    let job = client.jobs().parse(hcl, "").await?;
    client.jobs().register(&job, &Registration::default()).await?;
    Ok(job)
}

/// The newest deployment of the job, as soon as it looks like this.
async fn deployment_where(
    client: &NomadClient,
    what: &str,
    is_it: impl Fn(&Deployment) -> bool,
) -> anyhow::Result<Deployment> {
    wait_for(what, DEADLINE, async || {
        let found = client.jobs().deployment("sleeper").await?;
        Ok(match found {
            Some(deployment) if is_it(&deployment) => Look::Ready(deployment),
            other => Look::NotYet(other),
        })
    })
    .await
}

/// A first version that has come into force, and a second one whose canary is healthy.
async fn with_a_healthy_canary(client: &NomadClient, count: u32) -> anyhow::Result<Deployment> {
    run(client, &sleeper(count, 1, "1")).await?;
    deployment_where(client, "the first version to come into force", |found| !found.status.is_active())
        .await?;
    run(client, &sleeper(count, 1, "2")).await?;
    deployment_where(client, "a healthy canary", |found| {
        found.job_version == 1 && found.task_groups["group"].healthy_allocs == 1
    })
    .await
}

/// Longer than a test looks for anything.
const LONG: Duration = Duration::from_secs(60);
