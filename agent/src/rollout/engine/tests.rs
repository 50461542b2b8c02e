//! The engine on a cluster in memory, killed at every call of a seam and gone on with by another one.

mod cluster;
mod world;

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;

use super::*;
use crate::rollout::action::Refusal;
use crate::rollout::policy::TrafficMode;
use crate::rollout::rounds::{RoundError, Rounds};

use cluster::{Cluster, Fault, Plan};
use world::{Crash, Sim, SimLead, target};

/// How many visits a rollout may take: with the policy of these tests some sixty.
const MAX_VISITS: usize = 600;

/// What another instance takes to lead after one was killed, with a session of 15 seconds.
const FAILOVER: Duration = Duration::from_secs(35);

/// A rollout of version 1 beside version 0, as it is adopted.
pub(crate) fn adopted() -> Rollout {
    Cluster::new(good()).adopted()
}

fn good() -> Plan {
    Plan { canaries: 1, fault: Fault::None, traffic: TrafficMode::Instances, superseded_at: None }
}

/// A run: the cluster as it ended, and how many calls were made.
struct Run {
    sim: Arc<Sim>,
    calls: u64,
    effects: Vec<u64>,
}

/// Rolls out until nothing more happens. An engine that is killed is dropped as it is, and one that knows nothing goes on.
async fn run(plan: Plan, crash: Option<Crash>) -> Run {
    let sim = Arc::new(Sim::new(Cluster::new(plan), crash));
    let target = target();
    let mut epoch = 1;
    let mut engine = Engine::new(Arc::clone(&sim));
    for _ in 0..MAX_VISITS {
        let lead = SimLead { epoch };
        let visited = tokio::select! {
            biased;
            visited = engine.visit(&target, &lead) => Some(visited),
            () = sim.killed() => None,
        };
        match visited {
            None => {
                epoch += 1;
                sim.leads(epoch);
                engine = Engine::new(Arc::clone(&sim));
                // A process that is started again at once takes over after a moment, one elsewhere after the session has ended.
                sim.pass(if matches!(crash, Some(Crash { after_effect: true, .. })) {
                    Duration::from_secs(3)
                } else {
                    FAILOVER
                });
            }
            Some(Ok(Visit::UnderWay(rest))) => sim.pass(rest),
            Some(Ok(Visit::Idle(_))) if sim.is_at_rest() => break,
            Some(Ok(Visit::Idle(_))) => sim.pass(Duration::from_secs(5)),
            Some(other) => panic!("{other:?} in {}", sim.story()),
        }
    }
    let (calls, effects) = sim.calls();
    Run { sim, calls, effects }
}

/// Runs a plan once to its end and then once for each call, killed before it and, where it changes something, after it.
async fn at_every_call(name: &str, plan: Plan, check: impl Fn(&Sim)) {
    let whole = run(plan.clone(), None).await;
    check(&whole.sim);
    assert!(whole.calls < 1_000, "{} calls in {}", whole.calls, whole.sim.story());
    let mut runs = 1;
    for call in 1..=whole.calls {
        for after_effect in [false, true] {
            if after_effect && !whole.effects.contains(&call) {
                continue;
            }
            let crashed = run(plan.clone(), Some(Crash { call, after_effect })).await;
            assert!(crashed.sim.was_killed(), "call {call} was not reached in {name}");
            check(&crashed.sim);
            runs += 1;
        }
    }
    #[expect(clippy::print_stdout, reason = "the figure of this test")]
    {
        println!(
            "{name}: {runs} runs, killed at each of {} calls and after each of {} effects",
            whole.calls,
            whole.effects.len()
        );
    }
}

#[rstest]
#[case::canary("good canary", good())]
#[case::blue_green("good blue-green", Plan { canaries: 3, ..good() })]
#[case::splitter("good canary by splitter", Plan { traffic: TrafficMode::ServiceSplitter, ..good() })]
#[tokio::test(start_paused = true)]
async fn a_good_version_is_promoted_wherever_the_agent_is_killed(#[case] name: &str, #[case] plan: Plan) {
    at_every_call(name, plan, |sim| {
        sim.ended_as("promoted");
        sim.runs_alone(1);
        sim.did_nothing_twice();
        sim.left_nothing_in_the_mesh();
    })
    .await;
}

#[rstest]
#[case::errors("canary with errors", Plan { fault: Fault::Errors, ..good() })]
#[case::slow("canary twice as slow", Plan { fault: Fault::Slow, ..good() })]
#[case::crash("canary that crashes", Plan { fault: Fault::Crash, ..good() })]
#[case::blue_green("blue-green with errors", Plan { canaries: 3, fault: Fault::Errors, ..good() })]
#[case::splitter("canary by splitter with errors", Plan { fault: Fault::Errors, traffic: TrafficMode::ServiceSplitter, ..good() })]
#[case::never_healthy("canary that never starts", Plan { fault: Fault::NeverStarts, ..good() })]
#[tokio::test(start_paused = true)]
async fn a_bad_version_is_never_promoted_wherever_the_agent_is_killed(
    #[case] name: &str,
    #[case] plan: Plan,
) {
    at_every_call(name, plan, |sim| {
        sim.ended_as("rolled_back");
        sim.runs_alone(0);
        sim.never_promoted_the_new_version();
        sim.did_nothing_twice();
        sim.left_nothing_in_the_mesh();
    })
    .await;
}

