//! When it opens, how it closes, and what holds for every order of events.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn config() -> BreakerConfig {
    BreakerConfig {
        consecutive_failures: 5,
        failure_percent: 50,
        min_calls: 20,
        open_for: Duration::from_secs(5),
        open_max: Duration::from_secs(60),
        probes: 3,
    }
}

/// A breaker and a clock that moves when it is told to.
struct Bench {
    breaker: Breaker,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self { breaker: Breaker::new(now), now }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn call(&mut self, evidence: Evidence) {
        let permit = self.breaker.admit(&config(), self.now, false).expect("let through");
        self.breaker.report(&config(), permit, evidence, self.now);
    }

    fn fail_until_open(&mut self) {
        for _ in 0..5 {
            self.call(Evidence::Failure);
        }
        assert_eq!(self.state(), BreakerState::Open);
    }

    fn state(&self) -> BreakerState {
        self.breaker.state(self.now)
    }

    fn shut_for(&self) -> Option<u64> {
        self.breaker.shut_for(&config(), self.now).map(|wait| wait.as_secs())
    }
}

#[test]
fn failures_in_a_row_open_it() {
    let mut bench = Bench::new();
    for evidence in
        [Evidence::Failure; 4].into_iter().chain([Evidence::Success]).chain([Evidence::Failure; 4])
    {
        bench.call(evidence);
    }
    assert_eq!(bench.state(), BreakerState::Closed, "a success came between");
    bench.call(Evidence::None);
    bench.call(Evidence::Failure);
    assert_eq!((bench.state(), bench.shut_for()), (BreakerState::Open, Some(5)));
}

#[test]
fn a_share_of_failures_opens_it_once_there_are_enough_calls() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.call(Evidence::Success);
        bench.call(Evidence::Failure);
    }
    bench.call(Evidence::Success);
    assert_eq!(bench.state(), BreakerState::Closed, "too few calls");
    bench.call(Evidence::Failure);
    assert_eq!(bench.state(), BreakerState::Open);
}

#[test]
fn what_is_long_past_does_not_count() {
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.call(Evidence::Success);
        bench.call(Evidence::Failure);
    }
    bench.pass(30);
    bench.call(Evidence::Success);
    bench.call(Evidence::Failure);
    assert_eq!(bench.state(), BreakerState::Closed);
}

/// The sum that `docs/reference/failover.md` tells of a region that fails and recovers once.
#[test]
fn a_failure_with_two_failed_rounds_of_probes_closes_once_and_opens_as_often_as_it_half_opens() {
    let mut bench = Bench::new();
    bench.fail_until_open();
    for wait in [5, 10] {
        bench.pass(wait);
        bench.call(Evidence::Failure);
    }
    bench.pass(20);
    for _ in 0..config().probes {
        bench.call(Evidence::Success);
    }
    let expected = Transitions { opened: 3, half_opened: 3, closed: 1 };
    assert_eq!((bench.state(), bench.breaker.transitions()), (BreakerState::Closed, expected));
}

