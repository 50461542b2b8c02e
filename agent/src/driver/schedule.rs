//! When a task runs next. Pure: the time, the draw and the leadership come in as parameters.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::Scope;

/// The part of a period by which activations are spread, so that tasks and instances that began together do not stay together.
const JITTER: f64 = 0.1;

/// Why a task was activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its period was over.
    Period,
    /// Somebody asked for it.
    Demand,
    /// This instance has become the leader.
    Leadership,
}

/// What a task does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is activated.
    Run(Reason),
    /// It rests.
    WaitUntil(Instant),
    /// It rests until this instance leads.
    WaitForLeadership,
    /// It is never activated again.
    Stop,
}

/// What decides, as it is at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) now: Instant,
    /// Nobody may begin anything any more.
    pub(super) is_stopping: bool,
    /// The epoch in which this instance leads, where it may act.
    pub(super) epoch: Option<u64>,
    /// Whether somebody asked.
    pub(super) is_asked: bool,
}

/// The times of one task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    scope: Scope,
    period: Duration,
    /// When it is due; nothing before it has been decided upon.
    due: Option<Instant>,
    /// The epoch in which it was decided upon last.
    led: Option<u64>,
}

impl Schedule {
    pub(super) fn new(scope: Scope, period: Duration) -> Self {
        Self { scope, period, due: None, led: None }
    }

    /// Decides. The first activation is at once: what was left undone by whoever ran before is not to wait for a period.
    pub(super) fn decide(&mut self, situation: Situation) -> Decision {
        let Situation { now, is_stopping, epoch, is_asked } = situation;
        if is_stopping {
            return Decision::Stop;
        }
        if self.scope == Scope::Leader {
            let led = std::mem::replace(&mut self.led, epoch);
            if epoch.is_none() {
                return Decision::WaitForLeadership;
            }
            if led != epoch {
                return Decision::Run(Reason::Leadership);
            }
        }
        match self.due {
            _ if is_asked => Decision::Run(Reason::Demand),
            Some(due) if now < due => Decision::WaitUntil(due),
            _ => Decision::Run(Reason::Period),
        }
    }

    /// An activation has ended. `draw` is from 0 to 1. Returns when the next one is due.
    pub(super) fn ended(&mut self, now: Instant, draw: f64) -> Instant {
        let due = now + self.period.mul_f64(1.0 - JITTER + 2.0 * JITTER * draw.clamp(0.0, 1.0));
        self.due = Some(due);
        due
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(100);

    fn at(now: Instant) -> Situation {
        Situation { now, is_stopping: false, epoch: Some(7), is_asked: false }
    }

    #[test]
    fn a_task_runs_at_once_and_then_rests_for_its_period() {
        let begun = Instant::now();
        let mut schedule = Schedule::new(Scope::Everywhere, PERIOD);
        assert_eq!(schedule.decide(at(begun)), Decision::Run(Reason::Period));
        let due = schedule.ended(begun, 0.5);
        assert_eq!(due, begun + PERIOD);
        assert_eq!(schedule.decide(at(begun)), Decision::WaitUntil(due));
        assert_eq!(schedule.decide(at(due)), Decision::Run(Reason::Period));
    }

    #[test]
    fn a_leader_runs_its_tasks_when_it_begins_to_lead() {
        let begun = Instant::now();
        let mut schedule = Schedule::new(Scope::Leader, PERIOD);
        let deposed = Situation { epoch: None, is_asked: true, ..at(begun) };
        assert_eq!(schedule.decide(deposed), Decision::WaitForLeadership, "whoever asks");
        assert_eq!(schedule.decide(at(begun)), Decision::Run(Reason::Leadership));
        let due = schedule.ended(begun, 0.5);
        assert_eq!(schedule.decide(at(begun)), Decision::WaitUntil(due));
        assert_eq!(schedule.decide(deposed), Decision::WaitForLeadership);
        assert_eq!(schedule.decide(at(begun)), Decision::Run(Reason::Leadership), "as a new leader");
        schedule.ended(begun, 0.5);
        let reelected = Situation { epoch: Some(8), ..at(begun) };
        assert_eq!(
            schedule.decide(reelected),
            Decision::Run(Reason::Leadership),
            "whatever was missed in between"
        );
    }

    proptest! {
        #[test]
        fn nothing_begins_that_may_not(
            is_leaders in any::<bool>(),
            steps in proptest::collection::vec((0_u64..300, any::<bool>(), proptest::option::of(1_u64..3), any::<bool>(), 0.0..=1.0), 1..40),
        ) {
            let scope = if is_leaders { Scope::Leader } else { Scope::Everywhere };
            let mut schedule = Schedule::new(scope, PERIOD);
            let mut now = Instant::now();
            for (seconds, is_stopping, epoch, is_asked, draw) in steps {
                now += Duration::from_secs(seconds);
                match schedule.decide(Situation { now, is_stopping, epoch, is_asked }) {
                    Decision::Run(_) => {
                        prop_assert!(!is_stopping && (epoch.is_some() || !is_leaders));
                        let rest = schedule.ended(now, draw) - now;
                        prop_assert!(rest >= PERIOD.mul_f64(0.899) && rest <= PERIOD.mul_f64(1.101));
                    }
                    Decision::WaitUntil(until) => prop_assert!(!is_asked && now < until),
                    Decision::WaitForLeadership => prop_assert!(is_leaders && epoch.is_none()),
                    Decision::Stop => prop_assert!(is_stopping),
                }
            }
        }
    }
}
