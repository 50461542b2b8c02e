//! Which region is asked first, and which next: pure decisions over the standing of each region.
//!
//! The routes of a model are in order of preference, and hold only what residency and geography allow (`models.rs` sees to it). The walk over
//! them is `call.rs`'s, what a region's standing is the breakers'.

use std::time::Duration;

use super::error::{Phase, UpstreamErrorKind};

/// Failures for which a call turns to another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spill {
    /// None: there is no other region.
    Never,
    /// Failures of the region.
    Failures,
    /// Failures of the region, and throttling.
    FailuresAndThrottles,
}

impl Spill {
    /// As configured, where there is another region.
    #[must_use]
    pub fn new(spill_on_throttle: bool) -> Self {
        if spill_on_throttle { Self::FailuresAndThrottles } else { Self::Failures }
    }
}

/// What is known of a region before it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may be asked.
    Ready,
    /// Its breaker is open, for this long still.
    Shut(Duration),
}

/// The region to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the routes.
    pub index: usize,
    /// Its breaker is open; it is asked because no other is left.
    pub forced: bool,
}

/// The walk of one call over the routes of its model: each is asked once at most.
#[derive(Debug, Clone)]
pub struct Walk {
    spill: Spill,
    budget: Duration,
    asked: Vec<bool>,
}

impl Walk {
    /// Begins over `routes` routes. No region is turned to later than `budget` after the beginning: whoever waits that long has given up.
    #[must_use]
    pub fn new(routes: usize, spill: Spill, budget: Duration) -> Self {
        Self { spill, budget, asked: vec![false; routes] }
    }

    /// The region to ask first: the first that is ready. When none is, the one that is shut for the shortest time still, because a
    /// request is never refused while something might work. None only where there is no route.
    pub fn first(&mut self, standings: &[Standing]) -> Option<Choice> {
        let choice = self.best(standings)?;
        if let Some(asked) = self.asked.get_mut(choice.index) {
            *asked = true;
        }
        Some(choice)
    }

    /// The region to ask after a failure `elapsed` after the beginning, or none when the failure is the answer.
    pub fn next(
        &mut self,
        kind: UpstreamErrorKind,
        phase: Phase,
        elapsed: Duration,
        standings: &[Standing],
    ) -> Option<Choice> {
        if !moves_on(self.spill, kind, phase) || elapsed >= self.budget {
            return None;
        }
        self.first(standings)
    }

    /// What the region that is asked now need not try again, because another one stands ready.
    #[must_use]
    pub fn spill(&self, standings: &[Standing]) -> Spill {
        let ready = self.left(standings).any(|(_, standing)| standing == Standing::Ready);
        if ready { self.spill } else { Spill::Never }
    }

    /// How long the region that is asked now may take to the first event of a stream: `whole`, or `after` where another region
    /// stands ready and can still be turned to after it. So a region that hangs costs a request no more than `after`, and the
    /// last region has the whole time: no request fails that merely takes long.
    #[must_use]
    pub fn patience(&self, spill: Spill, whole: Duration, after: Duration, elapsed: Duration) -> Duration {
        let can_move = spill != Spill::Never && elapsed.saturating_add(after) < self.budget;
        if can_move { whole.min(after) } else { whole }
    }

    fn left<'a>(&'a self, standings: &'a [Standing]) -> impl Iterator<Item = (usize, Standing)> + 'a {
        let routes = self.asked.iter().zip(standings).enumerate();
        routes.filter(|(_, (asked, _))| !**asked).map(|(index, (_, standing))| (index, *standing))
    }

    fn best(&self, standings: &[Standing]) -> Option<Choice> {
        let wait = |standing| match standing {
            Standing::Ready => None,
            Standing::Shut(wait) => Some(wait),
        };
        // None sorts before any wait, and of equals the first in order is taken.
        let (index, standing) = self.left(standings).min_by_key(|(_, standing)| wait(*standing))?;
        Some(Choice { index, forced: standing != Standing::Ready })
    }
}

/// Whether a failure is one of the region and not of the request, so that another region may do better. Never after the first byte.
#[must_use]
pub fn moves_on(spill: Spill, kind: UpstreamErrorKind, phase: Phase) -> bool {
    if phase != Phase::BeforeFirstByte {
        return false;
    }
    match spill {
        Spill::Never => false,
        Spill::Failures => is_of_region(kind),
        Spill::FailuresAndThrottles => is_of_region(kind) || kind == UpstreamErrorKind::Throttled,
    }
}

/// Whether the region, or the way to it, has failed. A first byte that does not come is among them: a region that hangs says nothing else.
#[must_use]
pub fn is_of_region(kind: UpstreamErrorKind) -> bool {
    matches!(
        kind,
        UpstreamErrorKind::ServiceUnavailable
            | UpstreamErrorKind::InternalServer
            | UpstreamErrorKind::ModelNotReady
            | UpstreamErrorKind::ConnectFailed
            | UpstreamErrorKind::ConnectTimeout
            | UpstreamErrorKind::FirstByteTimeout
            | UpstreamErrorKind::ConnectionLost
    )
}

#[cfg(test)]
mod tests;
