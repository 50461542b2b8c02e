//! `nova-agent preflight`: Consul, Nomad and Vault before anything is set up in them, and the simulator behind TLS.

use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, ensure};
use nova_test_support::binary::Program;
use nova_test_support::pki::{Authority, write_authorities};
use nova_test_support::process::{Launch, Process};
use nova_test_support::server::{Consul, ConsulLaunch, Nomad, NomadLaunch, Vault, VaultLaunch};
use nova_test_support::wire::{Mode, Wire};
use serde_json::json;
use tempfile::TempDir;

use super::environment::{SESSION_TOKEN, Told, simulator};
use super::tls_front::TlsFront;
use crate::case::Cases;
use crate::regions::{clear_faults, set_fault};
use crate::simulator::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Simulator};

/// What a client of Nomad has for the job.
const CLIENT: &str = r#"
client {
  host_volume "nova-data" {
    path = "/tmp"
  }
}
"#;

/// The driver and the host volume of the job that is to run.
const JOB: (&str, &str) = ("raw_exec", "nova-data");

/// A place where the product could be set up.
struct Place {
    consul: Consul,
    nomad: Nomad,
    vault: Vault,
    simulator: Simulator,
    authority: Authority,
    front: TlsFront,
    folder: TempDir,
    _bedrock: Process,
}

impl Place {
    async fn start() -> anyhow::Result<Self> {
        let (consul, vault) = tokio::try_join!(
            ConsulLaunch::new().with_acls().start(),
            VaultLaunch::new().with_data().start()
        )?;
        let nomad = NomadLaunch::new().with_acls().with_consul(&consul).with_settings(CLIENT).start().await?;
        let (bedrock, simulator) = simulator().await?;
        let (authority, folder) = (Authority::new("nova test authority")?, tempfile::tempdir()?);
        write_authorities(folder.path(), &[&authority])?;
        let front = TlsFront::start(target(&simulator)?, &authority.issue("localhost")?).await?;
        Ok(Self { consul, nomad, vault, simulator, authority, front, folder, _bedrock: bedrock })
    }

    fn preflight(&self) -> anyhow::Result<Launch> {
        Ok(self.preflight_for(JOB)?.args(["--drain", "20s"]))
    }

    /// For a job with this driver and this host volume.
    fn preflight_for(&self, (driver, volume): (&str, &str)) -> anyhow::Result<Launch> {
        let launch = Launch::new(Program::Agent.path()?)
            .args(["preflight", "--json", "--region", REGION, "--driver", driver, "--host-volume", volume])
            .args(["--model", "us.amazon.nova-lite-v1:0", "--listen", "127.0.0.1:0"])
            .env("AWS_CA_BUNDLE", self.folder.path().join("ca.pem"))
            .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", at(self.front.address))
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
            .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
            .env("CONSUL_HTTP_ADDR", self.consul.address().to_string())
            .env("CONSUL_HTTP_TOKEN", self.consul.api().token().unwrap_or_default())
            .env("NOMAD_ADDR", format!("http://{}", self.nomad.address()))
            .env("NOMAD_TOKEN", self.nomad.api().token().unwrap_or_default())
            .env("VAULT_ADDR", format!("http://{}", self.vault.address()))
            .env("VAULT_TOKEN", self.vault.api().token().unwrap_or_default());
        Ok(launch)
    }

    async fn expect(&self, id: &str, change: impl FnOnce(Launch) -> Launch) -> anyhow::Result<()> {
        names(id, change(self.preflight()?)).await
    }
}

async fn names(id: &str, launch: Launch) -> anyhow::Result<()> {
    Told::of(&launch.finish().await?)?.names(id)
}

fn at(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}

fn target(simulator: &Simulator) -> anyhow::Result<SocketAddr> {
    Ok(simulator.endpoint.strip_prefix("http://").context("the simulator speaks no TLS")?.parse()?)
}

