//! The API on TCP with a certificate, and what SIGHUP makes of the daemon's files.

use std::path::Path;

use anyhow::Context;
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::pki::{Authority, write_authorities, write_pair};
use nova_test_support::server::ConsulLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use rustix::process::Signal;
use rustls::pki_types::CertificateDer;

use super::Daemon;
use crate::pki::{SERVER, client, connect, trusting};

/// An API whose callers need a certificate and a token of Nomad's. Nomad itself is not there.
fn settings(folder: &Path) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\ntls {{\n  cert_file = {:?}\n  key_file = {:?}\n  client_ca_file = {:?}\n}}\n\
         nomad {{\n  address = \"http://127.0.0.1:9\"\n}}\naccess {{\n  nomad {{\n    operator = [\"nova-deployer\"]\n  }}\n}}\n",
        folder.join("cert.pem"),
        folder.join("key.pem"),
        folder.join("ca.pem"),
    )
}

/// The certificate that a new connection is shown, and the status of a request without a token.
async fn seen(address: &str, authority: &Authority) -> anyhow::Result<(CertificateDer<'static>, u16)> {
    let own = authority.issue("operator.test")?;
    let (mut kept, shown) = connect(address, client(authority, &own)).await?;
    let url = format!("http://{address}/v1/agent");
    let reply = kept.send(Call::new(Method::GET, &url)?).await?;
    Ok((shown, reply.status.as_u16()))
}

#[tokio::test]
async fn the_api_on_tcp_asks_for_a_certificate_and_a_token_and_follows_sighup() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let authority = Authority::new("operators").unwrap();
    write_authorities(files.path(), &[&authority]).unwrap();
    write_pair(files.path(), &authority.issue(SERVER).unwrap()).unwrap();
    let (daemon, ready) = Daemon::start_told("one", consul.address(), &settings(files.path())).await.unwrap();
    let address = ready["listen"].as_str().context("an address").unwrap();

    let (first, status) = seen(address, &authority).await.unwrap();
    assert_eq!(status, 401, "a certificate is no token");
    let strangers = Authority::new("strangers").unwrap();
    let unknown = client(&authority, &strangers.issue("operator.test").unwrap());
    let nameless = trusting(&authority.der).unwrap();
    for refused in [unknown, nameless] {
        let url = format!("http://{address}/v1/agent");
        // By TLS 1.3 the client learns of a refusal with its first answer.
        let answered = async {
            let (mut kept, _) = connect(address, refused).await?;
            kept.send(Call::new(Method::GET, &url)?).await
        };
        answered.await.expect_err("nobody without a certificate of these authorities gets in");
    }

    write_pair(files.path(), &authority.issue(SERVER).unwrap()).unwrap();
    daemon.process.signal(Signal::HUP).unwrap();
    wait_for("the next certificate", DEADLINE, async || {
        let (shown, _) = seen(address, &authority).await?;
        Ok(if shown == first { Look::NotYet("the first one") } else { Look::Ready(()) })
    })
    .await
    .unwrap();

    // Files that do not hold change nothing, and are told.
    std::fs::write(files.path().join("cert.pem"), "no certificate").unwrap();
    let faulty = "rollout \"web\" {\n  bake_time = \"1 minute\"\n}\n";
    daemon.write(&(settings(files.path()) + faulty)).unwrap();
    daemon.process.signal(Signal::HUP).unwrap();
    for words in ["the API's certificate stays what it was", "the configuration stays what it was"] {
        daemon.has_said(words).await.unwrap();
    }
    assert_eq!(seen(address, &authority).await.unwrap().1, 401);

    let good = "rollout \"web\" {\n  bake_time = \"2m\"\n}\nlog {\n  level = \"debug\"\n}\n";
    daemon.write(&(settings(files.path()) + good)).unwrap();
    write_pair(files.path(), &authority.issue(SERVER).unwrap()).unwrap();
    daemon.process.signal(Signal::HUP).unwrap();
    daemon.has_said("\"outcome\":\"applied\"").await.unwrap();
}
