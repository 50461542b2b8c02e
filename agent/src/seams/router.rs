//! Traffic as the policy says it is shared: by the number of instances, or by Consul's splitter.
//!
//! Owns the choice, and what the splitter's faults mean for an action. Whole percents of a policy are hundredths of the splitter.

use nova_hashistack::ConsulClient;

use super::service_splitter::{Leg, ServiceSplitter, Share, SplitterError};
use super::{Route, TrafficRouter, instance_share};
use crate::rollout::action::{Refusal, Settled, Split, VersionRef};
use crate::rollout::observation::{InstanceSeen, Seen, TrafficSeen};
use crate::rollout::policy::TrafficMode;

/// What is said where a split is to be made and the catalog's name of a version is not known.
const NO_NAME: &str =
    "the job writes no version that a splitter could tell instances by: give its service the meta version";

/// Shares requests by the means of each rollout's policy.
#[derive(Clone, Debug)]
pub struct Router {
    consul: ConsulClient,
}

impl Router {
    /// Writes entries by this client, whose token needs `service:write` for the services that splitters are used for.
    #[must_use]
    pub fn new(consul: ConsulClient) -> Self {
        Self { consul }
    }

    fn splitter(&self, how: &Route<'_>) -> Option<ServiceSplitter> {
        Some(ServiceSplitter::new(self.consul.clone(), how.service?))
    }
}

impl TrafficRouter for Router {
    async fn seen(
        &self,
        how: &Route<'_>,
        split: &Split,
        instances: &Seen<Vec<InstanceSeen>>,
    ) -> Seen<TrafficSeen> {
        if how.mode == TrafficMode::Instances {
            return match instances {
                Seen::Known(found) => Seen::Known(instance_share::seen(found, split.canary.job_version)),
                Seen::Absent => Seen::Known(instance_share::seen(&[], split.canary.job_version)),
                Seen::Unknown(why) => Seen::Unknown(why.clone()),
            };
        }
        let Some(splitter) = self.splitter(how) else {
            return Seen::Unknown("the name of the job's service is not known".to_owned());
        };
        let share = match leg(&split.canary) {
            Ok(canary) => splitter.share(&canary).await,
            Err(why) => return Seen::Unknown(why),
        };
        match share {
            Ok(Some(share)) => {
                let percent = u8::try_from(share.as_hundredths() / 100).unwrap_or(100);
                Seen::Known(TrafficSeen { canary_percent: percent, can_move: true })
            }
            Ok(None) => Seen::Absent,
            Err(error) => Seen::Unknown(told(error)),
        }
    }

    async fn share(&self, how: &Route<'_>, split: &Split) -> Settled {
        if how.mode == TrafficMode::Instances {
            return Settled::Done;
        }
        let Some(splitter) = self.splitter(how) else {
            return Settled::Failed("the name of the job's service is not known".to_owned());
        };
        let Some(stable) = &split.stable else {
            // There is nobody to share with: requests go to every instance.
            return settled(splitter.collapse().await);
        };
        match (leg(stable), leg(&split.canary)) {
            (Ok(stable), Ok(canary)) if stable.subset() == canary.subset() => Settled::Refused(
                Refusal::Other,
                format!(
                    "both versions are called {} in the catalog, so that no splitter can tell them apart",
                    canary.version()
                ),
            ),
            (Ok(stable), Ok(canary)) => {
                let share = Share::hundredths(u16::from(split.canary_percent) * 100);
                settled(splitter.set(&stable, &canary, share).await)
            }
            (Err(why), _) | (_, Err(why)) => Settled::Refused(Refusal::Other, why),
        }
    }

    async fn collapse(&self, how: &Route<'_>) -> Settled {
        if how.mode == TrafficMode::Instances {
            return Settled::Done;
        }
        match self.splitter(how) {
            Some(splitter) => settled(splitter.collapse().await),
            None => Settled::Failed("the name of the job's service is not known".to_owned()),
        }
    }
}

fn leg(version: &VersionRef) -> Result<Leg, String> {
    let name = version.name.as_deref().ok_or_else(|| NO_NAME.to_owned())?;
    Leg::new(name).map_err(|error| error.to_string())
}

fn settled(done: Result<(), SplitterError>) -> Settled {
    match done {
        Ok(()) => Settled::Done,
        Err(error) if error.may_pass() => Settled::Failed(told(error)),
        Err(error @ SplitterError::Foreign(_)) => Settled::Refused(Refusal::Conflict, told(error)),
        Err(error) if error.is_permission_denied() => {
            Settled::Refused(Refusal::PermissionDenied, told(error))
        }
        Err(error) => Settled::Refused(Refusal::Other, told(error)),
    }
}

fn told(error: SplitterError) -> String {
    format!("{:#}", anyhow::Error::from(error))
}
