//! The recorder behind the `metrics` macros, and the text that Prometheus reads.

use std::time::Duration;

use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::table::{METRICS, MetricKind, MetricSpec};

/// How often [`MetricsHandle::upkeep`] is to be called.
pub const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Why the recorder could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The table of metrics holds a histogram that cannot be.
    #[error("the metric {name} has no valid buckets")]
    Buckets {
        /// The metric.
        name: &'static str,
        /// The exporter's reason.
        #[source]
        source: BuildError,
    },
    /// The process has a recorder already.
    #[error("metrics are already recorded elsewhere: install the recorder once, at the start")]
    AlreadyInstalled,
}

/// Reads what was recorded.
#[derive(Clone, Debug)]
pub struct MetricsHandle {
    prometheus: PrometheusHandle,
}

impl MetricsHandle {
    /// All metrics in Prometheus's text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.prometheus.render()
    }

    /// Sorts recorded histogram values into their buckets. Without it they pile up until the next scrape, which may
    /// never come: call it every [`UPKEEP_EVERY`].
    pub fn upkeep(&self) {
        self.prometheus.run_upkeep();
    }
}

/// Installs the recorder for the whole process, with `version` and `ring` as labels of every metric.
///
/// # Errors
/// When a recorder is installed already.
pub fn install(version: &str, ring: &str) -> Result<MetricsHandle, MetricsError> {
    install_table(METRICS, &[("version", version), ("ring", ring)])
}

/// As [`install`], for a program whose metrics are in another table, with these labels on every metric.
///
/// # Errors
/// When a recorder is installed already, or a histogram of the table has no valid buckets.
pub fn install_table(table: &[MetricSpec], labels: &[(&str, &str)]) -> Result<MetricsHandle, MetricsError> {
    let (recorder, handle) = build(table, labels)?;
    metrics::set_global_recorder(recorder).map_err(|_| MetricsError::AlreadyInstalled)?;
    Ok(handle)
}

/// The recorder with all metrics described.
fn build(
    table: &[MetricSpec],
    labels: &[(&str, &str)],
) -> Result<(PrometheusRecorder, MetricsHandle), MetricsError> {
    let builder = PrometheusBuilder::new();
    let mut builder =
        labels.iter().fold(builder, |builder, (name, value)| builder.add_global_label(*name, *value));
    for metric in table {
        if let MetricKind::Histogram(bounds) = metric.kind {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                .map_err(|source| MetricsError::Buckets { name: metric.name, source })?;
        }
    }
    let recorder = builder.build_recorder();
    describe(&recorder, table);
    let handle = MetricsHandle { prometheus: recorder.handle() };
    Ok((recorder, handle))
}

/// Describes every metric, and shows those without labels from the start: an absent counter cannot be told from a
/// broken one.
fn describe(recorder: &PrometheusRecorder, table: &[MetricSpec]) {
    let metadata = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
    for metric in table {
        let (name, unit) = (metric.name.into(), Some(metric.unit));
        let key = Key::from_parts(metric.name, Vec::<Label>::new());
        match metric.kind {
            MetricKind::Counter => recorder.describe_counter(name, unit, metric.help.into()),
            MetricKind::Gauge => recorder.describe_gauge(name, unit, metric.help.into()),
            MetricKind::Histogram(_) => recorder.describe_histogram(name, unit, metric.help.into()),
        }
        match (metric.kind, metric.labels.is_empty()) {
            (MetricKind::Counter, true) => recorder.register_counter(&key, &metadata).increment(0),
            (MetricKind::Gauge, true) => recorder.register_gauge(&key, &metadata).set(0.0),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::super::*;
    use super::*;

    #[test]
    fn prometheus_sees_names_help_global_labels_and_buckets() {
        let (recorder, handle) = build(METRICS, &[("version", "1.2.3"), ("ring", "canary")]).unwrap();
        with_local_recorder(&recorder, || {
            counter!(REQUESTS_TOTAL, "route" => "chat_completions", "model" => "gpt-4o", "status" => "200",
                "config" => "0123456789ab")
            .increment(2);
            histogram!(TIME_TO_FIRST_TOKEN_SECONDS, "model" => "gpt-4o", "config" => "x").record(0.06);
            gauge!(CONNECTIONS_OPEN).set(3.0);
        });
        handle.upkeep();
        let text = handle.render();
        for expected in [
            "# TYPE nova_proxy_requests_total counter\n",
            "# HELP nova_proxy_connections_open Open client connections.\n",
            "nova_proxy_connections_open{version=\"1.2.3\",ring=\"canary\"} 3\n",
            "# TYPE nova_proxy_time_to_first_token_seconds histogram\n",
            "model=\"gpt-4o\",config=\"x\",le=\"0.05\"} 0\n",
            "model=\"gpt-4o\",config=\"x\",le=\"0.063\"} 1\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
        let requests = text.lines().find(|line| line.starts_with("nova_proxy_requests_total{")).unwrap();
        assert!(requests.contains("config=\"0123456789ab\"") && requests.ends_with("} 2"), "{requests}");
    }

    #[test]
    fn metrics_without_labels_are_there_before_anything_happens() {
        let (_recorder, handle) = build(METRICS, &[("version", "1.2.3"), ("ring", "stable")]).unwrap();
        let text = handle.render();
        assert!(
            text.contains("nova_proxy_log_dropped_total{version=\"1.2.3\",ring=\"stable\"} 0\n"),
            "{text}"
        );
        assert!(
            text.contains("nova_proxy_requests_in_flight{version=\"1.2.3\",ring=\"stable\"} 0\n"),
            "{text}"
        );
    }

    #[test]
    fn a_second_installation_is_refused() {
        assert!(install("1.2.3", "stable").is_ok());
        assert!(matches!(install("1.2.3", "stable"), Err(MetricsError::AlreadyInstalled)));
    }
}
