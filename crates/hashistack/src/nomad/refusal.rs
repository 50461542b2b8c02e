//! What Nomad's refusals mean. Nearly all have the status 500 and a text, which is what tells them apart.
//!
//! The texts are those of `command/agent/http.go`, `nomad/*_endpoint.go` and `nomad/state/state_store.go` in Nomad's source; each
//! is had from a real server in the tests.

use crate::transport::{HashistackError, Refusal};

/// A refusal of Nomad's, as far as somebody acts differently upon it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NomadFault {
    /// Somebody else has changed the job since it was read: read it, plan anew.
    Conflict,
    /// The deployment has ended already: read it again, what was wanted may have happened.
    DeploymentEnded,
    /// Not all canaries are healthy yet.
    CanariesNotHealthy,
    /// Nothing has this id: it is long over and was collected, it is of another namespace, or it never was.
    Gone,
    /// The job is at this version: there is nothing to be done.
    AlreadyAtVersion,
    /// The job has never had this version, or it was collected.
    UnknownVersion,
    /// An allocation was named that is not the deployment's. Nothing was changed.
    ForeignAllocation,
    /// The token may not do this, or is unknown: Nomad says the same of both.
    PermissionDenied,
    /// The token has ended, or was deleted, where Nomad says so.
    TokenNotFound,
    /// The job is not one, or not one that this cluster takes.
    InvalidJob,
    /// The servers have no leader, or do not reach each other: it passes.
    Unavailable,
}

/// Parts of texts, and what they mean. The first that is found counts.
const TEXTS: [(&str, NomadFault); 23] = [
    ("Enforcing job modify index", NomadFault::Conflict),
    ("enforcing version", NomadFault::Conflict),
    ("can't promote terminal deployment", NomadFault::DeploymentEnded),
    ("can't fail terminal deployment", NomadFault::DeploymentEnded),
    ("can't pause terminal deployment", NomadFault::DeploymentEnded),
    ("can't resume terminal deployment", NomadFault::DeploymentEnded),
    ("can't set health of allocations for a terminal deployment", NomadFault::DeploymentEnded),
    ("has terminal status", NomadFault::DeploymentEnded),
    ("is not part of deployment", NomadFault::ForeignAllocation),
    ("healthy allocations", NomadFault::CanariesNotHealthy),
    ("no canaries to promote", NomadFault::CanariesNotHealthy),
    ("can't revert to current version", NomadFault::AlreadyAtVersion),
    ("not found for job", NomadFault::UnknownVersion),
    ("at version", NomadFault::UnknownVersion),
    ("deployment not found", NomadFault::Gone),
    ("job not found", NomadFault::Gone),
    ("\" not found", NomadFault::Gone),
    ("ACL token not found", NomadFault::TokenNotFound),
    ("ACL token expired", NomadFault::TokenNotFound),
    ("Permission denied", NomadFault::PermissionDenied),
    ("No cluster leader", NomadFault::Unavailable),
    ("rpc error", NomadFault::Unavailable),
    ("No path to region", NomadFault::Unavailable),
];

impl NomadFault {
    /// What a refusal means; nothing where it is of no kind that anybody acts upon.
    pub fn of(refusal: &Refusal) -> Option<Self> {
        let by_text = TEXTS.iter().find(|(part, _)| refusal.text.contains(part)).map(|(_, fault)| *fault);
        by_text.or(match refusal.status {
            404 => Some(Self::Gone),
            403 => Some(Self::PermissionDenied),
            400 => Some(Self::InvalidJob),
            429 | 502 | 503 | 504 => Some(Self::Unavailable),
            _ => None,
        })
    }

    /// What to do next, for a message.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Conflict => "somebody else has changed the job: read it again and plan anew",
            Self::DeploymentEnded => "read the deployment again: what was wanted may have happened",
            Self::CanariesNotHealthy => "wait until the canaries are healthy, or look at why they are not",
            Self::Gone => "it was collected, is of another namespace, or never was: list what is there",
            Self::AlreadyAtVersion => "the job is at this version already",
            Self::UnknownVersion => {
                "the version was collected: list those that are left, and tag stable ones"
            }
            Self::ForeignAllocation => "list the allocations of the deployment, and name those",
            Self::PermissionDenied => {
                "grant the token the capability, in the namespace of what it is for; or it is of another cluster"
            }
            Self::TokenNotFound => "the token is expired or deleted: put a valid one in its place",
            Self::InvalidJob => "correct what the text names in the job",
            Self::Unavailable => {
                "the servers have no leader or do not reach each other: it passes within seconds"
            }
        }
    }
}

impl HashistackError {
    /// What a refusal of Nomad's means.
    pub fn nomad_fault(&self) -> Option<NomadFault> {
        self.refusal().and_then(NomadFault::of)
    }
}
