//! What is known about one request while it is under way.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use slog::{Logger, o};
use tokio::time::Instant;
use uuid::Uuid;

use crate::snapshot::Snapshot;
use crate::trace::TraceContext;

/// An id that no other request has, sortable by time.
fn request_id() -> String {
    format!("req_{}", Uuid::now_v7().simple())
}

/// As a header, for what is answered outside of the pipeline.
#[must_use]
pub fn request_id_header() -> HeaderValue {
    // Letters, digits and an underscore always make a header.
    HeaderValue::try_from(request_id()).unwrap_or_else(|_| HeaderValue::from_static("req_unknown"))
}

/// What came before the body of a request.
#[derive(Debug, Clone, Default)]
pub struct RequestHead {
    /// Its headers.
    pub headers: HeaderMap,
    /// The client's address, as far as it can be believed. None where the listener is no TCP socket.
    pub client: Option<IpAddr>,
}

/// One request. Made when its head has been read, and kept until its body has ended.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Unique, told to the caller in `x-request-id`.
    pub request_id: String,
    /// The route, as metrics and records name it.
    pub route: &'static str,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The caller's trace.
    pub trace: Option<TraceContext>,
    /// When the head had been read.
    pub started: Instant,
    /// The configuration that the request began with; it ends with the same one.
    pub snapshot: Arc<Snapshot>,
    /// The log, with the request's id.
    pub log: Logger,
}

impl RequestContext {
    /// Begins a request on `route`.
    #[must_use]
    pub fn begin(route: &'static str, snapshot: Arc<Snapshot>, log: &Logger) -> Self {
        let request_id = request_id();
        let log = log.new(o!("request_id" => request_id.clone()));
        Self { request_id, route, client: None, trace: None, started: Instant::now(), snapshot, log }
    }

    /// Notes where the request came from, and the trace that it belongs to.
    #[must_use]
    pub fn with_head(mut self, head: &RequestHead) -> Self {
        self.client = head.client;
        self.trace = TraceContext::read(&head.headers);
        if let Some(trace) = &self.trace {
            self.log = self.log.new(o!("trace_id" => trace.trace_id.clone()));
        }
        self
    }
}
