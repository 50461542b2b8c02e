//! The endpoint's name stops resolving under the running proxy.
//!
//! The proxy runs in a mount namespace of its own (`unshare`, of util-linux), in which a file of the test stands for `/etc/hosts`, and no
//! name server is asked.

use std::path::Path;

use anyhow::Context;
use nova_test_support::binary::Program;
use nova_test_support::process::Launch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::json;
use tempfile::TempDir;

use crate::bed::{Bed, Settings, ask, ask_script, expect_error};
use crate::outcome;
use crate::simulator::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};

/// The name under which the simulator is called. Nobody else has it: RFC 6761, section 6.4.
const NAME: &str = "bedrock.invalid";

/// Writes who is known by name. The file is written in place, because what is mounted is the file and not its name.
fn set_hosts(folder: &Path, knows: bool) -> anyhow::Result<()> {
    let name = if knows { NAME } else { "" };
    std::fs::write(folder.join("hosts"), format!("127.0.0.1 localhost {name}\n")).context("write the hosts")
}

/// A bed whose proxy calls the simulator by [`NAME`].
async fn bed_with_names(folder: &TempDir) -> anyhow::Result<Bed> {
    set_hosts(folder.path(), true)?;
    std::fs::write(folder.path().join("nsswitch.conf"), "hosts: files\n")?;
    let script = "mount --bind \"$0/hosts\" /etc/hosts && mount --bind \"$0/nsswitch.conf\" /etc/nsswitch.conf && exec \"$@\"";
    let launch = Launch::new("unshare")
        .args(["--map-root-user", "--mount", "/bin/sh", "-c", script])
        .arg(folder.path())
        .arg(Program::Proxy.path()?)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY);
    let retry = "retry {\n    max_attempts = 2\n    base_delay = \"10ms\"\n  }".to_owned();
    let named = |endpoint: &str| endpoint.replace("127.0.0.1", NAME);
    Bed::with_endpoint(Settings { bedrock: retry, ..Settings::default() }, launch, named).await
}

#[tokio::test]
async fn a_name_that_is_gone_leaves_open_connections_alone_and_fails_new_ones_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let bed = bed_with_names(&folder)
        .await
        .expect("a proxy in a mount namespace; are user namespaces allowed here?");
    bed.still_serves().await.unwrap();

    set_hosts(folder.path(), false).unwrap();
    for _ in 0..10 {
        bed.chat_ok(&ask("Hello")).await.expect("the connection in the pool needs no name");
    }
    let deltas: Vec<String> = (0..400).map(|number| format!("{number} ")).collect();
    let script = ask_script(&json!({ "deltas": deltas, "delta_delay_ms": 10 }));
    let mut stream = bed.stream(&script).await.expect("that connection once more");
    let first = stream.next().await.unwrap().unwrap();
    let refused = bed.chat(&ask("Hello")).await.unwrap();
    expect_error(&refused, 503, Some("upstream_unreachable")).unwrap();
    let proxy = bed.proxy.as_ref().unwrap();
    wait_for("the cause in the log", DEADLINE, async || {
        let log = proxy.stderr()?;
        let told = log.contains("failed to lookup address information");
        Ok(if told { Look::Ready(()) } else { Look::NotYet(log) })
    })
    .await
    .unwrap();

    set_hosts(folder.path(), true).unwrap();
    bed.still_serves().await.expect("the name is back");
    let mut ended = stream.finish().await;
    ended.events.insert(0, first);
    outcome::read(&ended).unwrap().finished("stop").unwrap();
}
