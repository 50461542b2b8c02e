//! Situations that one look shows by itself. Those that follow from what others have done are found in `outside`.

use super::{Look, judging};
use crate::rollout::finding::FindingId;
use crate::rollout::observation::{DeploymentStanding, Seen};
use crate::rollout::record::{Phase, Rollout};

/// Takes down every situation that this look shows.
pub(super) fn note(rollout: &mut Rollout, look: &Look<'_>) {
    unseen(rollout, look);
    deployment(rollout, look);
    placement(rollout, look);
    counts(rollout, look);
    allocations(rollout, look);
    refusal(rollout, look);
}

fn unseen(rollout: &mut Rollout, look: &Look<'_>) {
    let seen = look.seen;
    let why = [
        ("the deployment", unknown(&seen.deployment)),
        ("the job", unknown(&seen.job)),
        ("the allocations", unknown(&seen.allocations)),
        ("the catalog", unknown(&seen.instances)),
        ("the evaluations", unknown(&seen.placement)),
        ("the shares of requests", unknown(&seen.traffic)),
    ];
    let missing: Vec<String> = why
        .into_iter()
        .filter_map(|(what, why)| why.map(|why| format!("{what} could not be read: {why}")))
        .collect();
    if !missing.is_empty() {
        rollout.find(FindingId::Unseen, missing.join("; "), look.now);
    }
}

fn unknown<T>(seen: &Seen<T>) -> Option<&str> {
    match seen {
        Seen::Unknown(why) => Some(why),
        Seen::Known(_) | Seen::Absent => None,
    }
}

fn deployment(rollout: &mut Rollout, look: &Look<'_>) {
    let Some(deployment) = look.deployment().filter(|deployment| deployment.is_active()) else { return };
    let groups = |has: fn(&crate::rollout::observation::GroupSeen) -> bool| -> Vec<&str> {
        deployment.groups.iter().filter(|(_, group)| has(group)).map(|(name, _)| name.as_str()).collect()
    };
    let promoting = groups(|group| group.auto_promote);
    if !promoting.is_empty() {
        let what = format!("the update of group {} says auto_promote", promoting.join(", "));
        rollout.find(FindingId::AutoPromote, what, look.now);
    }
    let reverting = groups(|group| group.auto_revert);
    if !reverting.is_empty() {
        let what = format!("the update of group {} says auto_revert", reverting.join(", "));
        rollout.find(FindingId::AutoRevert, what, look.now);
    }
    if deployment.status == DeploymentStanding::Paused {
        rollout.find(FindingId::PausedByHand, "the deployment is paused in Nomad", look.now);
    }
}

fn placement(rollout: &mut Rollout, look: &Look<'_>) {
    let Some(placement) = look.seen.placement.known() else { return };
    let id = if placement.static_port { FindingId::StaticPort } else { FindingId::NoCapacity };
    let what = format!("group {} cannot be placed: {}", placement.group, placement.why);
    rollout.find(id, what, look.now);
}

fn counts(rollout: &mut Rollout, look: &Look<'_>) {
    let Some(job) = look.job().filter(|job| job.version == rollout.canary.job_version) else { return };
    let has_canaries = look.deployment().is_some_and(|deployment| deployment.has_canaries());
    let lowered: Vec<String> = job
        .previous_counts
        .iter()
        .filter_map(|(group, before)| {
            let now = job.counts.get(group)?;
            (now < before).then(|| format!("group {group} from {before} to {now}"))
        })
        .collect();
    if has_canaries && !lowered.is_empty() {
        let what = format!("the update lowers the count of {}", lowered.join(", "));
        rollout.find(FindingId::CountDecrease, what, look.now);
    }
}

fn allocations(rollout: &mut Rollout, look: &Look<'_>) {
    let version = rollout.canary.job_version;
    if let Some(of_version) = look.allocations_of(version) {
        let in_place = of_version.filter(|one| one.in_place && one.is_live()).count();
        if in_place > 0 {
            let what = format!("version {version} has changed {in_place} allocations where they run");
            rollout.find(FindingId::InPlaceChange, what, look.now);
        }
    }
    if let Some(why) = judging::fatal_reason(rollout, look) {
        rollout.find(FindingId::FatalTask, why, look.now);
    }
    let is_baking =
        matches!(rollout.phase, Phase::Stepping { .. } | Phase::Baking { .. } | Phase::AwaitingApproval);
    if is_baking && let super::health::Health::Short(why) = super::health::canaries(rollout, look) {
        rollout.find(FindingId::CanariesUnhealthy, why, look.now);
    }
}

fn refusal(rollout: &mut Rollout, look: &Look<'_>) {
    use crate::rollout::action::Refusal;
    let Some(refused) = &rollout.refused else { return };
    let id = match refused.refusal {
        Refusal::PermissionDenied => FindingId::PermissionDenied,
        Refusal::UnknownVersion => FindingId::StableVersionCollected,
        _ => return,
    };
    let what = format!("{} was refused: {}", refused.action, refused.text);
    rollout.find(id, what, look.now);
}
