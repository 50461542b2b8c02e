//! `nova-local up --cluster`, `status` and `down`: what is printed is done, word for word, and nothing is left in the end.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::process::{Finished, Launch};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::Value;

use crate::figures::show;

/// How long a cluster may take to come up and to end, and an update of it to be carried out, on a busy machine.
const CLUSTER: Duration = Duration::from_secs(240);

/// `nova-local` for the cluster in this folder.
fn local(folder: &Path) -> anyhow::Result<Launch> {
    Ok(Launch::new(Program::Local.path()?).env("NOVA_LOCAL_FOLDER", folder))
}

async fn finished(folder: &Path, arguments: &[&str]) -> anyhow::Result<Finished> {
    local(folder)?.args(arguments).finish_within(CLUSTER).await
}

/// The commands of the welcome that begin with this word, up to the next empty line.
fn commands(welcome: &str, word: &str) -> anyhow::Result<String> {
    let begins = |line: &&str| line.trim_start().starts_with(word);
    let lines: Vec<&str> =
        welcome.lines().skip_while(|line| !begins(line)).take_while(|line| !line.trim().is_empty()).collect();
    ensure!(!lines.is_empty(), "no {word} in {welcome}");
    Ok(lines.join("\n"))
}

/// Runs commands as a person would who has read the welcome.
async fn typed(folder: &Path, text: &str) -> anyhow::Result<String> {
    let script = format!("set -eu\n. {}/env\n{text}", folder.display());
    let done = Launch::new("bash").args(["-c", &script]).finish_within(CLUSTER).await?;
    ensure!(done.code == Some(0), "{text}\n{}\n{}", done.stdout, done.stderr);
    Ok(done.stdout)
}

/// Processes that have the folder in their environment.
fn processes(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mark = format!("NOVA_LOCAL_CLUSTER={}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let environment = std::fs::read(path.join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

/// How the cluster stands, of which everything has to be well.
async fn standing(folder: &Path) -> anyhow::Result<Value> {
    let told = finished(folder, &["status", "--json"]).await?;
    let standing = serde_json::from_str(&told.stdout)?;
    ensure!(told.code == Some(0), "{standing}");
    Ok(standing)
}

/// The versions of the instances.
fn versions(standing: &Value) -> Vec<String> {
    let parts = standing["parts"].as_array().into_iter().flatten();
    let proxies = parts.filter(|part| part["name"] == "nova-proxy");
    proxies.map(|part| part["state"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn everything_that_is_printed(folder: &Path, welcome: &str) -> anyhow::Result<()> {
    let answer: Value = serde_json::from_str(&typed(folder, &commands(welcome, "curl")?).await?)?;
    let said = answer["choices"][0]["message"]["content"].as_str().context("no answer")?;
    ensure!(said.contains("Hello!"), "{answer}");

    // `status` tells whether every instance has the change, by its exit code.
    let change = commands(welcome, "consul kv put")?;
    let (put, status) = change.split_once('\n').with_context(|| change.clone())?;
    typed(folder, put).await?;
    wait_for("every instance to have the change", DEADLINE, async || {
        Ok(match typed(folder, status).await {
            Ok(told) => Look::Ready(told),
            Err(error) => Look::NotYet(format!("{error:#}")),
        })
    })
    .await?;

    // The agent has adopted it, tells that it is ready, and carries out what a person commands.
    let told = typed(folder, &commands(welcome, "cd ")?).await?;
    ensure!(told.contains("nova-proxy") && told.contains("-next"), "{told}");
    wait_for("every instance to be of the new version", CLUSTER, async || {
        // While one is replaced, not everything is well.
        let versions = match standing(folder).await {
            Ok(standing) => versions(&standing),
            Err(error) => return Ok(Look::NotYet(format!("{error:#}"))),
        };
        let are_new = versions.len() == 2 && versions.iter().all(|version| version.ends_with("-next"));
        Ok(if are_new { Look::Ready(()) } else { Look::NotYet(format!("{versions:?}")) })
    })
    .await
}

#[tokio::test]
#[ignore = "three servers and a release: ./tests/run full cluster"]
async fn a_cluster_does_what_its_welcome_says_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cluster");
    let outcome = async {
        let up = finished(&folder, &["up", "--cluster", "--free-ports"]).await?;
        ensure!(up.code == Some(0), "{}\n{}", up.stdout, up.stderr);
        show(up.stdout.lines().nth(1).unwrap_or_default());
        ensure!(versions(&standing(&folder).await?).len() == 2);
        everything_that_is_printed(&folder, &up.stdout).await?;
        let again = finished(&folder, &["up", "--cluster", "--free-ports"]).await?;
        ensure!(again.code == Some(1) && again.stderr.contains("nova-local down"), "{again:?}");
        let record: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("cluster.json"))?)?;
        ensure!(!processes(&folder)?.is_empty(), "nothing can be seen to end");
        Ok(record)
    };
    let outcome: anyhow::Result<Value> = outcome.await;
    let down = finished(&folder, &["down"]).await.unwrap();
    let record = outcome.unwrap();
    assert_eq!(down.code, Some(0), "{down:?}");
    assert_eq!(processes(&folder).unwrap(), Vec::<String>::new());
    assert!(std::fs::read_dir(home.path()).unwrap().next().is_none(), "files are left");
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&folder.display().to_string()), "{mounts}");
    for (name, port) in record["ports"].as_object().unwrap() {
        let port = u16::try_from(port.as_u64().unwrap()).unwrap();
        assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(), "{name} is still at {port}");
    }
    let gone = finished(&folder, &["status"]).await.unwrap();
    assert_eq!(gone.code, Some(3), "{gone:?}");
}

