//! A scripted instance of the proxy: the metrics listener alone, whose counters grow with every scrape as if callers had been there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::watch;

use super::http::{Asked, Listener, Machine, Said};
use super::switch::Switch;

/// Upper bounds of the histogram of durations, in seconds, as the proxy has them.
const DURATIONS: [&str; 49] = [
    "0.005", "0.0063", "0.008", "0.01", "0.0125", "0.016", "0.02", "0.025", "0.0315", "0.04", "0.05",
    "0.063", "0.08", "0.1", "0.125", "0.16", "0.2", "0.25", "0.315", "0.4", "0.5", "0.63", "0.8", "1",
    "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8", "10", "12.5", "16", "20", "25", "31.5", "40",
    "50", "63", "80", "100", "200", "400", "800", "1800", "3600",
];

/// Those of the time to the first token.
const FIRST_TOKENS: [&str; 39] = [
    "0.01", "0.0125", "0.016", "0.02", "0.025", "0.0315", "0.04", "0.05", "0.063", "0.08", "0.1", "0.125",
    "0.16", "0.2", "0.25", "0.315", "0.4", "0.5", "0.63", "0.8", "1", "1.25", "1.6", "2", "2.5", "3.15", "4",
    "5", "6.3", "8", "10", "12.5", "16", "20", "25", "31.5", "40", "50", "63",
];

/// How an instance does.
#[derive(Debug, Clone, PartialEq)]
pub struct Conduct {
    /// How many requests come between two scrapes.
    pub requests: u64,
    /// How many of a thousand requests fail with 500.
    pub errors_per_thousand: u64,
    /// How long each request takes, in seconds.
    pub latency_seconds: f64,
    /// Whether its program ends again and again: nobody answers, and its check fails.
    pub crashes: bool,
}

impl Default for Conduct {
    fn default() -> Self {
        Self { requests: 200, errors_per_thousand: 0, latency_seconds: 0.2, crashes: false }
    }
}

/// How a version does.
#[derive(Debug, Clone, PartialEq)]
pub struct Behavior {
    /// Whether its program starts at all.
    pub comes_up: bool,
    /// While it is a canary, and afterwards where nothing else is said.
    pub at_first: Conduct,
    /// From its promotion on, where that is something else.
    pub once_promoted: Option<Conduct>,
}

impl Default for Behavior {
    fn default() -> Self {
        Self { comes_up: true, at_first: Conduct::default(), once_promoted: None }
    }
}

impl Behavior {
    /// One that is always so.
    pub fn always(conduct: Conduct) -> Self {
        Self { at_first: conduct, ..Self::default() }
    }

    pub(super) fn conduct(&self, is_promoted: bool) -> &Conduct {
        self.once_promoted.as_ref().filter(|_| is_promoted).unwrap_or(&self.at_first)
    }
}

/// A running instance. Dropping it ends it.
#[derive(Debug)]
pub struct ScriptedProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Absent while its program is down.
    listener: Option<Listener>,
}

#[derive(Debug)]
struct Shared {
    version: String,
    instance: String,
    counted: Mutex<Counted>,
    never: watch::Sender<u64>,
}

/// What it has counted since its program began.
#[derive(Debug, Default)]
struct Counted {
    conduct: Conduct,
    good: u64,
    failed: u64,
    /// Requests by the seconds that they took.
    durations: Vec<(f64, u64)>,
}

impl ScriptedProxy {
    /// Starts one of this version, which knows itself by this name.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(version: &str, instance: &str, conduct: Conduct) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            version: version.to_owned(),
            instance: instance.to_owned(),
            counted: Mutex::new(Counted { conduct, ..Counted::default() }),
            never: watch::Sender::new(0),
        });
        let listener = Listener::start(Arc::clone(&shared), Switch::new())?;
        Ok(Self { shared, address: listener.address(), listener: Some(listener) })
    }

    /// Where its metrics listener is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does so from now on. A program that begins to crash does not come back.
    pub fn behave(&mut self, conduct: Conduct) {
        if conduct.crashes {
            self.listener = None;
        }
        self.shared.lock().conduct = conduct;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metrics(&self) -> String {
        let mut counted = self.lock();
        counted.serve();
        let own = format!("version=\"{}\",ring=\"stable\"", self.version);
        let route = "route=\"chat_completions\",model=\"nova-lite\"";
        let mut text = String::from("# TYPE nova_proxy_requests_total counter\n");
        for (status, count) in [(200, counted.good), (500, counted.failed)] {
            // A series appears with its first event.
            if count > 0 {
                line(
                    &mut text,
                    &format!(
                        "nova_proxy_requests_total{{{route},status=\"{status}\",config=\"0\",{own}}} {count}"
                    ),
                );
            }
        }
        histogram(
            &mut text,
            "nova_proxy_request_duration_seconds",
            &format!("{route},config=\"0\",{own}"),
            &DURATIONS,
            &counted.durations,
        );
        let first = format!("model=\"nova-lite\",config=\"0\",{own}");
        histogram(
            &mut text,
            "nova_proxy_time_to_first_token_seconds",
            &first,
            &FIRST_TOKENS,
            &counted.durations,
        );
        line(&mut text, "# TYPE nova_proxy_requests_in_flight gauge");
        line(&mut text, &format!("nova_proxy_requests_in_flight{{{own}}} 1"));
        text
    }
}

