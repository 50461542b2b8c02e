//! The Nomad that tests start: real, of the pinned version; it runs jobs, and leaves nothing behind.

use http::Method;
use nova_test_support::server::{Api, ConsulLaunch, Nomad, NomadLaunch, pinned_version};
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use serde_json::{Value, json};

/// A server of files, which says in Consul that it is there.
const JOB: &str = r#"
job "web" {
  group "web" {
    network {
      port "http" {}
    }
    service {
      name     = "web"
      port     = "http"
      provider = "PROVIDER"
      check {
        type     = "http"
        path     = "/"
        interval = "1s"
        timeout  = "1s"
      }
    }
    update {
      min_healthy_time = "0s"
      healthy_deadline = "1m"
    }
    task "web" {
      driver = "raw_exec"
      config {
        command = "python3"
        args    = ["-m", "http.server", "--bind", "127.0.0.1", "${NOMAD_PORT_http}"]
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
"#;

/// Runs the job by Nomad's own command line, which waits until its deployment is healthy.
async fn run(nomad: &Nomad, provider: &str) {
    let job = JOB.replace("PROVIDER", provider);
    let launch = nomad.script("nomad job run - <<<\"$JOB\"").unwrap().env("JOB", job);
    let finished = launch.finish().await.unwrap();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[tokio::test]
async fn a_job_runs_stands_in_consuls_catalog_and_stops_without_a_trace() {
    let consul = ConsulLaunch::new().with_acls().start().await.unwrap();
    let nomad = NomadLaunch::new().with_consul(&consul).start().await.unwrap();
    let agent = nomad.api().get("/v1/agent/self").await.unwrap();
    let version = &agent["config"]["Version"]["Version"];
    assert_eq!(version, pinned_version("nomad").unwrap().as_str());

    run(&nomad, "consul").await;
    let passing = async || consul.api().get("/v1/health/service/web?passing").await;
    let instances = wait_for("the service to pass", DEADLINE, async || {
        let found = passing().await?;
        Ok(if found.as_array().is_some_and(|all| all.len() == 1) {
            Look::Ready(found)
        } else {
            Look::NotYet(found)
        })
    })
    .await
    .unwrap();
    let service = &instances[0]["Service"];
    assert!(service["ID"].as_str().is_some_and(|id| id.starts_with("_nomad-task-")), "{service}");
    assert_eq!(service["Address"], "127.0.0.1");
    assert!(!nomad.tasks().is_empty());

    let stopped = nomad.script("nomad job stop -purge web").unwrap().finish().await.unwrap();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    wait_for("its processes to be gone", DEADLINE, async || {
        let left = nomad.tasks();
        Ok(if left.is_empty() { Look::Ready(()) } else { Look::NotYet(left) })
    })
    .await
    .unwrap();
    assert_eq!(passing().await.unwrap(), json!([]));
}

#[tokio::test]
async fn what_a_test_leaves_running_ends_with_it() {
    let nomad = NomadLaunch::new().start().await.unwrap();
    run(&nomad, "nomad").await;
    let left = nomad.tasks();
    assert!(left.len() >= 2, "a task and its executor: {left:?}");
    let panics = tokio::task::spawn_blocking(move || {
        let _nomad = nomad;
        std::panic::resume_unwind(Box::new("a test that fails"));
    });
    assert!(panics.await.is_err());
    for id in left {
        assert!(!std::path::Path::new(&format!("/proc/{id}/exe")).exists(), "{id} lives on");
    }
}

#[tokio::test]
async fn a_killed_agent_finds_its_jobs_and_their_tasks_again() {
    let mut nomad = NomadLaunch::new().with_acls().with_data().start().await.unwrap();
    run(&nomad, "nomad").await;
    let allocation = async |nomad: &Nomad| -> anyhow::Result<Value> {
        let all = nomad.api().get("/v1/job/web/allocations").await?;
        Ok(json!([all[0]["ID"], all[0]["ClientStatus"]]))
    };
    let before = allocation(&nomad).await.unwrap();
    assert_eq!(before[1], "running");
    nomad.kill().await.unwrap();
    assert!(!nomad.tasks().is_empty(), "tasks outlive the agent");
    nomad.restart().await.unwrap();
    let after = wait_for("the allocation to run on", DEADLINE, async || {
        let after = allocation(&nomad).await?;
        Ok(if after[1] == "running" { Look::Ready(after) } else { Look::NotYet(after) })
    });
    assert_eq!(after.await.unwrap(), before);
}

#[tokio::test]
async fn with_acls_a_token_may_do_what_its_policy_says_and_nothing_else() {
    let (nomad, other) =
        tokio::try_join!(NomadLaunch::new().with_acls().start(), NomadLaunch::new().start()).unwrap();
    let reader = nomad.token_for("reader", r#"namespace "default" { policy = "read" }"#).await.unwrap();
    let status = async |api: Api, method: Method, path: &str| {
        api.send(method, path, "{}").await.unwrap().status.as_u16()
    };
    let reader = nomad.api().with_token(&reader);
    assert_eq!(status(reader.clone(), Method::GET, "/v1/jobs").await, 200);
    assert_eq!(status(reader, Method::GET, "/v1/nodes").await, 403);
    assert_eq!(status(nomad.api().anonymous(), Method::GET, "/v1/jobs").await, 403);
    assert_eq!(status(other.api(), Method::GET, "/v1/nodes").await, 200);
}