/// Plants each, and takes it away again.
pub(super) async fn faults(cases: &mut Cases) -> anyhow::Result<()> {
    let mut place = Place::start().await?;
    let good = Told::of(&place.preflight()?.arg("--strict").finish().await?)?;
    let rest = [good.those("failed"), good.those("warned"), good.those("skipped")];
    ensure!(good.code == Some(0) && rest.iter().all(Vec::is_empty), "{rest:#?}");
    of_the_machine(&place, cases).await?;
    of_the_network(&place, cases).await?;
    of_bedrock(&place, cases).await?;
    of_servers(&mut place, cases).await
}

async fn of_the_machine(place: &Place, cases: &mut Cases) -> anyhow::Result<()> {
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let address = taken.local_addr()?.to_string();
    let found = place.expect("ports-free", |launch| launch.args(["--listen", &address]));
    cases.note("a port is taken", found.await);
    Ok(())
}

async fn of_the_network(place: &Place, cases: &mut Cases) -> anyhow::Result<()> {
    let elsewhere = |url: String| move |launch: Launch| launch.env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", url);
    // RFC 6761 keeps this name from ever having an address.
    let found = place.expect("network-names", elsewhere("https://bedrock.invalid".to_owned()));
    cases.note("a name has no address", found.await);

    let closed = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    cases.note("a place takes no connection", place.expect("network-egress", elsewhere(at(closed))).await);

    let stranger = Authority::new("a stranger")?;
    let simulator = target(&place.simulator)?;
    for (what, id, pair) in [
        ("a certificate comes from a stranger", "tls-trusted", stranger.issue("localhost")?),
        ("a certificate is for another name", "tls-name", place.authority.issue("bedrock.test")?),
        ("a certificate has ended", "tls-time", place.authority.issue_expired("localhost")?),
    ] {
        let front = TlsFront::start(simulator, &pair).await?;
        cases.note(what, place.expect(id, elsewhere(at(front.address))).await);
    }
    Ok(())
}

async fn of_bedrock(place: &Place, cases: &mut Cases) -> anyhow::Result<()> {
    let found = place.expect("bedrock-credentials", |launch| launch.env("AWS_SECRET_ACCESS_KEY", "another"));
    cases.note("the secret key is wrong", found.await);
    let found = place.expect("bedrock-credentials", |launch| launch.env("AWS_ACCESS_KEY_ID", ""));
    cases.note("there are no credentials", found.await);
    let found = place.expect("bedrock-models", |launch| launch.args(["--model", "us.amazon.nova-none-v1:0"]));
    cases.note("there is no such model", found.await);
    let refused = json!({ "error_rate": 1.0, "error": { "type": "AccessDeniedException" } });
    for (what, id, fault) in [
        ("the credentials may not ask the model", "bedrock-permission", refused),
        ("the account has no quota", "bedrock-quota", json!({ "throttle_every": 1 })),
        ("Bedrock is ill", "bedrock-answers", json!({ "error_rate": 1.0 })),
    ] {
        set_fault(&place.simulator, &fault).await?;
        let found = place.expect(id, |launch| launch).await;
        clear_faults(&place.simulator).await?;
        cases.note(what, found);
    }
    Ok(())
}

async fn of_servers(place: &mut Place, cases: &mut Cases) -> anyhow::Result<()> {
    let wire = Wire::to(place.consul.address()).await?;
    wire.set(Mode::Cut);
    let found =
        place.expect("consul-reachable", |launch| launch.env("CONSUL_HTTP_ADDR", wire.address().to_string()));
    cases.note("the way to Consul is cut", found.await);

    let open = ConsulLaunch::new().start().await?;
    let found =
        place.expect("consul-acl", |launch| launch.env("CONSUL_HTTP_ADDR", open.address().to_string()));
    cases.note("Consul has no access control", found.await);
    drop(open);

    let (driver, volume) = JOB;
    let found = names("nomad-driver", place.preflight_for(("docker", volume))?);
    cases.note("no node has the driver", found.await);
    let found = names("nomad-volume", place.preflight_for((driver, "another"))?);
    cases.note("no node has the volume", found.await);
    let found = names("nomad-kill-limit", place.preflight_for(JOB)?.args(["--drain", "10m"]));
    cases.note("clients would cut the drain", found.await);

    place.vault.seal().await?;
    cases.note("Vault is sealed", place.expect("vault-unsealed", |launch| launch).await);
    place.vault.unseal().await
}
