//! Whether canaries are ready, found out anew with each look.
//!
//! Nomad settles an allocation's health once and never looks again; so it is asked here what runs, what the catalog says of it now, and
//! only beside that what Nomad once found.

use super::Look;
use crate::rollout::observation::{AllocationSeen, ClientStatus, InstanceSeen, Seen};
use crate::rollout::record::Rollout;

/// How the new version's instances stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// All that there are to be are ready.
    Ready,
    /// Some are not.
    Short(String),
    /// It could not be found out.
    Unknown(String),
}

/// How the canaries of the rollout stand.
pub(super) fn canaries(rollout: &Rollout, look: &Look<'_>) -> Health {
    let desired = match &look.seen.deployment {
        Seen::Known(deployment) => deployment.desired_canaries(),
        Seen::Absent => return Health::Short("the deployment is gone".to_owned()),
        Seen::Unknown(why) => return Health::Unknown(format!("the deployment could not be read: {why}")),
    };
    of_version(look, rollout.canary.job_version, desired)
}

/// How many canaries of a version are ready, of so many that there are to be.
pub(super) fn of_version(look: &Look<'_>, version: u64, desired: u64) -> Health {
    let Some(allocations) = look.allocations_of(version) else {
        return Health::Unknown("the allocations could not be read".to_owned());
    };
    let instances: &[InstanceSeen] = match &look.seen.instances {
        Seen::Known(instances) => instances,
        Seen::Absent => &[],
        Seen::Unknown(why) => return Health::Unknown(format!("the catalog could not be read: {why}")),
    };
    let passes = |allocation: &AllocationSeen| {
        instances.iter().any(|instance| {
            instance.passing && instance.allocation_id.as_deref() == Some(allocation.id.as_str())
        })
    };
    let is_ready = |allocation: &&AllocationSeen| {
        allocation.canary
            && allocation.wanted
            && allocation.client == ClientStatus::Running
            && allocation.healthy == Some(true)
            && passes(allocation)
    };
    let ready = u64::try_from(allocations.filter(is_ready).count()).unwrap_or(u64::MAX);
    if ready >= desired && ready > 0 {
        Health::Ready
    } else {
        Health::Short(format!("{ready} of {desired} instances of the new version are ready"))
    }
}
