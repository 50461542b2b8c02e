//! Every situation that the agent recognizes, made on a real Nomad, and named in `nova-agent rollout status`.

use anyhow::{Context, bail, ensure};
use http::Method;
use nova_test_support::wait::{Look, wait_for};
use serde_json::{Value, json};

use super::stack::{Agent, Stack, deployment_where};
use crate::case::Cases;
use crate::jobs::rollout::ROLLOUT;

/// One situation: what it is called, and the words by which the table of an operator names it.
struct Situation {
    /// The finding, and the job that is brought into it.
    id: &'static str,
    /// How it comes about.
    made: fn(&mut Update),
    /// What is done once canaries are there.
    then: Then,
}

/// What an operator, or somebody else, does in the middle of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Promotes,
    Fails,
    RunsANewerVersion,
    Purges,
    /// While no agent looks: what an agent finds that comes back.
    FailsAndCollects,
}

/// A version of a job of sleepers.
#[derive(Clone, Debug)]
struct Update {
    version: u64,
    count: u64,
    cpu: u64,
    command: &'static str,
    tag: &'static str,
    update: &'static str,
}

impl Update {
    /// The version that is there first.
    fn first() -> Self {
        Self { version: 0, count: 3, cpu: 20, command: "sleep", tag: "first", update: "" }
    }

    fn job(&self, name: &str) -> String {
        let Self { version, count, cpu, command, tag, update } = self;
        // Nobody is asked how it does: what is told apart here comes of Nomad alone.
        format!(
            r#"
            job "{name}" {{
              meta {{
                nova_rollout_policy = <<-HCL
                  bake_time = "1h"
                HCL
              }}
              update {{
                canary            = 1
                max_parallel      = 3
                health_check      = "task_states"
                min_healthy_time  = "2s"
                healthy_deadline  = "1m"
                progress_deadline = "2m"
                {update}
              }}
              group "group" {{
                count = {count}
                network {{
                  port "http" {{}}
                }}
                service {{
                  name     = "{name}"
                  provider = "consul"
                  port     = "http"
                  tags     = ["{tag}"]
                  meta {{
                    version = "{version}"
                  }}
                }}
                restart {{
                  attempts = 0
                  mode     = "fail"
                }}
                reschedule {{
                  attempts  = 0
                  unlimited = false
                }}
                task "task" {{
                  driver       = "raw_exec"
                  kill_timeout = "1s"
                  env {{
                    VERSION = "{version}"
                  }}
                  config {{
                    command = "{command}"
                    args    = ["1000"]
                  }}
                  resources {{
                    cpu    = {cpu}
                    memory = 16
                  }}
                }}
              }}
            }}
            "#
        )
    }
}

fn changed(update: &mut Update) {
    update.version = 1;
}

const SITUATIONS: &[Situation] = &[
    Situation { id: "in_place_change", made: |update| update.tag = "second", then: Then::Nothing },
    Situation {
        id: "count_decrease",
        made: |update| {
            changed(update);
            update.count = 2;
        },
        then: Then::Nothing,
    },
    Situation {
        id: "no_capacity",
        made: |update| {
            changed(update);
            update.cpu = 100_000;
        },
        then: Then::Nothing,
    },
    Situation {
        id: "auto_promote",
        made: |update| {
            changed(update);
            update.update = "auto_promote = true";
        },
        then: Then::Nothing,
    },
    Situation {
        id: "auto_revert",
        made: |update| {
            changed(update);
            update.update = "auto_revert = true";
        },
        then: Then::Nothing,
    },
    Situation {
        id: "fatal_task",
        made: |update| {
            changed(update);
            update.command = "/nowhere/to/be/found";
        },
        then: Then::Nothing,
    },
    Situation { id: "promoted_by_hand", made: changed, then: Then::Promotes },
    Situation { id: "failed_by_hand", made: changed, then: Then::Fails },
    Situation { id: "newer_version", made: changed, then: Then::RunsANewerVersion },
    Situation { id: "job_purged", made: changed, then: Then::Purges },
    Situation { id: "deployment_collected", made: changed, then: Then::FailsAndCollects },
];

/// The name of a situation's job: a service's name has no underscore.
fn job(id: &str) -> String {
    id.replace('_', "-")
}

