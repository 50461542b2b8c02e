//! What an instance keeps outlives its allocation, on a host volume: the next one goes on with it.

use std::os::unix::fs::PermissionsExt as _;

use http::Method;
use nova_test_support::client::Call;
use nova_test_support::server::{ConsulLaunch, NomadLaunch};
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};

use super::Job;
use super::isolated::{VOLUME, archive, client, instance, offer};
use super::rollout::{ROLLOUT, address, chat_call};
use crate::bed::ask;
use crate::fleet::model;

async fn receipt(found: &Value) -> Value {
    let port = found["Meta"]["metrics_port"].as_str().unwrap_or_default();
    let page = format!("http://127.0.0.1:{port}/config/receipt");
    Call::new(Method::GET, &page).unwrap().send().await.unwrap().json().unwrap()
}

#[tokio::test]
async fn the_data_of_an_allocation_that_was_purged_is_adopted_by_the_next_one() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The volume belongs to whoever the program runs as.
    std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let sum = archive(folder.path()).unwrap();
    let (url, _server) = offer(std::fs::read(folder.path().join("nova.tar.gz")).unwrap()).await.unwrap();
    let consul = ConsulLaunch::new().start().await.unwrap();
    let settings = client(Some(data.path())).unwrap();
    let nomad = NomadLaunch::new().with_consul(&consul).with_settings(&settings).start().await.unwrap();
    let isolated =
        json!({ "artifact": format!("{url}?checksum=sha256:{sum}"), "driver": "exec", "user": "nobody" });
    Job::simulator().unwrap().with(isolated.clone()).run(&nomad).await.unwrap();
    instance(&consul, &nomad, "bedrock-sim").await.unwrap();
    let api = consul.api();
    api.send(Method::PUT, "/v1/kv/nova/default/config", &model("assistant")).await.unwrap();
    let job = Job::proxy().unwrap().with(isolated).with(json!({
        "instances": 1, "min_healthy_seconds": 1, "shutdown_delay_seconds": 0, "host_volume": VOLUME,
        "consul_address": format!("http://{}", consul.address()),
    }));
    job.run(&nomad).await.unwrap();
    let first = instance(&consul, &nomad, "nova-proxy").await.unwrap();
    let told = receipt(&first).await;
    assert_eq!(told["config"]["source"], "consul", "{told}");

    let purged = nomad.script("nomad job stop -purge nova-proxy").unwrap().finish().await.unwrap();
    assert_eq!(purged.code, Some(0), "{purged:?}");
    wait_for("the instance to be gone", ROLLOUT, async || {
        let found = super::rollout::ready(&api, "nova-proxy").await?;
        Ok(if found.is_empty() { Look::Ready(()) } else { Look::NotYet(found) })
    })
    .await
    .unwrap();
    // Nothing but the volume knows the document any more.
    api.send(Method::DELETE, "/v1/kv/nova/default?recurse", "").await.unwrap();
    job.run(&nomad).await.unwrap();
    let second = instance(&consul, &nomad, "nova-proxy").await.unwrap();
    let told = receipt(&second).await;
    assert_ne!(first["Meta"]["instance"], second["Meta"]["instance"]);
    assert_eq!(told["config"]["source"], "last_known_good", "{told}");
    let mut request = ask("Hello");
    request["model"] = json!("assistant");
    let reply = chat_call(&address(&second)).unwrap().body(request.to_string()).send().await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}
