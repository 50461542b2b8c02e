//! What goes on beside requests and tasks: readiness follows the election, and metrics are kept in order.

use nova_lifecycle::{Readiness, Shutdown};
use nova_telemetry::metrics::{MetricsHandle, UPKEEP_EVERY};
use tokio::sync::watch;

use crate::leader::Standing;

/// Ready once Consul has told how the election stands, and from then on: another instance could do no better without Consul.
pub(super) fn ready(
    mut standing: watch::Receiver<Standing>,
    readiness: &Readiness,
    shutdown: Shutdown,
) -> impl Future<Output = ()> + Send + use<> {
    let condition = readiness.declare("consul", "Consul has not answered yet");
    async move {
        loop {
            let now = standing.borrow_and_update().clone();
            if now.is_known {
                condition.hold("Consul has told how the election stands");
                return shutdown.stopped().await;
            }
            if let Some(fault) = now.fault {
                condition.fail(fault);
            }
            tokio::select! {
                () = shutdown.stopped() => return,
                changed = standing.changed() => if changed.is_err() {
                    return shutdown.stopped().await;
                },
            }
        }
    }
}

/// Sorts what histograms have recorded, which would pile up where nobody scrapes.
pub(super) async fn upkeep(metrics: Option<MetricsHandle>, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = shutdown.stopped() => return,
            () = tokio::time::sleep(UPKEEP_EVERY) => metrics.iter().for_each(MetricsHandle::upkeep),
        }
    }
}
