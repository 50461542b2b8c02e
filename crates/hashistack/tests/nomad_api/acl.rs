//! Policies and namespaces, as a set-up reads and writes them.

use nova_hashistack::NomadFault;
use nova_hashistack::nomad::{AclPolicy, JobAcl, Namespace};
use nova_test_support::server::NomadLaunch;

use crate::{client, client_with};

#[tokio::test]
async fn policies_and_namespaces_are_read_as_they_were_written_and_only_by_management() {
    let nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    let manager = client(&nomad).unwrap();
    let namespace = Namespace { name: "gateways".to_owned(), description: "of a test".to_owned() };
    assert_eq!(manager.namespaces().read("gateways").await.unwrap(), None);
    manager.namespaces().create(&namespace).await.unwrap();
    assert_eq!(manager.namespaces().read("gateways").await.unwrap(), Some(namespace));
    let task = JobAcl {
        namespace: "gateways".to_owned(),
        job: "nova-agent".to_owned(),
        group: "agent".to_owned(),
        task: "nova-agent".to_owned(),
    };
    for job_acl in [Some(task), None] {
        let policy = AclPolicy {
            name: "nova-agent".to_owned(),
            description: "of a test".to_owned(),
            rules: "namespace \"gateways\" { policy = \"read\" }".to_owned(),
            job_acl,
        };
        manager.acl().put_policy(&policy).await.unwrap();
        assert_eq!(manager.acl().policy("nova-agent").await.unwrap(), Some(policy));
    }
    assert_eq!(manager.acl().policy("nobody's").await.unwrap(), None);
    let deployer = nomad.token_for("deployer", "namespace \"*\" { policy = \"write\" }").await.unwrap();
    let deployer = client_with(&nomad, &deployer).unwrap();
    let refused = deployer.acl().policy("nova-agent").await.unwrap_err();
    assert_eq!(refused.nomad_fault(), Some(NomadFault::PermissionDenied), "{refused}");
}
