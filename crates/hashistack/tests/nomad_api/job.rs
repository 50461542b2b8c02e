//! Jobs: parsed, planned, registered by comparison, read, taken back and stopped.

use nova_hashistack::nomad::{GroupChanges, NomadFault, Registration, Submission};
use nova_test_support::server::NomadLaunch;

use crate::{client, deployment_where, run, sleeper};

#[tokio::test]
async fn a_job_is_planned_and_registered_only_as_it_was_seen() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let jobs = client.jobs();
    assert!(jobs.read("sleeper").await.unwrap().is_none());
    let job = jobs.parse(&sleeper(2, 1, "1"), "").await.unwrap();
    let plan = jobs.plan(&job).await.unwrap();
    assert_eq!(plan.job_modify_index, 0);
    assert_eq!(plan.groups()["group"], GroupChanges { place: 2, ..GroupChanges::default() });
    assert!(plan.failed_groups.is_empty(), "{plan:?}");
    let with = Registration {
        expected_index: Some(0),
        submission: Some(Submission {
            source: sleeper(2, 1, "1"),
            format: "hcl2".to_owned(),
            ..Submission::default()
        }),
        ..Registration::default()
    };
    let registered = jobs.register(&job, &with).await.unwrap();
    let evaluation = client.evaluations().read(&registered.eval_id).await.unwrap();
    assert!(["pending", "complete"].contains(&evaluation.status.as_str()), "{evaluation:?}");
    let again = jobs.register(&job, &with).await.unwrap_err();
    assert_eq!(again.nomad_fault(), Some(NomadFault::Conflict), "{again}");

    let read = jobs.read("sleeper").await.unwrap().unwrap();
    assert_eq!((read.head.version, read.head.job_modify_index), (0, registered.job_modify_index));
    assert_eq!(read.head.meta["version"], "1");
    assert_eq!(read.specification["TaskGroups"][0]["Count"], 2);
}

#[tokio::test]
async fn a_plan_tells_a_canary_from_a_change_in_place_and_what_has_no_room() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let jobs = client.jobs();
    run(&client, &sleeper(2, 1, "1")).await.unwrap();
    deployment_where(&client, "the first version", |found| !found.status.is_active()).await.unwrap();
    let planned = async |hcl: String| jobs.plan(&jobs.parse(&hcl, "").await.unwrap()).await.unwrap();
    let group = |canary, in_place_update, ignore| GroupChanges {
        canary,
        in_place_update,
        ignore,
        ..GroupChanges::default()
    };
    assert_eq!(planned(sleeper(2, 1, "2")).await.groups()["group"], group(1, 0, 2));
    let in_place = sleeper(2, 1, "1").replace("max_parallel      = 1", "max_parallel      = 2");
    assert_eq!(planned(in_place).await.groups()["group"], group(0, 2, 0));
    let large = sleeper(2, 1, "2").replace("memory = 16", "memory = 10000000");
    let failure = &planned(large).await.failed_groups["group"];
    assert_eq!(failure.dimension_exhausted.get("memory"), Some(&1), "{failure:?}");
}

#[tokio::test]
async fn a_version_is_taken_back_to_and_a_name_keeps_it() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let client = client(&nomad).unwrap();
    let jobs = client.jobs();
    for version in ["1", "2"] {
        run(&client, &sleeper(1, 0, version)).await.unwrap();
        deployment_where(&client, "a version to come into force", |found| {
            !found.status.is_active() && (found.job_version + 1).to_string() == version
        })
        .await
        .unwrap();
    }
    jobs.set_stable("sleeper", 0, true).await.unwrap();
    jobs.tag_version("sleeper", 0, "good", "the one before").await.unwrap();
    let versions = jobs.versions("sleeper").await.unwrap();
    let told: Vec<_> = versions.iter().map(|job| (job.head.version, job.head.stable)).collect();
    assert_eq!(told, [(1, true), (0, true)]);
    assert_eq!(versions[1].specification["VersionTag"]["Name"], "good");
    let reverted = jobs.revert("sleeper", 0, Some(1)).await.unwrap();
    assert!(!reverted.eval_id.is_empty());
    let now = jobs.read("sleeper").await.unwrap().unwrap();
    assert_eq!((now.head.version, now.head.meta["version"].as_str()), (2, "1"));
    jobs.stop("sleeper", true).await.unwrap();
    assert!(jobs.read("sleeper").await.unwrap().is_none());
}
