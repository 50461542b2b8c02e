//! The breakers of all models in all regions, as requests share them. They outlive a reload: a region is no better for a new configuration.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::attempt::AttemptOutcome;
use super::breaker::{Breaker, BreakerConfig, BreakerState, Evidence, Permit, Transitions};
use super::region::Standing;

/// How many breakers there are at most. A pair beyond has none, and its region always stands ready: configurations are smaller.
const BREAKERS_MAX: usize = 4096;

/// A region and what is called in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BreakerKey {
    /// The AWS region.
    pub region: Box<str>,
    /// The model id, inference profile id or ARN that is called there.
    pub model_id: Box<str>,
}

/// The breakers.
#[derive(Debug, Default)]
pub struct Breakers(Mutex<HashMap<BreakerKey, Breaker>>);

/// A call under way. Dropped without [`end`](Self::end) it tells nothing about the region: the caller left.
#[derive(Debug)]
pub struct OpenCall<'a> {
    breakers: &'a Breakers,
    config: &'a BreakerConfig,
    key: BreakerKey,
    permit: Option<Permit>,
}

impl Breakers {
    /// Where a region stands for a model at `now`.
    pub fn standing(&self, key: &BreakerKey, config: &BreakerConfig, now: Instant) -> Standing {
        let breakers = self.lock();
        let shut = breakers.get(key).and_then(|breaker| breaker.shut_for(config, now));
        shut.map_or(Standing::Ready, Standing::Shut)
    }

    /// Begins a call at `now`. None when another request has just taken the last probe's place; never when `forced`.
    pub fn begin<'a>(
        &'a self,
        key: BreakerKey,
        config: &'a BreakerConfig,
        now: Instant,
        forced: bool,
    ) -> Option<OpenCall<'a>> {
        let mut breakers = self.lock();
        if breakers.len() >= BREAKERS_MAX && !breakers.contains_key(&key) {
            return Some(OpenCall { breakers: self, config, key, permit: None });
        }
        let breaker = breakers.entry(key.clone()).or_insert_with(|| Breaker::new(now));
        let permit = breaker.admit(config, now, forced)?;
        Some(OpenCall { breakers: self, config, key, permit: Some(permit) })
    }

    /// Forgets what is no longer called, and names it.
    pub fn retain(&self, called: impl Fn(&BreakerKey) -> bool) -> Vec<BreakerKey> {
        let mut breakers = self.lock();
        let gone = breakers.keys().filter(|key| !called(key)).cloned().collect();
        breakers.retain(|key, _| called(key));
        gone
    }

    /// The state of each at `now`, and how often it has changed, for metrics.
    pub fn states(&self, now: Instant) -> Vec<(BreakerKey, BreakerState, Transitions)> {
        let look = |(key, breaker): (&BreakerKey, &Breaker)| {
            (key.clone(), breaker.state(now), breaker.transitions())
        };
        self.lock().iter().map(look).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BreakerKey, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenCall<'_> {
    /// The call has ended so. `spill_on_throttle`: whether throttling counts against the region.
    pub fn end(mut self, outcome: AttemptOutcome, spill_on_throttle: bool, now: Instant) {
        self.report(Evidence::of(outcome, spill_on_throttle), now);
    }

    fn report(&mut self, evidence: Evidence, now: Instant) {
        let Some(permit) = self.permit.take() else { return };
        if let Some(breaker) = self.breakers.lock().get_mut(&self.key) {
            breaker.report(self.config, permit, evidence, now);
        }
    }
}

impl Drop for OpenCall<'_> {
    fn drop(&mut self) {
        self.report(Evidence::None, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::error::UpstreamErrorKind;
    use super::*;

    const FAILED: AttemptOutcome = AttemptOutcome::Failed(UpstreamErrorKind::ServiceUnavailable);

    fn config() -> BreakerConfig {
        BreakerConfig {
            consecutive_failures: 1,
            failure_percent: 100,
            min_calls: 1,
            open_for: Duration::from_secs(5),
            open_max: Duration::from_secs(5),
            probes: 1,
        }
    }

    fn key(region: &str, model_id: &str) -> BreakerKey {
        BreakerKey { region: region.into(), model_id: model_id.into() }
    }

    #[test]
    fn a_failing_model_does_not_shut_its_neighbors() {
        let (breakers, config, now) = (Breakers::default(), config(), Instant::now());
        breakers.begin(key("a", "m"), &config, now, false).expect("closed").end(FAILED, false, now);
        assert_eq!(breakers.standing(&key("a", "m"), &config, now), Standing::Shut(Duration::from_secs(5)));
        assert_eq!(breakers.standing(&key("b", "m"), &config, now), Standing::Ready);
        assert_eq!(breakers.standing(&key("a", "n"), &config, now), Standing::Ready);
        assert!(breakers.begin(key("a", "m"), &config, now, false).is_none());
        assert!(breakers.begin(key("a", "m"), &config, now, true).is_some());
    }

    #[test]
    fn a_caller_who_leaves_gives_the_probe_back() {
        let (breakers, config, now) = (Breakers::default(), config(), Instant::now());
        breakers.begin(key("a", "m"), &config, now, false).expect("closed").end(FAILED, false, now);
        let later = now + Duration::from_secs(5);
        let probe = breakers.begin(key("a", "m"), &config, later, false).expect("a probe");
        assert!(breakers.begin(key("a", "m"), &config, later, false).is_none());
        drop(probe);
        assert!(breakers.begin(key("a", "m"), &config, later, false).is_some());
    }

    #[test]
    fn their_number_is_bounded_and_what_is_gone_makes_room() {
        let (breakers, config, now) = (Breakers::default(), config(), Instant::now());
        for index in 0..BREAKERS_MAX + 9 {
            let call = breakers.begin(key("a", &index.to_string()), &config, now, false).expect("ready");
            call.end(FAILED, false, now);
        }
        assert_eq!(breakers.states(now).len(), BREAKERS_MAX);
        let beyond = key("a", &BREAKERS_MAX.to_string());
        assert_eq!(breakers.standing(&beyond, &config, now), Standing::Ready);
        let gone = breakers.retain(|key| &*key.model_id == "0");
        assert_eq!((gone.len(), breakers.states(now).len()), (BREAKERS_MAX - 1, 1));
    }
}
