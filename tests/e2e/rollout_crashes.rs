//! The agent killed at every call by which it changes something, on both sides of it: another instance takes over, and every
//! rollout ends as it would have ended without.
//!
//! Real processes of `nova-agent run` on a scripted Consul and Nomad, whose switch holds one call, before it is applied or before it
//! is answered, while the process is killed. Between two such calls an agent leaves no trace outside of itself, so that the calls are
//! all the moments that there are: each transition, each intent and each effect. What became of the rollout is told by Nomad's own
//! account, and not by the agent's.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Instant;

use anyhow::{Context, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nova_test_support::scripted::Side;

mod run;
mod scenario;
mod scene;

use run::{Ran, run};
use scenario::{SCENARIOS, Scenario};

/// How many runs go on at once. They wait most of the time: for bakes, and for the agent's next look.
const PARALLEL: usize = 8;

/// More calls than any rollout makes: who reaches this number never ends.
const MOST_CALLS: usize = 120;

/// Of what the sample is drawn.
const SEED: u64 = 7;

/// How many calls of each scenario the sample stops at, each on one side, and among how many it is drawn.
const SAMPLE: usize = 2;
const SAMPLE_OF: usize = 20;

/// How often places are gone for at which nobody was killed yet.
const PASSES: usize = 8;

const SIDES: [Side; 2] = [Side::Before, Side::After];

/// One place at which the agent is to be killed: at the call of this number.
type Point = (&'static Scenario, usize, Side);

/// One at which it was killed: by the name of the scenario and of the call.
type Place = (&'static str, String, Side);

/// Every scenario without a crash: the calls that change something, in their order.
async fn undisturbed() -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    stream::iter(&SCENARIOS)
        .map(async |scenario| {
            let ran = run(scenario, MOST_CALLS, Side::Before).await.with_context(|| scenario.name)?;
            ensure!(ran.killed_at.is_none(), "{} never ends: {:?}", scenario.name, ran.calls);
            Ok((scenario.name, ran.calls))
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

/// What came of many runs.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    reached: usize,
    /// Where agents were killed.
    places: BTreeSet<Place>,
    failures: Vec<String>,
}

/// Runs all points, some at once. A point that is not reached is one that there is not: the rollout ended before.
async fn runs(points: Vec<Point>, tells: bool) -> Tally {
    let (all, begun) = (points.len(), Instant::now());
    let ran = stream::iter(points).map(async |(scenario, number, side)| {
        let ran = run(scenario, number, side).await;
        let ran = ran.map(|Ran { killed_at, .. }| killed_at.map(|call| (scenario.name, call, side)));
        ran.map_err(|error| format!("{}, call {number}, {side:?}: {error:#}", scenario.name))
    });
    let mut ran = pin!(ran.buffer_unordered(PARALLEL));
    let mut tally = Tally::default();
    while let Some(ran) = ran.next().await {
        tally.runs += 1;
        match ran {
            Ok(place) => {
                tally.reached += usize::from(place.is_some());
                tally.places.extend(place);
            }
            Err(failure) => {
                if tells {
                    tell(&format!("FAILED: {failure}"));
                }
                tally.failures.push(failure);
            }
        }
        if tells && tally.runs.is_multiple_of(20) {
            let (failed, seconds) = (tally.failures.len(), begun.elapsed().as_secs());
            tell(&format!("{} of {all} runs after {seconds} s, {failed} failed", tally.runs));
        }
    }
    tally
}

#[expect(clippy::print_stdout, reason = "what a long run has to say is its result")]
fn tell(line: &str) {
    println!("{line}");
}

/// Numbers that are the same on every machine (an LCG of Knuth's).
fn draws(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below.max(1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_survives_the_end_of_its_agent_at_a_sample_of_its_calls() {
    let mut draw = draws(SEED);
    let mut points: Vec<Point> = Vec::new();
    for scenario in &SCENARIOS {
        for _ in 0..SAMPLE {
            points.push((scenario, 1 + draw(SAMPLE_OF), SIDES[draw(2)]));
        }
    }
    let (all, tally) = (points.len(), runs(points, false).await);
    assert!(tally.failures.is_empty(), "{} of {all}:\n{}", tally.failures.len(), tally.failures.join("\n"));
    // A rollout that ends in fewer calls is one without a crash.
    assert!(tally.reached > all / 2, "{} of {all} came to their call", tally.reached);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "every call of every scenario takes minutes: ./tests/run full rollout-crashes"]
async fn a_rollout_survives_the_end_of_its_agent_at_each_of_its_calls() {
    let calls = undisturbed().await.unwrap();
    let mut points: Vec<Point> = Vec::new();
    let mut missing: BTreeSet<Place> = BTreeSet::new();
    for scenario in &SCENARIOS {
        let made = &calls[scenario.name];
        tell(&format!("{}: {} calls that change something", scenario.name, made.len()));
        for (number, call) in made.iter().enumerate() {
            tell(&format!("  {:>3} {call}", number + 1));
        }
        // Two more, since not every run makes the same number of them.
        let numbers = 1..=made.len() + 2;
        points.extend(numbers.flat_map(|number| SIDES.map(|side| (scenario, number, side))));
        missing.extend(made.iter().flat_map(|call| SIDES.map(|side| (scenario.name, call.clone(), side))));
    }
    let (wanted, begun) = (missing.len(), Instant::now());
    let mut all = Tally::default();
    for _ in 0..PASSES {
        let tally = runs(points, true).await;
        missing.retain(|place| !tally.places.contains(place));
        all.runs += tally.runs;
        all.reached += tally.reached;
        all.failures.extend(tally.failures);
        points = near(&missing, &calls);
        if points.is_empty() {
            break;
        }
    }
    tell(&format!(
        "{} runs in {} s: {} ended their agent, {} ended before, {} failed; {} of {wanted} places, each of the {} calls on both sides",
        all.runs,
        begun.elapsed().as_secs(),
        all.reached,
        all.runs - all.reached - all.failures.len(),
        all.failures.len(),
        wanted - missing.len(),
        wanted / 2,
    ));
    assert!(all.failures.is_empty(), "{}", all.failures.join("\n"));
    assert!(missing.is_empty(), "nobody was killed there: {missing:#?}");
}

/// Where places may be found at which nobody was killed: a run that looked once more or less comes to them at another number.
fn near(missing: &BTreeSet<Place>, calls: &BTreeMap<&'static str, Vec<String>>) -> Vec<Point> {
    let mut points = BTreeMap::new();
    for (name, call, side) in missing {
        let Some(at) = SCENARIOS.iter().position(|scenario| scenario.name == *name) else { continue };
        let found = calls[name].iter().enumerate().filter(|(_, made)| *made == call);
        for number in found.flat_map(|(number, _)| number.max(1)..=number + 3) {
            points.insert((at, number, *side), (&SCENARIOS[at], number, *side));
        }
    }
    points.into_values().collect()
}
