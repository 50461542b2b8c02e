//! The end of a request: its record becomes a log line and metrics, and is entered in the lists for operators.
//!
//! The log's own thread writes lines out, many at once; what it does is not counted, because it keeps no request waiting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gungraun::prelude::*;
use nova_config::{Layer, load_layers};
use nova_proxy::auth::Principal;
use nova_proxy::cli::crypto_provider;
use nova_proxy::context::{RequestContext, RequestHead};
use nova_proxy::record::{Outcome, RecordGuard};
use nova_proxy::requests::RequestRegistry;
use nova_proxy::snapshot::Snapshot;
use nova_proxy::upstream::clock::system_clock;
use nova_proxy::upstream::{Attempt, AttemptOutcome, CachedCredentials, CredentialCacheConfig, DefaultChain};
use nova_telemetry::log::{Log, LogConfig, LogFormat, LogOutput};
use nova_translate::converse::TokenUsage;
use nova_translate::reply::Finish;
use openai_api::chat::FinishReason;
use slog::Level;

use super::fixture;

const CONFIG: &str = "bedrock { region = \"us-east-1\" }\nauth { none = true }\n";

/// A request whose answer has been given.
pub(crate) struct Input {
    record: RecordGuard,
    kept: Kept,
}

/// What lives longer than a request, and ends outside of the count.
pub(crate) struct Kept {
    _snapshot: Arc<Snapshot>,
    _log: Log,
}

fn snapshot(log: &Log) -> Arc<Snapshot> {
    let loaded = load_layers(vec![Layer::file("proxy.hcl", CONFIG)], &BTreeMap::new()).unwrap();
    let source = Arc::new(DefaultChain::new("us-east-1".to_owned()));
    let config = CredentialCacheConfig::default();
    let credentials = CachedCredentials::new(source, config, system_clock(), log.root().clone());
    Arc::new(nova_proxy::app::snapshot(loaded, &Arc::new(credentials), None, log.root()).unwrap())
}

fn answered(snapshot: &Arc<Snapshot>, registry: &Arc<RequestRegistry>, log: &Log) -> RecordGuard {
    let context = RequestContext::begin("chat_completions", Arc::clone(snapshot), log.root());
    let head = RequestHead { client: "192.0.2.1".parse().ok(), ..RequestHead::default() };
    let mut record = RecordGuard::open(context.with_head(&head)).listed_in(registry);
    record.principal = Some(Arc::new(Principal::anonymous()));
    record.model = Some("gpt-4o".to_owned());
    record.target = Some(fixture::target());
    record.stream = true;
    record.timings.read = Some(Duration::from_micros(40));
    record.timings.queue = Some(Duration::from_micros(2));
    record.timings.translate = Some(Duration::from_micros(30));
    record.timings.upstream_first_byte = Some(Duration::from_millis(400));
    let attempt = Attempt {
        region: "us-east-1".into(),
        started: Instant::now().into(),
        duration: Duration::from_millis(400),
        outcome: AttemptOutcome::Answered,
        aws_request_id: Some("1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b".into()),
    };
    record.attempts = vec![[attempt].into_iter().collect()];
    record.usage = vec![TokenUsage { input_tokens: 250, output_tokens: 200, ..TokenUsage::default() }];
    record.note_finish(&Finish { reason: FinishReason::Stop, native: None });
    record.first_token();
    record.outcome = Outcome::Completed;
    record
}

fn warm() -> Input {
    crypto_provider().unwrap();
    // Kept by the macros of metrics for as long as the process runs.
    drop(nova_telemetry::metrics::install("0.1.0", "bench").unwrap());
    let config = LogConfig { level: Level::Info, format: LogFormat::Json, output: LogOutput::Stdout };
    let log = Log::start(&config).unwrap();
    let (snapshot, registry) = (snapshot(&log), Arc::default());
    drop(answered(&snapshot, &registry, &log));
    Input { record: answered(&snapshot, &registry, &log), kept: Kept { _snapshot: snapshot, _log: log } }
}

#[library_benchmark]
#[bench::completed(warm())]
pub(crate) fn end_request(input: Input) -> Kept {
    let Input { record, kept } = input;
    drop(record);
    kept
}
