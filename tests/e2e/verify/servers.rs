//! Faults of Consul, Nomad and Vault, and of the tokens that they are asked with.

use nova_test_support::server::NomadLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use nova_test_support::wire::{Mode, Wire};
use serde_json::json;

use super::environment::{Environment, PREFIX};
use super::scripted::{Pages, Scripted};
use crate::case::Cases;

/// A token that nobody has given.
const UNKNOWN: &str = "5f1e6f0a-6a55-4f0c-9d5b-0a6f4c1d7e99";

/// A job whose tasks want more time to end than Nomad's clients grant where nobody has raised `max_kill_timeout`.
const SLOW_TO_END: &str = r#"
    job "slow-to-end" {
      group "group" {
        task "task" {
          driver       = "raw_exec"
          kill_timeout = "60s"
          config {
            command = "sleep"
            args    = ["1000"]
          }
          resources {
            cpu    = 50
            memory = 32
          }
        }
      }
    }
"#;

/// Plants each, and takes it away again.
pub(super) async fn faults(environment: &mut Environment, cases: &mut Cases) -> anyhow::Result<()> {
    of_consul(environment, cases).await?;
    of_nomad(environment, cases).await?;
    of_vault(environment, cases).await
}

async fn of_consul(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let wire = Wire::to(environment.consul.address()).await?;
    wire.set(Mode::Cut);
    let cut = environment.expect_quietly("consul-reachable", |launch| {
        launch.env("CONSUL_HTTP_ADDR", wire.address().to_string())
    });
    cases.note("the way to Consul is cut", cut.await);

    let leaderless = Scripted::start(Pages::default().with_json("/v1/status/leader", &json!(""))).await?;
    let found = environment.expect_quietly("consul-leader", |launch| {
        launch.env("CONSUL_HTTP_ADDR", leaderless.address.to_string())
    });
    cases.note("Consul has no leader", found.await);

    let found = environment.expect_quietly("consul-token", |launch| launch.env("CONSUL_HTTP_TOKEN", UNKNOWN));
    cases.note("Consul does not know the token", found.await);

    let rules = format!(
        "key_prefix \"{PREFIX}/\" {{ policy = \"read\" }}\nagent_prefix \"\" {{ policy = \"read\" }}"
    );
    let narrow = environment.consul.token_for("sees-no-services", &rules).await?;
    let found = environment.expect_quietly("consul-rights", |launch| launch.env("CONSUL_HTTP_TOKEN", narrow));
    cases.note("the token sees no instance", found.await);

    let rules = "service_prefix \"\" { policy = \"read\" }\nnode_prefix \"\" { policy = \"read\" }";
    let narrow = environment.consul.token_for("sees-no-keys", rules).await?;
    let found = environment.expect_quietly("consul-rights", |launch| launch.env("CONSUL_HTTP_TOKEN", narrow));
    cases.note("the token sees no documents", found.await);
    Ok(())
}

async fn of_nomad(environment: &Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let wire = Wire::to(environment.nomad.address()).await?;
    wire.set(Mode::Cut);
    let found = environment.expect_quietly("nomad-reachable", |launch| {
        launch.env("NOMAD_ADDR", format!("http://{}", wire.address()))
    });
    cases.note("the way to Nomad is cut", found.await);

    let leaderless = NomadLaunch::new().with_acls().start_without_leader().await?;
    let found = environment.expect_quietly("nomad-leader", |launch| {
        launch.env("NOMAD_ADDR", format!("http://{}", leaderless.address()))
    });
    cases.note("Nomad has no leader", found.await);
    drop(leaderless);

    let open = NomadLaunch::new().start().await?;
    open.run(&SLOW_TO_END.replace("\"60s\"", "\"5s\"")).await?;
    let found = environment.expect_quietly("nomad-acl", |launch| {
        launch
            .args(["--job", "slow-to-end", "--without", "nomad-job"])
            .env("NOMAD_ADDR", format!("http://{}", open.address()))
    });
    cases.note("Nomad has no access control", found.await);
    open.stop().await?;

    let found = environment.expect_quietly("nomad-token", |launch| launch.env("NOMAD_TOKEN", UNKNOWN));
    cases.note("Nomad does not know the token", found.await);

    let narrow = environment.nomad.token_for("sees-no-jobs", "node { policy = \"read\" }").await?;
    let found = environment.expect_quietly("nomad-rights", |launch| launch.env("NOMAD_TOKEN", narrow));
    cases.note("the token may not read the job", found.await);

    let found = environment.expect_quietly("nomad-job", |launch| launch.args(["--job", "another"]));
    cases.note("there is no such job", found.await);

    environment.nomad.run(SLOW_TO_END).await?;
    wait_for("the job to run", DEADLINE, async || {
        let all = environment.nomad.allocations("slow-to-end").await?;
        let runs = all.iter().any(|allocation| allocation["ClientStatus"] == "running");
        Ok(if runs { Look::Ready(()) } else { Look::NotYet(format!("{all:?}")) })
    })
    .await?;
    let found =
        environment.expect_quietly("nomad-kill-timeout", |launch| launch.args(["--job", "slow-to-end"]));
    cases.note("a client cuts the time that a task has to end", found.await);
    Ok(())
}

async fn of_vault(environment: &mut Environment, cases: &mut Cases) -> anyhow::Result<()> {
    let wire = Wire::to(environment.vault.address()).await?;
    wire.set(Mode::Cut);
    let found = environment.expect_quietly("vault-reachable", |launch| {
        launch.env("VAULT_ADDR", format!("http://{}", wire.address()))
    });
    cases.note("the way to Vault is cut", found.await);

    let found = environment.expect_quietly("vault-token", |launch| launch.env("VAULT_TOKEN", UNKNOWN));
    cases.note("Vault does not know the token", found.await);

    environment.vault.seal().await?;
    cases.note("Vault is sealed", environment.expect_quietly("vault-unsealed", |launch| launch).await);
    environment.vault.unseal().await?;

    let health = |version: &str, ahead: i64| {
        let now = jiff::Timestamp::now().as_second() + ahead;
        json!({ "initialized": true, "sealed": false, "standby": false, "version": version, "server_time_utc": now })
    };
    for (what, id, health) in [
        ("Vault is too old", "vault-version", health("1.12.3", 0)),
        ("Vault's clock is two minutes ahead", "clocks-servers", health("1.21.1", 120)),
    ] {
        let scripted = Scripted::start(Pages::default().with("/v1/sys/health", &health)).await?;
        let found = environment.expect_quietly(id, |launch| {
            launch.env("VAULT_ADDR", format!("http://{}", scripted.address)).env("VAULT_TOKEN", "")
        });
        cases.note(what, found.await);
    }
    Ok(())
}
