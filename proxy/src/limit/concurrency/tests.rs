//! The limit under order, change, departure and stress.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::task::{JoinSet, yield_now};

use super::*;

fn settings(max_in_flight: u32, max_queued: u32) -> ConcurrencySettings {
    ConcurrencySettings {
        max_in_flight: NonZeroU32::new(max_in_flight).unwrap(),
        max_queued,
        queue_timeout: Duration::from_secs(5),
    }
}

fn limit(max_in_flight: u32, max_queued: u32) -> ConcurrencyLimit {
    ConcurrencyLimit::new(settings(max_in_flight, max_queued), CancellationToken::new())
}

#[tokio::test(start_paused = true)]
async fn waiters_are_served_in_order_and_know_how_long_they_waited() {
    let limit = limit(1, 2);
    let held = limit.acquire().await.unwrap();
    let (mut first, mut second) = (Box::pin(limit.acquire()), Box::pin(limit.acquire()));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(limit.acquire().await.unwrap_err(), AdmissionError::QueueFull { limit: 1, queued: 2 });

    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(limit.snapshot().longest_wait, Duration::from_secs(2));
    drop(held);
    assert!(second.as_mut().now_or_never().is_none(), "the first in the queue goes first");
    let first = first.await.unwrap();
    assert_eq!(first.waited(), Duration::from_secs(2));
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(first);
    assert_eq!(second.await.unwrap().waited(), Duration::from_secs(3));
    let snapshot = limit.snapshot();
    assert_eq!((snapshot.in_flight, snapshot.queued, snapshot.admitted_total), (0, 0, 3));
    assert_eq!(snapshot.waited_total, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_the_queue_timeout_and_frees_its_place() {
    let limit = limit(1, 1);
    let _held = limit.acquire().await.unwrap();
    let waited = Duration::from_secs(5);
    assert_eq!(limit.acquire().await.unwrap_err(), AdmissionError::QueueTimeout { waited });
    assert_eq!(limit.snapshot().queued, 0);
}

#[tokio::test]
async fn a_waiter_that_goes_away_leaves_the_queue_at_once() {
    let limit = limit(1, 1);
    let held = limit.acquire().await.unwrap();
    let mut leaver = Box::pin(limit.acquire());
    assert!(leaver.as_mut().now_or_never().is_none());
    assert_eq!(limit.snapshot().queued, 1);
    drop(leaver);
    assert_eq!(limit.snapshot().queued, 0);
    let mut next = Box::pin(limit.acquire());
    assert!(next.as_mut().now_or_never().is_none());
    drop(held);
    drop(next.now_or_never().expect("granted").unwrap());
}

#[tokio::test]
async fn a_permit_on_its_way_to_a_waiter_that_left_goes_to_the_next() {
    let limit = limit(1, 2);
    let held = limit.acquire().await.unwrap();
    let (mut leaver, mut next) = (Box::pin(limit.acquire()), Box::pin(limit.acquire()));
    assert!(leaver.as_mut().now_or_never().is_none());
    assert!(next.as_mut().now_or_never().is_none());
    drop(held);
    drop(leaver);
    let permit = next.now_or_never().expect("granted").unwrap();
    assert_eq!(limit.snapshot().in_flight, 1);
    drop(permit);
    assert_eq!(limit.snapshot().in_flight, 0);
}

#[tokio::test]
async fn limits_rise_and_fall_without_losing_permits() {
    let limit = limit(3, 4);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(limit.acquire().await.unwrap());
    }
    let (mut first, mut second) = (Box::pin(limit.acquire()), Box::pin(limit.acquire()));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());

    limit.set_limits(settings(1, 4));
    held.truncate(1);
    assert!(first.as_mut().now_or_never().is_none(), "still at the lowered limit");
    held.clear();
    let first = first.now_or_never().expect("below the limit again").unwrap();
    assert!(second.as_mut().now_or_never().is_none());

    limit.set_limits(settings(2, 4));
    let second = second.now_or_never().expect("a higher limit admits at once").unwrap();
    assert_eq!(limit.snapshot().in_flight, 2);
    drop((first, second));
    assert_eq!(limit.snapshot().in_flight, 0);
}

