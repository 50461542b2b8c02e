//! Fifty changes by Consul's own command line while the official clients ask five instances: no request fails, and each change is in
//! force everywhere within a second or so, or refused everywhere with its key, its line and what to write.

mod change;

use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use jiff::Timestamp;
use nova_test_support::binary::workspace_root;
use nova_test_support::server::ConsulLaunch;
use serde_json::Value;
use tempfile::TempDir;

use crate::figures::{Durations, show};
use crate::fleet::{Fleet, Instance, InstanceSettings, PREFIX, in_sync};
use crate::official_load::OfficialLoads;
use change::{Change, Expected, HOUSE, changes};

/// How many proxies follow.
const INSTANCES: usize = 5;

/// What is promised: a change is seen by all within a second. A test machine is busy with other tests, so much longer is judged.
const JUDGED: Duration = Duration::from_secs(10);

/// A fleet with ACLs, each instance with a token of the policy that `jobs/policies/consul` has for proxies.
struct Guarded {
    fleet: Fleet,
    instances: Vec<Instance>,
    folder: TempDir,
}

impl Guarded {
    async fn start() -> anyhow::Result<Self> {
        let fleet = Fleet::with(ConsulLaunch::new().with_acls()).await?;
        fleet.put("config", change::first()).await?;
        let rules = std::fs::read_to_string(workspace_root().join("jobs/policies/consul/proxy.hcl"))?;
        let rules = rules.replace("nova/default", PREFIX);
        let folder = tempfile::tempdir()?;
        let mut instances = Vec::new();
        for number in 0..INSTANCES {
            let name = format!("proxy-{number}");
            let file = folder.path().join(&name);
            std::fs::write(&file, fleet.consul.token_for(&name, &rules).await?)?;
            let settings = InstanceSettings::named(&name).with_consul(&format!("token_file = {file:?}"));
            instances.push(fleet.instance(settings).await?);
        }
        for instance in &instances {
            let is_there =
                |receipt: &Value| in_sync(receipt) && receipt["consul"]["registration"] == "registered";
            instance.receipt_where("documents and registration", is_there).await?;
        }
        Ok(Self { fleet, instances, folder })
    }

    /// `consul kv put`, as an operator types it. Whether Consul took it, and what was said.
    async fn kv_put(&self, name: &str, value: &[u8]) -> anyhow::Result<(bool, String)> {
        let file = self.folder.path().join("value");
        std::fs::write(&file, value)?;
        let command = self.fleet.consul.script(r#"consul kv put "$KEY" "@$FILE""#)?;
        let finished = command.env("KEY", format!("{PREFIX}/{name}")).env("FILE", file).finish().await?;
        Ok((finished.code == Some(0), finished.stderr))
    }

    /// The key of a document, and the index at which it was written last.
    async fn version(&self, name: &str) -> anyhow::Result<(String, u64)> {
        let key = format!("{PREFIX}/{name}");
        let reply = self.fleet.consul.api().send(Method::GET, &format!("/v1/kv/{key}"), "").await?;
        let index = reply.json()?[0]["ModifyIndex"].as_u64();
        Ok((key, index.with_context(|| format!("no index of {name}"))?))
    }
}

/// Whether a list of a receipt's has this version of a document.
fn has(documents: &Value, (key, index): &(String, u64)) -> bool {
    let all = documents.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().any(|each| each["key"] == key.as_str() && each["modify_index"] == *index)
}

fn time(at: &Value) -> anyhow::Result<Timestamp> {
    at.as_str().with_context(|| format!("{at} is no time"))?.parse().with_context(|| format!("read {at}"))
}

/// From `begin` to `end`, and nothing where the clock says that it was before.
fn between(begin: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(begin)).unwrap_or_default()
}

/// How long changes took to be in force, and refusals to be told, on the instance that was last.
#[derive(Default)]
struct Figures {
    in_force: Durations,
    with_command: Durations,
    refused: Durations,
}

