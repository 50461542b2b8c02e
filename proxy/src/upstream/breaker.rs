//! The breaker of one model in one region: a state machine over times that it is given.
//!
//! Closed, it lets everything through and counts failures in a row and their share. Open, it lets nothing through, for longer each time that it
//! opens again soon. Half open, it lets a few probes through; all must succeed. It reads no clock, holds no lock and does no IO:
//! `breakers.rs` does. What an attempt's failure means to it is decided by [`Evidence::of`].

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::AttemptOutcome;
use super::error::UpstreamErrorKind;
use super::region::is_of_region;

/// The spans in which failures are counted are this long; a span that has passed counts no more.
const SPAN: Duration = Duration::from_secs(30);

/// Doublings of the open time beyond which the bound has long been reached.
const DOUBLINGS_MAX: u32 = 16;

/// When a breaker opens, and how it closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerConfig {
    /// So many failures in a row open it.
    pub consecutive_failures: u32,
    /// This share of failures within half a minute opens it, in percent.
    pub failure_percent: u32,
    /// So many calls must have ended within the half minute before their share counts.
    pub min_calls: u32,
    /// How long it stays open the first time; twice as long each time that it opens again soon.
    pub open_for: Duration,
    /// The longest that it stays open.
    pub open_max: Duration,
    /// How many calls at once probe it, and how many must succeed to close it.
    pub probes: u32,
}

/// What the end of a call tells about a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It answered.
    Success,
    /// It failed.
    Failure,
    /// Nothing: the request was at fault, or the caller left.
    None,
}

impl Evidence {
    /// What an attempt tells. Throttling is a failure where it is a reason to turn to another region.
    #[must_use]
    pub fn of(outcome: AttemptOutcome, spill_on_throttle: bool) -> Self {
        match outcome {
            AttemptOutcome::Answered => Self::Success,
            AttemptOutcome::Failed(UpstreamErrorKind::Throttled) if spill_on_throttle => Self::Failure,
            AttemptOutcome::Failed(kind) if is_of_region(kind) => Self::Failure,
            AttemptOutcome::Failed(_) | AttemptOutcome::Abandoned => Self::None,
        }
    }
}

/// The state, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// A few calls go through.
    HalfOpen,
    /// No call goes through but one that has nowhere else to go.
    Open,
}

/// How often a breaker has changed its state, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transitions {
    /// To closed.
    pub closed: u64,
    /// To half open.
    pub half_opened: u64,
    /// To open.
    pub opened: u64,
}

/// A call that was let through. Its end is reported with it, also when the caller left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    /// The state's number. What was let through in a state that is over is no evidence about the present one.
    generation: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { consecutive: u32, span: Span },
    Open { until: Instant },
    HalfOpen { probing: u32, succeeded: u32, last_probe: Instant },
}

#[derive(Debug, Clone, Copy)]
struct Span {
    began: Instant,
    calls: u32,
    failures: u32,
}

impl Span {
    fn new(began: Instant) -> Self {
        Self { began, calls: 0, failures: 0 }
    }
}

