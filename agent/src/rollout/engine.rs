//! The straight line of a rollout: load the record, look, decide, write, act, write again.
//!
//! Owns the order, and when nothing may be done. What is decided is in `phase`, which is pure; what is seen is in `observe`; what is done
//! is in `acts`. Nothing is kept here that the record does not hold but what may be lost: the engine may be dropped at any await, and
//! another one goes on from the record.

mod acts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::action::{Event, Settled};
use super::finding::Finding;
use super::observation::{GateState, JobSeen, Seen};
use super::observe::{Memory, observe};
use super::phase::{Adoption, Candidate, Step, adopt, advance};
use super::policy::{GatePolicy, Policy};
use super::record::{Outcome, Phase, Rollout, Target};
use super::store::{Lead, Records, RecordsError, Stored, Write};
use crate::seams::{MetricSource, Orchestrator, TrafficRouter};

/// How many changes one visit makes at most. A rollout has some twenty in its life; what changes more often than this goes in circles,
/// and has to wait for the next visit.
const MAX_MOVES: usize = 32;

/// How long until the next look while something is awaited that others do.
const SOON: Duration = Duration::from_secs(2);

/// How long until the next look at most.
const LATEST: Duration = Duration::from_secs(10);

/// The longest pause after acts that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the engine stands on. Tests have one in memory.
pub trait World: Send + Sync {
    /// Brings versions into force.
    type Orchestrator: Orchestrator;
    /// Shares requests.
    type Router: TrafficRouter;
    /// Knows instances and what they count.
    type Metrics: MetricSource;
    /// Keeps records.
    type Records: Records;
    /// Asks and tells others.
    type Hooks: Hooks;
    /// Knows the rules.
    type Policies: Policies;

    /// Brings versions into force.
    fn orchestrator(&self) -> &Self::Orchestrator;
    /// Shares requests.
    fn router(&self) -> &Self::Router;
    /// Knows instances and what they count.
    fn metrics(&self) -> &Self::Metrics;
    /// Keeps records.
    fn records(&self) -> &Self::Records;
    /// Asks and tells others.
    fn hooks(&self) -> &Self::Hooks;
    /// Knows the rules.
    fn policies(&self) -> &Self::Policies;
    /// The leader's clock.
    fn now(&self) -> Timestamp;
    /// A record was written: for logs and those who watch.
    fn changed(&self, before: Option<&Rollout>, after: &Rollout);
}

/// Programs and people of others.
pub trait Hooks: Send + Sync {
    /// Asks a webhook whether a gate is open.
    fn ask(&self, gate: &GatePolicy, rollout: &Rollout) -> impl Future<Output = GateState> + Send;

    /// Tells those whom the policy names. It is done when the message is on its way.
    fn tell(&self, event: &Event, rollout: &Rollout) -> impl Future<Output = Settled> + Send;
}

/// The rules of a job.
pub trait Policies: Send + Sync {
    /// The rules and where they come from; nothing where the job is not rolled out by this agent.
    ///
    /// # Errors
    /// When a policy cannot be read or has faults: the job is left alone until it is corrected.
    fn of(
        &self,
        target: &Target,
        job: &JobSeen,
    ) -> impl Future<Output = Result<Option<(Policy, Vec<String>)>, String>> + Send;
}

/// What a visit has come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Visit {
    /// A rollout is under way; this is when to look again at the latest.
    UnderWay(Duration),
    /// There is nothing to do, for this reason.
    Idle(&'static str),
    /// A later version's record is there, which is left alone.
    Held(Box<Finding>),
}

/// Why a visit ended early. What was written until then stands.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// This instance does not lead any more, or cannot be certain: nothing more is begun.
    #[error("this agent does not lead any more, so that it begins nothing more")]
    Deposed,
    /// Records cannot be read or written.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Somebody else has written the record.
    #[error("somebody else has written the record of {job} meanwhile; the next visit goes on from that")]
    Overtaken {
        /// The job.
        job: String,
    },
    /// The policy cannot be used.
    #[error(
        "the policy of {job} cannot be used, and its deployment is left alone until it is corrected: {why}"
    )]
    Policy {
        /// The job.
        job: String,
        /// What is wrong.
        why: String,
    },
    /// It took too long.
    #[error("the visit of {job} took longer than {} s and was cut off; it is gone on with later", after.as_secs())]
    Slow {
        /// The job.
        job: String,
        /// The limit.
        after: Duration,
    },
    /// It changes without end.
    #[error(
        "the rollout of {job} has changed {MAX_MOVES} times in one visit, which is a defect; it is gone on with later"
    )]
    Circles {
        /// The job.
        job: String,
    },
}