impl Counted {
    /// The requests since the last scrape.
    fn serve(&mut self) {
        let failed = self.conduct.requests * self.conduct.errors_per_thousand / 1000;
        self.failed += failed;
        self.good += self.conduct.requests.saturating_sub(failed);
        self.durations.push((self.conduct.latency_seconds, self.conduct.requests));
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn histogram(text: &mut String, name: &str, labels: &str, bounds: &[&str], durations: &[(f64, u64)]) {
    line(text, &format!("# TYPE {name} histogram"));
    let total: u64 = durations.iter().map(|(_, count)| count).sum();
    for bound in bounds {
        let limit: f64 = bound.parse().unwrap_or(f64::INFINITY);
        let below: u64 = durations.iter().filter(|(took, _)| *took <= limit).map(|(_, count)| count).sum();
        line(text, &format!("{name}_bucket{{{labels},le=\"{bound}\"}} {below}"));
    }
    line(text, &format!("{name}_bucket{{{labels},le=\"+Inf\"}} {total}"));
    let sum = durations
        .iter()
        .fold(0.0, |sum, (took, count)| sum + took * f64::from(u32::try_from(*count).unwrap_or(u32::MAX)));
    line(text, &format!("{name}_sum{{{labels}}} {sum}"));
    line(text, &format!("{name}_count{{{labels}}} {total}"));
}

impl Machine for Shared {
    const INDEX: Option<&'static str> = None;

    fn counts(&self, _asked: &Asked) -> bool {
        false
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.never.subscribe()
    }

    fn answer(&self, asked: &Asked) -> Said {
        match asked.rest(0).trim_start_matches('/') {
            "metrics" => Said::raw(self.metrics().into()),
            "config/receipt" => Said::json(&json!({
                "instance": self.instance, "service": "nova-proxy", "version": self.version, "region": "us-east-1",
                "ring": "stable",
                "config": { "hash": "000000000000", "source": "files", "applied_index": 0,
                    "applied_at": "2026-11-24T00:00:00Z", "documents": [], "waiting_for_restart": [] },
                "refusal": null,
                "consul": { "state": "off", "seen_index": 0 },
            })),
            "health" | "health/ready" | "health/live" => Said::json(&json!({ "status": "ready" })),
            _ => Said::text(404, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::client::Call;

    #[tokio::test]
    async fn counters_grow_with_every_scrape_by_what_the_conduct_says() {
        let conduct = Conduct { errors_per_thousand: 100, latency_seconds: 0.3, ..Conduct::default() };
        let proxy = ScriptedProxy::start("2.0.0", "a", conduct).unwrap();
        let url = format!("http://{}/metrics", proxy.address());
        let mut told = Vec::new();
        for _ in 0..2 {
            let text = Call::new(Method::GET, &url).unwrap().send().await.unwrap().text();
            let value = |part: &str| {
                let found = text.lines().find(|line| line.contains(part)).unwrap_or_default();
                assert!(found.contains("version=\"2.0.0\""), "{text}");
                found.rsplit(' ').next().unwrap().to_owned()
            };
            told.push([value("status=\"500\""), value("duration_seconds_bucket{route=\"chat_completions\",model=\"nova-lite\",config=\"0\",version=\"2.0.0\",ring=\"stable\",le=\"0.25\""), value("duration_seconds_count")]);
        }
        assert_eq!(told, [["20", "0", "200"], ["40", "0", "400"]]);
    }
}
