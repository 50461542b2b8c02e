//! Jobs: read from HCL by the server, planned, registered if nobody else has changed them, and taken back to a version.
//!
//! A job as a whole stays as Nomad wrote it: what is not known here must not be lost on the way back.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::deployment::Deployment;
use super::evaluation::{Evaluation, PlacementFailure};
use super::refusal::NomadFault;
use crate::transport::{Call, HashistackError, Transport};

/// The jobs of a client.
#[derive(Debug, Clone, Copy)]
pub struct Jobs<'c> {
    transport: &'c Transport,
}

/// A job, or one version of it: what is asked of it, and all of it as Nomad has it.
#[derive(Debug, Clone)]
pub struct Job {
    /// What is asked of it.
    pub head: JobHead,
    /// All of it, to be registered again.
    pub specification: Value,
}

/// What is asked of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JobHead {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// The number of the version, from 0.
    pub version: u64,
    /// What a change of the job is compared with: it changes with the specification alone.
    pub job_modify_index: u64,
    /// Which life of the job it is: it changes when the job is purged and registered again.
    pub create_index: u64,
    /// Whether it was stopped.
    #[serde(default)]
    pub stop: bool,
    /// Whether a deployment of this version has succeeded, or somebody has said so.
    #[serde(default)]
    pub stable: bool,
    /// `pending`, `running` or `dead`.
    pub status: String,
    /// Pairs that the job carries.
    #[serde(default, deserialize_with = "or_default")]
    pub meta: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let specification = Value::deserialize(reader)?;
        let head = JobHead::deserialize(&specification).map_err(serde::de::Error::custom)?;
        Ok(Self { head, specification })
    }
}

/// What registering a job would do.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JobPlan {
    /// What the registration has to be compared with, for it to do what was planned.
    pub job_modify_index: u64,
    /// What happens to each group.
    #[serde(default)]
    annotations: Option<Annotations>,
    /// Groups that cannot be placed.
    #[serde(default, rename = "FailedTGAllocs", deserialize_with = "or_default")]
    pub failed_groups: BTreeMap<String, PlacementFailure>,
    /// What Nomad finds odd about the job.
    #[serde(default)]
    pub warnings: String,
    /// The differences, as Nomad tells them.
    #[serde(default)]
    pub diff: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Annotations {
    #[serde(default, rename = "DesiredTGUpdates", deserialize_with = "or_default")]
    groups: BTreeMap<String, GroupChanges>,
}

/// What happens to the allocations of a group, in numbers of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupChanges {
    /// Made anew.
    pub place: u64,
    /// Ended.
    pub stop: u64,
    /// Made beside the old ones, to be promoted.
    pub canary: u64,
    /// Changed where they run, all at once and without a canary.
    pub in_place_update: u64,
    /// Ended and made anew.
    pub destructive_update: u64,
    /// Left alone.
    pub ignore: u64,
}

/// What a job is registered with.
#[derive(Debug, Clone, Default)]
pub struct Registration {
    /// The index that the job must have; zero: only if there is none. Without it whatever is there is replaced.
    pub expected_index: Option<u64>,
    /// Whether the counts of groups stay what they are: an autoscaler may have set them.
    pub preserve_counts: bool,
    /// The text that the job was made of, which Nomad's pages show.
    pub submission: Option<Submission>,
}

/// The text that a job was made of.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Submission {
    /// The job, in HCL.
    pub source: String,
    /// The form: `hcl2`.
    pub format: String,
    /// Values of variables, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variable_flags: BTreeMap<String, String>,
    /// Values of variables, as a file has them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variables: String,
}

/// What came of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Registered {
    /// The evaluation that carries it out; empty where there is nothing to do.
    #[serde(default, rename = "EvalID")]
    pub eval_id: String,
    /// The index of the job from now on.
    #[serde(default)]
    pub job_modify_index: u64,
    /// What Nomad finds odd about the job.
    #[serde(default)]
    pub warnings: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ParseRequest<'c> {
    #[serde(rename = "JobHCL")]
    hcl: &'c str,
    variables: &'c str,
    canonicalize: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RegisterRequest<'c> {
    job: &'c Value,
    enforce_index: bool,
    job_modify_index: u64,
    preserve_counts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    submission: Option<&'c Submission>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RevertRequest<'c> {
    #[serde(rename = "JobID")]
    job_id: &'c str,
    job_version: u64,
    enforce_prior_version: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StableRequest<'c> {
    #[serde(rename = "JobID")]
    job_id: &'c str,
    job_version: u64,
    stable: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    #[serde(deserialize_with = "or_default")]
    versions: Vec<Job>,
}

impl JobPlan {
    /// What happens to each group, by name.
    pub fn groups(&self) -> BTreeMap<String, GroupChanges> {
        self.annotations.clone().unwrap_or_default().groups
    }
}

