//! Real servers of HashiCorp's, started for one test: on loopback, on ports of their own, in a folder of their own.
//!
//! Any number runs at once. Each is ready when it answers as it will answer a test, is stopped by its process id, shows its
//! output when a test fails, and leaves nothing behind, however the test ends. What the servers answer is for the tests to
//! judge.

use std::ops::AsyncFnMut;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use rustix::process::Signal;

use crate::port::lasting_ports;
use crate::process::{Launch, Process};
use crate::wait::{Look, wait_for};

mod api;
mod binary;
mod certificate;
mod consul;
mod home;
mod nomad;
mod vault;

pub use api::Api;
pub use binary::pinned_version;
pub use certificate::ServerCertificate;
pub use consul::{Consul, ConsulLaunch};
pub use nomad::{LeaderlessNomad, Nomad, NomadLaunch};
pub use vault::{Vault, VaultLaunch};

/// How long a server may take until it is ready, on a machine that builds something else meanwhile.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// How often other ports are tried when somebody was quicker.
const STARTS: usize = 5;

/// Starts a server on ports that were free a moment ago, and on others when it finds one of them taken.
async fn on_free_ports<const COUNT: usize, T>(
    mut start: impl AsyncFnMut([u16; COUNT]) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut starts = 0;
    loop {
        starts += 1;
        match start(lasting_ports()?).await {
            Err(error) if starts < STARTS && format!("{error:#}").contains("address already in use") => {}
            started => return started,
        }
    }
}

/// Ends a server's process at once, without a word to anybody.
async fn kill(process: &mut Process) -> anyhow::Result<()> {
    process.signal(Signal::KILL)?;
    process.exited(START_DEADLINE).await?;
    Ok(())
}

/// A script of bash, in which the server's own command line is on `PATH` and finds this server and its management token by
/// these two variables.
fn script(
    server: &'static str,
    script: &str,
    api: &Api,
    [address, token]: [&str; 2],
) -> anyhow::Result<Launch> {
    let program = binary::path(server)?;
    let folders = program.parent().map(Path::to_path_buf).into_iter();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path)))?;
    Ok(Launch::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env("PATH", path)
        .env(address, format!("http://{}", api.address()))
        .env(token, api.token().unwrap_or_default()))
}

/// Waits until a look at a server is ready. What the look cannot reach is not ready yet.
///
/// # Errors
/// When the program ends first, or the deadline passes; its output is part of the message.
async fn ready<T>(
    process: &mut Process,
    what: &str,
    mut look: impl AsyncFnMut() -> anyhow::Result<Look<T, String>>,
) -> anyhow::Result<T> {
    let waited = wait_for(what, START_DEADLINE, async || {
        if !process.is_running()? {
            bail!("the program has ended");
        }
        Ok(look().await.unwrap_or_else(|error| Look::NotYet(format!("{error:#}"))))
    });
    match waited.await {
        Ok(value) => Ok(value),
        Err(error) => Err(error.context(process.report())),
    }
}
