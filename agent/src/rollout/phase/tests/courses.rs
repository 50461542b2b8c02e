//! Courses of rollouts, each as a row of looks.

use jiff::Timestamp;
use rstest::rstest;

use super::explore::*;
use crate::rollout::action::{Action, Refusal, Settled};
use crate::rollout::finding::FindingId;
use crate::rollout::observation::*;
use crate::rollout::phase::{Adoption, Candidate, Step, adopt, advance};
use crate::rollout::policy::*;
use crate::rollout::record::*;

/// A rollout that is looked at once a tick; everything that is to be done is done.
struct Course {
    rollout: Rollout,
    ticks: u32,
}

impl Course {
    fn new(strategy: Strategy, policy: &Policy) -> Self {
        Self { rollout: start(strategy, policy), ticks: 0 }
    }

    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + TICK * self.ticks
    }

    fn look_at(&mut self, edit: impl FnOnce(&mut Observation), view: View) -> Step {
        self.ticks += 1;
        let mut seen = view.observe(&self.rollout, self.now());
        edit(&mut seen);
        let step = advance(&self.rollout, &seen, self.now());
        self.rollout = step.rollout.clone();
        step
    }

    /// One look, after which all is done. Tells the phase and what was done.
    fn look(&mut self, view: View) -> (PhaseName, Vec<&'static str>) {
        let step = self.look_at(|_| (), view);
        for intent in &step.actions {
            self.rollout.settle(intent.id, Settled::Done, self.now());
        }
        (self.rollout.phase.name(), step.actions.iter().map(|intent| intent.action.name()).collect())
    }

    /// Looks until the phase is this one.
    fn until(&mut self, phase: PhaseName, view: View) -> &mut Self {
        for _ in 0..20 {
            if self.rollout.phase.name() == phase {
                return self;
            }
            self.look(view);
        }
        panic!("it stands at {:?}, not at {phase:?}: {}", self.rollout.phase, self.rollout.waiting_for);
    }

    fn has_found(&self, id: FindingId) -> bool {
        self.rollout.findings.iter().any(|finding| finding.id == id)
    }
}

const PLAIN: View = View::PLAIN;
const PROMOTED: View = View { deployment: D::Promoted, ..PLAIN };
const SUCCESSFUL: View = View { deployment: D::Successful, ..PLAIN };

fn command(kind: CommandKind) -> View {
    View { command: Some(kind), ..PLAIN }
}

#[test]
fn a_good_canary_is_promoted() {
    let mut course = Course::new(Strategy::Canary, &policy());
    let mut told = Vec::new();
    for view in [PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PROMOTED, SUCCESSFUL, SUCCESSFUL] {
        told.push(course.look(view));
    }
    let phases: Vec<_> = told.iter().map(|(phase, _)| phase.as_str()).collect();
    assert_eq!(
        phases,
        [
            "awaiting_start",
            "stepping",
            "baking",
            "awaiting_approval",
            "promoting",
            "promoting",
            "awaiting_success",
            "post_promotion_bake",
            "promoted"
        ]
    );
    let done: Vec<_> = told.iter().flat_map(|(_, done)| done.clone()).collect();
    assert_eq!(done, ["promote", "tag_stable"]);
    assert_eq!(course.rollout.promoted.as_ref().map(|(_, by)| by), Some(&PromotedBy::Agent));
    assert!(course.rollout.is_closed());
}

#[test]
fn what_was_said_of_canaries_ends_with_them() {
    let mut course = Course::new(Strategy::Canary, &policy());
    course.until(PhaseName::Baking, PLAIN);
    course.look(View { canaries: H::Short, ..PLAIN });
    assert!(course.rollout.checks.contains_key("canaries ready"), "{:?}", course.rollout.checks.keys());
    course.until(PhaseName::AwaitingSuccess, PROMOTED);
    course.until(PhaseName::PostPromotionBake, SUCCESSFUL);
    assert!(!course.rollout.checks.contains_key("canaries ready"), "{:?}", course.rollout.checks.keys());
}

