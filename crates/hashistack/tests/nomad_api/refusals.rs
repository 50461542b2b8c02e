//! Every refusal that somebody acts upon, as a real Nomad words it.

use nova_hashistack::nomad::{DeploymentStatus, Groups, NomadFault, Registration};
use nova_hashistack::{HashistackError, NomadClient, NomadConfig};
use nova_test_support::server::NomadLaunch;

use crate::{client, client_with, deployment_where, run, script, sleeper, with_a_healthy_canary};

const NONE: &str = "00000000-0000-0000-0000-000000000000";

#[track_caller]
fn assert_fault<T: std::fmt::Debug>(found: Result<T, HashistackError>, expected: NomadFault) {
    let told = found.map_err(|error| (error.nomad_fault(), error.to_string()));
    let fault = told.as_ref().err().and_then(|(fault, _)| *fault);
    assert_eq!(fault, Some(expected), "{told:?}");
}

#[tokio::test]
async fn a_deployment_that_has_ended_refuses_every_decision() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let deployments = client.deployments();
    let id = with_a_healthy_canary(&client, 1).await.unwrap().id;
    let canary = deployments.allocations(&id).await.unwrap()[0].id.clone();
    deployments.fail(&id).await.unwrap();
    assert_fault(deployments.promote(&id, &Groups::All).await, NomadFault::DeploymentEnded);
    assert_fault(deployments.fail(&id).await, NomadFault::DeploymentEnded);
    assert_fault(deployments.pause(&id, true).await, NomadFault::DeploymentEnded);
    assert_fault(deployments.pause(&id, false).await, NomadFault::DeploymentEnded);
    assert_fault(deployments.set_health(&id, &[canary], &[]).await, NomadFault::DeploymentEnded);
}

#[tokio::test]
async fn what_is_not_there_is_gone() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    assert_fault(client.deployments().promote(NONE, &Groups::All).await, NomadFault::Gone);
    assert_fault(client.deployments().fail(NONE).await, NomadFault::Gone);
    assert_fault(client.evaluations().read(NONE).await, NomadFault::Gone);
    assert_fault(client.jobs().revert("sleeper", 0, None).await, NomadFault::Gone);
}

#[tokio::test]
async fn canaries_that_are_not_healthy_are_not_promoted_and_strangers_have_no_health() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    run(&client, &sleeper(1, 1, "1")).await.unwrap();
    let first = deployment_where(&client, "the first version", |found| !found.status.is_active());
    let first = first.await.unwrap().id;
    run(&client, &script("exit 1", 1, 1, "2")).await.unwrap();
    let second = deployment_where(&client, "a canary to be placed", |found| {
        found.job_version == 1 && found.task_groups["group"].placed_canaries.len() == 1
    });
    let second = second.await.unwrap().id;
    let promoted = client.deployments().promote(&second, &Groups::All).await.unwrap_err();
    // It may have failed by then: a task that ends at once is found unhealthy within moments.
    let fault = promoted.nomad_fault().unwrap();
    assert!([NomadFault::CanariesNotHealthy, NomadFault::DeploymentEnded].contains(&fault), "{promoted}");

    run(&client, &sleeper(1, 1, "3")).await.unwrap();
    let third = deployment_where(&client, "another canary", |found| {
        found.job_version == 2 && !found.task_groups["group"].placed_canaries.is_empty()
    });
    let third = third.await.unwrap().id;
    let stranger = client.deployments().allocations(&first).await.unwrap()[0].id.clone();
    let health = client.deployments().set_health(&third, &[stranger], &[]).await;
    assert_fault(health, NomadFault::ForeignAllocation);
}

#[tokio::test]
async fn a_canary_that_is_waited_for_is_not_healthy_yet() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    run(&client, &sleeper(1, 1, "1")).await.unwrap();
    deployment_where(&client, "the first version", |found| !found.status.is_active()).await.unwrap();
    let patient = sleeper(1, 1, "2").replace("min_healthy_time  = \"0s\"", "min_healthy_time  = \"15s\"");
    run(&client, &patient).await.unwrap();
    let placed = deployment_where(&client, "a canary to be placed", |found| {
        found.job_version == 1 && found.task_groups["group"].placed_canaries.len() == 1
    });
    let placed = placed.await.unwrap();
    assert_eq!(placed.status, DeploymentStatus::Running);
    let promoted = client.deployments().promote(&placed.id, &Groups::All).await;
    assert_fault(promoted, NomadFault::CanariesNotHealthy);
}

#[tokio::test]
async fn jobs_are_compared_before_they_are_changed() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let jobs = client.jobs();
    let job = jobs.parse(&sleeper(1, 0, "1"), "").await.unwrap();
    let with = |index| Registration { expected_index: Some(index), ..Registration::default() };
    assert_fault(jobs.register(&job, &with(7)).await, NomadFault::Conflict);
    jobs.register(&job, &with(0)).await.unwrap();
    assert_fault(jobs.register(&job, &with(0)).await, NomadFault::Conflict);
    assert_fault(jobs.register(&job, &with(1)).await, NomadFault::Conflict);
    assert_fault(jobs.revert("sleeper", 0, None).await, NomadFault::AlreadyAtVersion);
    assert_fault(jobs.revert("sleeper", 9, None).await, NomadFault::UnknownVersion);
    run(&client, &sleeper(1, 0, "2")).await.unwrap();
    assert_fault(jobs.revert("sleeper", 0, Some(7)).await, NomadFault::Conflict);
    let nonsense = jobs.parse("job {", "").await;
    assert_fault(nonsense, NomadFault::InvalidJob);
}

#[tokio::test]
async fn tokens_that_may_not_and_tokens_that_are_unknown_are_refused_alike() {
    let nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    let rules = "namespace \"default\" { capabilities = [\"read-job\", \"parse-job\"] }";
    let token = nomad.token_for("reader", rules).await.unwrap();
    let reader = client_with(&nomad, &token).unwrap();
    let job = reader.jobs().parse(&sleeper(1, 0, "1"), "").await.unwrap();
    let refused = reader.jobs().register(&job, &Registration::default()).await;
    assert_fault(refused, NomadFault::PermissionDenied);
    let anonymous = client_with(&nomad, "").unwrap();
    assert_fault(anonymous.jobs().read("sleeper").await, NomadFault::PermissionDenied);
    // Nomad says the same of a token that it does not know, to that token too.
    let stranger = client_with(&nomad, "6f1c2a34-2222-4333-8444-555555555555").unwrap();
    assert_fault(stranger.jobs().read("sleeper").await, NomadFault::PermissionDenied);
    assert_fault(stranger.token_self().await, NomadFault::PermissionDenied);
    let own = reader.token_self().await.unwrap();
    assert_eq!((own.kind.as_str(), own.policies), ("client", vec!["reader".to_owned()]));
}

#[tokio::test]
async fn without_a_leader_nothing_is_told_and_nothing_changed_and_it_passes() {
    let nomad = NomadLaunch::new().start_without_leader().await.unwrap();
    let client = NomadClient::new(NomadConfig::new(format!("http://{}", nomad.address()).parse().unwrap()));
    let client = client.unwrap();
    assert_fault(client.jobs().deployment("sleeper").await, NomadFault::Unavailable);
    assert_fault(client.deployments().promote(NONE, &Groups::All).await, NomadFault::Unavailable);
}
