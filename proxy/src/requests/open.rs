//! A request under way, as operators see it.

use std::sync::OnceLock;

use serde::Serialize;
use tokio::time::Instant;

use crate::context::RequestContext;
use crate::record::{UsageRecord, milliseconds};

/// A request under way. Its caller and its model become known on the way.
#[derive(Debug)]
pub struct OpenRequest {
    id: String,
    route: &'static str,
    started: Instant,
    key_id: OnceLock<String>,
    model: OnceLock<String>,
}

/// The same at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenRequestView {
    /// The id that the caller gets in `x-request-id`.
    pub id: String,
    /// The route, as metrics name it.
    pub route: &'static str,
    /// The model, once it is known to be served.
    pub model: Option<String>,
    /// The id of the caller's key, once it is known.
    pub key_id: Option<String>,
    /// How long it has been going on.
    pub age_ms: f64,
}

impl OpenRequest {
    pub(super) fn new(context: &RequestContext) -> Self {
        Self {
            id: context.request_id.clone(),
            route: context.route,
            started: context.started,
            key_id: OnceLock::new(),
            model: OnceLock::new(),
        }
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn update(&self, record: &UsageRecord) {
        if let Some(principal) = &record.principal {
            self.key_id.get_or_init(|| principal.id.clone());
        }
        if let Some(model) = &record.model {
            self.model.get_or_init(|| model.clone());
        }
    }

    pub(super) fn view(&self, now: Instant) -> OpenRequestView {
        OpenRequestView {
            id: self.id.clone(),
            route: self.route,
            model: self.model.get().cloned(),
            key_id: self.key_id.get().cloned(),
            age_ms: milliseconds(now.duration_since(self.started)),
        }
    }
}
