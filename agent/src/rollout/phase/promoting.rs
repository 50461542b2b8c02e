//! The promotion, and what comes after it until the version is in force.

use super::baking::{closed, wait};
use super::{Look, begin_rollback, end, fail, judging, outside, traffic};
use crate::rollout::action::Action;
use crate::rollout::finding::FindingId;
use crate::rollout::observation::DeploymentStanding;
use crate::rollout::policy::{GatePoint, Strategy};
use crate::rollout::record::{Outcome, Rollout, since};
use crate::rollout::verdict::Verdict;

/// Promotes, as long as this look still says so. That it is done is seen in a later look.
pub(super) fn promote(rollout: &mut Rollout, look: &Look<'_>) {
    let withheld = if rollout.promote_ordered.is_some() { None } else { reason_to_withhold(rollout, look) };
    if let Some(why) = withheld {
        rollout.intents.retain(|intent| !matches!(intent.action, Action::Promote { .. }));
        return wait(rollout, why);
    }
    let Some(deployment) = look.deployment().filter(|deployment| deployment.is_active()) else {
        return wait(rollout, "a look at the deployment");
    };
    // Nomad stops all old instances at once, so that requests must have left them before.
    if rollout.strategy == Strategy::BlueGreen && traffic::is_at(rollout, look, 100) != Some(true) {
        traffic::ask_for(rollout, look, 100);
        return wait(rollout, "all requests at the new version");
    }
    rollout.intend(Action::Promote { deployment_id: deployment.id.clone() }, look.now);
    wait(rollout, "Nomad's promotion");
}

fn reason_to_withhold(rollout: &Rollout, look: &Look<'_>) -> Option<String> {
    // Whoever has paused it there wants it held.
    if look.deployment().is_some_and(|deployment| deployment.status == DeploymentStanding::Paused) {
        return Some("the deployment, which is paused in Nomad".to_owned());
    }
    match judging::verdict(rollout, look) {
        (Verdict::Pass, _) => closed(rollout, look, GatePoint::Promotion).map(|(_, why)| why),
        (verdict, why) => Some(format!("a pass; now it is {}: {why}", verdict.as_str())),
    }
}

/// Lets the share of requests follow the instances while old ones are replaced. Success is seen in the deployment.
pub(super) fn success(rollout: &mut Rollout, look: &Look<'_>) {
    if let Some(percent) = traffic::while_replacing(rollout, look) {
        traffic::ask_for(rollout, look, percent);
    }
    wait(rollout, "the deployment's success");
}

/// Ends a promotion that does not become a success.
pub(super) fn overdue(rollout: &mut Rollout, look: &Look<'_>) {
    let Some((at, by)) = rollout.promoted.clone() else { return };
    if since(at, look.now) < rollout.policy.success_timeout {
        return;
    }
    let within = super::in_words(rollout.policy.success_timeout);
    if look.deployment().is_none() {
        let reason = format!("it was promoted, and could not be seen to succeed within {within}");
        outside::abandon(rollout, look, FindingId::Unseen, &reason);
    } else if by.is_person() {
        let reason = format!("it was promoted by a person, and has not succeeded within {within}");
        outside::abandon(rollout, look, FindingId::Unjudged, &reason);
    } else {
        let reason = format!("its instances were not all healthy within {within} of the promotion");
        fail(rollout, reason.clone(), look.now);
        begin_rollback(rollout, reason, look);
    }
}

/// Judges on for as long as the policy says; where no judgment comes, not for ever.
pub(super) fn post_bake(rollout: &mut Rollout, look: &Look<'_>) {
    traffic::ask_for(rollout, look, 100);
    let bake = rollout.policy.post_promotion_bake;
    let elapsed = rollout.elapsed(look.now);
    if elapsed < bake {
        return wait(rollout, "the bake after the promotion");
    }
    let (verdict, why) = judging::verdict(rollout, look);
    if verdict == Verdict::Pass {
        return end(rollout, Outcome::Promoted, "it is in force, and was judged after the promotion", look);
    }
    if elapsed >= bake.saturating_add(rollout.policy.success_timeout) {
        let what = format!("the bake after the promotion came to no pass: {}: {why}", verdict.as_str());
        rollout.find(FindingId::Unjudged, what.clone(), look.now);
        return end(rollout, Outcome::Promoted, what, look);
    }
    wait(rollout, format!("a pass; now it is {}: {why}", verdict.as_str()));
}
