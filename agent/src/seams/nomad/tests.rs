//! What is made of Nomad's answers, by a scripted server.

use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;
use serde_json::json;

use nova_hashistack::nomad::NomadConfig;

use super::*;
use crate::rollout::action::Refusal;
use crate::scripted::{Answer, Asked, Scripted, answer};

fn target() -> Target {
    Target { namespace: "prod".to_owned(), job: "web".to_owned() }
}

fn deployment(status: &str, promoted: bool) -> Answer {
    let body = json!({
        "ID": "d", "Namespace": "prod", "JobID": "web", "JobVersion": 2, "JobSpecModifyIndex": 20, "JobCreateIndex": 5,
        "Status": status, "StatusDescription": "as scripted", "ModifyIndex": 30,
        "TaskGroups": { "proxy": { "DesiredCanaries": 1, "Promoted": promoted } },
    });
    answer(200, body.to_string())
}

async fn nomad(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Scripted, Nomad) {
    let server = Scripted::start(answers).await;
    let config = NomadConfig::new(server.address.parse().unwrap());
    let client = NomadClient::new(config).unwrap();
    (server, Nomad::new(client, BTreeSet::from(["prod".to_owned()])))
}

/// What a write is answered with, and what the deployment is before and after it.
struct Course {
    before: fn() -> Answer,
    write: fn() -> Answer,
    after: fn() -> Answer,
}

async fn promoted(course: Course) -> (Vec<String>, Settled) {
    let reads = AtomicUsize::new(0);
    let (server, nomad) = nomad(move |asked| match asked.method.as_str() {
        "GET" if reads.fetch_add(1, Ordering::SeqCst) == 0 => (course.before)(),
        "GET" => (course.after)(),
        _ => (course.write)(),
    })
    .await;
    let settled = nomad.promote(&target(), "d").await;
    (server.calls(), settled)
}

#[rstest]
#[case::plain(|| deployment("running", false), || answer(200, r#"{"EvalID":"e"}"#), || deployment("running", true), "done", 2)]
#[case::promoted_before(|| deployment("running", true), || Answer::Cut, || Answer::Cut, "done", 1)]
#[case::successful(|| deployment("successful", true), || Answer::Cut, || Answer::Cut, "done", 1)]
#[case::answer_lost(|| deployment("running", false), || Answer::Cut, || deployment("running", true), "done", 3)]
#[case::call_lost(|| deployment("running", false), || Answer::Cut, || deployment("running", false), "failed", 3)]
#[case::all_lost(|| deployment("running", false), || Answer::Cut, || Answer::Cut, "failed", 3)]
#[case::no_leader(|| deployment("running", false), || answer(500, "No cluster leader"), || deployment("running", false), "failed", 3)]
#[case::ended(|| deployment("failed", false), || Answer::Cut, || Answer::Cut, "DeploymentEnded", 1)]
#[case::ended_meanwhile(
    || deployment("running", false), || answer(500, "can't promote terminal deployment"), || deployment("failed", false), "DeploymentEnded", 3
)]
#[case::succeeded_meanwhile(
    || deployment("running", false), || answer(500, "can't promote terminal deployment"), || deployment("successful", true), "done", 3
)]
#[case::not_healthy(
    || deployment("running", false), || answer(500, "Task group \"proxy\" has 0/1 healthy allocations"), || Answer::Cut, "CanariesNotHealthy", 2
)]
#[case::collected(|| answer(404, "deployment not found"), || Answer::Cut, || Answer::Cut, "Gone", 1)]
#[case::denied(|| deployment("running", false), || answer(403, "Permission denied"), || Answer::Cut, "PermissionDenied", 2)]
#[tokio::test]
async fn a_promotion_is_made_once_and_read_again_where_its_answer_is_lost(
    #[case] before: fn() -> Answer,
    #[case] write: fn() -> Answer,
    #[case] after: fn() -> Answer,
    #[case] expected: &str,
    #[case] calls: usize,
) {
    let (made, settled) = promoted(Course { before, write, after }).await;
    let found = match &settled {
        Settled::Done => "done".to_owned(),
        Settled::Failed(_) => "failed".to_owned(),
        Settled::Refused(refusal, _) => format!("{refusal:?}"),
    };
    assert_eq!((found.as_str(), made.len()), (expected, calls), "{settled:?} {made:?}");
    assert!(made.iter().filter(|call| call.starts_with("POST")).count() <= 1, "{made:?}");
    assert!(made[0].contains("namespace=prod"), "{made:?}");
}

