//! `nova-agent verify --serve` as the webhook gate of a rollout asks it.

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::wait::{DEADLINE, Look, wait_for};

use super::environment::Environment;
use crate::case::Cases;

/// Asks a gate that has nothing to say against it, and one that has.
pub(super) async fn opens_and_closes(environment: &Environment, cases: &mut Cases) {
    cases.note("a gate opens", asked(environment, "2", 200, "checks passed").await);
    cases.note(
        "a gate stays closed",
        asked(environment, "9", 409, "instances-registered: the catalog lists 2").await,
    );
}

async fn asked(environment: &Environment, instances: &str, status: u16, words: &str) -> anyhow::Result<()> {
    let launch = nova_test_support::process::Launch::new(nova_test_support::binary::Program::Agent.path()?);
    let launch =
        environment.with_variables(launch.args(["verify", "--serve", "127.0.0.1:0", "--no-requests"]));
    let process = launch.args(["--instances", instances]).start()?;
    let url = wait_for("the gate to listen", DEADLINE, async || {
        let said = process.stdout()?;
        let url = said.lines().find_map(|line| line.strip_prefix("gate at ")).map(str::to_owned);
        Ok(url.map_or_else(|| Look::NotYet(said), Look::Ready))
    })
    .await?;
    let call = Call::new(Method::POST, &url).context("the gate has a URL")?;
    let reply = call.header("content-type", "application/json")?.body("{\"gate\":\"verify\"}").send().await?;
    ensure!(reply.status == status && reply.text().contains(words), "{} {}", reply.status, reply.text());
    Ok(())
}
