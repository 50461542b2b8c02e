//! The Nomad that tests start: real, of the pinned version, running real tasks of which none is left behind.

mod together;

use anyhow::Context;
use http::Method;
use nova_test_support::client::Call;
use nova_test_support::process::is_alive;
use nova_test_support::server::{Api, ConsulLaunch, Nomad, NomadLaunch, pinned_version};
use nova_test_support::wait::{DEADLINE, Look, wait_for, wait_until};
use nova_test_support::wire::{Mode, Wire};
use serde_json::Value;
use tokio::task::{JoinError, LocalSet};

/// A task that tells its process and a child of it, which has nothing left of Nomad's environment.
const SLEEPER: &str = r#"env -i sleep 1000 & echo "$$ $!" > local/new; mv local/new local/told; wait"#;

/// A job of one task of bash; `group` and `task` are blocks of Nomad's.
fn job(name: &str, script: &str, group: &str, task: &str) -> String {
    format!(
        r#"
        job "{name}" {{
          group "group" {{
            {group}
            task "task" {{
              driver       = "raw_exec"
              kill_timeout = "1s"
              {task}
              config {{
                command = "bash"
                args = ["-c", <<-EOT
                  {script}
                EOT
                ]
              }}
              resources {{
                cpu    = 50
                memory = 32
              }}
            }}
          }}
        }}
        "#
    )
}

/// What the task of a job has written to `local/told`, as soon as it is there.
async fn told(nomad: &Nomad, job: &str) -> anyhow::Result<String> {
    let api = nomad.api();
    wait_for(&format!("the task of {job}"), DEADLINE, async || {
        let allocations = nomad.allocations(job).await?;
        let Some(id) = allocations.first().and_then(|allocation| allocation["ID"].as_str()) else {
            return Ok(Look::NotYet("no allocation".to_owned()));
        };
        // A file that is not there is read with the status 200, and the error for its text.
        let file = |verb: &str| format!("/v1/client/fs/{verb}/{id}?path=task/local/told");
        let stat = api.send(Method::GET, &file("stat"), "").await?;
        if stat.status != 200 {
            return Ok(Look::NotYet(format!("{} in {allocations:?}", stat.text())));
        }
        Ok(Look::Ready(api.send(Method::GET, &file("cat"), "").await?.text()))
    })
    .await
}

/// The two processes of a [`SLEEPER`].
async fn processes(nomad: &Nomad, job: &str) -> anyhow::Result<Vec<u32>> {
    let told = told(nomad, job).await?;
    told.split_whitespace().map(|id| id.parse().with_context(|| format!("no ids: {told}"))).collect()
}

async fn all_end(ids: &[u32]) {
    wait_until("the processes to end", DEADLINE, || {
        let left: Vec<&u32> = ids.iter().filter(|id| is_alive(**id)).collect();
        Ok(if left.is_empty() { Look::Ready(()) } else { Look::NotYet(format!("{left:?}")) })
    })
    .await
    .unwrap();
}

/// The instances of a service in the catalog of Consul, as soon as there are this many.
async fn instances(consul: &Api, service: &str, count: usize) -> Vec<Value> {
    let path = format!("/v1/catalog/service/{service}");
    wait_for(&format!("{count} of {service} in the catalog"), DEADLINE, async || {
        let found = consul.get(&path).await?.as_array().cloned().unwrap_or_default();
        Ok(if found.len() == count { Look::Ready(found) } else { Look::NotYet(found) })
    })
    .await
    .unwrap()
}

/// A service of the group, at a port that Nomad chooses.
const SERVICE: &str = r#"
    network {
      port "http" {}
    }
    service {
      name = "sleeper"
      port = "http"
      meta { version = "7" }
    }
"#;

#[tokio::test]
async fn a_job_runs_and_its_service_stands_in_consul_until_it_is_stopped() {
    let consul = ConsulLaunch::new().with_acls().start().await.unwrap();
    let nomad = NomadLaunch::new().with_consul(&consul).start().await.unwrap();
    nomad.run(&job("sleeper", SLEEPER, SERVICE, "")).await.unwrap();
    let ids = processes(&nomad, "sleeper").await.unwrap();
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|id| is_alive(*id)), "{ids:?}");
    let found = instances(&consul.api(), "sleeper", 1).await;
    assert_eq!(found[0]["ServiceAddress"], "127.0.0.1", "{found:?}");
    assert_eq!(found[0]["ServiceMeta"]["version"], "7", "{found:?}");
    let agent = nomad.api().get("/v1/agent/self").await.unwrap();
    assert_eq!(agent["config"]["Version"]["Version"], pinned_version("nomad").unwrap().as_str(), "{agent}");

    let stopped = nomad.script("nomad job stop -detach sleeper").unwrap().finish().await.unwrap();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    all_end(&ids).await;
    instances(&consul.api(), "sleeper", 0).await;
}