#[tokio::test]
async fn draining_refuses_who_waits_or_would_and_lets_through_who_finds_a_place() {
    let refusing = CancellationToken::new();
    let limit = ConcurrencyLimit::new(settings(1, 1), refusing.clone());
    let held = limit.acquire().await.unwrap();
    let mut waiter = Box::pin(limit.acquire());
    assert!(waiter.as_mut().now_or_never().is_none());
    refusing.cancel();
    assert_eq!(waiter.await.unwrap_err(), AdmissionError::Draining);
    assert_eq!(limit.acquire().await.unwrap_err(), AdmissionError::Draining);
    assert_eq!((limit.snapshot().in_flight, limit.snapshot().queued), (1, 0));
    drop(held);
    let crossed = limit.acquire().await.unwrap();
    assert_eq!(limit.snapshot().in_flight, 1);
    drop(crossed);
}

/// Tasks on two threads take, hold, give up and release permits while the limit falls from 8 to 3.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permits_never_exceed_the_limit_under_stress() {
    const BEFORE: u32 = 8;
    const AFTER: u32 = 3;
    let limit = limit(BEFORE, 10_000);
    let (at_work, peak) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let run = async |rounds: usize| {
        let mut tasks = JoinSet::new();
        for worker in 0..64_usize {
            let (limit, at_work, peak) = (limit.clone(), Arc::clone(&at_work), Arc::clone(&peak));
            let spawned = tasks.spawn(async move {
                for round in 0..rounds {
                    if (worker + round) % 5 == 0 {
                        // Gives up after one look, on which a permit may just be on its way.
                        drop(limit.acquire().now_or_never());
                        continue;
                    }
                    let permit = limit.acquire().await.unwrap();
                    peak.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    yield_now().await;
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            });
            drop(spawned);
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        (peak.swap(0, Ordering::SeqCst), limit.snapshot())
    };

    let (before, _) = run(300).await;
    assert!((1..=BEFORE).contains(&before), "{before}");
    limit.set_limits(settings(AFTER, 10_000));
    let (after, end) = run(300).await;
    assert!((1..=AFTER).contains(&after), "{after}");
    assert_eq!((end.in_flight, end.queued), (0, 0), "nothing is lost");
}

#[derive(Clone, Debug)]
enum Step {
    Ask,
    Release(usize),
    Leave(usize),
    SetLimit(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Ask),
        3 => (0..8_usize).prop_map(Step::Release),
        2 => (0..8_usize).prop_map(Step::Leave),
        1 => (1..5_u32).prop_map(Step::SetLimit),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    /// Whatever happens in whatever order: no grant above the limit, no permit idle while somebody waits,
    /// and the gauges tell the truth.
    #[test]
    fn any_history_keeps_the_limit_and_wastes_no_permit(history in steps()) {
        // The queue's timer needs a runtime, which never runs here: no wait ever times out.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let limit = limit(2, 6);
        let mut max = 2;
        let (mut held, mut waiting) = (Vec::new(), Vec::new());
        for step in history {
            let at_work = held.len();
            match step {
                Step::Ask => {
                    let limit = limit.clone();
                    waiting.push(Box::pin(async move { limit.acquire().await }));
                }
                Step::Release(index) if index < held.len() => drop(held.remove(index)),
                Step::Leave(index) if index < waiting.len() => drop(waiting.remove(index)),
                Step::SetLimit(new) => {
                    max = new;
                    limit.set_limits(settings(new, 6));
                }
                Step::Release(_) | Step::Leave(_) => {}
            }
            let mut still_waiting = Vec::new();
            for mut waiter in waiting {
                match waiter.as_mut().now_or_never() {
                    Some(Ok(permit)) => held.push(permit),
                    Some(Err(AdmissionError::QueueFull { .. })) => {}
                    Some(Err(other)) => prop_assert!(false, "{other}"),
                    None => still_waiting.push(waiter),
                }
            }
            waiting = still_waiting;
            let snapshot = limit.snapshot();
            prop_assert_eq!(snapshot.in_flight as usize, held.len());
            prop_assert_eq!(snapshot.queued, waiting.len());
            prop_assert!(held.len() <= (max as usize).max(at_work), "{} of {max}", held.len());
            prop_assert!(waiting.is_empty() || held.len() >= max as usize, "a permit lies idle");
        }
    }
}