#[test]
fn a_bad_canary_is_failed_and_the_specification_is_named() {
    let mut course = Course::new(Strategy::Canary, &policy());
    course.until(PhaseName::Baking, PLAIN);
    assert_eq!(course.look(View { checks: C::Fail, ..PLAIN }).0, PhaseName::Baking);
    assert_eq!(course.look(View { checks: C::Fail, ..PLAIN }).0, PhaseName::TrafficAway);
    assert_eq!(course.look(PLAIN).0, PhaseName::Failing);
    assert_eq!(course.look(PLAIN), (PhaseName::Failing, vec!["fail"]));
    let failed = View { deployment: D::FailedByHand, canaries: H::Gone, ..PLAIN };
    course.until(PhaseName::RolledBack, failed);
    let Phase::Ended { outcome: Outcome::RolledBack { reason, advice } } = &course.rollout.phase else {
        panic!()
    };
    assert_eq!(reason, "errors: fail");
    assert_eq!(
        advice,
        "the specification of nova-proxy is still that of version 7 (new), which a reschedule or a drain would start again: set its \
         version back to \"old\" where it is kept and register it, or run `nomad job revert nova-proxy 6` for version 6 (old)"
    );
    // That it is failed now is the agent's own doing.
    assert!(!course.has_found(FindingId::FailedByHand));
}

#[rstest]
#[case::has_a_maximum(Some(0.05), PhaseName::PostPromotionBake)]
#[case::is_by_comparison_alone(None, PhaseName::Promoted)]
fn a_new_job_does_not_wait_for_what_it_cannot_be_compared_with(
    #[case] maximum: Option<f64>,
    #[case] phase: PhaseName,
) {
    let mut checks = policy().checks;
    checks[0].maximum = maximum;
    let mut course = Course::new(Strategy::Rolling, &Policy { checks, ..policy() });
    course.rollout.stable = None;
    let unmeasured = View { checks: C::Inconclusive, ..SUCCESSFUL };
    course.until(PhaseName::PostPromotionBake, unmeasured);
    course.look(unmeasured);
    assert_eq!(course.look(unmeasured).0, phase, "{}", course.rollout.waiting_for);
    // A failure counts all the same.
    let mut course =
        Course::new(Strategy::Rolling, &Policy { checks: course.rollout.policy.checks, ..policy() });
    course.rollout.stable = None;
    course.look(PLAIN);
    assert_eq!(course.look(View { checks: C::Critical, ..PLAIN }).0, PhaseName::TrafficAway);
}

#[test]
fn requests_leave_a_bad_version_before_its_deployment_is_failed() {
    let splitter = Policy { traffic: TrafficMode::ServiceSplitter, ..policy() };
    let mut course = Course::new(Strategy::Canary, &splitter);
    let at = |percent| View { traffic: T::At(percent), ..PLAIN };
    assert_eq!(course.look(View { traffic: T::Absent, ..PLAIN }).1, Vec::<&str>::new());
    course.until(PhaseName::Stepping, at(0));
    assert_eq!(course.look(at(0)), (PhaseName::Stepping, vec!["set_traffic"]));
    assert_eq!(course.look(at(50)).0, PhaseName::Baking);
    let step = course.look_at(|_| (), View { checks: C::Critical, ..at(50) });
    assert_eq!(course.rollout.phase.name(), PhaseName::TrafficAway);
    assert!(
        matches!(&step.actions[..], [intent] if matches!(&intent.action, Action::SetTraffic(split) if split.canary_percent == 0))
    );
    assert_eq!(course.look(at(0)).0, PhaseName::Failing);
}

