//! The socket by which a task of Nomad's reaches the API, with its own identity for a token.

use nova_hashistack::transport::TokenSource;
use nova_hashistack::{NomadClient, NomadConfig};
use nova_test_support::server::NomadLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use secrecy::SecretString;

use crate::{client, run, script};

#[tokio::test]
async fn a_task_reaches_the_api_by_its_socket_and_nobody_does_without_its_identity() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let tell = format!("echo $NOMAD_SECRETS_DIR $NOMAD_TOKEN > {}; exec sleep 1000", told.display());
    let with_identity =
        "kill_timeout = \"1s\"\n              identity {\n                env = true\n              }";
    let job = script(&tell, 1, 0, "1").replace("kill_timeout = \"1s\"", with_identity);
    run(&client, &job).await.unwrap();
    let (socket, token) = wait_for("the task to tell its socket and token", DEADLINE, async || {
        let text = std::fs::read_to_string(&told).unwrap_or_default();
        let mut words = text.split_whitespace().map(str::to_owned);
        Ok(match (words.next(), words.next()) {
            (Some(folder), Some(token)) => Look::Ready((format!("unix://{folder}/api.sock"), token)),
            _ => Look::NotYet(text),
        })
    })
    .await
    .unwrap();
    let mut config = NomadConfig::new(socket.parse().unwrap());
    let stranger = NomadClient::new(config.clone()).unwrap();
    let refused = stranger.variables().list("nomad/jobs/sleeper").await.unwrap_err();
    assert!(refused.refusal().is_some_and(|refusal| matches!(refusal.status, 401 | 403)), "{refused}");
    config.token = TokenSource::Fixed(SecretString::from(token));
    let task = NomadClient::new(config).unwrap();
    assert!(task.variables().list("nomad/jobs/sleeper").await.unwrap().is_empty());
    assert!(task.jobs().deployment("sleeper").await.unwrap().is_some());
}
