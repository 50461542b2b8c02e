//! The ways to Consul that the standard variables describe: a bare address, TLS with a client certificate, a Unix socket, a token.

use std::path::Path;

use nova_test_support::pki::{Authority, write_authorities, write_pair};
use nova_test_support::server::{ConsulLaunch, ServerCertificate};

use crate::agent::{Desk, GOOD};
use crate::case::Cases;
use crate::pki::SERVER;

#[tokio::test]
async fn consul_is_reached_by_its_standard_variables() {
    let (server, client) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new("Consul's").unwrap();
    for (folder, name) in [(&server, SERVER), (&client, "operator.test")] {
        write_authorities(folder.path(), &[&authority]).unwrap();
        write_pair(folder.path(), &authority.issue(name).unwrap()).unwrap();
    }
    let file = |folder: &Path, name: &str| folder.join(name).to_str().unwrap().to_owned();
    let certificate = ServerCertificate {
        ca_file: server.path().join("ca.pem"),
        cert_file: server.path().join("cert.pem"),
        key_file: server.path().join("key.pem"),
    };
    let desk = Desk::with(ConsulLaunch::new().with_acls().with_certificate(certificate)).await.unwrap();
    desk.put("config", GOOD).await.unwrap();
    let api = desk.consul.api();
    let token = api.token().unwrap().to_owned();
    let token_file = file(client.path(), "token");
    std::fs::write(&token_file, format!("{token}\n")).unwrap();

    let https = desk.consul.https_address().unwrap();
    let (plain, tls) = (desk.consul.address().to_string(), format!("https://{https}"));
    let socket = format!("unix://{}", desk.consul.socket().display());
    let by_token = ("CONSUL_HTTP_TOKEN", token.as_str());
    let ca = file(client.path(), "ca.pem");
    let (cert, key) = (file(client.path(), "cert.pem"), file(client.path(), "key.pem"));
    let trust = [("CONSUL_CACERT", ca.as_str()), ("CONSUL_TLS_SERVER_NAME", SERVER)];
    let identity = [("CONSUL_CLIENT_CERT", cert.as_str()), ("CONSUL_CLIENT_KEY", key.as_str())];
    let bare = https.to_string();

    let mut cases = Cases::default();
    for (name, variables, is_reached) in [
        ("a token", vec![("CONSUL_HTTP_ADDR", plain.as_str()), by_token], true),
        ("a token file", vec![("CONSUL_HTTP_ADDR", &plain), ("CONSUL_HTTP_TOKEN_FILE", &token_file)], true),
        ("no token", vec![("CONSUL_HTTP_ADDR", &plain)], false),
        ("a socket", vec![("CONSUL_HTTP_ADDR", &socket), by_token], true),
        ("TLS", [&[("CONSUL_HTTP_ADDR", tls.as_str()), by_token], &trust[..], &identity[..]].concat(), true),
        (
            "TLS by the switch",
            [
                &[("CONSUL_HTTP_ADDR", bare.as_str()), ("CONSUL_HTTP_SSL", "true"), by_token],
                &trust[..],
                &identity[..],
            ]
            .concat(),
            true,
        ),
        (
            "TLS without an identity",
            [&[("CONSUL_HTTP_ADDR", tls.as_str()), by_token], &trust[..]].concat(),
            false,
        ),
        (
            "TLS without trust",
            [&[("CONSUL_HTTP_ADDR", tls.as_str()), by_token], &identity[..]].concat(),
            false,
        ),
    ] {
        let mut command = desk.command(&["status"]).unwrap();
        for (variable, value) in variables {
            command = command.env(variable, value);
        }
        let finished = command.finish().await.unwrap();
        let was_reached = finished.code == Some(0) && finished.stdout.contains("nova/test holds config");
        let is_right = was_reached == is_reached && !format!("{finished:?}").contains(&token);
        cases.note(name, if is_right { Ok(()) } else { Err(anyhow::anyhow!("{finished:?}")) });
    }
    cases.all_hold();
}