/// Goes on with rollouts, one visit of one job at a time.
#[derive(Debug)]
pub struct Engine<W> {
    world: W,
    memories: Mutex<BTreeMap<Target, Arc<tokio::sync::Mutex<Memory>>>>,
}

/// What there is to go on with.
enum Current {
    /// This record.
    Go(Box<Stored>),
    /// Nothing, for this reason.
    Idle(&'static str),
    /// Nothing but what an ended rollout has left in the mesh.
    Clearing,
}

/// Whether there is more to do at once.
enum Moved {
    /// The record is this now, and another look may lead on.
    On(Box<Stored>),
    /// Nothing more follows from this look.
    Rests(Visit),
}

impl<W: World> Engine<W> {
    /// An engine that knows nothing but what is in the records.
    #[must_use]
    pub fn new(world: W) -> Self {
        Self { world, memories: Mutex::default() }
    }

    /// What it stands on.
    #[must_use]
    pub fn world(&self) -> &W {
        &self.world
    }

    /// Goes on with the rollout of one job as far as it goes now.
    ///
    /// # Errors
    /// When the leadership is not certain, and when records or the policy cannot be used.
    pub async fn visit(&self, target: &Target, lead: &impl Lead) -> Result<Visit, VisitError> {
        let memory = self.memory(target);
        let mut stored = match self.current(target, lead, &memory).await? {
            Current::Go(stored) => *stored,
            Current::Idle(why) => return Ok(Visit::Idle(why)),
            Current::Clearing => return Ok(Visit::UnderWay(LATEST)),
        };
        for _ in 0..MAX_MOVES {
            match Box::pin(self.step(stored, lead, &memory)).await? {
                Moved::On(next) => stored = *next,
                Moved::Rests(visit) => return Ok(visit),
            }
        }
        Err(VisitError::Circles { job: target.job.clone() })
    }

    /// Forgets what is remembered of jobs that are not among these.
    pub fn forget_all_but(&self, targets: &BTreeSet<Target>) {
        self.memories().retain(|target, _| targets.contains(target));
    }

    /// The record to go on with: the one that is there, or that of a deployment which is adopted now.
    async fn current(
        &self,
        target: &Target,
        lead: &impl Lead,
        memory: &tokio::sync::Mutex<Memory>,
    ) -> Result<Current, VisitError> {
        let stored = match self.world.records().load(target).await? {
            Some(stored) if !stored.rollout.is_closed() => return Ok(Current::Go(Box::new(stored))),
            closed_or_none => closed_or_none,
        };
        let look = self.world.orchestrator().look(target, None, None).await;
        memory.lock().await.found(&look.service);
        let Seen::Known(job) = &look.job else {
            return Ok(Current::Idle("the job is not there, or could not be read"));
        };
        let policy = self.world.policies().of(target, job).await;
        let policy = policy.map_err(|why| VisitError::Policy { job: target.job.clone(), why })?;
        let candidate = Candidate {
            target,
            latest: &look.latest,
            job: &look.job,
            current: stored.as_ref().map(|stored| &stored.rollout),
            policy: policy.as_ref().map(|(policy, origin)| (policy, origin.as_slice())),
            epoch: lead.epoch(),
        };
        match adopt(&candidate, self.world.now()) {
            Adoption::Adopt(rollout) => {
                self.begin(stored, *rollout, lead).await.map(|begun| Current::Go(Box::new(begun)))
            }
            Adoption::Continue => Ok(Current::Idle("the rollout before it has not come to its end")),
            Adoption::LeaveAlone(why) => match stored {
                Some(ended) if !self.is_cleared_away(&ended.rollout, lead, memory).await => {
                    Ok(Current::Clearing)
                }
                _ => Ok(Current::Idle(why)),
            },
        }
    }

    /// Writes the first record of a rollout; that of the one before goes to the history in the same moment.
    async fn begin(
        &self,
        before: Option<Stored>,
        rollout: Rollout,
        lead: &impl Lead,
    ) -> Result<Stored, VisitError> {
        let records = self.world.records();
        let written = match &before {
            Some(ended) => records.follow(lead, ended, &rollout).await?,
            None => records.write(lead, &rollout, 0).await?,
        };
        match written {
            Write::Written(index) => {
                self.world.changed(None, &rollout);
                Ok(Stored { rollout, index })
            }
            Write::Conflict => Err(VisitError::Overtaken { job: rollout.target.job }),
            Write::Deposed => Err(VisitError::Deposed),
        }
    }

