//! The lists and their limits.

use std::collections::BTreeMap;

use nova_config::{Layer, load_layers};
use slog::{Discard, Logger, o};

use super::*;
use crate::app::snapshot;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::record::RecordGuard;
use crate::snapshot::Snapshot;
use crate::upstream::clock::system_clock;
use crate::upstream::{CachedCredentials, CredentialCacheConfig, DefaultChain};

const CONFIG: &str = "bedrock { region = \"us-east-1\" }\nauth { none = true }\n";

fn any_snapshot() -> Arc<Snapshot> {
    let log = Logger::root(Discard, o!());
    let loaded = load_layers(vec![Layer::file("1.hcl", CONFIG)], &BTreeMap::new()).unwrap();
    let chain = Arc::new(DefaultChain::new("us-east-1".to_owned()));
    let credentials =
        CachedCredentials::new(chain, CredentialCacheConfig::default(), system_clock(), log.clone());
    // A TLS client is built, which wants a provider; another test may have chosen it already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    Arc::new(snapshot(loaded, &Arc::new(credentials), None, &log).unwrap())
}

/// Begins requests that are listed.
struct Front {
    registry: Arc<RequestRegistry>,
    snapshot: Arc<Snapshot>,
}

impl Front {
    fn new() -> Self {
        Self { registry: Arc::default(), snapshot: any_snapshot() }
    }

    fn begin(&self) -> RecordGuard {
        let log = Logger::root(Discard, o!());
        let context = RequestContext::begin("chat_completions", Arc::clone(&self.snapshot), &log);
        RecordGuard::open(context).listed_in(&self.registry)
    }

    /// A request that took this long and ended so.
    fn end_after(&self, duration: Duration, outcome: Outcome) -> String {
        let mut record = self.begin();
        record.context.started = Instant::now().checked_sub(duration).unwrap();
        record.outcome = outcome;
        record.context.request_id.clone()
    }
}

fn ids(requests: &[EndedRequest]) -> Vec<String> {
    let json = serde_json::to_value(requests).unwrap();
    json.as_array().unwrap().iter().map(|request| request["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_open_request_is_listed_with_what_is_known_until_it_ends() {
    let front = Front::new();
    let (first, mut second) = (front.begin(), front.begin());
    let now = Instant::now();
    let (count, views) = front.registry.open(now);
    assert_eq!(count, 2);
    assert_eq!(views[0].id, first.context.request_id);
    assert_eq!((views[1].route, &views[1].model, &views[1].key_id), ("chat_completions", &None, &None));
    second.model = Some("gpt-4o".to_owned());
    second.update_listing();
    assert_eq!(front.registry.open(now).1[1].model.as_deref(), Some("gpt-4o"));
    drop(first);
    assert_eq!(front.registry.open(now).0, 1);
    drop(second);
    assert_eq!(front.registry.open(now), (0, Vec::new()));
}

#[test]
fn failures_and_refusals_are_kept_apart_and_the_last_come_first() {
    let front = Front::new();
    let refusal = || Outcome::Failed(Box::new(ApiError::unknown_model("gpt-9", "gpt-4o")));
    let broken =
        front.end_after(Duration::from_millis(1), Outcome::Broken(Box::new(ApiError::internal("a test"))));
    let failed =
        front.end_after(Duration::from_millis(1), Outcome::Failed(Box::new(ApiError::internal("a test"))));
    front.end_after(Duration::from_millis(1), Outcome::Completed);
    front.end_after(Duration::from_millis(1), Outcome::Pending);
    let refused: Vec<_> = (0..KEPT + 3).map(|_| front.end_after(Duration::ZERO, refusal())).collect();
    assert_eq!(ids(&front.registry.failed()), [failed, broken]);
    let kept = ids(&front.registry.refused());
    assert_eq!(kept.len(), KEPT);
    assert_eq!((&kept[0], &kept[KEPT - 1]), (&refused[KEPT + 2], &refused[3]));
}

#[test]
fn the_slowest_of_the_last_hour_are_kept() {
    let front = Front::new();
    let took = |number: usize| Duration::from_millis(u64::try_from(number).unwrap() + 1);
    let ended: Vec<_> =
        (0..KEPT + 5).map(|number| front.end_after(took(number) * 10, Outcome::Completed)).collect();
    let kept = ids(&front.registry.slowest(Instant::now()));
    assert_eq!(kept.len(), KEPT);
    assert_eq!((&kept[0], &kept[KEPT - 1]), (&ended[KEPT + 4], &ended[5]));
    assert!(front.registry.slowest(Instant::now() + SLOW_FOR).is_empty(), "an hour later they are old");
}

#[test]
fn a_fast_request_takes_the_place_of_an_outdated_one() {
    let front = Front::new();
    for _ in 0..KEPT {
        front.end_after(Duration::from_secs(60), Outcome::Completed);
    }
    let later = Instant::now() + SLOW_FOR;
    let mut record = front.begin();
    record.context.started = later.checked_sub(Duration::from_millis(1)).unwrap();
    front.registry.note_end(&record, later);
    assert_eq!(ids(&front.registry.slowest(later)), [record.context.request_id.clone()]);
}

#[test]
fn an_ended_request_tells_its_phases_and_its_error() {
    let front = Front::new();
    let mut record = front.begin();
    record.timings.read = Some(Duration::from_micros(1500));
    record.outcome = Outcome::Failed(Box::new(ApiError::unknown_model("gpt-9", "gpt-4o")));
    drop(record);
    let json = serde_json::to_value(front.registry.refused()).unwrap();
    assert_eq!(json[0]["status"], 404);
    assert_eq!(json[0]["code"], "model_not_found");
    assert_eq!(json[0]["phases_ms"], serde_json::json!({ "read": 1.5 }));
}
