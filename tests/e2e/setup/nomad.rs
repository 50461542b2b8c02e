//! `nova-agent setup nomad`.

use nova_test_support::server::NomadLaunch;
use serde_json::json;

use super::{Desk, PENDING, is_set_up_once, those};

#[tokio::test]
async fn nomad_is_set_up_once_and_what_differs_is_mended_or_left() {
    let nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    let (api, desk) = (nomad.api(), Desk::of_nomad(&nomad).with(&["--nomad-namespace", "gateways"]));
    is_set_up_once(&desk).await.unwrap();
    let namespace = api.get("/v1/namespace/gateways").await.unwrap();
    assert_eq!(namespace["Name"], "gateways", "{namespace}");
    let agent = api.get("/v1/acl/policy/nova-agent").await.unwrap();
    let task =
        json!({ "Namespace": "gateways", "JobID": "nova-agent", "Group": "agent", "Task": "nova-agent" });
    assert_eq!(agent["JobACL"], task, "{agent}");

    // The task of everybody, and rules of another purpose.
    let mut wider = agent.clone();
    wider["JobACL"] = json!({ "Namespace": "gateways", "JobID": "web" });
    api.post("/v1/acl/policy/nova-agent", &wider).await.unwrap();
    let (code, told) = desk.plan().await.unwrap();
    assert_eq!((code, those(&told, "change")), (PENDING, vec!["policy/nova-agent".to_owned()]), "{told}");
    desk.apply().await.unwrap();
    assert_eq!(api.get("/v1/acl/policy/nova-agent").await.unwrap()["JobACL"], task);
    let foreign = json!({ "Name": "nova-viewer", "Rules": "namespace \"*\" { policy = \"write\" }" });
    api.post("/v1/acl/policy/nova-viewer", &foreign).await.unwrap();
    let refused = desk.run(&["--apply"]).await.unwrap();
    assert!(
        refused.code == Some(1) && refused.stdout.contains("--overwrite policy/nova-viewer"),
        "{refused:?}"
    );

    let deployer = nomad.token_for("deployer", "namespace \"*\" { policy = \"write\" }").await.unwrap();
    for token in [None, Some(deployer.as_str())] {
        let refused = desk.as_bearer(token).run(&["--apply"]).await.unwrap();
        assert!(refused.code == Some(1) && refused.stderr.contains("a management token"), "{refused:?}");
    }
}
