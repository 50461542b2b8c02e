//! The volume below `data_dir` is full, or can only be read: documents are applied all the same, and kept when they can be again.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::callers::Callers;
use crate::fleet::{Fleet, Instance, InstanceSettings, caught_up, in_sync, kept_with, model};

/// A volume of its own, in memory, at a folder. Mounting needs the rights of root, as the tests of Nomad do.
struct Volume(PathBuf);

impl Volume {
    fn mount(folder: PathBuf) -> anyhow::Result<Self> {
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,mode=700", "nova-test"])
            .arg(&folder))?;
        Ok(Self(folder))
    }

    /// Makes it one that can only be read, or that can be written to again.
    fn allow_writes(&self, allowed: bool) -> anyhow::Result<()> {
        let option = if allowed { "remount,rw" } else { "remount,ro" };
        run(Command::new("mount").args(["-o", option]).arg(&self.0))
    }

    /// Fills it to its last byte.
    fn fill(&self) -> anyhow::Result<()> {
        let mut filler = std::fs::File::create(self.filler())?;
        let end = loop {
            if let Err(error) = filler.write_all(&[b'x'; 1024]) {
                break error;
            }
        };
        ensure!(end.kind() == std::io::ErrorKind::StorageFull, "{end}");
        Ok(())
    }

    fn make_room(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // The test is over, and has said what it had to say.
        drop(run(Command::new("umount").arg("--lazy").arg(&self.0)));
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn not_kept(instance: &Instance) -> anyhow::Result<String> {
    let told = |receipt: &Value| in_sync(receipt) && receipt["config"]["not_kept"].is_string();
    let receipt = instance.receipt_where("that documents are not kept", told).await?;
    Ok(receipt["config"]["not_kept"].to_string())
}

#[tokio::test]
async fn a_volume_that_is_full_or_read_only_fails_no_request_and_is_written_to_when_it_can_be() {
    let fleet = Fleet::start().await.unwrap();
    fleet.put("config", model("house")).await.unwrap();
    let mut instance = fleet.prepare(InstanceSettings::named("one")).unwrap();
    let volume = Volume::mount(instance.data_dir()).unwrap();
    instance.start().await.unwrap();
    kept_with(&instance, "house").await.unwrap();
    let callers = Callers::start(&instance, "house").unwrap();

    volume.fill().unwrap();
    let grown = format!("{}# {}\n", model("house"), "x".repeat(8192));
    fleet.put("config", format!("{grown}{}", model("while-full"))).await.unwrap();
    let reason = not_kept(&instance).await.unwrap();
    assert!(reason.contains("has space"), "{reason}");
    assert!(instance.serves("while-full").await.unwrap());
    // What was kept before is whole still.
    kept_with(&instance, "house").await.unwrap();
    callers.goes_on().await.unwrap();
    volume.make_room().unwrap();
    kept_with(&instance, "while-full").await.unwrap();

    volume.allow_writes(false).unwrap();
    fleet.put("config", format!("{}{}", model("house"), model("while-read-only"))).await.unwrap();
    let reason = not_kept(&instance).await.unwrap();
    assert!(reason.contains("Read-only file system"), "{reason}");
    assert!(instance.serves("while-read-only").await.unwrap());
    callers.goes_on().await.unwrap();
    volume.allow_writes(true).unwrap();
    kept_with(&instance, "while-read-only").await.unwrap();
    let told = |receipt: &Value| caught_up(receipt) && receipt["config"]["not_kept"].is_null();
    instance.receipt_where("that documents are kept", told).await.unwrap();

    callers.goes_on().await.unwrap();
    callers.finish().await.unwrap();
    // Before the volume: the process has files in it.
    instance.kill().await.unwrap();
}