#[test]
fn a_revert_goes_through_its_canaries_at_once() {
    let rollback = RollbackPolicy { revert: Revert::PriorVersion, timeout: 20 * TICK, ..policy().rollback };
    let mut course = Course::new(Strategy::Canary, &Policy { rollback, ..policy() });
    course.until(PhaseName::Promoting, PLAIN).look(PLAIN);
    course.until(PhaseName::PostPromotionBake, SUCCESSFUL);
    course.look(View { checks: C::Critical, ..SUCCESSFUL });
    course.until(PhaseName::Reverting, SUCCESSFUL);
    let step = course.look_at(|_| (), SUCCESSFUL);
    assert_eq!(step.actions[0].action, Action::Revert { to: OLD, enforce_prior: NEW });
    course.rollout.settle(step.actions[0].id, Settled::Done, course.now());
    let reverted = View { job: J::Reverted, latest: L::Running, ..SUCCESSFUL };
    assert_eq!(course.look(reverted).0, PhaseName::PromotingRevert);
    assert_eq!(course.look(reverted).1, ["promote_revert"]);
    assert_eq!(course.look(View { latest: L::Successful, ..reverted }).0, PhaseName::RolledBack);
}

#[test]
fn a_revert_that_somebody_else_was_quicker_than_gives_way() {
    let rollback = RollbackPolicy { revert: Revert::PriorVersion, timeout: 20 * TICK, ..policy().rollback };
    let mut course = Course::new(Strategy::Canary, &Policy { rollback, ..policy() });
    course.until(PhaseName::Baking, PLAIN);
    course.look(View { checks: C::Critical, ..PLAIN });
    course.until(PhaseName::Reverting, View { deployment: D::FailedByHand, ..PLAIN });
    let step = course.look_at(|_| (), PLAIN);
    let refused =
        Settled::Refused(Refusal::Conflict, "Current job has version 8; enforcing version 7".to_owned());
    course.rollout.settle(step.actions[0].id, refused, course.now());
    assert_eq!(course.look(View { job: J::Newer, ..PLAIN }).0, PhaseName::Superseded);
}

#[rstest]
#[case::promoted_by_hand(PROMOTED, FindingId::PromotedByHand, PhaseName::AwaitingSuccess)]
#[case::promoted_by_nomad(View { deployment: D::AutoPromoted, ..PLAIN }, FindingId::PromotedByNomad, PhaseName::AwaitingSuccess)]
#[case::failed_by_hand(View { deployment: D::FailedByHand, ..PLAIN }, FindingId::FailedByHand, PhaseName::TrafficAway)]
#[case::failed_by_nomad(View { deployment: D::FailedAndReverting, ..PLAIN }, FindingId::FailedByNomad, PhaseName::TrafficAway)]
#[case::newer_version(View { job: J::Newer, ..PLAIN }, FindingId::NewerVersion, PhaseName::Superseded)]
#[case::reverted_by_hand(View { job: J::Reverted, ..PLAIN }, FindingId::RevertedByHand, PhaseName::Superseded)]
#[case::collected(View { deployment: D::Absent, ..PLAIN }, FindingId::DeploymentCollected, PhaseName::Abandoned)]
#[case::purged(View { job: J::Absent, deployment: D::Absent, ..PLAIN }, FindingId::JobPurged, PhaseName::Abandoned)]
#[case::stopped(View { job: J::Stopped, ..PLAIN }, FindingId::JobStopped, PhaseName::Abandoned)]
#[case::fatal_task(View { canaries: H::Fatal, ..PLAIN }, FindingId::FatalTask, PhaseName::TrafficAway)]
#[case::paused_by_hand(View { deployment: D::Paused, ..PLAIN }, FindingId::PausedByHand, PhaseName::Baking)]
#[case::unready(View { canaries: H::Short, ..PLAIN }, FindingId::CanariesUnhealthy, PhaseName::Baking)]
#[case::blind(View::BLIND, FindingId::Unseen, PhaseName::Baking)]
fn what_happens_outside_is_named(#[case] view: View, #[case] finding: FindingId, #[case] phase: PhaseName) {
    // A bake that a look does not end.
    let steps = vec![StepPolicy { percent: 50, bake: 3 * TICK }];
    let mut course = Course::new(Strategy::Canary, &Policy { steps, ..policy() });
    course.until(PhaseName::Baking, PLAIN);
    assert_eq!(course.look(view).0, phase);
    assert!(course.has_found(finding), "{:?}", course.rollout.findings);
}

