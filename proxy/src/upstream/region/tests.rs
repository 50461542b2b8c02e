//! The walk: its order, its ends, and what never happens in it.

use proptest::prelude::*;
use rstest::rstest;

use super::UpstreamErrorKind as Kind;
use super::*;

const BUDGET: Duration = Duration::from_secs(60);

fn shut(seconds: u64) -> Standing {
    Standing::Shut(Duration::from_secs(seconds))
}

#[rstest]
#[case::another_is_ready(Spill::Failures, 3600, 20, 0, 20)]
#[case::nobody_else_is(Spill::Never, 3600, 20, 0, 3600)]
#[case::the_second_of_three(Spill::Failures, 3600, 20, 20, 20)]
#[case::too_late_to_move_after_it(Spill::Failures, 3600, 20, 40, 3600)]
#[case::turned_off_by_a_minute(Spill::FailuresAndThrottles, 3600, 60, 0, 3600)]
#[case::never_longer_than_the_whole(Spill::Failures, 10, 50, 0, 10)]
fn a_stream_waits_for_a_region_as_long_as_it_can_still_leave(
    #[case] spill: Spill,
    #[case] whole: u64,
    #[case] after: u64,
    #[case] elapsed: u64,
    #[case] expected: u64,
) {
    let [whole, after, elapsed, expected] = [whole, after, elapsed, expected].map(Duration::from_secs);
    assert_eq!(walk(2).patience(spill, whole, after, elapsed), expected);
}

fn walk(routes: usize) -> Walk {
    Walk::new(routes, Spill::Failures, BUDGET)
}

fn chosen(index: usize) -> Option<Choice> {
    Some(Choice { index, forced: false })
}

#[test]
fn regions_are_asked_in_order_and_once() {
    let (ready, mut walk) = ([Standing::Ready; 3], walk(3));
    let next =
        |walk: &mut Walk| walk.next(Kind::ServiceUnavailable, Phase::BeforeFirstByte, Duration::ZERO, &ready);
    assert_eq!(walk.first(&ready), chosen(0));
    assert_eq!(next(&mut walk), chosen(1));
    assert_eq!(next(&mut walk), chosen(2));
    assert_eq!(next(&mut walk), None);
}

#[test]
fn a_shut_region_is_passed_over_and_still_asked_when_no_other_is_left() {
    let standings = [shut(9), Standing::Ready, shut(3)];
    let mut walk = walk(3);
    assert_eq!(walk.first(&standings), chosen(1));
    assert_eq!(walk.spill(&standings), Spill::Never, "nobody else stands ready, so it is tried again here");
    let mut next = || walk.next(Kind::ConnectFailed, Phase::BeforeFirstByte, Duration::ZERO, &standings);
    assert_eq!(next(), Some(Choice { index: 2, forced: true }), "the one that opens soonest");
    assert_eq!(next(), Some(Choice { index: 0, forced: true }));
    assert_eq!(next(), None);
}

#[rstest]
#[case(Kind::ServiceUnavailable, true)]
#[case(Kind::InternalServer, true)]
#[case(Kind::ModelNotReady, true)]
#[case(Kind::ConnectFailed, true)]
#[case(Kind::ConnectTimeout, true)]
#[case(Kind::FirstByteTimeout, true)]
#[case(Kind::ConnectionLost, true)]
#[case(Kind::Throttled, false)]
#[case(Kind::QuotaExceeded, false)]
#[case(Kind::Validation, false)]
#[case(Kind::AccessDenied, false)]
#[case(Kind::CredentialsRejected, false)]
#[case(Kind::NotFound, false)]
#[case(Kind::ModelTimeout, false)]
#[case(Kind::ModelError, false)]
#[case(Kind::ModelStreamError, false)]
#[case(Kind::IdleTimeout, false)]
#[case(Kind::StreamTruncated, false)]
#[case(Kind::CorruptFrame, false)]
#[case(Kind::UndecodedBytes, false)]
#[case(Kind::UnexpectedResponse, false)]
#[case(Kind::ReplyTooLarge, false)]
#[case(Kind::NoCredentials, false)]
#[case(Kind::BadRequestParts, false)]
#[case(Kind::Other, false)]
fn only_failures_of_the_region_move_on(#[case] kind: Kind, #[case] moves: bool) {
    assert_eq!(moves_on(Spill::Failures, kind, Phase::BeforeFirstByte), moves);
    let with_throttles = moves || kind == Kind::Throttled;
    assert_eq!(moves_on(Spill::FailuresAndThrottles, kind, Phase::BeforeFirstByte), with_throttles);
    assert!(!moves_on(Spill::FailuresAndThrottles, kind, Phase::WithinStream));
    assert!(!moves_on(Spill::Never, kind, Phase::BeforeFirstByte));
}

#[test]
fn nothing_begins_after_the_budget() {
    let ready = [Standing::Ready; 2];
    let next = |elapsed| {
        let mut walk = walk(2);
        walk.first(&ready);
        walk.next(Kind::FirstByteTimeout, Phase::BeforeFirstByte, elapsed, &ready)
    };
    assert_eq!(next(BUDGET - Duration::from_nanos(1)), chosen(1));
    assert_eq!(next(BUDGET), None);
}

fn standings() -> impl Strategy<Value = Vec<Standing>> {
    let standing = prop_oneof![Just(Standing::Ready), (0_u64..99).prop_map(shut)];
    prop::collection::vec(standing, 1..6)
}

proptest! {
    /// Standings change while a request is under way; whatever they are, every region is asked once before the walk ends.
    #[test]
    fn a_failing_walk_asks_every_region_once(rounds in prop::collection::vec(standings(), 8), routes in 1_usize..6) {
        let at = |round: usize| {
            let mut standings = rounds[round % rounds.len()].clone();
            standings.resize(routes, Standing::Ready);
            standings
        };
        let mut walk = walk(routes);
        let mut asked = Vec::new();
        let mut choice = walk.first(&at(0));
        while let Some(Choice { index, forced }) = choice {
            let now = at(asked.len());
            prop_assert_eq!(forced, now[index] != Standing::Ready);
            if forced {
                let left = (0..routes).filter(|other| !asked.contains(other));
                prop_assert!(left.clone().all(|other| now[other] != Standing::Ready), "a ready one was passed over");
            }
            prop_assert!(!asked.contains(&index));
            asked.push(index);
            choice = walk.next(Kind::InternalServer, Phase::BeforeFirstByte, Duration::ZERO, &at(asked.len()));
        }
        asked.sort_unstable();
        prop_assert_eq!(asked, (0..routes).collect::<Vec<_>>());
    }
}
