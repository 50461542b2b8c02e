//! What requests are to be shared like.

use super::Look;
use crate::rollout::action::{Action, Split};
use crate::rollout::observation::Seen;
use crate::rollout::policy::{Strategy, TrafficMode};
use crate::rollout::record::Rollout;

/// Whether the share can be set apart from the number of instances.
pub(super) fn can_move(rollout: &Rollout, look: &Look<'_>) -> bool {
    match &look.seen.traffic {
        Seen::Known(traffic) => traffic.can_move,
        Seen::Absent | Seen::Unknown(_) => rollout.policy.traffic == TrafficMode::ServiceSplitter,
    }
}

/// Whether the new version has this share, as far as that can be set. Nothing where it could not be read.
pub(super) fn is_at(rollout: &Rollout, look: &Look<'_>, percent: u8) -> Option<bool> {
    if !can_move(rollout, look) {
        return Some(true);
    }
    match &look.seen.traffic {
        Seen::Known(traffic) => Some(traffic.canary_percent == percent),
        Seen::Absent => Some(false),
        Seen::Unknown(_) => None,
    }
}

/// Writes down that the new version is to get this share, where that can be set and is not so already.
pub(super) fn ask_for(rollout: &mut Rollout, look: &Look<'_>, percent: u8) {
    if is_at(rollout, look, percent) == Some(true) {
        return;
    }
    let split =
        Split { stable: rollout.stable.clone(), canary: rollout.canary.clone(), canary_percent: percent };
    let wanted = Action::SetTraffic(split);
    rollout
        .intents
        .retain(|intent| intent.action == wanted || !matches!(intent.action, Action::SetTraffic(_)));
    rollout.intend(wanted, look.now);
}

/// What the new version is to get while it takes the place of the old one: its part of the instances, and never less than it had. All
/// once the last old one is about to go: a share for a version without instances would be lost.
pub(super) fn while_replacing(rollout: &Rollout, look: &Look<'_>) -> Option<u8> {
    let least = look.seen.traffic.known().map_or(0, |traffic| traffic.canary_percent);
    let new = look.passing(rollout.canary.job_version)?;
    let old = rollout.stable.as_ref().map_or(Some(0), |stable| look.passing(stable.job_version))?;
    if new == 0 {
        return None;
    }
    let is_moved = rollout.strategy == Strategy::BlueGreen && rollout.is_promoted();
    let share = if old <= 1 || is_moved { 100 } else { new.saturating_mul(100) / new.saturating_add(old) };
    Some(u8::try_from(share).unwrap_or(100).min(100).max(least))
}
