//! Deployments: followed, promoted and given up.

use nova_hashistack::nomad::{After, DeploymentStatus, Groups};
use nova_test_support::server::NomadLaunch;
use nova_test_support::wait::{DEADLINE, Look, wait_for};

use crate::{LONG, client, deployment_where, with_a_healthy_canary};

#[tokio::test]
async fn a_healthy_canary_is_promoted_and_a_waiting_read_tells_of_it() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let deployment = with_a_healthy_canary(&client, 2).await.unwrap();
    let group = &deployment.task_groups["group"];
    assert_eq!((group.desired_canaries, group.placed_canaries.len(), group.promoted), (1, 1, false));
    assert_eq!(deployment.status, DeploymentStatus::Running);
    let allocations = client.deployments().allocations(&deployment.id).await.unwrap();
    let canary = allocations.iter().find(|found| group.placed_canaries.contains(&found.id)).unwrap();
    let health = canary.deployment_status.as_ref().unwrap();
    assert_eq!((health.healthy, health.canary, canary.job_version), (Some(true), true, 1));
    assert_eq!(canary.task_states["task"].state, "running");

    let seen = client.deployments().read(&deployment.id, None).await.unwrap();
    let after = After { index: seen.index, wait: LONG };
    let deployments = client.deployments();
    let waiting = deployments.read(&deployment.id, Some(after));
    let promoting = deployments.promote(&deployment.id, &Groups::All);
    let (changed, promoted) = tokio::join!(waiting, promoting);
    assert!(!promoted.unwrap().eval_id.is_empty());
    let changed = changed.unwrap();
    assert!(changed.index > seen.index);
    assert!(changed.value.unwrap().task_groups["group"].promoted);
    let done = deployment_where(&client, "the deployment to succeed", |found| {
        found.id == deployment.id && !found.status.is_active()
    });
    assert_eq!(done.await.unwrap().status, DeploymentStatus::Successful);
    let listed = client.deployments().list(None).await.unwrap().value;
    assert_eq!(listed.iter().filter(|found| found.id == deployment.id).count(), 1);
}

#[tokio::test]
async fn a_canary_that_is_given_up_is_stopped_and_the_old_ones_stay() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let deployment = with_a_healthy_canary(&client, 2).await.unwrap();
    let failed = client.deployments().fail(&deployment.id).await.unwrap();
    assert_eq!(failed.reverted_job_version, None);
    let read = client.deployments().read(&deployment.id, None).await.unwrap().value.unwrap();
    assert_eq!(read.status, DeploymentStatus::Failed);
    assert!(read.status_description.contains("marked as failed"), "{read:?}");
    wait_for("the canary to be stopped", DEADLINE, async || {
        let found = client.allocations().of_job("sleeper").await?;
        let wanted: Vec<_> = found.iter().filter(|found| found.desired_status == "run").collect();
        let are_old = wanted.len() == 2 && wanted.iter().all(|found| found.job_version == 0);
        Ok(if are_old { Look::Ready(()) } else { Look::NotYet(found) })
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_deployment_that_is_not_there_is_none() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let none = "00000000-0000-0000-0000-000000000000";
    assert!(client.deployments().read(none, None).await.unwrap().value.is_none());
    assert!(client.deployments().list(None).await.unwrap().value.is_empty());
}