    /// One look, and what follows from it.
    async fn step(
        &self,
        stored: Stored,
        lead: &impl Lead,
        memory: &tokio::sync::Mutex<Memory>,
    ) -> Result<Moved, VisitError> {
        let Stored { rollout: before, index } = stored;
        let commands = self.world.records().commands(&before.target).await?;
        let mut rollout = before.clone();
        rollout.epoch = lead.epoch();
        let seen = Box::pin(observe(&self.world, &rollout, commands.clone(), memory)).await;
        let Step { rollout, actions, hold } = advance(&rollout, &seen, self.world.now());
        if let Some(hold) = hold {
            return Ok(Moved::Rests(Visit::Held(Box::new(hold))));
        }
        let mut stored = Stored { rollout, index };
        if stored.rollout != before {
            stored.index = self.write(lead, Some(&before), &stored).await?;
        }
        let ids = commands.into_iter().map(|command| command.id);
        let handled: Vec<String> = ids.filter(|id| stored.rollout.has_handled(id)).collect();
        if !handled.is_empty() {
            self.world.records().forget(&stored.rollout.target, &handled).await?;
        }
        let mut has_moved = stored.rollout.phase != before.phase;
        let (mut failures, mut was_refused) = (0, false);
        for intent in actions {
            // Nobody else may act meanwhile: what is begun now ends before somebody else can lead.
            if !lead.may_act() {
                return Err(VisitError::Deposed);
            }
            let settled = acts::perform(&self.world, &stored.rollout, &intent.action, memory).await;
            match &settled {
                Settled::Done => has_moved = true,
                // What is refused now is refused in a moment as well: it is wanted again with a later look, if it still is.
                Settled::Refused(..) => was_refused = true,
                Settled::Failed(_) => failures = failures.max(intent.tries.saturating_add(1)),
            }
            let before = stored.rollout.clone();
            stored.rollout.settle(intent.id, settled, self.world.now());
            stored.index = self.write(lead, Some(&before), &stored).await?;
        }
        if was_refused {
            return Ok(Moved::Rests(Visit::UnderWay(LATEST)));
        }
        if has_moved && failures == 0 {
            return Ok(Moved::On(Box::new(stored)));
        }
        Ok(Moved::Rests(rest(&stored.rollout, failures)))
    }

    /// Writes a record behind the fence, and tells others.
    async fn write(
        &self,
        lead: &impl Lead,
        before: Option<&Rollout>,
        stored: &Stored,
    ) -> Result<u64, VisitError> {
        match self.world.records().write(lead, &stored.rollout, stored.index).await? {
            Write::Written(index) => {
                self.world.changed(before, &stored.rollout);
                Ok(index)
            }
            Write::Conflict => Err(VisitError::Overtaken { job: stored.rollout.target.job.clone() }),
            Write::Deposed => Err(VisitError::Deposed),
        }
    }

    /// Takes away what was made in the mesh for a rollout that has ended, once all instances are of one version. Where the bad version is
    /// in force, or nobody knows which is, the mesh stays as it is.
    async fn is_cleared_away(
        &self,
        ended: &Rollout,
        lead: &impl Lead,
        memory: &tokio::sync::Mutex<Memory>,
    ) -> bool {
        match &ended.phase {
            Phase::Ended { outcome: Outcome::Promoted | Outcome::RolledBack { .. } } => {
                lead.may_act() && acts::clear_away(&self.world, ended, memory).await
            }
            _ => true,
        }
    }

    fn memory(&self, target: &Target) -> Arc<tokio::sync::Mutex<Memory>> {
        Arc::clone(self.memories().entry(target.clone()).or_default())
    }

    fn memories(&self) -> std::sync::MutexGuard<'_, BTreeMap<Target, Arc<tokio::sync::Mutex<Memory>>>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When to look again.
fn rest(rollout: &Rollout, failures: u32) -> Visit {
    if failures > 0 {
        return Visit::UnderWay(Duration::from_secs(1 << failures.min(5)).min(LONGEST_PAUSE));
    }
    let is_judged = matches!(
        rollout.phase,
        Phase::Baking { .. } | Phase::AwaitingApproval | Phase::PostPromotionBake | Phase::Replacing
    );
    match &rollout.phase {
        _ if is_judged => Visit::UnderWay(rollout.policy.interval.clamp(SOON, LATEST)),
        _ => Visit::UnderWay(SOON),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::adopted as adopted_for_tests;