fn job(version: u64, count: u64) -> serde_json::Value {
    json!({
        "ID": "web", "Version": version, "JobModifyIndex": 10 + version, "CreateIndex": 5, "Status": "running",
        "TaskGroups": [{ "Name": "proxy", "Count": count }],
    })
}

#[rstest]
#[case::back_already(3, 7, "done")]
#[case::somebody_elses(3, 9, "Conflict")]
#[case::much_later(4, 7, "Conflict")]
#[tokio::test]
async fn a_revert_that_was_made_is_known_by_what_the_job_asks_for(
    #[case] version: u64,
    #[case] count: u64,
    #[case] expected: &str,
) {
    let (server, nomad) = nomad(move |asked| {
        let current = job(version, count);
        if asked.target.contains("/versions") {
            answer(200, json!({ "Versions": [current, job(2, 8), job(1, 7)] }).to_string())
        } else {
            answer(200, current.to_string())
        }
    })
    .await;
    let settled = nomad.revert(&target(), 1, 2).await;
    let found = match &settled {
        Settled::Refused(refusal, _) => format!("{refusal:?}"),
        other => format!("{other:?}").to_lowercase(),
    };
    assert_eq!(found, expected);
    assert!(server.calls().iter().all(|call| call.starts_with("GET")), "{:?}", server.calls());
}

#[tokio::test]
async fn a_failed_deployment_is_not_failed_again() {
    let (server, nomad) = nomad(|_| deployment("failed", false)).await;
    assert_eq!(nomad.fail(&target(), "d").await, Settled::Done);
    assert_eq!(server.asked().len(), 1);
    let (_server, nomad) = self::nomad(|_| deployment("successful", true)).await;
    assert!(matches!(nomad.fail(&target(), "d").await, Settled::Refused(Refusal::DeploymentEnded, _)));
}

#[tokio::test]
async fn one_read_that_fails_spoils_no_other() {
    let (_server, nomad) = nomad(|asked| match asked.target.split('?').next().unwrap() {
        "/v1/deployment/d" => deployment("running", false),
        "/v1/job/web" => answer(200, job(2, 3).to_string()),
        "/v1/job/web/versions" => answer(200, json!({ "Versions": [job(2, 3)] }).to_string()),
        "/v1/job/web/deployment" => answer(200, "null"),
        "/v1/job/web/allocations" => answer(500, "No cluster leader"),
        _ => answer(200, "[]"),
    })
    .await;
    let look = nomad.look(&target(), Some("d"), Some(2)).await;
    assert_eq!(look.deployment.known().map(|found| found.job_version), Some(2));
    assert_eq!(look.job.known().map(|found| found.version), Some(2));
    assert!(look.latest.is_absent() && look.placement.is_absent() && look.service.is_absent());
    assert!(matches!(&look.allocations, Seen::Unknown(why) if why.contains("No cluster leader")));
}