#[tokio::test]
async fn a_cluster_that_cannot_come_up_leaves_nothing_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cluster");
    // Programs that end at once, as those of another machine's architecture do.
    for name in ["consul", "vault", "nomad"] {
        let program = home.path().join(name);
        std::fs::write(&program, format!("#!/bin/sh\necho {name} cannot run here\nexit 1\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).unwrap();
    }
    let release = home.path().join("nova-1.0.0-linux-amd64.tar.gz");
    // The releases are served by the real program; the others are never come to.
    let pack = "mkdir -p nova-1.0.0-linux-amd64/bin && for p in proxy agent; do printf '#!/bin/sh\nsleep 1000\n' \
                > nova-1.0.0-linux-amd64/bin/nova-$p; chmod +x nova-1.0.0-linux-amd64/bin/nova-$p; done && \
                ln -s \"$local\" nova-1.0.0-linux-amd64/bin/nova-local && \
                tar czf nova-1.0.0-linux-amd64.tar.gz nova-1.0.0-linux-amd64 && rm -r nova-1.0.0-linux-amd64";
    let script = format!("cd '{}' && {pack}", home.path().display());
    let packed = Launch::new("bash").args(["-c", &script]).env("local", Program::Local.path().unwrap());
    assert_eq!(packed.finish().await.unwrap().code, Some(0));
    let servers = home.path().to_str().unwrap();
    let release = release.to_str().unwrap();
    let up = ["up", "--cluster", "--free-ports", "--servers", servers, "--release", release];
    let failed = finished(&folder, &up).await.unwrap();
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(
        failed.stderr.contains("consul cannot run here") && failed.stderr.contains("nothing of it was left"),
        "{failed:?}"
    );
    assert!(!folder.exists());
    assert_eq!(processes(&folder).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_that_is_no_clusters_is_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("letters"), "").unwrap();
    let told = finished(home.path(), &["down"]).await.unwrap();
    assert!(told.code == Some(1) && told.stderr.contains("left as it is"), "{told:?}");
    assert!(home.path().join("letters").exists());
}

#[tokio::test]
async fn without_a_cluster_there_is_nothing_to_show_and_nothing_to_end() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cluster");
    for (arguments, code, words) in [
        (&["status"][..], 3, "nova-local up --cluster"),
        (&["status", "--json"], 3, "null"),
        (&["down"], 0, "There is no cluster"),
        (&["up", "--cluster", "--servers", "/nowhere"], 1, "/nowhere has no program consul, vault, nomad"),
        (&["up", "--cluster", "--listen", "127.0.0.1:1"], 2, "cannot be used with"),
        (&["up", "--free-ports"], 2, "--cluster"),
    ] {
        let told = finished(&folder, arguments).await.unwrap();
        assert_eq!(told.code, Some(code), "{arguments:?}: {told:?}");
        assert!(format!("{}{}", told.stdout, told.stderr).contains(words), "{arguments:?}: {told:?}");
    }
}