#[test]
fn what_a_look_shows_beside_is_named() {
    let mut course = Course::new(Strategy::Canary, &policy());
    course.look_at(
        |seen| {
            let why = "memory is exhausted on 2 nodes".to_owned();
            seen.placement = Seen::Known(PlacementSeen { group: "g".to_owned(), why, static_port: false });
            if let Seen::Known(job) = &mut seen.job {
                job.previous_counts.insert("g".to_owned(), 3);
            }
            if let Seen::Known(allocations) = &mut seen.allocations {
                allocations.iter_mut().for_each(|one| one.in_place = true);
            }
            if let Seen::Known(deployment) = &mut seen.deployment {
                deployment
                    .groups
                    .values_mut()
                    .for_each(|group| (group.auto_promote, group.auto_revert) = (true, true));
            }
        },
        PLAIN,
    );
    for id in [
        FindingId::NoCapacity,
        FindingId::CountDecrease,
        FindingId::InPlaceChange,
        FindingId::AutoPromote,
        FindingId::AutoRevert,
    ] {
        assert!(course.has_found(id), "{id:?}");
    }
    course.look(PLAIN);
    assert!(course.rollout.findings.iter().all(|finding| !finding.is_current));
}

#[test]
fn the_clock_of_a_bake_stands_still_in_a_pause() {
    let steps = vec![StepPolicy { percent: 50, bake: 2 * TICK }];
    let mut course = Course::new(Strategy::Canary, &Policy { steps, timeout: 100 * TICK, ..policy() });
    course.until(PhaseName::Baking, PLAIN);
    course.look(command(CommandKind::Pause));
    for _ in 0..9 {
        assert_eq!(course.look(PLAIN).0, PhaseName::Baking);
    }
    assert_eq!(course.look(command(CommandKind::Resume)).0, PhaseName::Baking);
    assert_eq!(course.look(PLAIN).0, PhaseName::AwaitingApproval);
}

#[rstest]
#[case(WhilePaused::RollBack, PhaseName::TrafficAway)]
#[case(WhilePaused::Hold, PhaseName::Baking)]
fn a_failure_in_a_pause_is_what_the_policy_says(#[case] while_paused: WhilePaused, #[case] phase: PhaseName) {
    let rollback = RollbackPolicy { while_paused, ..policy().rollback };
    let mut course = Course::new(Strategy::Canary, &Policy { rollback, timeout: 100 * TICK, ..policy() });
    course.until(PhaseName::Baking, PLAIN);
    course.look(command(CommandKind::Pause));
    assert_eq!(course.look(View { checks: C::Critical, ..PLAIN }).0, phase);
    // It was written down, and a better look does not take it back.
    course.look(command(CommandKind::Resume));
    assert!(matches!(course.rollout.phase, Phase::RollingBack { .. }));
}

#[test]
fn gates_are_waited_for_and_an_approval_opens_one() {
    let gates = vec![
        gate("sre", GatePoint::Promotion, GateKind::Approval),
        gate("confirm", GatePoint::Promotion, webhook()),
    ];
    let mut course = Course::new(Strategy::Canary, &Policy { gates, timeout: 100 * TICK, ..policy() });
    course.until(PhaseName::AwaitingApproval, PLAIN);
    course.look(PLAIN);
    assert_eq!(course.rollout.waiting_for, "the approval sre");
    course.look(View { gate_open: false, ..command(CommandKind::Approve) });
    assert_eq!(course.rollout.waiting_for, "the webhook confirm, which says: no");
    assert_eq!(course.look(PLAIN).0, PhaseName::Promoting);
}

#[test]
fn a_command_is_carried_out_once_and_one_about_another_deployment_is_declined() {
    let mut course = Course::new(Strategy::Canary, &policy());
    let elsewhere = Command {
        id: "1".to_owned(),
        deployment_id: "another".to_owned(),
        kind: CommandKind::Abort,
        by: "ops".to_owned(),
        reason: String::new(),
        at: Timestamp::UNIX_EPOCH,
    };
    course.look_at(|seen| seen.commands = vec![elsewhere], PLAIN);
    assert!(course.rollout.has_handled("1"));
    assert_eq!(course.rollout.handled[0].declined.as_deref(), Some("it is about another deployment than d"));
    assert!(!course.rollout.aborted);
}

