//! Certificates and client authorities that are replaced under load: no request fails, open connections live on.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::kept::Kept;
use nova_test_support::pki::{Authority, Pair, write_authorities, write_pair};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use rustls::ClientConfig;

use crate::bed::{Bed, Settings};
use crate::load::{Connections, Dial, Exchanged, Load, exchange};
use crate::pki::{SERVER, client, connect};

/// The client that new connections are made with.
type CurrentClient = Arc<Mutex<Arc<ClientConfig>>>;

/// What is under load.
struct Stage {
    bed: Bed,
    folder: tempfile::TempDir,
    servers: Authority,
    address: String,
    call: Call,
    client: CurrentClient,
}

impl Stage {
    async fn start(clients: &Authority) -> anyhow::Result<Self> {
        let (folder, servers) = (tempfile::tempdir()?, Authority::new("servers")?);
        write_pair(folder.path(), &servers.issue(SERVER)?)?;
        write_authorities(folder.path(), &[clients])?;
        let bed = Bed::with(settings(folder.path())).await?;
        let address = bed.root.strip_prefix("http://").context("a root that is not http")?.to_owned();
        let call =
            bed.call(Method::POST, "/v1/chat/completions")?.header("content-type", "application/json")?;
        let first = client(&servers, &clients.issue("first")?);
        Ok(Self { bed, folder, servers, address, call, client: Arc::new(Mutex::new(first)) })
    }

    fn current(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client.lock().unwrap())
    }

    fn load(&self, connections: Connections) -> Load {
        let (address, client) = (self.address.clone(), Arc::clone(&self.client));
        let dial: Dial = Arc::new(move || {
            let (address, client) = (address.clone(), Arc::clone(&client.lock().unwrap()));
            Box::pin(async move { Ok(connect(&address, client).await?.0) })
        });
        Load::begin(4, &self.call, &dial, connections)
    }

    /// Waits until new connections are shown this certificate.
    async fn shows(&self, pair: &Pair) -> anyhow::Result<()> {
        wait_for("new connections to be shown the new certificate", DEADLINE, async || {
            let (_, shown) = connect(&self.address, self.current()).await?;
            Ok(if shown == pair.der { Look::Ready(()) } else { Look::NotYet("the old one") })
        })
        .await
    }

    /// Waits until a client of its own gets in, or does not any more.
    async fn admits(&self, config: &Arc<ClientConfig>, expected: bool) -> anyhow::Result<()> {
        wait_for(&format!("a client to get in: {expected}"), DEADLINE, async || {
            let asked = async {
                let (mut connection, _) = connect(&self.address, Arc::clone(config)).await?;
                exchange(&mut connection, self.call.clone(), false).await
            };
            let asked = asked.await;
            Ok(if asked.is_ok() == expected { Look::Ready(()) } else { Look::NotYet(asked) })
        })
        .await
    }
}

fn settings(folder: &Path) -> Settings {
    let path = |name: &str| folder.join(name).display().to_string();
    let rest = format!(
        "tls {{\n  cert_file = \"{}\"\n  key_file = \"{}\"\n  client_ca_file = \"{}\"\n}}",
        path("cert.pem"),
        path("key.pem"),
        path("ca.pem")
    );
    Settings { rest, ..Settings::default() }
}

async fn still_serves(connection: &mut Kept, call: &Call) -> anyhow::Result<()> {
    for streamed in [false, true] {
        let exchanged = exchange(connection, call.clone(), streamed).await?;
        ensure!(exchanged == Exchanged::Answered, "{exchanged:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_certificate_is_replaced_under_load_and_nothing_fails() {
    let clients = Authority::new("clients").unwrap();
    let mut stage = Stage::start(&clients).await.unwrap();
    let (kept, fresh) = (stage.load(Connections::Kept), stage.load(Connections::OnePerRequest));
    let (mut open, first) = connect(&stage.address, stage.current()).await.unwrap();
    for round in 0..6 {
        let pair = stage.servers.issue(SERVER).unwrap();
        write_pair(stage.folder.path(), &pair).unwrap();
        if round % 2 == 0 {
            stage.bed.own_proxy().unwrap().signal(Signal::HUP).unwrap();
        }
        stage.shows(&pair).await.unwrap();
        assert_ne!(pair.der, first);
        still_serves(&mut open, &stage.call).await.unwrap();
        kept.more(8).await.unwrap();
        fresh.more(8).await.unwrap();
    }
    kept.end().await.unwrap();
    fresh.end().await.unwrap();
}

#[tokio::test]
async fn a_client_authority_is_replaced_under_load_and_nothing_fails() {
    let (old, new) = (Authority::new("old clients").unwrap(), Authority::new("new clients").unwrap());
    let stage = Stage::start(&old).await.unwrap();
    let of_old = stage.current();
    let of_new = client(&stage.servers, &new.issue("second").unwrap());
    let (kept, fresh) = (stage.load(Connections::Kept), stage.load(Connections::OnePerRequest));
    let (mut open, _) = connect(&stage.address, stage.current()).await.unwrap();
    stage.admits(&of_new, false).await.unwrap();

    // Both are trusted while clients change over, then the new one alone.
    write_authorities(stage.folder.path(), &[&old, &new]).unwrap();
    stage.admits(&of_new, true).await.unwrap();
    *stage.client.lock().unwrap() = Arc::clone(&of_new);
    // Whoever was on its way with the old certificate has its answer after these.
    fresh.more(16).await.unwrap();
    write_authorities(stage.folder.path(), &[&new]).unwrap();
    stage.admits(&of_old, false).await.unwrap();
    still_serves(&mut open, &stage.call).await.unwrap();
    kept.more(16).await.unwrap();
    fresh.more(16).await.unwrap();
    kept.end().await.unwrap();
    fresh.end().await.unwrap();
}