impl<'c> Jobs<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Reads a job in HCL, with the values of variables as a file has them. Functions that read files are off there.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 with the line where the text is no job.
    pub async fn parse(&self, hcl: &str, variables: &str) -> Result<Value, HashistackError> {
        let body = ParseRequest { hcl, variables, canonicalize: true };
        self.transport.send(&Call::post("/v1/jobs/parse").json(&body)?.idempotent()).await?.json()
    }

    /// What registering the job would do now.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where it is no job.
    pub async fn plan(&self, job: &Value) -> Result<JobPlan, HashistackError> {
        let call = of_job(Call::post, id_of(job)?, Some("plan"))?;
        let body = serde_json::json!({ "Job": job, "Diff": true });
        self.transport.send(&call.json(&body)?.idempotent()).await?.json()
    }

    /// Registers a job.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: [`NomadFault::Conflict`](super::NomadFault::Conflict) where the job has another index
    /// than was expected.
    pub async fn register(&self, job: &Value, with: &Registration) -> Result<Registered, HashistackError> {
        let call = of_job(Call::post, id_of(job)?, None)?;
        let body = RegisterRequest {
            job,
            enforce_index: with.expected_index.is_some(),
            job_modify_index: with.expected_index.unwrap_or_default(),
            preserve_counts: with.preserve_counts,
            submission: with.submission.as_ref(),
        };
        self.transport.send(&call.json(&body)?).await?.json()
    }

    /// The newest version of a job; nothing where there is no such job.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn read(&self, id: &str) -> Result<Option<Job>, HashistackError> {
        let answer = self.transport.send(&of_job(Call::get, id, None)?.accepting(&[404])).await?;
        if answer.head.status == 404 { Ok(None) } else { answer.json().map(Some) }
    }

    /// The versions that are left of a job, the newest first.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn versions(&self, id: &str) -> Result<Vec<Job>, HashistackError> {
        let read: Versions = self.transport.send(&of_job(Call::get, id, Some("versions"))?).await?.json()?;
        Ok(read.versions)
    }

    /// The newest deployment of a job; nothing where it never had one.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn deployment(&self, id: &str) -> Result<Option<Deployment>, HashistackError> {
        self.transport.send(&of_job(Call::get, id, Some("deployment"))?).await?.json()
    }

    /// What changes of a job have led to, as far as Nomad still has it.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn evaluations(&self, id: &str) -> Result<Vec<Evaluation>, HashistackError> {
        self.transport.send(&of_job(Call::get, id, Some("evaluations"))?).await?.json()
    }

    /// Stops a job; its versions stay, unless it is purged.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn stop(&self, id: &str, purge: bool) -> Result<Registered, HashistackError> {
        let call = of_job(Call::delete, id, None)?.query("purge", purge.to_string());
        self.transport.send(&call.idempotent()).await?.json()
    }

    /// Registers an earlier version anew, if the job is at `from` now. It has canaries again, if its update says so.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: [`NomadFault::Conflict`](super::NomadFault::Conflict) where the job is at another
    /// version, [`NomadFault::AlreadyAtVersion`](super::NomadFault::AlreadyAtVersion) where it is at this one.
    pub async fn revert(
        &self,
        id: &str,
        version: u64,
        from: Option<u64>,
    ) -> Result<Registered, HashistackError> {
        let body = RevertRequest { job_id: id, job_version: version, enforce_prior_version: from };
        self.transport.send(&of_job(Call::post, id, Some("revert"))?.json(&body)?).await?.json()
    }

    /// Says whether a version is one to go back to.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn set_stable(&self, id: &str, version: u64, stable: bool) -> Result<(), HashistackError> {
        let body = StableRequest { job_id: id, job_version: version, stable };
        let call = of_job(Call::post, id, Some("stable"))?.json(&body)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }

    /// Gives a version a name, which keeps it from being collected.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn tag_version(
        &self,
        id: &str,
        version: u64,
        name: &str,
        description: &str,
    ) -> Result<(), HashistackError> {
        let call = of_job(Call::post, id, Some("versions"))?.segment(name)?.segment("tag")?;
        let body = serde_json::json!({ "Version": version, "Description": description });
        self.transport.send(&call.json(&body)?.idempotent()).await.map(drop)
    }

    /// Takes a name of a version away. One that is there no more is no error.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn untag_version(&self, id: &str, name: &str) -> Result<(), HashistackError> {
        let call = of_job(Call::delete, id, Some("versions"))?.segment(name)?.segment("tag")?;
        match self.transport.send(&call.idempotent()).await {
            Err(error) if error.nomad_fault() == Some(NomadFault::Gone) => Ok(()),
            sent => sent.map(drop),
        }
    }
}

/// A call about one job. A slash in its id is encoded, since Nomad tells calls by how their paths end.
fn of_job(call: fn(&'static str) -> Call, id: &str, about: Option<&str>) -> Result<Call, HashistackError> {
    let call = call("/v1/job").segment(id)?;
    match about {
        Some(about) => call.segment(about),
        None => Ok(call),
    }
}

fn id_of(job: &Value) -> Result<&str, HashistackError> {
    job["ID"].as_str().ok_or_else(|| HashistackError::Invalid {
        what: "the job has no ID; take it as Nomad has parsed it".to_owned(),
    })
}

/// Nomad writes `null` for what is empty.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    reader: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(reader).map(Option::unwrap_or_default)
}