#[rstest]
#[case::canary("bad after the promotion", Plan { fault: Fault::ErrorsOncePromoted, ..good() })]
#[case::blue_green("blue-green bad after the promotion", Plan { canaries: 3, fault: Fault::ErrorsOncePromoted, ..good() })]
#[tokio::test(start_paused = true)]
async fn a_version_that_turns_bad_is_taken_back_wherever_the_agent_is_killed(
    #[case] name: &str,
    #[case] plan: Plan,
) {
    at_every_call(name, plan, |sim| {
        sim.ended_as("rolled_back");
        sim.runs_alone(0);
        sim.did_nothing_twice();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_takes_its_place_wherever_the_agent_is_killed() {
    for seconds in [8, 20] {
        let plan = Plan { superseded_at: Some(Duration::from_secs(seconds)), ..good() };
        at_every_call(&format!("superseded after {seconds} s"), plan, |sim| {
            sim.ended_as("promoted");
            sim.runs_alone(2);
            sim.has_in_history_at_most("superseded");
            sim.never_promoted_the_new_version();
            sim.did_nothing_twice();
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_deposed_writes_and_does_nothing_more() {
    let sim = Arc::new(Sim::new(Cluster::new(good()), None));
    let engine = Engine::new(Arc::clone(&sim));
    assert!(matches!(engine.visit(&target(), &SimLead { epoch: 1 }).await, Ok(Visit::UnderWay(_))));
    sim.leads(2);
    sim.pass(Duration::from_secs(20));
    let (before, effects) = (sim.record(), sim.calls().1.len());
    let visited = engine.visit(&target(), &SimLead { epoch: 1 }).await;
    assert!(matches!(visited, Err(VisitError::Deposed)), "{visited:?}");
    assert_eq!(sim.record(), before);
    assert_eq!(sim.calls().1.len(), effects + 1, "one write was tried, and refused");
}

#[test]
fn pauses_after_failures_grow_to_a_limit() {
    let rollout = adopted();
    let pause = |failures| match rest(&rollout, failures) {
        Visit::UnderWay(rest) => rest.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!((pause(1), pause(3), pause(4), pause(5), pause(1_000)), (2, 8, 16, 30, 30));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_is_not_asked_again_and_again() {
    let mut cluster = Cluster::new(Plan { fault: Fault::Errors, ..good() });
    cluster.refuses_to_fail = Some(Refusal::PermissionDenied);
    let sim = Arc::new(Sim::new(cluster, None));
    let engine = Engine::new(Arc::clone(&sim));
    for _ in 0..60 {
        match engine.visit(&target(), &SimLead { epoch: 1 }).await {
            Ok(Visit::UnderWay(rest)) => sim.pass(rest),
            Ok(Visit::Idle(_)) => break,
            // It is asked once in every visit, and not in a loop.
            other => panic!("{other:?} in {}", sim.story()),
        }
    }
    sim.never_promoted_the_new_version();
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_stops_its_own_job_alone_and_each_is_visited_when_it_is_due() {
    let sim = Arc::new(Sim::new(Cluster::new(good()), None));
    sim.has_a_bad_record_beside();
    let rounds = Rounds::new(Engine::new(Arc::clone(&sim)));
    let lead = SimLead { epoch: 1 };
    let round = rounds.run(&lead).await.unwrap();
    let faulty: Vec<_> = round.faults.keys().map(|target| target.job.as_str()).collect();
    assert_eq!((round.visited, round.under_way, faulty), (2, 1, vec!["bad"]));
    assert_eq!(rounds.run(&lead).await.unwrap().visited, 0, "nobody is due, and nothing has happened");
    rounds.all_are_due();
    assert_eq!(rounds.run(&lead).await.unwrap().visited, 2);
    let before = tokio::time::Instant::now();
    rounds.rest(Duration::from_secs(60)).await;
    assert_eq!(before.elapsed(), SOON, "until the first of them is due");
    rounds.rest(Duration::from_secs(60)).await;
    assert_eq!(before.elapsed(), Duration::from_secs(10), "each is told once, and again after a while");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(rounds.run(&lead).await.unwrap().visited, 2);
}

#[tokio::test(start_paused = true)]
async fn a_round_of_somebody_deposed_ends_and_another_leader_looks_at_everything() {
    let sim = Arc::new(Sim::new(Cluster::new(good()), None));
    let rounds = Rounds::new(Engine::new(Arc::clone(&sim)));
    rounds.run(&SimLead { epoch: 1 }).await.unwrap();
    sim.leads(2);
    tokio::time::advance(Duration::from_secs(10)).await;
    sim.pass(Duration::from_secs(20));
    assert!(matches!(rounds.run(&SimLead { epoch: 1 }).await, Err(RoundError::Deposed)));
    assert_eq!(rounds.run(&SimLead { epoch: 2 }).await.unwrap().visited, 1);
}