#[tokio::test]
async fn a_nomad_that_stops_leaves_neither_a_task_nor_a_service() {
    let consul = ConsulLaunch::new().start().await.unwrap();
    let nomad = NomadLaunch::new().with_consul(&consul).start().await.unwrap();
    nomad.run(&job("sleeper", SLEEPER, SERVICE, "")).await.unwrap();
    let ids = processes(&nomad, "sleeper").await.unwrap();
    instances(&consul.api(), "sleeper", 1).await;
    nomad.stop().await.unwrap();
    assert!(!ids.iter().any(|id| is_alive(*id)), "{ids:?}");
    instances(&consul.api(), "sleeper", 0).await;
}

#[tokio::test]
async fn no_task_outlives_a_test_that_panics_after_a_kill_of_nomad() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let test = async move {
        let mut nomad = NomadLaunch::new().start().await.unwrap();
        nomad.run(&job("sleeper", SLEEPER, "", "")).await.unwrap();
        let ids = processes(&nomad, "sleeper").await.unwrap();
        nomad.kill().await.unwrap();
        let ran_on = ids.iter().all(|id| is_alive(*id));
        tell.send((ids, ran_on, nomad.folder())).unwrap();
        panic!("a test that fails");
    };
    let tests = LocalSet::new();
    let ended: Result<(), JoinError> = tests.run_until(tests.spawn_local(test)).await;
    assert!(ended.unwrap_err().is_panic());
    let (ids, ran_on, folder) = told.await.unwrap();
    assert!(ran_on, "the tasks ended with Nomad, so that this shows nothing");
    assert!(!ids.iter().any(|id| is_alive(*id)), "{ids:?}");
    // Nothing is mounted in it any more either.
    assert!(!folder.exists(), "{}", folder.display());
}

#[tokio::test]
async fn a_killed_nomad_comes_back_to_its_jobs_and_their_tasks_ran_on() {
    let mut nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    let address = nomad.address();
    nomad.run(&job("sleeper", SLEEPER, "", "")).await.unwrap();
    let before = processes(&nomad, "sleeper").await.unwrap();
    let allocations = async |nomad: &Nomad| {
        let all = nomad.allocations("sleeper").await.unwrap();
        all.iter().map(|one| (one["ID"].clone(), one["ClientStatus"].clone())).collect::<Vec<_>>()
    };
    let placed = allocations(&nomad).await;
    nomad.kill().await.unwrap();
    assert!(nomad.api().get("/v1/jobs").await.is_err(), "a killed Nomad answers");
    nomad.restart().await.unwrap();
    assert_eq!(nomad.address(), address);
    assert_eq!(allocations(&nomad).await, placed);
    assert!(before.iter().all(|id| is_alive(*id)), "{before:?}");
    // The client that came back is still the one to stop them.
    nomad.api().send(Method::DELETE, "/v1/job/sleeper", "").await.unwrap();
    all_end(&before).await;
}

#[tokio::test]
async fn with_acls_a_token_may_do_what_its_policy_says_and_nothing_else() {
    let nomad = NomadLaunch::new().with_acls().start().await.unwrap();
    let reader = nomad.token_for("reader", r#"namespace "default" { policy = "read" }"#).await.unwrap();
    nomad.run(&job("sleeper", SLEEPER, "", "")).await.unwrap();
    let status = async |token: Option<&str>, method: Method, path: &str| {
        let api = token.map_or_else(|| nomad.api().anonymous(), |token| nomad.api().with_token(token));
        api.send(method, path, "").await.unwrap().status.as_u16()
    };
    assert_eq!(status(Some(&reader), Method::GET, "/v1/job/sleeper").await, 200);
    assert_eq!(status(Some(&reader), Method::DELETE, "/v1/job/sleeper").await, 403);
    assert_eq!(status(None, Method::GET, "/v1/job/sleeper").await, 403);
    assert_eq!(
        status(Some("00000000-0000-0000-0000-000000000000"), Method::GET, "/v1/job/sleeper").await,
        403
    );
}

#[tokio::test]
async fn two_nomads_run_at_once_and_know_nothing_of_each_other() {
    let (one, other) = tokio::try_join!(NomadLaunch::new().start(), NomadLaunch::new().start()).unwrap();
    assert_ne!(one.address(), other.address());
    let port = r#"echo "$NOMAD_PORT_http" > local/new; mv local/new local/told; exec sleep 1000"#;
    let network = "network {\n port \"http\" {}\n }";
    one.run(&job("asks", port, network, "")).await.unwrap();
    let first: u16 = told(&one, "asks").await.unwrap().trim().parse().unwrap();
    assert!(other.allocations("asks").await.unwrap().is_empty());
    other.run(&job("asks", port, network, "")).await.unwrap();
    let second: u16 = told(&other, "asks").await.unwrap().trim().parse().unwrap();
    // Tasks of both can listen beside each other: each has ports of its own to give.
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_stream_of_events_over_a_wire_ends_when_the_wire_is_cut() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    let wire = Wire::to(nomad.address()).await.unwrap();
    let url = format!("http://{}/v1/event/stream?topic=Job", wire.address());
    let events = Call::new(Method::GET, &url).unwrap().stream().await.unwrap();
    assert_eq!(events.status, 200);
    wire.set(Mode::Cut);
    let ended = events.finish().await;
    assert!(ended.broken.is_some(), "{ended:?}");
    // Who asks Nomad itself sees it well.
    nomad.api().get("/v1/jobs").await.unwrap();
}