#[tokio::test]
async fn deployments_of_other_namespaces_are_not_seen() {
    let server = Scripted::start(|_| {
        let one = |namespace: &str, status: &str| {
            json!({
                "ID": "d", "Namespace": namespace, "JobID": "web", "JobVersion": 2, "JobSpecModifyIndex": 20, "JobCreateIndex": 5,
                "Status": status, "ModifyIndex": 30,
            })
        };
        let list = json!([one("prod", "running"), one("dev", "running"), one("stage", "successful")]);
        Answer::Whole(200, "X-Nomad-Index: 77\r\n".to_owned(), list.to_string().into_bytes())
    })
    .await;
    let config = NomadConfig::new(server.address.parse().unwrap());
    let watched = BTreeSet::from(["prod".to_owned(), "stage".to_owned()]);
    let client = NomadClient::new(config).unwrap();
    let found = Nomad::new(client, watched).deployments().await.unwrap();
    let listed: Vec<_> =
        found.listed.iter().map(|found| (found.target.namespace.as_str(), found.is_active)).collect();
    assert_eq!((listed, found.index), (vec![("prod", true), ("stage", false)], 77));
    assert_eq!(server.calls(), ["GET /v1/deployments?namespace=%2A"]);
}

mod real {
    //! The same on a real Nomad: what is seen of a rollout from its canaries to its revert, and that every act may be repeated.

    use std::time::Duration;

    use nova_hashistack::nomad::Registration;
    use nova_test_support::server::{Nomad as Server, NomadLaunch};
    use nova_test_support::wait::{DEADLINE, Look, wait_for};

    use super::*;

    fn sleeper(version: &str, memory: u32) -> String {
        format!(
            r#"
            job "sleeper" {{
              meta {{
                version      = "{version}"
                nova_rollout = "on"
              }}
              update {{
                canary            = 1
                max_parallel      = 1
                health_check      = "task_states"
                min_healthy_time  = "0s"
                healthy_deadline  = "20s"
                progress_deadline = "60s"
              }}
              group "group" {{
                count = 2
                task "task" {{
                  driver       = "raw_exec"
                  kill_timeout = "1s"
                  config {{
                    command = "bash"
                    args    = ["-c", "exec sleep 1000"]
                  }}
                  env {{
                    VERSION = "{version}"
                  }}
                  resources {{
                    cpu    = 20
                    memory = {memory}
                  }}
                }}
              }}
            }}
            "#
        )
    }

    fn target() -> Target {
        Target { namespace: "default".to_owned(), job: "sleeper".to_owned() }
    }

    async fn register(client: &NomadClient, version: &str, memory: u32) {
        let job = client.jobs().parse(&sleeper(version, memory), "").await.unwrap();
        client.jobs().register(&job, &Registration::default()).await.unwrap();
    }

    /// Looks until it is as a test waits for.
    async fn seen(nomad: &Nomad, id: Option<&str>, what: &str, is_it: impl Fn(&JobLook) -> bool) -> JobLook {
        wait_for(what, DEADLINE, async || {
            let found = nomad.look(&target(), id, None).await;
            Ok(if is_it(&found) { Look::Ready(found) } else { Look::NotYet(found) })
        })
        .await
        .unwrap()
    }

    fn latest(look: &JobLook, version: u64) -> Option<&crate::rollout::observation::DeploymentSeen> {
        look.latest.known().filter(|found| found.job_version == version)
    }

    async fn start() -> (Server, NomadClient, Nomad) {
        let server = NomadLaunch::new().start().await.unwrap();
        let mut config = NomadConfig::new(format!("http://{}", server.address()).parse().unwrap());
        if let Some(token) = server.api().token() {
            config.token = nova_hashistack::TokenSource::Fixed(secrecy::SecretString::from(token));
        }
        let client = NomadClient::new(config).unwrap();
        let nomad = Nomad::new(client.clone(), BTreeSet::new());
        (server, client, nomad)
    }

