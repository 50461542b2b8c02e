//! One round over all jobs: which of them are due, several at once, and none of them can hold up another.
//!
//! Owns the order of visits and their bounds. What a visit does is in `engine`. A job whose record or policy is bad, or whose servers do
//! not answer, stops alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::engine::{Engine, Visit, VisitError, World};
use super::record::Target;
use super::store::{Lead, Records as _, RecordsError};
use crate::seams::Orchestrator as _;

/// How many jobs are visited at once.
const CONCURRENCY: usize = 8;

/// How many jobs are gone on with in one round; the others are due in the next.
const MAX_TARGETS: usize = 500;

/// How long one visit may take: a look at a large job whose servers are slow, and some acts.
const VISIT: Duration = Duration::from_secs(90);

/// How long a job rests that could not be visited, or that a deployment runs of which nobody adopts.
const REST: Duration = Duration::from_secs(10);

/// What a round has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// How many jobs were visited.
    pub visited: usize,
    /// How many rollouts are under way.
    pub under_way: usize,
    /// Jobs that could not be gone on with, and why.
    pub faults: BTreeMap<Target, String>,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// This instance does not lead any more.
    #[error("this agent does not lead any more")]
    Deposed,
    /// The records cannot be listed.
    #[error("the records of rollouts cannot be listed, so that nothing is begun")]
    Records(#[from] RecordsError),
}

/// Rounds of one leader.
#[derive(Debug)]
pub struct Rounds<W> {
    engine: Engine<W>,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The term that this is known of: what another leader has done since is not.
    epoch: Option<u64>,
    /// When each job is visited next; nothing for those that rest until something happens.
    due: BTreeMap<Target, Option<Instant>>,
    /// The index of Nomad's list of deployments.
    index: u64,
}

impl<W: World> Rounds<W> {
    /// Rounds with this engine.
    #[must_use]
    pub fn new(engine: Engine<W>) -> Self {
        Self { engine, state: Mutex::default(), ended: Notify::new() }
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine<W> {
        &self.engine
    }

    /// Looks at every job that is not at rest in the next round, such as after a command.
    pub fn all_are_due(&self) {
        let now = Instant::now();
        self.state().due.values_mut().flatten().for_each(|due| *due = now);
    }

    /// Visits every job that is due.
    ///
    /// # Errors
    /// When this instance does not lead any more, or the records cannot be listed. What Nomad does not tell is a fault of no job: rollouts that
    /// are under way go on.
    pub async fn run(&self, lead: &impl Lead) -> Result<Round, RoundError> {
        let world = self.engine.world();
        let (deployments, recorded) =
            futures_util::future::join(world.orchestrator().deployments(), world.records().targets()).await;
        let recorded = recorded?;
        let mut active = BTreeSet::new();
        let mut changed_index = None;
        let mut round = Round::default();
        match deployments {
            Ok(found) => {
                changed_index = Some(found.index);
                active = found
                    .listed
                    .into_iter()
                    .filter(|found| found.is_active)
                    .map(|found| found.target)
                    .collect();
            }
            Err(why) => {
                let all = Target { namespace: "*".to_owned(), job: "*".to_owned() };
                round.faults.insert(all, format!("nomad's deployments cannot be listed: {why}"));
            }
        }
        let due = self.due(lead.epoch(), &active, &recorded, changed_index);
        let visits = stream::iter(due).map(|target| self.visit(target, lead)).buffer_unordered(CONCURRENCY);
        let visited: Vec<_> = visits.collect().await;
        let mut is_deposed = false;
        let now = Instant::now();
        let mut state = self.state();
        for (target, visited) in visited {
            round.visited += 1;
            let is_active = active.contains(&target);
            let next = match visited {
                Ok(Visit::UnderWay(rest)) => {
                    round.under_way += 1;
                    Some(now + rest)
                }
                Ok(Visit::Idle(_)) => is_active.then(|| now + REST),
                Ok(Visit::Held(finding)) => {
                    round.faults.insert(target.clone(), finding.what);
                    Some(now + REST)
                }
                Err(VisitError::Deposed) => {
                    is_deposed = true;
                    Some(now)
                }
                Err(error) => {
                    round.faults.insert(target.clone(), format!("{:#}", anyhow::Error::from(error)));
                    Some(now + REST)
                }
            };
            state.due.insert(target, next);
        }
        drop(state);
        self.ended.notify_one();
        if is_deposed { Err(RoundError::Deposed) } else { Ok(round) }
    }

    /// Rests until a job is due, Nomad tells of a change, or `longest` is over. A job that is due is told once: who does not make a round
    /// then, since it does not lead, is told again after a while.
    pub async fn rest(&self, longest: Duration) {
        let latest = Instant::now() + longest;
        loop {
            let (next, index) = {
                let state = self.state();
                (state.due.values().flatten().min().copied(), state.index)
            };
            let until = next.map_or(latest, |next| next.min(latest));
            let wait = latest.saturating_duration_since(Instant::now());
            tokio::select! {
                () = sleep_until(until) => break,
                () = self.engine.world().orchestrator().changed(index, wait) => break,
                // A round has ended, and other jobs are due at other times.
                () = self.ended.notified() => {}
            }
        }
        let now = Instant::now();
        let told = |due: &&mut Instant| **due <= now;
        self.state().due.values_mut().flatten().filter(told).for_each(|due| *due = now + REST);
    }

    async fn visit(&self, target: Target, lead: &impl Lead) -> (Target, Result<Visit, VisitError>) {
        let visited = timeout(VISIT, Box::pin(self.engine.visit(&target, lead))).await;
        let visited = visited
            .unwrap_or_else(|_elapsed| Err(VisitError::Slow { job: target.job.clone(), after: VISIT }));
        (target, visited)
    }

    /// The jobs to visit now: those whose time has come, and those of which Nomad or the records tell something new.
    fn due(
        &self,
        epoch: u64,
        active: &BTreeSet<Target>,
        recorded: &[Target],
        index: Option<u64>,
    ) -> Vec<Target> {
        let mut state = self.state();
        if state.epoch != Some(epoch) {
            // Whoever led in between has left every record somewhere else.
            *state = State { epoch: Some(epoch), ..State::default() };
        }
        let has_changed = index.is_some_and(|index| index != state.index);
        state.index = index.unwrap_or(state.index);
        let known: BTreeSet<Target> = active.iter().chain(recorded).cloned().collect();
        self.engine.forget_all_but(&known);
        state.due.retain(|target, _| known.contains(target));
        let now = Instant::now();
        let is_due = |target: &&Target| match state.due.get(*target) {
            None => true,
            Some(due) => due.is_some_and(|due| due <= now) || (has_changed && active.contains(*target)),
        };
        known.iter().filter(is_due).take(MAX_TARGETS).cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
