//! A wall clock that jumps under the running proxy, by `libfaketime` (Debian's package `faketime`).
//!
//! `NOVA_FAKETIME_LIB` names the library; without it, it is looked for where Debian puts it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use nova_test_support::process::Launch;
use serde_json::json;
use tempfile::TempDir;

use super::polite::Polite;
use super::siege::{NOISE_MIB, Siege};
use crate::bed::{Bed, Settings, ask, ask_script, proxy_command};

/// Where Debian's package puts the library that programs of several threads need.
const PLACES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

fn library() -> PathBuf {
    let named = std::env::var_os("NOVA_FAKETIME_LIB").map(PathBuf::from);
    let found = named.or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.is_file()));
    found.expect("libfaketime is missing: install Debian's package faketime, or name libfaketimeMT.so.1 in NOVA_FAKETIME_LIB")
}

/// Sets the clock of the programs that follow `file`, as an offset from the true time. The file is replaced in one step.
pub(crate) fn set_clock(file: &Path, offset: &str) -> anyhow::Result<()> {
    let next = file.with_extension("next");
    std::fs::write(&next, format!("{offset}\n"))?;
    std::fs::rename(&next, file).context("set the clock")
}

/// The program with the clock that this file says, once it is there.
pub(crate) fn with_clock(program: Launch, file: &Path) -> Launch {
    program
        .env("LD_PRELOAD", library())
        .env("FAKETIME_TIMESTAMP_FILE", file)
        .env("FAKETIME_NO_CACHE", "1")
        // Timers run on the monotonic clock, which no administrator can set.
        .env("DONT_FAKE_MONOTONIC", "1")
}

/// A bed whose proxy follows the clock of a file in the folder.
async fn bed_with_clock(folder: &TempDir, auth: String) -> anyhow::Result<Bed> {
    let file = folder.path().join("clock");
    set_clock(&file, "+0s")?;
    let launch = with_clock(proxy_command()?, &file);
    let rest = "limits {\n  keep_alive_interval = \"1m\"\n}".to_owned();
    let bedrock = "retry {\n    max_attempts = 3\n    base_delay = \"10ms\"\n  }".to_owned();
    Bed::with_program(Settings { auth, rest, bedrock, ..Settings::default() }, launch).await
}

#[tokio::test]
async fn a_clock_that_jumps_loses_no_request_and_fires_no_timer() {
    let folder = tempfile::tempdir().unwrap();
    let bed = bed_with_clock(&folder, String::new()).await.unwrap();
    let mut siege = Siege::on("clock jumps", bed, Polite::opens_connections()).unwrap();
    let file = folder.path().join("clock");
    siege
        .attack(NOISE_MIB, async |bed| {
            let deltas: Vec<String> = (0..60).map(|number| format!("{number} ")).collect();
            let script = ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 50 }));
            let mut stream = bed.stream(&script).await?;
            let first = stream.next().await?.context("a first event")?;
            for offset in ["+3600s", "-3600s", "+0s", "+86400s", "+0s"] {
                set_clock(&file, offset)?;
                // `created` is of the wall clock: it shows that the jump has come.
                let seconds: i64 = offset.trim_start_matches('+').trim_end_matches('s').parse()?;
                let answer = bed.chat_ok(&ask("Hello")).await.with_context(|| format!("after {offset}"))?;
                let told = answer["created"].as_i64().context("no created")?;
                let truth = SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
                let off = told - i64::try_from(truth)?;
                ensure!((off - seconds).abs() < 60, "the proxy's clock is {off} s off in place of {offset}");
            }
            let mut ended = stream.finish().await;
            ended.events.insert(0, first);
            ensure!(ended.comments == 0, "a keep-alive came early: {}", ended.raw);
            crate::outcome::read(&ended)?.finished("stop")?;
            Ok(())
        })
        .await
        .unwrap();
    // Every call whose signature was refused for its time was signed again and made.
    let refused = siege.bed.simulator.invocations().await.unwrap();
    assert!(!refused.is_empty());
}

#[tokio::test]
async fn a_key_expires_by_the_wall_clock_and_lives_again_when_it_is_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    let in_an_hour =
        DateTime::from(SystemTime::now() + Duration::from_secs(3600)).fmt(Format::DateTime).unwrap();
    let add = proxy_command().unwrap().args(["keys", "add", "--name", "batch", "--expires-at"]);
    let finished = add.arg(in_an_hour).arg("--keys-file").arg(&keys).finish().await.unwrap();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let key =
        finished.stdout.split_whitespace().find(|word| word.starts_with("sk-")).expect("a key").to_owned();
    let mut bed = bed_with_clock(&folder, format!("keys_file = \"{}\"", keys.display())).await.unwrap();
    bed.key = key;
    let file = folder.path().join("clock");
    for (offset, status) in [("+0s", 200), ("+7200s", 401), ("-7200s", 200), ("+0s", 200)] {
        set_clock(&file, offset).unwrap();
        let reply = bed.chat(&ask("Hello")).await.unwrap();
        assert_eq!(reply.status, status, "{offset}: {}", reply.text());
    }
}
