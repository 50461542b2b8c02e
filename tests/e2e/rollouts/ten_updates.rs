//! Ten updates, three of them bad, once as canary and once as blue-green; each in two parts, of which the second has the version that
//! is killed two minutes after its start.

use std::time::Duration;

use super::stack::Kind;
use super::updates::{Course, LONG_POLICY, TEN_POLICY};

const FIRST: [(&str, Kind); 8] = [
    ("0.1.1", Kind::Good),
    ("0.1.2", Kind::Failing),
    ("0.1.3", Kind::Good),
    ("0.1.4", Kind::Good),
    ("0.1.5", Kind::Slow),
    ("0.1.6", Kind::Good),
    ("0.1.7", Kind::Good),
    ("0.1.8", Kind::Good),
];

/// Two minutes after it was found healthy: it is found so within seconds.
const LAST: [(&str, Kind); 2] = [("0.1.9", Kind::Crashing(Duration::from_secs(125))), ("0.1.10", Kind::Good)];

async fn course(strategy: &'static str, policy: &str, updates: &[(&str, Kind)]) {
    let mut course = Course::begin(strategy, policy).await.unwrap();
    for (version, kind) in updates {
        course.update(version, *kind).await.unwrap();
    }
    course.end().await.unwrap();
}

#[tokio::test]
#[ignore = "takes minutes: ./tests/run full rollouts-canary"]
async fn eight_updates_as_canary_with_errors_and_delays() {
    course("canary", TEN_POLICY, &FIRST).await;
}

#[tokio::test]
#[ignore = "takes minutes: ./tests/run full rollouts-canary"]
async fn two_updates_as_canary_with_a_crash_after_two_minutes() {
    course("canary", LONG_POLICY, &LAST).await;
}

#[tokio::test]
#[ignore = "takes minutes: ./tests/run full rollouts-blue-green"]
async fn eight_updates_as_blue_green_with_errors_and_delays() {
    course("blue-green", TEN_POLICY, &FIRST).await;
}

#[tokio::test]
#[ignore = "takes minutes: ./tests/run full rollouts-blue-green"]
async fn two_updates_as_blue_green_with_a_crash_after_two_minutes() {
    course("blue-green", LONG_POLICY, &LAST).await;
}
