//! Policies, as a set-up reads and writes them, and the tasks that get one by their identity.

use serde::{Deserialize, Serialize};

use super::job::or_default;
use crate::transport::{Call, HashistackError, Transport};

/// The policies of a client. Nomad asks for a management token, but for reads of a token's own policies.
#[derive(Debug, Clone, Copy)]
pub struct NomadAcl<'c> {
    transport: &'c Transport,
}

/// Rules under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AclPolicy {
    /// The name.
    pub name: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// The rules, in HCL.
    #[serde(default)]
    pub rules: String,
    /// The tasks whose identities have the policy without a token.
    #[serde(rename = "JobACL", default, skip_serializing_if = "Option::is_none")]
    pub job_acl: Option<JobAcl>,
}

/// Tasks: those of a job, of a group of it, or one (Nomad's documentation, "Workload identity", "Workload associated ACL policies").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct JobAcl {
    /// The namespace of the job.
    pub namespace: String,
    /// The job.
    #[serde(rename = "JobID", default, deserialize_with = "or_default")]
    pub job: String,
    /// The group; all where it is empty.
    #[serde(default, deserialize_with = "or_default")]
    pub group: String,
    /// The task; all where it is empty. Nomad takes one only with its group.
    #[serde(default, deserialize_with = "or_default")]
    pub task: String,
}

impl<'c> NomadAcl<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// One policy; nothing where there is none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where ACLs are off.
    pub async fn policy(&self, name: &str) -> Result<Option<AclPolicy>, HashistackError> {
        let call = Call::get("/v1/acl/policy").segment(name)?.accepting(&[404]);
        let answer = self.transport.send(&call).await?;
        if answer.head.status == 404 {
            return Ok(None);
        }
        answer.json().map(Some)
    }

    /// Writes a policy, in place of the one of its name. Nomad compares nothing.
    ///
    /// # Errors
    /// When there is no answer, or a refusal: 400 where the rules cannot be read.
    pub async fn put_policy(&self, policy: &AclPolicy) -> Result<(), HashistackError> {
        let call = Call::post("/v1/acl/policy").segment(&policy.name)?.json(policy)?;
        self.transport.send(&call.idempotent()).await.map(drop)
    }
}