#[test]
fn probes_close_it_when_all_succeed() {
    let mut bench = Bench::new();
    bench.fail_until_open();
    assert_eq!(bench.breaker.admit(&config(), bench.now, false), None);
    bench.pass(5);
    assert_eq!((bench.state(), bench.shut_for()), (BreakerState::HalfOpen, None));
    let mut probe = || bench.breaker.admit(&config(), bench.now, false);
    let probes = [probe(), probe(), probe()].map(|permit| permit.expect("a probe"));
    assert_eq!(probe(), None, "three probes at once");
    for permit in probes {
        assert_eq!(bench.state(), BreakerState::HalfOpen);
        bench.breaker.report(&config(), permit, Evidence::Success, bench.now);
    }
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn a_probe_that_tells_nothing_gives_its_place_back() {
    let mut bench = Bench::new();
    bench.fail_until_open();
    bench.pass(5);
    for _ in 0..10 {
        bench.call(Evidence::None);
    }
    for _ in 0..3 {
        bench.call(Evidence::Success);
    }
    assert_eq!(bench.state(), BreakerState::Closed);
}

#[test]
fn probes_that_hang_do_not_hold_it_shut() {
    let mut bench = Bench::new();
    bench.fail_until_open();
    bench.pass(5);
    for _ in 0..3 {
        bench.breaker.admit(&config(), bench.now, false).expect("a probe");
    }
    assert_eq!(bench.shut_for(), Some(5));
    bench.pass(5);
    bench.breaker.admit(&config(), bench.now, false).expect("another probe after the same time");
    assert_eq!(bench.shut_for(), Some(5));
}

#[test]
fn it_stays_open_longer_each_time_and_forgets_after_a_quiet_time() {
    let mut bench = Bench::new();
    bench.fail_until_open();
    for expected in [10, 20, 40, 60, 60] {
        let wait = bench.shut_for().expect("open");
        bench.pass(wait);
        bench.call(Evidence::Failure);
        assert_eq!(bench.shut_for(), Some(expected));
    }
    bench.pass(60);
    for _ in 0..3 {
        bench.call(Evidence::Success);
    }
    bench.pass(119);
    bench.fail_until_open();
    assert_eq!(bench.shut_for(), Some(60), "a relapse");
    bench.pass(60);
    for _ in 0..3 {
        bench.call(Evidence::Success);
    }
    bench.pass(120);
    bench.fail_until_open();
    assert_eq!(bench.shut_for(), Some(5), "new trouble");
}

#[test]
fn a_call_from_before_is_no_evidence() {
    let mut bench = Bench::new();
    let early = bench.breaker.admit(&config(), bench.now, false).expect("closed");
    bench.fail_until_open();
    bench.pass(5);
    bench.call(Evidence::Success);
    bench.breaker.report(&config(), early, Evidence::Failure, bench.now);
    assert_eq!(bench.state(), BreakerState::HalfOpen, "the late failure did not open it again");
}

#[test]
fn a_forced_call_that_is_answered_lets_probes_begin_and_one_that_fails_changes_nothing() {
    let mut bench = Bench::new();
    bench.fail_until_open();
    let mut forced = |evidence| {
        let permit = bench.breaker.admit(&config(), bench.now, true).expect("forced");
        bench.breaker.report(&config(), permit, evidence, bench.now);
        bench.breaker.shut_for(&config(), bench.now)
    };
    assert_eq!(forced(Evidence::Failure), Some(Duration::from_secs(5)));
    assert_eq!(forced(Evidence::Success), None);
}

#[rstest]
#[case(AttemptOutcome::Answered, Evidence::Success)]
#[case(AttemptOutcome::Abandoned, Evidence::None)]
#[case(AttemptOutcome::Failed(UpstreamErrorKind::ServiceUnavailable), Evidence::Failure)]
#[case(AttemptOutcome::Failed(UpstreamErrorKind::FirstByteTimeout), Evidence::Failure)]
#[case(AttemptOutcome::Failed(UpstreamErrorKind::Validation), Evidence::None)]
#[case(AttemptOutcome::Failed(UpstreamErrorKind::QuotaExceeded), Evidence::None)]
#[case(AttemptOutcome::Failed(UpstreamErrorKind::Throttled), Evidence::None)]
fn outcomes_are_evidence_about_the_region_alone(#[case] outcome: AttemptOutcome, #[case] expected: Evidence) {
    assert_eq!(Evidence::of(outcome, false), expected);
}

#[test]
fn throttling_is_evidence_where_it_spills() {
    let throttled = AttemptOutcome::Failed(UpstreamErrorKind::Throttled);
    assert_eq!(Evidence::of(throttled, true), Evidence::Failure);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Pass(u64),
    Admit { forced: bool },
    Report(prop::sample::Index, Evidence),
}

fn step() -> impl Strategy<Value = Step> {
    let evidence = prop::sample::select(vec![Evidence::Success, Evidence::Failure, Evidence::None]);
    prop_oneof![
        (0_u64..20_000).prop_map(Step::Pass),
        prop::bool::weighted(0.2).prop_map(|forced| Step::Admit { forced }),
        (any::<prop::sample::Index>(), evidence).prop_map(|(index, evidence)| Step::Report(index, evidence)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_opens_for_bounded_times_and_closes_by_probes_alone(steps in prop::collection::vec(step(), 1..200)) {
        let config = BreakerConfig { consecutive_failures: 2, min_calls: 4, probes: 2, ..config() };
        let mut now = Instant::now();
        let mut breaker = Breaker::new(now);
        let mut open = Vec::new();
        let mut successes = 0;
        for step in steps {
            let before = breaker.state(now);
            match step {
                Step::Pass(milliseconds) => {
                    now += Duration::from_millis(milliseconds);
                    prop_assert!(before == breaker.state(now) || before == BreakerState::Open, "time only ends an opening");
                }
                Step::Admit { forced } => {
                    let shut = breaker.shut_for(&config, now);
                    let permit = breaker.admit(&config, now, forced);
                    prop_assert_eq!(permit.is_some(), forced || shut.is_none());
                    open.extend(permit);
                }
                Step::Report(index, evidence) => {
                    if open.is_empty() {
                        continue;
                    }
                    let permit = open.swap_remove(index.index(open.len()));
                    breaker.report(&config, permit, evidence, now);
                    let after = breaker.state(now);
                    match (before, after) {
                        (BreakerState::HalfOpen, BreakerState::Closed) => {
                            prop_assert_eq!(evidence, Evidence::Success);
                            prop_assert!(successes + 1 >= config.probes);
                        }
                        (BreakerState::Open, BreakerState::Closed) => prop_assert!(false, "closed without a probe"),
                        (BreakerState::Closed | BreakerState::HalfOpen, BreakerState::Open) => {
                            prop_assert_eq!(evidence, Evidence::Failure);
                            let wait = breaker.shut_for(&config, now).unwrap_or_default();
                            prop_assert!(wait >= config.open_for && wait <= config.open_max, "{wait:?}");
                        }
                        _ => {}
                    }
                    successes = if after != BreakerState::HalfOpen { 0 } else { successes + u32::from(evidence == Evidence::Success) };
                }
            }
            // From any state a way leads back: nothing is shut for longer than the bound.
            prop_assert!(breaker.shut_for(&config, now).unwrap_or_default() <= config.open_max);
        }
    }
}
