//! The jobs of a cluster: the simulator and the proxy, by the files that operators use, and the instances in the catalog.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use nova_hashistack::consul::{Consistency, ConsulClient, ServiceInstance};
use nova_hashistack::nomad::{NomadClient, Registration, Submission};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::folder::Folder;
use super::process::{finish, tail, until};
use super::record::Record;
use super::release::Release;
use super::setup::AUTH_METHOD;

/// The region that the proxy calls and the simulator serves.
pub(super) const REGION: &str = "us-east-1";

/// What operators run, from the release.
const SIMULATOR: &str = include_str!("../../../../jobs/bedrock-sim.nomad.hcl");
const PROXY: &str = include_str!("../../../../jobs/nova-proxy.nomad.hcl");
const AGENT: &str = include_str!("../../../../jobs/nova-agent.nomad.hcl");

/// What the agent judges new versions of the proxy by. Bakes are short, since nobody waits for ten minutes to try something out.
const POLICY: &str = r#"config = <<-HCL
  rollout "nova-proxy" {
    bake_time           = "30s"
    post_promotion_bake = "30s"
  }
HCL
"#;

/// The document that the proxies find in Consul.
pub(super) const DOCUMENT: &str = r#"# The configuration of all instances. `consul kv put nova/default/config @FILE` changes it, and each instance follows.
model "fast" {
  target = "nova-micro"
}
"#;

/// A job with values of its variables, as files in the folder, so that the same can be run again by hand.
#[derive(Debug)]
pub(super) struct JobFiles {
    id: &'static str,
    text: &'static str,
    variables: String,
}

/// The simulator.
pub(super) fn simulator(record: &Record, release: &Release, user: &str) -> JobFiles {
    let variables = [
        ("artifact", json!(artifact(record, release))),
        ("driver", json!("raw_exec")),
        ("user", json!(user)),
        ("bedrock_region", json!(REGION)),
        ("port", json!(record.ports.simulator)),
    ];
    JobFiles { id: "bedrock-sim", text: SIMULATOR, variables: lines(&variables) }
}

/// The proxy, with an update by canaries.
pub(super) fn proxy(record: &Record, release: &Release, user: &str) -> JobFiles {
    let variables = [
        ("version", json!(release.version)),
        ("artifact", json!(artifact(record, release))),
        ("driver", json!("raw_exec")),
        ("user", json!(user)),
        ("instances", json!(record.instances)),
        ("min_healthy_seconds", json!(5)),
        ("shutdown_delay_seconds", json!(2)),
        ("cpu", json!(200)),
        ("memory", json!(512)),
        ("bedrock_region", json!(REGION)),
        ("consul_address", json!(format!("http://{}", record.ports.consul()))),
        ("consul_auth_method", json!(AUTH_METHOD)),
        ("vault_address", json!(format!("http://{}", record.ports.vault()))),
    ];
    // The place is a fixed one. A template that finds the simulator in the catalog would need a login of Nomad's at Consul, by an
    // auth method whose tokens have no end.
    let config = format!(
        "config = <<-HCL
  bedrock {{
    endpoint = \"http://127.0.0.1:{}\"
    vault_credentials {{
      role = \"nova-bedrock\"
    }}
  }}
HCL
",
        record.ports.simulator
    );
    JobFiles { id: "nova-proxy", text: PROXY, variables: format!("{}{config}", lines(&variables)) }
}

/// The agent. It knows Consul and Nomad by the identities of its task, as the proxies know Consul and Vault.
pub(super) fn agent(record: &Record, release: &Release, user: &str) -> JobFiles {
    let variables = [
        ("version", json!(release.version)),
        ("artifact", json!(artifact(record, release))),
        ("driver", json!("raw_exec")),
        ("user", json!(user)),
        ("instances", json!(1)),
        ("consul_address", json!(format!("http://{}", record.ports.consul()))),
        ("consul_auth_method", json!(AUTH_METHOD)),
    ];
    JobFiles { id: "nova-agent", text: AGENT, variables: format!("{}{POLICY}", lines(&variables)) }
}

/// Values as HCL has them. Strings and numbers are written as in JSON.
fn lines(variables: &[(&str, Value)]) -> String {
    variables.iter().map(|(name, value)| format!("{name} = {value}\n")).collect()
}