impl Guarded {
    async fn apply(&self, number: usize, change: &Change, figures: &mut Figures) -> anyhow::Result<()> {
        let before = self.hashes().await?;
        let begun = Timestamp::now();
        let (is_taken, said) = self.kv_put(change.document, &change.value).await?;
        let written = Timestamp::now();
        if let Expected::RefusedByConsul(words) = change.expected {
            ensure!(!is_taken && said.contains(words), "Consul took it, or said something else: {said}");
            ensure!(self.hashes().await? == before, "something was changed");
            return Ok(());
        }
        ensure!(is_taken, "consul kv put: {said}");
        let version = self.version(change.document).await?;
        let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
        for instance in &self.instances {
            let at = match &change.expected {
                Expected::Refused { line, word } => {
                    let refused = |receipt: &Value| has(&receipt["refusal"]["documents"], &version);
                    let receipt = instance.receipt_where("the refusal", refused).await?;
                    tells_what_to_do(&receipt, &version.0, *line, word)?;
                    time(&receipt["refusal"]["at"])?
                }
                Expected::InForce | Expected::RefusedByConsul(_) => {
                    let applied =
                        |receipt: &Value| in_sync(receipt) && has(&receipt["config"]["documents"], &version);
                    let receipt = instance.receipt_where("the change", applied).await?;
                    time(&receipt["config"]["applied_at"])?
                }
            };
            (first, last) = (first.min(at), last.max(at));
        }
        if matches!(change.expected, Expected::InForce) {
            figures.in_force.add(between(written, last));
            figures.with_command.add(between(begun, last));
            let instance = self.instances.get(number % INSTANCES).context("there are so many instances")?;
            ensure!(
                instance.serves(&change::model_of(number)).await?,
                "the receipt is there before the change"
            );
        } else {
            figures.refused.add(between(written, last));
            ensure!(self.hashes().await? == before, "what was refused has changed something");
        }
        Ok(())
    }

    /// What is in force on each instance.
    async fn hashes(&self) -> anyhow::Result<Vec<Value>> {
        let mut hashes = Vec::new();
        for instance in &self.instances {
            hashes.push(instance.receipt().await?["config"]["hash"].clone());
        }
        Ok(hashes)
    }
}

/// Checks that one fault of a refusal has the document's key, the line, the word, and what to write.
fn tells_what_to_do(receipt: &Value, key: &str, line: u64, word: &str) -> anyhow::Result<()> {
    let faults = receipt["refusal"]["faults"].as_array().context("a refusal without faults")?;
    let is_told = faults.iter().any(|fault| {
        fault["file"] == key
            && fault["line"] == line
            && fault.to_string().contains(word)
            && fault["fix"].as_str().is_some_and(|fix| !fix.is_empty())
    });
    ensure!(is_told, "no fault at {key}:{line} with {word:?} and a fix: {faults:#?}");
    Ok(())
}

#[tokio::test]
async fn fifty_changes_under_the_load_of_official_clients_fail_no_request() {
    let guarded = Guarded::start().await.unwrap();
    let roots: Vec<&str> = guarded.instances.iter().map(|instance| instance.root.as_str()).collect();
    let load = OfficialLoads::begin(HOUSE, &roots).await.unwrap();
    let mut figures = Figures::default();
    let all = changes();
    for (number, change) in all.iter().enumerate() {
        let applied = guarded.apply(number, change, &mut figures).await;
        applied.with_context(|| format!("change {number}, {}", change.what)).unwrap();
    }
    load.go_on().await.unwrap();
    let answered = load.end().await.unwrap();
    let refused = all.iter().filter(|change| !matches!(change.expected, Expected::InForce)).count();
    assert_eq!((all.len(), refused), (50, 10));
    show(&format!(
        "{} changes on {INSTANCES} instances, {refused} of them wrong: {answered} requests of official clients answered, 0 failed",
        all.len()
    ));
    show(&format!(
        "in force on the last instance after the end of consul kv put: {}",
        figures.in_force.summary()
    ));
    show(&format!("the same after its start: {}", figures.with_command.summary()));
    show(&format!("refused by the last instance after its end: {}", figures.refused.summary()));
    assert!(answered > 500, "{answered} requests in all that time are no load");
    assert!(figures.in_force.max() < JUDGED, "{}", figures.in_force.summary());
}