#[test]
fn an_intent_that_was_not_settled_is_given_again_while_the_look_shows_that_it_is_still_to_be_done() {
    let mut course = Course::new(Strategy::Canary, &Policy { timeout: 100 * TICK, ..policy() });
    course.until(PhaseName::Promoting, PLAIN);
    let first = course.look_at(|_| (), PLAIN).actions;
    let again = course.look_at(|_| (), PLAIN).actions;
    assert_eq!((first.len(), &first), (1, &again));
    // Nobody can tell whether it is done: it is not sent again.
    assert_eq!(course.look_at(|_| (), View { deployment: D::Unknown, ..PLAIN }).actions, []);
    assert_eq!(course.look_at(|_| (), PROMOTED).actions, []);
    assert_eq!(course.rollout.promoted.as_ref().map(|(_, by)| by), Some(&PromotedBy::Agent));
}

#[test]
fn a_record_of_a_later_version_is_held_and_not_touched() {
    let mut rollout = start(Strategy::Canary, &policy());
    rollout.format = FORMAT + 1;
    let step = advance(&rollout, &PLAIN.observe(&rollout, Timestamp::UNIX_EPOCH), Timestamp::UNIX_EPOCH);
    assert_eq!((step.rollout == rollout, step.actions.len()), (true, 0));
    assert_eq!(step.hold.unwrap().id, FindingId::NewerRecord);
}

#[test]
fn a_rollback_that_came_to_no_end_is_taken_up_again() {
    let mut course = Course::new(Strategy::Canary, &policy());
    course.until(PhaseName::Baking, PLAIN);
    course.look(View { checks: C::Critical, ..PLAIN });
    course.until(PhaseName::RollbackIncomplete, View::BLIND);
    let (latest, job) = {
        let seen = PLAIN.observe(&course.rollout, course.now());
        (seen.deployment, seen.job)
    };
    let policy = policy();
    let candidate = Candidate {
        target: &course.rollout.target,
        latest: &latest,
        job: &job,
        current: Some(&course.rollout),
        policy: Some((&policy, &[])),
        epoch: 2,
    };
    let Adoption::Adopt(again) = adopt(&candidate, course.now()) else { panic!("it is left alone") };
    assert_eq!(again.phase.name(), PhaseName::TrafficAway);
    assert_eq!(again.failure.unwrap().reason, "errors: fail");
}

#[rstest]
#[case::of_a_newer_version(NEW + 1, false, true)]
#[case::of_the_version_of_the_record(NEW, false, false)]
#[case::of_a_revert_of_the_agents_own(NEW + 1, true, false)]
fn a_deployment_that_failed_before_it_was_looked_at_is_told(
    #[case] version: u64,
    #[case] is_revert: bool,
    #[case] is_adopted: bool,
) {
    let mut course = Course::new(Strategy::Canary, &policy());
    course.until(PhaseName::Superseded, View { job: J::Newer, ..PLAIN });
    course.rollout.revert_intended = is_revert;
    let mut seen = View { deployment: D::FailedByHand, ..PLAIN }.observe(&course.rollout, course.now());
    if let (Seen::Known(latest), Seen::Known(job)) = (&mut seen.deployment, &mut seen.job) {
        (latest.id, latest.job_version, job.version) = ("later".to_owned(), version, version);
    }
    let policy = policy();
    let candidate = Candidate {
        target: &course.rollout.target,
        latest: &seen.deployment,
        job: &seen.job,
        current: Some(&course.rollout),
        policy: Some((&policy, &[])),
        epoch: 2,
    };
    let adopted = adopt(&candidate, course.now());
    assert_eq!(matches!(adopted, Adoption::Adopt(_)), is_adopted, "{adopted:?}");
    // Without a record of the job nobody has asked for the past to be told.
    let adopted = adopt(&Candidate { current: None, ..candidate }, course.now());
    assert!(matches!(adopted, Adoption::LeaveAlone(_)), "{adopted:?}");
}