/// Does what is to be done in the middle of the rollout.
async fn proceed(stack: &Stack, situation: &Situation) -> anyhow::Result<()> {
    let (nomad, job) = (&stack.nomad, job(situation.id));
    if situation.then == Then::Nothing {
        return Ok(());
    }
    let deployment = deployment_where(nomad, &job, "a healthy canary", |newest| {
        newest["JobVersion"] == 1 && newest["TaskGroups"]["group"]["HealthyAllocs"] == 1
    })
    .await?;
    let id = deployment["ID"].as_str().context("a deployment has an ID")?;
    let api = nomad.api();
    match situation.then {
        Then::Nothing => {}
        Then::Promotes => {
            let body = json!({ "DeploymentID": id, "All": true });
            api.post(&format!("/v1/deployment/promote/{id}"), &body).await?;
        }
        Then::Fails | Then::FailsAndCollects => {
            api.post(&format!("/v1/deployment/fail/{id}"), &json!({})).await?;
        }
        Then::RunsANewerVersion => {
            let mut newer = Update::first();
            newer.version = 2;
            nomad.run(&newer.job(&job)).await?;
        }
        Then::Purges => {
            let reply = api.send(Method::DELETE, &format!("/v1/job/{job}?purge=true"), "").await?;
            ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
        }
    }
    if situation.then == Then::FailsAndCollects {
        wait_for("the deployment to be collected", ROLLOUT, async || {
            api.put("/v1/system/gc", &json!({})).await?;
            let left = api.send(Method::GET, &format!("/v1/deployment/{id}"), "").await?;
            Ok(if left.status == 404 { Look::Ready(()) } else { Look::NotYet(left.text()) })
        })
        .await?;
    }
    Ok(())
}

/// Waits until the agent has adopted the rollout of version 1 of a job.
async fn adopted(agent: &Agent, job: &str) -> anyhow::Result<()> {
    let is_it = |record: &Value| record["canary"]["job_version"] == 1;
    agent.record_where(job, "the rollout of version 1", ROLLOUT, is_it).await.map(drop)
}

/// The finding in a record.
fn finding<'r>(record: &'r Value, id: &str) -> Option<&'r Value> {
    record["findings"].as_array()?.iter().find(|finding| finding["id"] == id)
}

/// Whether the finding is in what the operator sees of the target, both for programs and for people.
async fn is_named(agent: &Agent, id: &str) -> anyhow::Result<()> {
    let job = job(id);
    let what = format!("the finding {id}");
    let found = wait_for(&what, ROLLOUT, async || {
        let shown = agent.rollout(&["status", &job, "--json"]).await?;
        let told: Value = serde_json::from_str(&shown.stdout).with_context(|| format!("{shown:?}"))?;
        // What has ended for a newer version is told beside that.
        let records = [&told["rollouts"][0]["record"], &told["before"]];
        let found = records.iter().find_map(|record| finding(record, id)).cloned();
        Ok(found.map_or(Look::NotYet(told), Look::Ready))
    });
    let found = match found.await {
        Ok(found) => found,
        Err(error) => return Err(error.context(agent.report())),
    };
    let shown = agent.rollout(&["status", &job]).await?;
    ensure!(shown.code == Some(0), "{shown:?}");
    let what = found["what"].as_str().filter(|what| !what.is_empty()).context("nothing was seen")?;
    found["advice"].as_str().filter(|advice| !advice.is_empty()).context("no advice")?;
    for words in [id.replace('_', " ").as_str(), what] {
        if !shown.stdout.contains(words) {
            bail!("no {words:?} in\n{}", shown.stdout);
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_situation_is_recognized_on_a_real_nomad_and_named_in_the_status() {
    let stack = Stack::start().await.unwrap();
    let agent = stack.agent("one", "").await.unwrap();
    for Situation { id, .. } in SITUATIONS {
        stack.nomad.run(&Update::first().job(&job(id))).await.unwrap();
    }
    for Situation { id, .. } in SITUATIONS {
        let done = |newest: &Value| newest["Status"] == "successful";
        deployment_where(&stack.nomad, &job(id), "the first deployment", done).await.unwrap();
    }
    for Situation { id, made, .. } in SITUATIONS {
        let mut update = Update::first();
        made(&mut update);
        stack.nomad.run(&update.job(&job(id))).await.unwrap();
    }
    let mut cases = Cases::default();
    let (collected, others): (Vec<_>, Vec<_>) =
        SITUATIONS.iter().partition(|situation| situation.then == Then::FailsAndCollects);
    for situation in &others {
        if situation.then != Then::Nothing {
            adopted(&agent, &job(situation.id)).await.unwrap();
        }
        proceed(&stack, situation).await.unwrap();
    }
    for situation in &others {
        cases.note(situation.id, is_named(&agent, situation.id).await);
    }
    for situation in &collected {
        adopted(&agent, &job(situation.id)).await.unwrap();
    }
    agent.kill().unwrap();
    for situation in &collected {
        proceed(&stack, situation).await.unwrap();
    }
    let agent = stack.agent("two", "").await.unwrap();
    for situation in &collected {
        cases.note(situation.id, is_named(&agent, situation.id).await);
    }
    cases.all_hold();
}
