//! One instance with a token of its policy, under a small load, and what can be done to them.

use anyhow::{Context, ensure};
use nova_test_support::binary::workspace_root;
use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::consul::callers::Callers;
use crate::fleet::{Fleet, Instance, InstanceSettings, PREFIX, in_sync, model};

/// The model that the load asks for: every document `config` has it.
pub(super) const HOUSE: &str = "house";

/// The name of the instance's policy.
const POLICY: &str = "first";

/// A document that serves the house model and one more, by which it is known.
pub(super) fn house(also: &str) -> String {
    format!("{}{}", model(HOUSE), model(also))
}

/// A fleet of one, on a day that is still good.
pub(super) struct Scene {
    pub(super) fleet: Fleet,
    pub(super) instance: Instance,
    pub(super) callers: Callers,
    /// The instance's token.
    pub(super) token: String,
    /// For files, and the token's.
    pub(super) folder: TempDir,
}

impl Scene {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let fleet = Fleet::with(ConsulLaunch::new().with_acls().with_data()).await?;
        fleet.put("config", house("before")).await?;
        let folder = tempfile::tempdir()?;
        let token = fleet.consul.token_for(POLICY, &rules()?).await?;
        let file = folder.path().join("token");
        std::fs::write(&file, &token)?;
        let settings = InstanceSettings::named("one").with_consul(&format!("token_file = {file:?}"));
        let instance = fleet.instance(settings).await?;
        let is_there =
            |receipt: &Value| in_sync(receipt) && receipt["consul"]["registration"] == "registered";
        instance.receipt_where("documents and registration", is_there).await?;
        let callers = Callers::start(&instance, HOUSE)?;
        Ok(Self { fleet, instance, callers, token, folder })
    }

    /// The rules of the policy for proxies.
    pub(super) fn rules(&self) -> anyhow::Result<String> {
        rules()
    }

    /// Gives the instance's policy other rules.
    pub(super) async fn set_rules(&self, rules: &str) -> anyhow::Result<()> {
        let api = self.fleet.consul.api();
        let policy = api.get(&format!("/v1/acl/policy/name/{POLICY}")).await?;
        let id = policy["ID"].as_str().with_context(|| format!("no ID in {policy}"))?;
        api.put(&format!("/v1/acl/policy/{id}"), &json!({ "Name": POLICY, "Rules": rules })).await?;
        Ok(())
    }

    /// Puts another token into the file, of a new policy with the same rules.
    pub(super) async fn new_token(&mut self, policy: &str) -> anyhow::Result<()> {
        self.token = self.fleet.consul.token_for(policy, &rules()?).await?;
        let (file, next) = (self.folder.path().join("token"), self.folder.path().join("token.next"));
        std::fs::write(&next, &self.token)?;
        std::fs::rename(next, file)?;
        Ok(())
    }

    /// Writes documents in one transaction.
    pub(super) async fn transaction(&self, documents: &[(&str, &str)]) -> anyhow::Result<()> {
        use base64::Engine as _;
        let set = |(name, text): &(&str, &str)| {
            let value = base64::engine::general_purpose::STANDARD.encode(text);
            json!({ "KV": { "Verb": "set", "Key": format!("{PREFIX}/{name}"), "Value": value } })
        };
        let operations: Vec<Value> = documents.iter().map(set).collect();
        self.fleet.consul.api().put("/v1/txn", &Value::Array(operations)).await.map(drop)
    }

    /// Waits until the instance serves this model.
    pub(super) async fn serves_soon(&self, model: &str) -> anyhow::Result<()> {
        wait_for(&format!("{model} to be served"), DEADLINE, async || {
            if self.instance.serves(model).await? {
                return Ok(Look::Ready(()));
            }
            Ok(Look::NotYet(self.instance.receipt().await?))
        })
        .await
    }

    /// The day is over: the load was answered to its end, by the process that was there at its beginning.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        self.callers.goes_on().await?;
        self.callers.finish().await?;
        ensure!(self.instance.process()?.is_running()?, "the instance is gone");
        Ok(())
    }
}

fn rules() -> anyhow::Result<String> {
    let path = workspace_root().join("jobs/policies/consul/proxy.hcl");
    let rules = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(rules.replace("nova/default", PREFIX))
}
