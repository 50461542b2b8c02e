//! The proxy's job: what it asks for, and where it runs.

use std::time::Duration;

use nova_config::DurationText;
use nova_hashistack::NomadClient;
use nova_hashistack::transport::{Call, HashistackError};
use serde_json::Value;

use super::super::super::fact::JobFact;

/// The job, and the ids of the nodes on which it runs; nothing where there is no such job.
pub(super) async fn ask(
    client: &NomadClient,
    id: &str,
) -> Result<Option<(JobFact, Vec<String>)>, HashistackError> {
    let jobs = client.jobs();
    let Some(job) = jobs.read(id).await? else { return Ok(None) };
    let call = Call::get("/v1/job").segment(id)?.segment("allocations")?;
    let allocations: Vec<Value> = client.transport().send(&call).await?.json()?;
    let deployment = jobs.deployment(id).await?;
    let running: Vec<&Value> = allocations
        .iter()
        .filter(|found| found["ClientStatus"] == "running" && found["DesiredStatus"] == "run")
        .collect();
    let mut places: Vec<String> =
        running.iter().filter_map(|found| found["NodeID"].as_str().map(str::to_owned)).collect();
    places.sort_unstable();
    places.dedup();
    let fact = JobFact {
        id: id.to_owned(),
        is_stopped: job.head.stop,
        wanted: wanted(&job.specification),
        running: running.len(),
        kill_timeout: kill_timeout(&job.specification),
        drain: drain(&job.specification),
        is_deploying: deployment.is_some_and(|found| found.status.is_active()),
    };
    Ok(Some((fact, places)))
}

fn list<'j>(value: &'j Value, name: &str) -> impl Iterator<Item = &'j Value> {
    value[name].as_array().into_iter().flatten()
}

fn wanted(job: &Value) -> usize {
    let counts = list(job, "TaskGroups").filter_map(|group| group["Count"].as_u64());
    usize::try_from(counts.sum::<u64>()).unwrap_or(usize::MAX)
}

/// The longest of its tasks.
fn kill_timeout(job: &Value) -> Duration {
    let tasks = list(job, "TaskGroups").flat_map(|group| list(group, "Tasks"));
    let longest = tasks.filter_map(|task| task["KillTimeout"].as_u64()).max();
    Duration::from_nanos(longest.unwrap_or_default())
}

/// How long an instance drains at most, as the configuration in the job's templates says it.
fn drain(job: &Value) -> Option<Duration> {
    let tasks = list(job, "TaskGroups").flat_map(|group| list(group, "Tasks"));
    let texts: Vec<&str> = tasks
        .flat_map(|task| list(task, "Templates"))
        .filter_map(|template| template["EmbeddedTmpl"].as_str())
        .collect();
    let told = |field: &str| texts.iter().rev().find_map(|text| value(text, field));
    let timeout = told("drain_timeout")?;
    Some(timeout + told("drain_min_delay").unwrap_or_default())
}

/// The duration that a line of HCL gives a field.
fn value(text: &str, field: &str) -> Option<Duration> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        (name.trim() == field).then(|| value.parse::<DurationText>().ok().map(DurationText::get)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_says_how_often_it_runs_and_how_long_it_drains() {
        let place = "listen = \"{{ env \"NOMAD_ADDR_http\" }}\"\nserver {\n  drain_min_delay = \"3s\"\n  drain_timeout   = \"20s\"\n}\n";
        let job = json!({ "TaskGroups": [{ "Count": 3, "Tasks": [{
            "KillTimeout": 30_000_000_000_u64,
            "Templates": [{ "EmbeddedTmpl": "ring = \"stable\"" }, { "EmbeddedTmpl": place }],
        }] }] });
        assert_eq!((wanted(&job), kill_timeout(&job)), (3, Duration::from_secs(30)));
        assert_eq!(drain(&job), Some(Duration::from_secs(23)));
        let silent = json!({ "TaskGroups": [{ "Count": 1, "Tasks": [{ "Templates": null }] }] });
        assert_eq!((drain(&silent), kill_timeout(&silent)), (None, Duration::ZERO));
    }
}
