//! Faults of the agent: nobody leads, and somebody who leads and does nothing.

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::json;

use super::environment::{Environment, PREFIX};
use crate::case::Cases;

/// Plants both. The agent is gone for good then.
pub(super) async fn faults(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let stopped = environment.nomad.script("nomad job stop -detach -purge nova-agent")?.finish().await?;
    ensure!(stopped.code == Some(0), "{stopped:?}");
    let api = environment.consul.api();
    let path = format!("/v1/kv/{PREFIX}/leader");
    wait_for("the lock to be given back", DEADLINE, async || {
        let reply = api.send(Method::GET, &path, "").await?;
        let is_held = reply.status == 200 && !reply.json()?[0]["Session"].is_null();
        Ok(if is_held { Look::NotYet(reply.text()) } else { Look::Ready(()) })
    })
    .await?;
    cases.note("no agent leads", environment.expect_quietly("agent-leader", |launch| launch).await);

    // A leader that is frozen holds its lock for a while.
    let session = api.put("/v1/session/create", &json!({ "TTL": "600s", "LockDelay": "0s" })).await?;
    let session = session["ID"].as_str().context("a session has an id")?;
    let holder = json!({ "instance": "frozen", "version": "0.1.0", "since": "2026-01-01T00:00:00Z" });
    wait_for("the lock to be had", DEADLINE, async || {
        let reply = api.send(Method::PUT, &format!("{path}?acquire={session}"), &holder.to_string()).await?;
        Ok(if reply.text().trim() == "true" { Look::Ready(()) } else { Look::NotYet(reply.text()) })
    })
    .await?;
    environment.put("leader-record", &json!({ "at": "2026-01-01T00:00:00Z" }).to_string()).await?;
    cases.note("the agent is frozen", environment.expect_quietly("agent-active", |launch| launch).await);
    Ok(())
}
