//! A bounded model checker for the phases: every state that is reachable, by every view of the world, from tick to tick.
//!
//! The world is an adversary: it may show anything in any order, whatever was done to it. Views are the plain course with one or two
//! things out of place, in each pair of ways, and the look that sees nothing. Between two looks what was to be done is settled in each
//! way that there is, a crash before it is written among them. Time goes on by one tick a look, so that all states of one level
//! have the same age, and a level without a rollout that has not ended proves that each ends by then.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::time::Duration;

use jiff::Timestamp;

use crate::rollout::action::{Action, Refusal, Settled};
use crate::rollout::observation::*;
use crate::rollout::phase::{Adoption, Candidate, Step, adopt, advance};
use crate::rollout::policy::*;
use crate::rollout::record::{Phase, PhaseName, Rollout, Target, since};
use crate::rollout::verdict::{CheckResult, Measured, Verdict};

/// How long a tick is.
pub(crate) const TICK: Duration = Duration::from_secs(30);

/// The version that is rolled out, and the one before.
pub(crate) const NEW: u64 = 7;
pub(crate) const OLD: u64 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum D {
    Unknown,
    Absent,
    Running,
    Paused,
    Promoted,
    AutoPromoted,
    Successful,
    FailedByHand,
    FailedAndReverting,
    CancelledForNewer,
    CancelledForNothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum J {
    Unknown,
    Absent,
    Ours,
    Newer,
    Reverted,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum C {
    None,
    Pass,
    Inconclusive,
    Error,
    Fail,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum H {
    Unknown,
    Ready,
    Short,
    Gone,
    Fatal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum T {
    Unknown,
    Absent,
    Fixed,
    At(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum L {
    Unknown,
    Absent,
    Running,
    Successful,
    Failed,
}

/// One view of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct View {
    pub(crate) deployment: D,
    pub(crate) job: J,
    pub(crate) checks: C,
    pub(crate) canaries: H,
    pub(crate) old_runs: bool,
    pub(crate) traffic: T,
    pub(crate) latest: L,
    pub(crate) gate_open: bool,
    pub(crate) command: Option<CommandKind>,
}

impl View {
    /// The plain course.
    pub(crate) const PLAIN: Self = Self {
        deployment: D::Running,
        job: J::Ours,
        checks: C::Pass,
        canaries: H::Ready,
        old_runs: true,
        traffic: T::Fixed,
        latest: L::Absent,
        gate_open: true,
        command: None,
    };

    /// Nothing can be read.
    pub(crate) const BLIND: Self = Self {
        deployment: D::Unknown,
        job: J::Unknown,
        checks: C::Error,
        canaries: H::Unknown,
        old_runs: true,
        traffic: T::Unknown,
        latest: L::Unknown,
        gate_open: false,
        command: None,
    };

    pub(crate) fn observe(&self, rollout: &Rollout, now: Timestamp) -> Observation {
        Observation {
            deployment: self.deployment_seen(rollout),
            job: self.job_seen(rollout),
            latest: self.latest_seen(rollout),
            allocations: self.allocations(),
            instances: self.instances(),
            placement: Seen::Absent,
            checks: self.results(),
            gates: vec![GateSeen {
                gate: "confirm".to_owned(),
                state: if self.gate_open { GateState::Open } else { GateState::Closed("no".to_owned()) },
            }],
            traffic: match self.traffic {
                T::Unknown => Seen::Unknown("x".to_owned()),
                T::Absent => Seen::Absent,
                T::Fixed => Seen::Known(TrafficSeen { canary_percent: 33, can_move: false }),
                T::At(canary_percent) => Seen::Known(TrafficSeen { canary_percent, can_move: true }),
            },
            commands: self.commands(rollout, now),
        }
    }

    fn commands(&self, rollout: &Rollout, now: Timestamp) -> Vec<Command> {
        let command = self.command.map(|kind| Command {
            id: format!("{now}"),
            deployment_id: rollout.deployment_id.clone(),
            kind,
            by: "somebody".to_owned(),
            reason: String::new(),
            at: now,
        });
        command.into_iter().collect()
    }

    fn deployment_seen(&self, rollout: &Rollout) -> Seen<DeploymentSeen> {
        let canaries = match rollout.strategy {
            Strategy::Canary => 1,
            Strategy::BlueGreen => 2,
            Strategy::Rolling => 0,
        };
        let (status, promoted, auto, description) = match self.deployment {
            D::Unknown => return Seen::Unknown("x".to_owned()),
            D::Absent => return Seen::Absent,
            D::Running => (DeploymentStanding::Running, false, false, ""),
            D::Paused => (DeploymentStanding::Paused, false, false, ""),
            D::Promoted => (DeploymentStanding::Running, true, false, ""),
            D::AutoPromoted => (DeploymentStanding::Running, true, true, ""),
            D::Successful => (DeploymentStanding::Successful, true, false, ""),
            D::FailedByHand => (DeploymentStanding::Failed, false, false, "Deployment marked as failed"),
            D::FailedAndReverting => (
                DeploymentStanding::Failed,
                false,
                false,
                "Failed due to unhealthy allocations - rolling back to job version 6",
            ),
            D::CancelledForNewer => {
                (DeploymentStanding::Cancelled, false, false, "Cancelled due to newer version of job")
            }
            D::CancelledForNothing => (DeploymentStanding::Cancelled, false, false, "?"),
        };
        let group = GroupSeen {
            promoted: promoted && canaries > 0,
            auto_promote: auto,
            desired_canaries: canaries,
            desired_total: 2,
            ..GroupSeen::default()
        };
        Seen::Known(DeploymentSeen {
            id: "d".to_owned(),
            job_version: NEW,
            status,
            description: description.to_owned(),
            groups: BTreeMap::from([("g".to_owned(), group)]),
        })
    }

    fn job_seen(&self, rollout: &Rollout) -> Seen<JobSeen> {
        let (version, name, stopped) = match self.job {
            J::Unknown => return Seen::Unknown("x".to_owned()),
            J::Absent => return Seen::Absent,
            J::Ours => (NEW, "new", false),
            J::Newer => (rollout.revert_version.unwrap_or(NEW) + 1, "newer", false),
            J::Reverted => (NEW + 1, "old", false),
            J::Stopped => (NEW, "new", true),
        };
        Seen::Known(job(version, name, stopped))
    }

    fn latest_seen(&self, rollout: &Rollout) -> Seen<DeploymentSeen> {
        let status = match self.latest {
            L::Unknown => return Seen::Unknown("x".to_owned()),
            L::Absent => return Seen::Absent,
            L::Running => DeploymentStanding::Running,
            L::Successful => DeploymentStanding::Successful,
            L::Failed => DeploymentStanding::Failed,
        };
        let group = GroupSeen { desired_canaries: 1, desired_total: 2, ..GroupSeen::default() };
        Seen::Known(DeploymentSeen {
            id: "revert".to_owned(),
            job_version: rollout.revert_version.unwrap_or(NEW + 1),
            status,
            description: String::new(),
            groups: BTreeMap::from([("g".to_owned(), group)]),
        })
    }

    fn allocations(&self) -> Seen<Vec<AllocationSeen>> {
        let mut all = Vec::new();
        let of = |id: &str, job_version, canary| AllocationSeen {
            id: id.to_owned(),
            job_version,
            group: "g".to_owned(),
            client: ClientStatus::Running,
            wanted: true,
            healthy: Some(true),
            canary,
            of_deployment: canary,
            restarts: 0,
            fatal: None,
            in_place: false,
        };
        match self.canaries {
            H::Unknown => return Seen::Unknown("x".to_owned()),
            H::Gone => {}
            H::Ready | H::Short => all.extend([of("n1", NEW, true), of("n2", NEW, true)]),
            H::Fatal => {
                all.push(AllocationSeen { fatal: Some("no such image".to_owned()), ..of("n1", NEW, true) });
            }
        }
        if self.old_runs {
            all.extend([of("o1", OLD, false), of("o2", OLD, false)]);
        }
        if self.latest != L::Absent {
            all.push(of("r1", NEW + 1, true));
        }
        Seen::Known(all)
    }

    fn instances(&self) -> Seen<Vec<InstanceSeen>> {
        let of = |id: &str, version, passing| InstanceSeen {
            id: id.to_owned(),
            allocation_id: Some(id.to_owned()),
            job_version: Some(version),
            version_name: None,
            passing,
        };
        let mut all = match self.canaries {
            H::Unknown => return Seen::Unknown("x".to_owned()),
            H::Gone | H::Fatal => Vec::new(),
            H::Ready => vec![of("n1", NEW, true), of("n2", NEW, true)],
            H::Short => vec![of("n1", NEW, false), of("n2", NEW, false)],
        };
        if self.old_runs {
            all.extend([of("o1", OLD, true), of("o2", OLD, true)]);
        }
        if self.latest != L::Absent {
            all.push(of("r1", NEW + 1, true));
        }
        Seen::Known(all)
    }

    fn results(&self) -> Vec<CheckResult> {
        let verdict = match self.checks {
            C::None => return Vec::new(),
            C::Pass => Verdict::Pass,
            C::Inconclusive => Verdict::Inconclusive,
            C::Error => Verdict::Error,
            C::Fail | C::Critical => Verdict::Fail,
        };
        vec![CheckResult {
            check: "errors".to_owned(),
            verdict,
            critical: self.checks == C::Critical,
            why: verdict.as_str().to_owned(),
            measured: Measured::default(),
        }]
    }
}

pub(crate) fn job(version: u64, name: &str, stopped: bool) -> JobSeen {
    JobSeen {
        version,
        create_index: 1,
        modify_index: version,
        stopped,
        version_name: Some(name.to_owned()),
        stable: Some((OLD, Some("old".to_owned()))),
        counts: BTreeMap::from([("g".to_owned(), 2)]),
        previous_counts: BTreeMap::from([("g".to_owned(), 2)]),
        meta: BTreeMap::new(),
    }
}

/// A policy of few ticks.
pub(crate) fn policy() -> Policy {
    Policy {
        interval: TICK,
        steps: vec![StepPolicy { percent: 50, bake: TICK }],
        checks: vec![CheckPolicy { failures: 2, ..default_checks().remove(0) }],
        timeout: 7 * TICK,
        success_timeout: 2 * TICK,
        post_promotion_bake: TICK,
        unhealthy_limit: 2,
        inconclusive_limit: 2,
        error_limit: 2,
        rollback: RollbackPolicy { timeout: 5 * TICK, ..RollbackPolicy::default() },
        ..Policy::default()
    }
}

pub(crate) fn gate(name: &str, before: GatePoint, kind: GateKind) -> GatePolicy {
    GatePolicy { name: name.to_owned(), before, kind }
}

pub(crate) fn webhook() -> GateKind {
    GateKind::Webhook { url: "http://x".to_owned(), token_file: None, timeout: TICK }
}

/// A rollout that was just adopted.
pub(crate) fn start(strategy: Strategy, policy: &Policy) -> Rollout {
    let target = Target { namespace: "default".to_owned(), job: "nova-proxy".to_owned() };
    let job = Seen::Known(job(NEW, "new", false));
    let candidate = |latest| Candidate {
        target: &target,
        latest,
        job: &job,
        current: None,
        policy: Some((policy, &[])),
        epoch: 1,
    };
    let canaries = match strategy {
        Strategy::Canary => 1,
        Strategy::BlueGreen => 2,
        Strategy::Rolling => 0,
    };
    let group = GroupSeen { desired_canaries: canaries, desired_total: 2, ..GroupSeen::default() };
    let latest = Seen::Known(DeploymentSeen {
        id: "d".to_owned(),
        job_version: NEW,
        status: DeploymentStanding::Running,
        description: String::new(),
        groups: BTreeMap::from([("g".to_owned(), group)]),
    });
    match adopt(&candidate(&latest), Timestamp::UNIX_EPOCH) {
        Adoption::Adopt(rollout) => *rollout,
        other => panic!("{other:?}"),
    }
}

const DEPLOYMENTS: [D; 11] = [
    D::Unknown,
    D::Absent,
    D::Running,
    D::Paused,
    D::Promoted,
    D::AutoPromoted,
    D::Successful,
    D::FailedByHand,
    D::FailedAndReverting,
    D::CancelledForNewer,
    D::CancelledForNothing,
];
const JOBS: [J; 6] = [J::Unknown, J::Absent, J::Ours, J::Newer, J::Reverted, J::Stopped];
const CHECKS: [C; 6] = [C::None, C::Pass, C::Inconclusive, C::Error, C::Fail, C::Critical];
const CANARIES: [H; 5] = [H::Unknown, H::Ready, H::Short, H::Gone, H::Fatal];
const COMMANDS: [Option<CommandKind>; 6] = [
    None,
    Some(CommandKind::Approve),
    Some(CommandKind::Pause),
    Some(CommandKind::Resume),
    Some(CommandKind::Promote),
    Some(CommandKind::Abort),
];

/// How much may be out of place in one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// One thing, and what is likely to come with it.
    One,
    /// Each pair of things that have to do with each other.
    Pairs,
}

/// The plain course: what the acts of the rollout have led to where it stands.
fn plain(rollout: &Rollout, shares: &[T]) -> View {
    let mut plain = View { traffic: shares[0], ..View::PLAIN };
    if rollout.is_promoted() {
        plain.deployment = D::Promoted;
    }
    if rollout.revert_version.is_some() {
        (plain.job, plain.latest) = (J::Reverted, L::Running);
    }
    plain
}

/// Every view for one state: the plain course with things out of place, and the blind look.
fn views(rollout: &Rollout, breadth: Breadth) -> Vec<View> {
    let is_splitter = rollout.policy.traffic == TrafficMode::ServiceSplitter;
    let is_reverting = rollout.revert_version.is_some();
    let shares: &[T] = if is_splitter {
        &[T::Unknown, T::Absent, T::At(0), T::At(50), T::At(100)]
    } else {
        &[T::Fixed, T::Unknown]
    };
    let latest: &[L] = if is_reverting {
        &[L::Unknown, L::Absent, L::Running, L::Successful, L::Failed]
    } else {
        &[L::Absent]
    };
    let plain = plain(rollout, shares);
    let mut all = BTreeSet::from([plain, View::BLIND]);
    // A rollback hears no command and looks at no check.
    let is_rollback = matches!(rollout.phase, Phase::RollingBack { .. });
    let commands: &[Option<CommandKind>] = match &rollout.phase {
        Phase::RollingBack { .. } => &[None],
        _ if rollout.is_promoted() => &[None, Some(CommandKind::Abort)],
        _ => &COMMANDS,
    };
    let checks: &[C] = if is_rollback { &[C::Pass] } else { &CHECKS };
    let pairs = |likely: bool| likely || breadth == Breadth::Pairs;
    for deployment in DEPLOYMENTS {
        let view = View { deployment, ..plain };
        let is_reverting = deployment == D::FailedAndReverting;
        all.extend(JOBS.iter().filter(|_| pairs(is_reverting)).map(|&job| View { job, ..view }));
        all.extend(
            checks.iter().filter(|_| pairs(deployment == D::Promoted)).map(|&checks| View { checks, ..view }),
        );
        all.extend(commands.iter().filter(|_| pairs(false)).map(|&command| View { command, ..view }));
        all.extend(latest.iter().filter(|_| pairs(false)).map(|&latest| View { latest, ..view }));
        all.insert(view);
    }
    for &checks in checks {
        let is_likely = matches!(checks, C::Critical);
        all.extend(commands.iter().filter(|_| pairs(is_likely)).map(|&command| View {
            command,
            checks,
            ..plain
        }));
        all.extend(CANARIES.iter().filter(|_| pairs(false)).map(|&canaries| View {
            canaries,
            checks,
            ..plain
        }));
        all.insert(View { checks, ..plain });
    }
    for job in JOBS {
        all.extend(commands.iter().filter(|_| pairs(false)).map(|&command| View { command, job, ..plain }));
        all.extend(latest.iter().filter(|_| pairs(false)).map(|&latest| View { latest, job, ..plain }));
        all.insert(View { job, ..plain });
    }
    for canaries in CANARIES {
        for old_runs in [true, false] {
            let view = View { canaries, old_runs, ..plain };
            all.extend(shares.iter().filter(|_| pairs(false)).map(|&traffic| View { traffic, ..view }));
            all.extend(latest.iter().filter(|_| pairs(false)).map(|&latest| View { latest, ..view }));
            all.insert(view);
        }
    }
    all.extend(shares.iter().map(|&traffic| View { traffic, ..plain }));
    all.extend(latest.iter().map(|&latest| View { latest, ..plain }));
    all.extend(commands.iter().map(|&command| View { command, gate_open: false, ..plain }));
    all.extend(commands.iter().map(|&command| View { command, ..plain }));
    all.into_iter().collect()
}

/// What the checker itself knows of a path, apart from the record: a mistake in what is kept shows against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ghost {
    /// Something has failed for good that nobody overrode.
    pub(crate) has_failed: bool,
    /// Somebody has commanded to promote, and nobody to abort since.
    pub(crate) was_ordered: bool,
    /// Somebody has promoted in Nomad before the agent meant to, and nobody has commanded to abort since.
    pub(crate) was_promoted_by_hand: bool,
    /// The agent has promoted.
    pub(crate) has_promoted: bool,
}

/// One look on a path.
pub(crate) struct Edge<'a> {
    pub(crate) before: &'a Rollout,
    pub(crate) ghost: Ghost,
    pub(crate) view: &'a View,
    pub(crate) step: &'a Step,
    pub(crate) now: Timestamp,
}

/// What was explored.
#[derive(Debug, Default)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) looks: usize,
    pub(crate) levels: usize,
    pub(crate) ended: BTreeMap<PhaseName, usize>,
    pub(crate) transitions: BTreeSet<(PhaseName, PhaseName)>,
    pub(crate) broken: Vec<String>,
}

fn age(ghost: Ghost, edge: &Edge<'_>) -> Ghost {
    let mut next = ghost;
    let (before, view) = (edge.before, edge.view);
    let is_judged = before.bake_since.is_some()
        && !matches!(before.phase, Phase::RollingBack { .. } | Phase::Ended { .. });
    let is_rolling_back = matches!(before.phase, Phase::RollingBack { .. });
    let is_persons = ghost.was_ordered || ghost.was_promoted_by_hand;
    match view.command {
        Some(CommandKind::Promote)
            if !before.is_promoted() && before.strategy != Strategy::Rolling && !is_rolling_back =>
        {
            next.was_ordered = true;
        }
        Some(CommandKind::Abort) if !is_rolling_back => {
            (next.was_ordered, next.was_promoted_by_hand, next.has_failed) = (false, false, true);
        }
        _ => {}
    }
    if is_judged && view.checks == C::Critical && !is_persons && !before.is_promoted() {
        next.has_failed = true;
    }
    if view.deployment == D::Promoted
        && !before.promote_intended
        && !before.is_promoted()
        && before.strategy != Strategy::Rolling
        && edge.step.rollout.is_promoted()
    {
        next.was_promoted_by_hand = true;
    }
    next.has_promoted |=
        edge.step.actions.iter().any(|intent| matches!(intent.action, Action::Promote { .. }));
    next
}

/// Explores everything that is reachable within so many ticks.
pub(crate) fn explore(
    first: Rollout,
    breadth: Breadth,
    ticks: u32,
    check: &dyn Fn(&Edge<'_>) -> Vec<String>,
) -> Explored {
    let mut explored = Explored::default();
    let mut level: HashMap<u64, (Rollout, Ghost)> = HashMap::from([(0, (first, Ghost::default()))]);
    for tick in 1..=ticks {
        let now = Timestamp::UNIX_EPOCH + TICK * tick;
        let mut next: HashMap<u64, (Rollout, Ghost)> = HashMap::new();
        let mut seen: HashMap<(View, Option<u64>), Observation> = HashMap::new();
        for (rollout, ghost) in level.values() {
            for view in views(rollout, breadth) {
                explored.looks += 1;
                let look = (view, rollout.revert_version);
                let observation = seen.entry(look).or_insert_with(|| view.observe(rollout, now));
                let step = advance(rollout, observation, now);
                let edge = Edge { before: rollout, ghost: *ghost, view: &view, step: &step, now };
                for broken in check(&edge) {
                    if explored.broken.len() < 20 {
                        let path: Vec<_> =
                            step.rollout.transitions.iter().map(|one| one.to.as_str()).collect();
                        explored.broken.push(format!("{broken}: {view:?} {ghost:?} {path:?}"));
                    }
                }
                let (from, to) = (rollout.phase.name(), step.rollout.phase.name());
                if from != to {
                    explored.transitions.insert((from, to));
                }
                if step.rollout.has_ended() {
                    *explored.ended.entry(to).or_default() += 1;
                    continue;
                }
                let ghost = age(*ghost, &edge);
                for settled in settlements(step.rollout.clone(), &step, now) {
                    next.entry(key(&settled, ghost, now)).or_insert((settled, ghost));
                }
            }
        }
        explored.states += next.len();
        explored.levels = explored.levels.max(tick as usize);
        level = next;
        if level.is_empty() {
            return explored;
        }
    }
    let left: BTreeSet<_> = level.values().map(|(rollout, _)| rollout.phase.name()).collect();
    explored.broken.push(format!("not ended after {ticks} ticks: {left:?}"));
    explored
}

/// What may come of the actions of a step before the next look.
fn settlements(mut rollout: Rollout, step: &Step, now: Timestamp) -> Vec<Rollout> {
    // What is told of the past decides nothing.
    rollout.transitions.clear();
    rollout.findings.clear();
    rollout.handled.clear();
    let mut all = vec![rollout.clone()];
    if step.actions.is_empty() {
        return all;
    }
    let mut ways = vec![Settled::Done];
    if step.actions.iter().any(|intent| matches!(intent.action, Action::Revert { .. })) {
        ways.push(Settled::Refused(Refusal::Conflict, String::new()));
        ways.push(Settled::Refused(Refusal::UnknownVersion, String::new()));
    }
    for way in ways {
        let mut settled = rollout.clone();
        for intent in &step.actions {
            settled.settle(intent.id, way.clone(), now);
        }
        all.push(settled);
    }
    all
}

/// What makes a difference to what follows: two records with one key behave alike.
fn key(rollout: &Rollout, ghost: Ghost, now: Timestamp) -> u64 {
    let policy = &rollout.policy;
    // Ages count only where a phase looks at them, and no longer than they make a difference.
    let limit = match &rollout.phase {
        Phase::Baking { .. } => policy.steps.iter().map(|step| step.bake).max(),
        Phase::PostPromotionBake => Some(policy.post_promotion_bake + policy.success_timeout),
        Phase::RollingBack { .. } => Some(4 * TICK),
        _ => None,
    };
    let age = limit.map(|limit| rollout.elapsed(now).min(limit));
    let is_rollback = matches!(rollout.phase, Phase::RollingBack { .. });
    let failures: Vec<_> = rollout
        .checks
        .iter()
        .filter(|_| !is_rollback)
        .map(|(name, standing)| (name, standing.failures.min(2)))
        .collect();
    let intents: Vec<_> = rollout.intents.iter().map(|intent| &intent.action).collect();
    let flags = (
        rollout.promote_intended,
        rollout.revert_intended,
        rollout.revert_version,
        rollout.rollback_since,
        rollout.aborted,
        rollout.failure.is_some(),
        rollout.bake_since.is_some(),
        rollout.paused.is_some(),
    );
    let promoted = rollout
        .promoted
        .as_ref()
        .map(|(at, by)| ((rollout.phase == Phase::AwaitingSuccess).then_some(*at), by));
    let approvals: Vec<_> =
        rollout.approvals.keys().filter(|_| !is_rollback && !rollout.is_promoted()).collect();
    let refused = rollout.refused.as_ref().map(|refused| (&refused.action, refused.refusal));
    let ordered = rollout.promote_ordered.is_some();
    let mut hasher = DefaultHasher::new();
    (&rollout.phase, age, promoted, ordered, failures, intents).hash(&mut hasher);
    (flags, approvals, refused, ghost).hash(&mut hasher);
    hasher.finish()
}

/// Whether a look may change the phase though it has seen nothing: time alone may have run out.
pub(crate) fn is_by_time(before: &Rollout, to: PhaseName, now: Timestamp) -> bool {
    let over = |from: Timestamp, limit: Duration| since(from, now) >= limit;
    let policy = &before.policy;
    match (before.phase.name(), to) {
        (PhaseName::TrafficAway, PhaseName::Failing) => true,
        (_, PhaseName::RollbackIncomplete) => {
            before.rollback_since.is_some_and(|from| over(from, policy.rollback.timeout))
        }
        (PhaseName::AwaitingSuccess, PhaseName::Abandoned) => {
            before.promoted.as_ref().is_some_and(|(at, _)| over(*at, policy.success_timeout))
        }
        (PhaseName::PostPromotionBake, PhaseName::Promoted) => {
            before.elapsed(now) >= policy.post_promotion_bake + policy.success_timeout
        }
        (_, PhaseName::TrafficAway) => {
            before.failure.is_some() || over(before.started_at, policy.timeout) || {
                // Errors of the readiness check are counted, and never decide; failures before may have.
                before.checks.values().any(|standing| standing.failures > 0)
            }
        }
        _ => false,
    }
}
