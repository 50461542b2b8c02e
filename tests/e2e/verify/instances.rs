//! Faults of proxies, of what they run and know, of their registration, and of requests.

use std::path::PathBuf;

use nova_test_support::binary::{Program, workspace_root};
use nova_test_support::process::{Launch, Process};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::environment::{Environment, MODEL, PREFIX, SESSION_TOKEN};
use super::scripted::{self, Pages, Scripted};
use crate::bed::STOP_DEADLINE;
use crate::case::Cases;
use crate::fleet::model;
use crate::regions::{clear_faults, set_fault};
use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// Plants each, and takes it away again.
pub(super) async fn faults(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    of_real_ones(environment, cases).await?;
    of_scripted_ones(environment, cases).await?;
    of_registrations(environment, cases).await?;
    of_requests(environment, cases).await
}

/// A proxy beside those of the job, which registers itself.
struct Extra {
    process: Process,
    _folder: TempDir,
}

impl Extra {
    /// With a token for Consul of these rules, and with credentials or without.
    async fn start(environment: &Environment, rules: &str, has_credentials: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let token = folder.path().join("consul.token");
        let policy = format!("extra-{has_credentials}-{}", rules.len());
        std::fs::write(&token, environment.consul.token_for(&policy, rules).await?)?;
        let data: PathBuf = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let config = folder.path().join("proxy.hcl");
        let text = format!(
            "listen = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\ndata_dir = {data:?}\ninstance = \"zz-extra\"\n\
             bedrock {{\n  region = \"{REGION}\"\n  endpoint = \"{}\"\n}}\nauth {{\n  none = true\n}}\n\
             consul {{\n  address = \"http://{}\"\n  kv_prefix = \"{PREFIX}\"\n  token_file = {token:?}\n}}\n",
            environment.simulator.endpoint,
            environment.consul.address(),
        );
        std::fs::write(&config, text)?;
        let mut launch =
            Launch::new(Program::Proxy.path()?).args(["serve", "--json", "--config"]).arg(config);
        if has_credentials {
            launch = launch
                .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
                .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
                .env("AWS_SESSION_TOKEN", SESSION_TOKEN);
        }
        let mut process = launch.start()?;
        process.ready_line().await?;
        let extra = Self { process, _folder: folder };
        extra.is_listed(environment).await?;
        Ok(extra)
    }

    async fn is_listed(&self, environment: &Environment) -> anyhow::Result<()> {
        let api = environment.consul.api();
        wait_for("the proxy in the catalog", DEADLINE, async || {
            let listed = api.get("/v1/catalog/service/nova-proxy").await?;
            let is_it = |one: &Value| one["ServiceID"] == "zz-extra";
            let is_there = listed.as_array().is_some_and(|all| all.iter().any(is_it));
            Ok(if is_there { Look::Ready(()) } else { Look::NotYet(self.process.report()) })
        })
        .await
    }

    /// It takes its registration with it.
    async fn stop(self) -> anyhow::Result<()> {
        self.process.stop(STOP_DEADLINE).await.map(drop)
    }
}

async fn of_real_ones(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let policy = std::fs::read_to_string(workspace_root().join("jobs/policies/consul/proxy.hcl"))?;
    let extra = Extra::start(environment, &policy, false).await?;
    let found = environment.expect_quietly("instances-ready", |launch| launch);
    cases.note("a proxy has no credentials of AWS", found.await);
    extra.stop().await?;

    let blind = "service \"nova-proxy\" { policy = \"write\" }\nservice_prefix \"\" { policy = \"read\" }\nnode_prefix \"\" { policy = \"read\" }";
    let extra = Extra::start(environment, blind, true).await?;
    let found = environment.expect_quietly("configuration-followed", |launch| launch);
    cases.note("a proxy's token may not read the documents", found.await);
    extra.stop().await?;

    environment.put("config", "limits {\n  concurrency = 0\n}\n").await?;
    let refused = wait_for("the refusal", DEADLINE, async || {
        let told = environment.told(environment.verify()?.arg("--no-requests")).await?;
        let names = told.names("configuration-accepted");
        // Until both have seen it one of them runs what was there before.
        Ok(names.map_or_else(|error| Look::NotYet(format!("{error:#}")), Look::Ready))
    });
    cases.note("the documents are refused", refused.await);
    environment.put("config", &model(MODEL)).await?;
    wait_for("what was there before to be in force", DEADLINE, async || {
        let told = environment.told(environment.verify()?.arg("--no-requests")).await?;
        Ok(if told.code == Some(0) { Look::Ready(()) } else { Look::NotYet(told.report.to_string()) })
    })
    .await
}