fn artifact(record: &Record, release: &Release) -> String {
    format!("http://{}/{}?checksum=sha256:{}", record.ports.releases(), release.archive, release.sha256)
}

impl JobFiles {
    /// Writes both files, has Nomad read them, and registers the job.
    ///
    /// # Errors
    /// When Nomad refuses it.
    pub(super) async fn run(&self, folder: &Folder, client: &NomadClient) -> anyhow::Result<()> {
        folder.write(&format!("jobs/{}.nomad.hcl", self.id), self.text)?;
        folder.write(&format!("jobs/{}.vars.hcl", self.id), &self.variables)?;
        let parsed = client.jobs().parse(self.text, &self.variables).await;
        let parsed = parsed.with_context(|| format!("Nomad cannot read the job {}", self.id))?;
        let with = Registration {
            submission: Some(Submission {
                source: self.text.to_owned(),
                format: "hcl2".to_owned(),
                variables: self.variables.clone(),
                ..Submission::default()
            }),
            ..Registration::default()
        };
        let registered = client.jobs().register(&parsed, &with).await;
        registered.map(drop).with_context(|| format!("Nomad refuses the job {}", self.id))
    }
}

/// Waits until the catalog has as many instances of a service that pass their checks.
///
/// # Errors
/// When there are fewer in the end: with what the newest task has written.
pub(super) async fn passing(
    folder: &Folder,
    consul: &ConsulClient,
    service: &str,
    count: usize,
) -> anyhow::Result<Vec<ServiceInstance>> {
    let what = format!("an instance of {service} that passes its checks");
    let waited = until(&what, async || {
        let found = instances(consul, service).await?;
        if found.len() < count {
            bail!("there are {} of {count}", found.len());
        }
        Ok(Some(found))
    });
    waited.await.map_err(|error| error.context(newest_log(folder)))
}

/// The instances of a service that pass their checks.
///
/// # Errors
/// When Consul does not answer.
pub(super) async fn instances(consul: &ConsulClient, service: &str) -> anyhow::Result<Vec<ServiceInstance>> {
    Ok(consul.health().service(service, true, "", Consistency::Default).await?.value)
}

/// Where an instance serves.
///
/// # Errors
/// When its address is none.
pub(super) fn address(instance: &ServiceInstance) -> anyhow::Result<SocketAddr> {
    format!("{}:{}", instance.address, instance.port)
        .parse()
        .with_context(|| format!("{} has the address {}", instance.id, instance.address))
}

/// The end of what the tasks have written last.
fn newest_log(folder: &Folder) -> String {
    let allocations =
        std::fs::read_dir(folder.join("nomad/alloc")).into_iter().flatten().filter_map(Result::ok);
    let logs = allocations
        .filter_map(|allocation| std::fs::read_dir(allocation.path().join("alloc/logs")).ok())
        .flatten()
        .filter_map(Result::ok)
        .filter(|log| log.file_name().to_string_lossy().contains(".stderr."));
    let newest = logs.max_by_key(|log| log.metadata().and_then(|data| data.modified()).ok());
    newest.map_or_else(|| "no task has been started".to_owned(), |log| tail(&log.path()))
}

/// Makes an API key, and keeps it in the variable that the job of the proxy reads. Returns the key.
///
/// # Errors
/// When it cannot be made, or Nomad refuses it.
pub(super) async fn keep_key(
    folder: &Folder,
    release: &Release,
    client: &NomadClient,
) -> anyhow::Result<SecretString> {
    let file = folder.join("keys/keys.json");
    let named = file.to_string_lossy();
    let arguments =
        ["keys", "add", "--keys-file", &*named, "--name", "nova-local", "--team", "local", "--json"];
    let made = finish(&release.programs.join("nova-proxy"), &arguments, Vec::new())?;
    let made: Value = serde_json::from_str(&made).context("what nova-proxy keys add printed is no JSON")?;
    let key = made["key"].as_str().context("nova-proxy keys add has printed no key")?;
    let read = |path: String| -> anyhow::Result<SecretString> {
        Ok(std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?.into())
    };
    let items = BTreeMap::from([
        ("keys".to_owned(), read(named.to_string())?),
        ("pepper".to_owned(), read(format!("{named}.pepper"))?),
    ]);
    client
        .variables()
        .write("nomad/jobs/nova-proxy", &items, 0)
        .await
        .context("Nomad does not keep the API key")?;
    Ok(key.into())
}