    #[tokio::test]
    async fn a_rollout_is_seen_promoted_failed_and_reverted_each_act_twice() {
        let (_server, client, nomad) = start().await;
        assert!(nomad.look(&target(), None, None).await.job.is_absent());
        let slashed = Target { job: "team/sleeper".to_owned(), ..target() };
        assert!(nomad.look(&slashed, None, None).await.job.is_absent());
        assert!(matches!(nomad.tag_stable(&slashed, 0).await, Settled::Refused(Refusal::Other, _)));
        register(&client, "0", 16).await;
        let is_done = |version| {
            move |look: &JobLook| {
                latest(look, version).is_some_and(|found| {
                    found.status == crate::rollout::observation::DeploymentStanding::Successful
                })
            }
        };
        seen(&nomad, None, "the first version", is_done(0)).await;
        assert_eq!(nomad.tag_stable(&target(), 0).await, Settled::Done);
        assert_eq!(nomad.tag_stable(&target(), 0).await, Settled::Done);

        let index = nomad.deployments().await.unwrap().index;
        // Nomad takes a hundred connections of one address, and goes on with waiting calls whose callers are gone.
        for _ in 0..150 {
            tokio::time::timeout(Duration::from_millis(1), nomad.changed(index, Duration::from_secs(60)))
                .await
                .unwrap_err();
        }
        assert!(nomad.deployments().await.is_ok(), "the calls that were given up are in the way");
        let waiting = nomad.changed(index, Duration::from_secs(60));
        let registering = register(&client, "1", 16);
        tokio::time::timeout(DEADLINE, futures_util::future::join(waiting, registering)).await.unwrap();
        let look = seen(&nomad, None, "a deployment", |look| latest(look, 1).is_some()).await;
        let id = look.latest.known().unwrap().id.clone();
        let has_canary = |look: &JobLook| {
            let all = look.allocations.known().cloned().unwrap_or_default();
            all.iter().any(|found| {
                found.canary && found.of_deployment && found.job_version == 1 && found.healthy == Some(true)
            })
        };
        let look = seen(&nomad, Some(&id), "a healthy canary", has_canary).await;
        let job = look.job.known().unwrap();
        assert_eq!((job.version, job.version_name.as_deref()), (1, Some("1")));
        assert_eq!(job.stable, Some((0, Some("0".to_owned()))));
        assert_eq!((job.counts["group"], job.meta["nova_rollout"].as_str()), (2, "on"));
        assert!(look.allocations.known().unwrap().iter().all(|found| !found.in_place));
        assert!(look.placement.is_absent() && look.service.is_absent());
        assert_eq!(look.deployment.known().unwrap().desired_canaries(), 1);

        for _ in 0..2 {
            assert_eq!(nomad.promote(&target(), &id).await, Settled::Done);
        }
        seen(&nomad, None, "the second version", is_done(1)).await;
        assert_eq!(nomad.promote(&target(), &id).await, Settled::Done, "it is promoted, and over");
        assert!(matches!(nomad.fail(&target(), &id).await, Settled::Refused(Refusal::DeploymentEnded, _)));

        register(&client, "2", 16).await;
        let look = seen(&nomad, None, "a deployment", |look| latest(look, 2).is_some()).await;
        let id = look.latest.known().unwrap().id.clone();
        for _ in 0..2 {
            assert_eq!(nomad.fail(&target(), &id).await, Settled::Done);
        }
        assert!(matches!(nomad.promote(&target(), &id).await, Settled::Refused(Refusal::DeploymentEnded, _)));
        for _ in 0..2 {
            assert_eq!(nomad.revert(&target(), 1, 2).await, Settled::Done);
        }
        let look = nomad.look(&target(), Some(&id), None).await;
        assert_eq!(
            look.job.known().map(|job| (job.version, job.version_name.clone())),
            Some((3, Some("1".to_owned())))
        );
        assert!(matches!(nomad.revert(&target(), 0, 2).await, Settled::Refused(Refusal::Conflict, _)));

        register(&client, "4", 100_000_000).await;
        let look = seen(&nomad, None, "a lack of room", |look| look.placement.known().is_some()).await;
        let placement = look.placement.known().unwrap();
        assert!(placement.why.contains("memory") && !placement.static_port, "{placement:?}");
        client.jobs().stop("sleeper", true).await.unwrap();
        seen(&nomad, None, "the job to be gone", |look| look.job.is_absent()).await;
    }
}