/// The breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    phase: Phase,
    generation: u64,
    /// How often it has opened without a quiet time in between.
    openings: u32,
    /// When it last closed, or was made.
    closed_at: Instant,
    transitions: Transitions,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let phase = Phase::Closed { consecutive: 0, span: Span::new(now) };
        Self { phase, generation: 0, openings: 0, closed_at: now, transitions: Transitions::default() }
    }

    /// For how long it is shut still; `None` where a call would be let through now.
    #[must_use]
    pub fn shut_for(&self, config: &BreakerConfig, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { until } => {
                Some(until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
            }
            Phase::HalfOpen { probing, succeeded, last_probe } => {
                if probing.saturating_add(succeeded) < config.probes.max(1) {
                    return None;
                }
                // Probes that hang must not hold the region shut for as long as a call may last.
                let renewed = last_probe + self.open_time(config);
                Some(renewed.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
            }
        }
    }

    /// Lets a call through where [`Self::shut_for`] is none, and where `forced`: nowhere else is left to go.
    pub fn admit(&mut self, config: &BreakerConfig, now: Instant, forced: bool) -> Option<Permit> {
        let shut = self.shut_for(config, now).is_some();
        if shut && !forced {
            return None;
        }
        if !shut && matches!(self.phase, Phase::Open { .. }) {
            self.half_open(now);
        }
        if let Phase::HalfOpen { probing, last_probe, .. } = &mut self.phase {
            *probing = probing.saturating_add(1);
            *last_probe = now;
        }
        Some(Permit { generation: self.generation })
    }

    /// Takes in how a call ended.
    pub fn report(&mut self, config: &BreakerConfig, permit: Permit, evidence: Evidence, now: Instant) {
        if permit.generation != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::Closed { consecutive, span } => {
                if now.saturating_duration_since(span.began) >= SPAN {
                    *span = Span::new(now);
                }
                match evidence {
                    Evidence::None => return,
                    Evidence::Success => *consecutive = 0,
                    Evidence::Failure => {
                        *consecutive = consecutive.saturating_add(1);
                        span.failures = span.failures.saturating_add(1);
                    }
                }
                span.calls = span.calls.saturating_add(1);
                let share = u64::from(span.failures) * 100
                    >= u64::from(span.calls) * u64::from(config.failure_percent);
                let in_a_row = *consecutive >= config.consecutive_failures;
                if evidence == Evidence::Failure && (in_a_row || (span.calls >= config.min_calls && share)) {
                    self.open(config, now);
                }
            }
            // A forced call that was answered: the region is better than was thought, and may be probed at once.
            Phase::Open { .. } if evidence == Evidence::Success => self.half_open(now),
            Phase::Open { .. } => {}
            Phase::HalfOpen { probing, succeeded, .. } => {
                *probing = probing.saturating_sub(1);
                match evidence {
                    Evidence::None => {}
                    Evidence::Failure => self.open(config, now),
                    Evidence::Success => {
                        *succeeded = succeeded.saturating_add(1);
                        if *succeeded >= config.probes.max(1) {
                            self.close(now);
                        }
                    }
                }
            }
        }
    }

    /// The state now. An open one whose time has passed is half open, though nobody has probed it yet.
    #[must_use]
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// How often its state has changed. Of an open one whose time has passed the change counts with its first probe.
    #[must_use]
    pub fn transitions(&self) -> Transitions {
        self.transitions
    }

    /// How long it stays open, by how often it has opened.
    fn open_time(&self, config: &BreakerConfig) -> Duration {
        let doublings = self.openings.saturating_sub(1).min(DOUBLINGS_MAX);
        config.open_for.saturating_mul(1 << doublings).min(config.open_max.max(config.open_for))
    }

    fn open(&mut self, config: &BreakerConfig, now: Instant) {
        // Twice the time that it was last open without a relapse is a recovery; anything less is the same trouble.
        let quiet = self.open_time(config).saturating_mul(2).max(SPAN);
        let recovered = matches!(self.phase, Phase::Closed { .. })
            && now.saturating_duration_since(self.closed_at) >= quiet;
        self.openings = if recovered { 1 } else { self.openings.saturating_add(1) };
        let until = now + self.open_time(config);
        self.enter(Phase::Open { until });
    }

    fn half_open(&mut self, now: Instant) {
        self.enter(Phase::HalfOpen { probing: 0, succeeded: 0, last_probe: now });
    }

    fn close(&mut self, now: Instant) {
        self.closed_at = now;
        self.enter(Phase::Closed { consecutive: 0, span: Span::new(now) });
    }

    fn enter(&mut self, phase: Phase) {
        let transitions = &mut self.transitions;
        let count = match phase {
            Phase::Closed { .. } => &mut transitions.closed,
            Phase::HalfOpen { .. } => &mut transitions.half_opened,
            Phase::Open { .. } => &mut transitions.opened,
        };
        *count += 1;
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
