//! Values that are looked up when somebody scrapes, rather than kept up to date on the way of every request.

use std::sync::Arc;

use jiff::Timestamp;
use nova_hashistack::consul::WatchCounters;
use nova_telemetry::metrics as names;
use nova_telemetry::metrics::MetricsHandle;

use tokio::time::Instant;

use crate::events;
use crate::routes::RenderMetrics;
use crate::server::ServerStats;
use crate::services::SharedServices;

/// Sets the gauges, then renders all metrics.
pub(super) fn renderer(
    handle: MetricsHandle,
    services: SharedServices,
    stats: Arc<ServerStats>,
    watch: Option<WatchCounters>,
) -> RenderMetrics {
    Arc::new(move || {
        let admission = services.admission.concurrency().snapshot();
        metrics::gauge!(names::REQUESTS_IN_FLIGHT).set(f64::from(admission.in_flight));
        metrics::gauge!(names::QUEUE_DEPTH).set(narrow(admission.queued));
        let applied_at = services.receipts.current().config.applied_at;
        let age = Timestamp::now().duration_since(applied_at).as_secs_f64();
        // A clock that is set back makes nothing younger than now.
        metrics::gauge!(names::CONFIG_AGE_SECONDS).set(age.max(0.0));
        metrics::gauge!(names::CONNECTIONS_OPEN).set(narrow(stats.open_connections()));
        metrics::counter!(names::CONNECTIONS_OVERDUE_TOTAL).absolute(stats.overdue_connections_total());
        metrics::counter!(names::ACCEPT_ERRORS_TOTAL).absolute(stats.accept_errors_total());
        if let Some(watch) = &watch {
            events::watch_counts(watch.counts());
        }
        for (key, state, transitions) in services.breakers.states(Instant::now()) {
            events::breaker_state(&key, state);
            events::breaker_transitions(&key, transitions);
        }
        handle.render()
    })
}

fn narrow(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
