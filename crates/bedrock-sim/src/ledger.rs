//! What the simulator remembers: invocations, the bill, captured requests.
//!
//! An invocation is open from the moment its operation is known until its answer is complete. When it is
//! dropped before that, the client went away: what it was sent so far is billed, and it is marked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::config::Limits;
use crate::ring::Ring;
use crate::tokens::Usage;

/// One call of Converse or ConverseStream, as `/_sim/invocations` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Invocation {
    /// The `x-amzn-RequestId` of the response.
    pub request_id: String,
    /// When the request was read, RFC 3339.
    pub time: String,
    /// The region of the listener.
    pub region: String,
    /// `modelId` as the client sent it, decoded.
    pub model_id: String,
    /// The foundation model that it resolved to; none when it did not.
    pub model: Option<String>,
    /// `Converse` or `ConverseStream`.
    pub operation: &'static str,
    /// The HTTP status; none when the connection broke before there was one.
    pub status: Option<u16>,
    /// The exception, in HTTP or in the stream.
    pub error: Option<String>,
    /// The stop reason of a complete answer.
    pub stop_reason: Option<String>,
    /// What is billed.
    pub usage: Usage,
    /// The request's own `requestMetadata`.
    pub request_metadata: Option<Value>,
    /// The type in the request's `serviceTier`.
    pub service_tier: Option<String>,
    /// The client closed the connection before the answer was complete.
    pub client_went_away: bool,
    /// A fault of the simulator broke the answer off.
    pub broken_off: bool,
}

/// The sum of what was billed for one region and model.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BillLine {
    /// The region of the listener.
    pub region: String,
    /// The foundation model.
    pub model: String,
    /// Calls that were billed: those with status 200.
    pub requests: u64,
    /// Their usage.
    #[serde(flatten)]
    pub usage: Usage,
}

/// What `/_sim/bill` shows.
#[derive(Debug, Clone, Serialize)]
pub struct Bill {
    /// Sums since the start, or the last reset; never cut by the ring.
    pub lines: Vec<BillLine>,
    /// The billed invocations that are still remembered, oldest first.
    pub requests: Vec<Invocation>,
    /// Invocations, billed or not, that fell out of the ring.
    pub forgotten: u64,
}

/// A request as it arrived.
#[derive(Debug, Clone, Serialize)]
pub struct CapturedRequest {
    /// The `x-amzn-RequestId` of its response.
    pub request_id: String,
    /// The region of the listener.
    pub region: String,
    /// The HTTP method.
    pub method: String,
    /// Path and query, undecoded.
    pub path: String,
    /// Headers in the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, base64.
    pub body: String,
}

/// The memory of one simulator.
#[derive(Debug)]
pub(crate) struct Ledger {
    invocations: Mutex<Ring<Invocation>>,
    captured: Mutex<Ring<CapturedRequest>>,
    lines: Mutex<BTreeMap<(String, String), BillLine>>,
    open: AtomicU64,
}

impl Ledger {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            invocations: Mutex::new(Ring::new(limits.invocations, usize::MAX)),
            captured: Mutex::new(Ring::new(limits.captured_requests, limits.captured_bytes)),
            lines: Mutex::default(),
            open: AtomicU64::new(0),
        }
    }

    pub(crate) fn capture(&self, request: CapturedRequest) {
        let weight = request.body.len();
        lock(&self.captured).push(request, weight);
    }

    pub(crate) fn captured(&self, last: usize) -> Vec<CapturedRequest> {
        lock(&self.captured).last(last)
    }

    pub(crate) fn invocations(&self, last: usize) -> Vec<Invocation> {
        lock(&self.invocations).last(last)
    }

    /// Invocations that have no complete answer yet.
    pub(crate) fn open_invocations(&self) -> u64 {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn bill(&self) -> Bill {
        let lines = lock(&self.lines).values().cloned().collect();
        let ring = lock(&self.invocations);
        let mut requests = ring.last(usize::MAX);
        requests.retain(|invocation| billed(invocation).is_some());
        Bill { lines, requests, forgotten: ring.dropped() }
    }

    pub(crate) fn clear(&self) {
        lock(&self.invocations).clear();
        lock(&self.captured).clear();
        lock(&self.lines).clear();
    }

    fn record(&self, invocation: Invocation) {
        if let Some(model) = billed(&invocation) {
            let mut lines = lock(&self.lines);
            let key = (invocation.region.clone(), model.to_owned());
            let line = lines.entry(key).or_insert_with(|| BillLine {
                region: invocation.region.clone(),
                model: model.to_owned(),
                ..BillLine::default()
            });
            line.requests += 1;
            line.usage.add(invocation.usage);
        }
        lock(&self.invocations).push(invocation, 0);
    }
}

/// The model that is billed for it, if it is billed at all.
fn billed(invocation: &Invocation) -> Option<&str> {
    if invocation.status == Some(200) { invocation.model.as_deref() } else { None }
}

/// An invocation that is still going on. Dropping it unfinished records that the client went away.
#[derive(Debug)]
pub(crate) struct OpenInvocation {
    ledger: Arc<Ledger>,
    record: Option<Invocation>,
}

impl OpenInvocation {
    pub(crate) fn new(
        ledger: Arc<Ledger>,
        request_id: &str,
        region: &str,
        model_id: &str,
        operation: &'static str,
    ) -> Self {
        ledger.open.fetch_add(1, Ordering::SeqCst);
        let record = Invocation {
            request_id: request_id.to_owned(),
            time: Timestamp::now().to_string(),
            region: region.to_owned(),
            model_id: model_id.to_owned(),
            model: None,
            operation,
            status: None,
            error: None,
            stop_reason: None,
            usage: Usage::default(),
            request_metadata: None,
            service_tier: None,
            client_went_away: false,
            broken_off: false,
        };
        Self { ledger, record: Some(record) }
    }

    /// Changes the record while the invocation is open.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Invocation)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    /// Records the invocation as it stands: its answer is complete, or the simulator broke it off.
    pub(crate) fn finish(mut self) {
        self.close(false);
    }

    fn close(&mut self, client_went_away: bool) {
        if let Some(mut record) = self.record.take() {
            record.client_went_away = client_went_away;
            self.ledger.record(record);
            self.ledger.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for OpenInvocation {
    fn drop(&mut self) {
        self.close(true);
    }
}

/// Locks a mutex; a panic elsewhere while it was held leaves these plain lists usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
