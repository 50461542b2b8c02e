//! Two versions at once on one Consul, as while a fleet is updated or rolled back: each reads what both understand, and refuses what
//! only the other one does without losing what it has.
//!
//! The later version is this one with one field more and another number: see `tests/next-version`.

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::process::{Finished, Launch};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::proxy_command_of;
use crate::fleet::{Fleet, Instance, InstanceSettings, PREFIX, caught_up, in_sync, kept, kept_with, model};

/// Nothing but the field that only the later version knows; it is on the fourth line where it follows [`model`].
const ONLY_NEXT: &str = "next_version_only = true\n";

/// An instance of each version, in the catalog, and documents that both understand.
struct Fleets {
    fleet: Fleet,
    now: Instance,
    next: Instance,
    next_version: String,
    folder: TempDir,
}

impl Fleets {
    async fn start() -> anyhow::Result<Self> {
        let fleet = Fleet::start().await?;
        fleet.put("config", model("both")).await?;
        let (now, next) = (start(&fleet, Program::Proxy).await?, start(&fleet, Program::NextProxy).await?);
        let version = |receipt: &Value| receipt["version"].as_str().map(str::to_owned).context("no version");
        let is_there =
            |receipt: &Value| caught_up(receipt) && receipt["consul"]["registration"] == "registered";
        let now_version = version(&now.receipt_where("the first documents", is_there).await?)?;
        let next_version = version(&next.receipt_where("the first documents", is_there).await?)?;
        ensure!(
            now_version == env!("CARGO_PKG_VERSION") && next_version != now_version,
            "{now_version} {next_version}"
        );
        Ok(Self { fleet, now, next, next_version, folder: tempfile::tempdir()? })
    }

    /// `nova-agent config …`, of the version that is the older one here.
    async fn agent(&self, arguments: &[&str]) -> anyhow::Result<Finished> {
        Launch::new(Program::Agent.path()?)
            .arg("config")
            .args(arguments)
            .env("CONSUL_HTTP_ADDR", self.fleet.consul.address().to_string())
            .env("NOVA_KV_PREFIX", PREFIX)
            .finish()
            .await
    }

    /// A file with this text; its path.
    fn file(&self, text: &str) -> anyhow::Result<String> {
        let path = self.folder.path().join("new.hcl");
        std::fs::write(&path, text)?;
        Ok(path.to_str().context("the path of a test is text")?.to_owned())
    }
}

async fn start(fleet: &Fleet, program: Program) -> anyhow::Result<Instance> {
    let name = if program == Program::Proxy { "now" } else { "next" };
    let mut instance = fleet.prepare(InstanceSettings::named(name))?;
    instance.start_by(proxy_command_of(program)?).await?;
    Ok(instance)
}

fn refused(receipt: &Value) -> bool {
    !receipt["refusal"].is_null()
}

#[tokio::test]
async fn documents_without_the_new_field_are_in_force_in_both_versions() {
    let fleets = Fleets::start().await.unwrap();
    fleets.fleet.put("config.d/limits", "limits {\n  concurrency = 50\n}\n").await.unwrap();
    fleets.fleet.put("config", format!("fragments = [\"limits\"]\n{}", model("later"))).await.unwrap();
    for instance in [&fleets.now, &fleets.next] {
        let both = |receipt: &Value| {
            caught_up(receipt) && receipt["config"]["documents"].as_array().is_some_and(|all| all.len() == 2)
        };
        instance.receipt_where("both documents", both).await.unwrap();
        assert!(instance.serves("later").await.unwrap());
    }
    let status = fleets.agent(&["status", "--json"]).await.unwrap();
    let shown: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!((status.code, &shown["in_sync"]), (Some(0), &json!(true)), "{status:?}");
    let versions: Vec<_> = shown["instances"].as_array().unwrap().iter().map(|one| &one["version"]).collect();
    assert_eq!(
        versions,
        [&json!(fleets.next_version), &json!(env!("CARGO_PKG_VERSION"))],
        "by name: next, now"
    );
}