/// What no proxy does on request.
async fn of_scripted_ones(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let api = environment.consul.api();
    let good = scripted::good_instance(&api).await?;
    let secret = |read: &str, ends: &str| json!([{ "name": "pepper", "read_at": read, "ends_at": ends }]);
    let receipt = |change: &dyn Fn(&mut Value)| scripted::with_receipt(good.clone(), change);
    let of_another = json!({ "status": "ready", "phase": "ready", "version": "0.2.0", "conditions": [] });
    let all: Vec<(&str, Option<&str>, &str, Pages)> = vec![
        ("an instance that is as it should be", None, "0.1.0", good.clone()),
        (
            "a proxy runs what was there before",
            Some("configuration-newest"),
            "0.1.0",
            receipt(&|receipt| receipt["config"]["documents"][0]["modify_index"] = json!(1))?,
        ),
        (
            "a proxy gives no receipt",
            Some("configuration-receipts"),
            "0.1.0",
            good.clone().without("/config/receipt"),
        ),
        (
            "a proxy's login at Vault fails",
            Some("secrets-login"),
            "0.1.0",
            receipt(&|receipt| {
                receipt["vault"] = json!({ "state": "failing", "error": "permission denied" })
            })?,
        ),
        (
            "a secret has ended",
            Some("secrets-fresh"),
            "0.1.0",
            receipt(&|receipt| receipt["secrets"] = secret("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"))?,
        ),
        ("a proxy gives no metrics", Some("metrics-readable"), "0.1.0", good.clone().without("/metrics")),
        ("a proxy's clock is two minutes ahead", Some("clocks-instances"), "0.1.0", good.clone().ahead(120)),
        ("two versions run", Some("versions-equal"), "0.2.0", good.clone().with("/health", &of_another)),
        ("a proxy is registered as what it is not", Some("versions-registered"), "0.2.0", good.clone()),
    ];
    for (what, id, version, pages) in all {
        let instance = Scripted::start(pages).await?;
        scripted::register(&api, instance.address, version).await?;
        let told = environment.told(environment.verify()?.arg("--no-requests")).await?;
        let result = match id {
            Some(id) => told.names(id),
            None if told.code == Some(0) => Ok(()),
            None => Err(anyhow::anyhow!("{:#?}", told.those("failed"))),
        };
        cases.note(what, result);
        scripted::deregister(&api).await?;
    }
    Ok(())
}

async fn of_registrations(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let found =
        environment.expect_quietly("instances-registered", |launch| launch.args(["--instances", "3"]));
    cases.note("there are to be more", found.await);

    let api = environment.consul.api();
    let gone = Scripted::start(Pages::default()).await?.address;
    scripted::register(&api, gone, "0.1.0").await?;
    let found = environment.expect_quietly("instances-reachable", |launch| launch);
    cases.note("a proxy has gone and left its registration", found.await);
    scripted::deregister(&api).await
}

async fn of_requests(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let of_one = |launch: Launch| launch.args(["--model", MODEL]);
    let found =
        environment.expect("requests-key", |launch| of_one(launch).env("NOVA_API_KEY", "sk-nova-nobody"));
    cases.note("the API key is unknown", found.await);

    let found = environment.expect("requests-plain", |launch| launch.args(["--model", "nobody-serves-this"]));
    cases.note("a model is served by nobody", found.await);

    set_fault(&environment.simulator, &json!({ "throttle_every": 1 })).await?;
    let throttled = environment.expect("requests-plain", of_one).await;
    clear_faults(&environment.simulator).await?;
    cases.note("a model is throttled", throttled);
    // The breaker opens and closes again as requests come through.
    wait_for("requests to come through again", DEADLINE, async || {
        let told = environment.told(of_one(environment.verify()?)).await?;
        Ok(if told.code == Some(0) { Look::Ready(()) } else { Look::NotYet(told.report.to_string()) })
    })
    .await
}