/// Applied by the later version, refused by this one, in which what was there before stays; and told by `nova-agent`.
async fn is_for_the_later_alone(text: &str, kind: &str, line: u64, word: &str) -> anyhow::Result<()> {
    let fleets = Fleets::start().await?;
    let key = format!("{PREFIX}/config");
    fleets.fleet.put("config", format!("{}{text}", model("later"))).await?;
    let told = fleets.now.receipt_where("the refusal", refused).await?;
    let (refusal, fault) = (&told["refusal"], &told["refusal"]["faults"][0]);
    ensure!(refusal["kind"] == kind && fault["file"] == key && fault["line"] == line, "{refusal}");
    ensure!(
        fault.to_string().contains(word) && fault["fix"].as_str().is_some_and(|fix| !fix.is_empty()),
        "{fault}"
    );
    ensure!(fleets.now.serves("both").await? && !fleets.now.serves("later").await?, "the old one is gone");
    let (is_ready, health) = fleets.now.readiness().await?;
    ensure!(is_ready, "{health}");
    fleets.next.receipt_where("the new field", caught_up).await?;
    ensure!(fleets.next.serves("later").await?, "the later version does not apply its own field");

    let status = fleets.agent(&["status", "--json"]).await?;
    let shown: Value = serde_json::from_str(&status.stdout)?;
    let states: Vec<_> =
        shown["instances"].as_array().context("no instances")?.iter().map(|one| &one["state"]).collect();
    ensure!(status.code == Some(1) && states == ["in_sync", "refused"], "{shown}");
    ensure!(shown["instances"][1]["refusal"]["kind"] == kind, "{shown}");

    // What both understand brings both together again.
    fleets.fleet.put("config", model("mended")).await?;
    for instance in [&fleets.now, &fleets.next] {
        instance
            .receipt_where("the mended document", |receipt| caught_up(receipt) && !refused(receipt))
            .await?;
        ensure!(instance.serves("mended").await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_field_of_the_later_version_is_refused_by_the_earlier_one_with_its_name() {
    is_for_the_later_alone(ONLY_NEXT, "invalid", 4, "next_version_only").await.unwrap();
}

#[tokio::test]
async fn a_document_that_requires_the_later_version_keeps_the_last_good_one_in_the_earlier() {
    let next = Program::NextProxy.path().unwrap();
    let told = Launch::new(next).arg("--version").finish().await.unwrap();
    let version = told.stdout.split_whitespace().last().unwrap().to_owned();
    let text = format!("requires = \">= {version}\"\n{ONLY_NEXT}");
    is_for_the_later_alone(&text, "needs a newer version", 4, "newer version").await.unwrap();
}

#[tokio::test]
async fn check_and_push_judge_by_the_schemas_of_both_versions() {
    let fleets = Fleets::start().await.unwrap();
    let plain = fleets.file(&model("plain")).unwrap();
    let judged = fleets.agent(&["check", &plain, "--json"]).await.unwrap();
    let shown: Value = serde_json::from_str(&judged.stdout).unwrap();
    assert_eq!((judged.code, &shown["valid"]), (Some(0), &json!(true)), "{judged:?}");
    for version in [env!("CARGO_PKG_VERSION"), &fleets.next_version] {
        let name = format!("version {version} (1 instance)");
        assert!(shown["judged_by"].to_string().contains(&name), "no {name} in {shown}");
    }

    let file = fleets.file(&format!("{}{ONLY_NEXT}", model("later"))).unwrap();
    for command in ["check", "push"] {
        let judged = fleets.agent(&[command, &file, "--json"]).await.unwrap();
        let shown: Value = serde_json::from_str(&judged.stdout).unwrap();
        assert_eq!(judged.code, Some(1), "{judged:?}");
        let fault = &shown["faults"][0];
        assert_eq!((&fault["line"], &fault["file"]), (&json!(4), &json!(file)), "{shown}");
        assert!(fault.to_string().contains("next_version_only"), "{fault}");
        let finders = fault["found_by"].to_string();
        assert!(
            finders.contains(env!("CARGO_PKG_VERSION")) && !finders.contains(&fleets.next_version),
            "{fault}"
        );
    }
    assert!(fleets.now.serves("both").await.unwrap(), "nothing was written");
}

#[tokio::test]
async fn the_earlier_version_starts_with_what_the_later_one_has_kept() {
    let mut fleets = Fleets::start().await.unwrap();
    kept(&fleets.next).await.unwrap();
    fleets.fleet.consul.kill().await.unwrap();
    fleets.next.kill().await.unwrap();
    fleets.next.start().await.unwrap();
    let receipt = fleets.next.receipt().await.unwrap();
    assert_eq!(receipt["version"], env!("CARGO_PKG_VERSION"), "this was a rollback");
    assert_eq!(receipt["config"]["source"], "last_known_good", "{receipt}");
    assert!(fleets.next.serves("both").await.unwrap());
}

#[tokio::test]
async fn the_earlier_version_starts_although_only_the_later_one_understands_what_was_kept() {
    let mut fleets = Fleets::start().await.unwrap();
    let before = fleets.next.receipt().await.unwrap()["config"]["hash"].clone();
    fleets.fleet.put("config", format!("{}{ONLY_NEXT}", model("later"))).await.unwrap();
    let other = |receipt: &Value| in_sync(receipt) && receipt["config"]["hash"] != before;
    fleets.next.receipt_where("the new field", other).await.unwrap();
    kept_with(&fleets.next, "next_version_only").await.unwrap();
    fleets.fleet.consul.kill().await.unwrap();
    fleets.next.kill().await.unwrap();
    fleets.next.write_rest(&model("of-the-file")).unwrap();
    fleets.next.start().await.unwrap();
    let receipt = fleets.next.receipt().await.unwrap();
    assert_eq!(receipt["config"]["source"], "files", "{receipt}");
    assert!(fleets.next.serves("of-the-file").await.unwrap());
    let says_so = |line: &str| line.contains("next_version_only");
    let process = fleets.next.process().unwrap();
    process
        .line_where("why what was kept is not in force", nova_test_support::wait::DEADLINE, says_so)
        .await
        .unwrap();
}
