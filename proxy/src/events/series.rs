//! The metrics that nearly every request adds to, found once per route, model and configuration instead of once per request: finding a
//! series by its labels costs a dozen strings.
//!
//! A series is registered when something is first counted in it, as the macros do, so that no page lists what never happened.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use metrics::{Counter, Histogram};
use nova_telemetry::metrics as names;
use nova_telemetry::metrics::LabelGuard;
use nova_translate::converse::TokenUsage;

/// Each reload makes a new value of the label `config`, and each value is a series for ever: after so many they are counted together.
static CONFIGS: LazyLock<LabelGuard> = LazyLock::new(|| LabelGuard::new(50));

/// A request that has been refused before its model was known has no model to be counted under.
pub(super) const NO_MODEL: &str = "none";

/// What is counted as success, which is looked up once.
const OK: u16 = 200;

/// The series of one configuration. Routes and models come from it, so that there are few.
#[derive(Debug, Default)]
pub struct SeriesCache(RwLock<HashMap<String, Vec<Arc<Series>>>>);

impl SeriesCache {
    /// The series of a route and model.
    pub(super) fn of(&self, route: &'static str, model: &str, config_hash: &str) -> Arc<Series> {
        // Every change is one insertion, so that a poisoned map is still a whole one.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(model).and_then(|routes| of_route(routes, route)) {
            return series;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let routes = known.entry(model.to_owned()).or_default();
        of_route(routes, route).unwrap_or_else(|| {
            let series = Arc::new(Series::new(route, model, config_hash));
            routes.push(Arc::clone(&series));
            series
        })
    }
}

fn of_route(routes: &[Arc<Series>], route: &'static str) -> Option<Arc<Series>> {
    routes.iter().find(|series| series.route == route).map(Arc::clone)
}

/// The series of one route and model under one configuration.
#[derive(Debug)]
pub(super) struct Series {
    route: &'static str,
    model: String,
    config: String,
    pub(super) duration: Histogram,
    pub(super) queue_wait: Histogram,
    completed: OnceLock<Counter>,
    tokens: OnceLock<[Counter; 4]>,
    first_token: OnceLock<Histogram>,
    tokens_per_second: OnceLock<Histogram>,
    /// By reason; a closed list.
    stops: Counters,
    /// By region and outcome; regions are the configuration's, outcomes a closed list.
    attempts: RwLock<Vec<(Box<str>, Counters)>>,
}

/// Counters by one label of few values.
#[derive(Debug, Default)]
struct Counters(RwLock<Vec<(&'static str, Counter)>>);

impl Counters {
    fn increment(&self, value: &'static str, register: impl FnOnce() -> Counter) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = known.iter().find(|(known, _)| *known == value) {
            counter.increment(1);
            return;
        }
        drop(known);
        let counter = register();
        counter.increment(1);
        // Registered twice by two requests at once, it is the same counter.
        self.0.write().unwrap_or_else(PoisonError::into_inner).push((value, counter));
    }
}

impl Series {
    fn new(route: &'static str, model: &str, config_hash: &str) -> Self {
        let (model, config) = (model.to_owned(), CONFIGS.admit(config_hash).to_string());
        let labels = [("route", route.to_owned()), ("model", model.clone()), ("config", config.clone())];
        Self {
            duration: metrics::histogram!(names::REQUEST_DURATION_SECONDS, &labels),
            queue_wait: metrics::histogram!(names::QUEUE_WAIT_SECONDS),
            completed: OnceLock::new(),
            tokens: OnceLock::new(),
            first_token: OnceLock::new(),
            tokens_per_second: OnceLock::new(),
            stops: Counters::default(),
            attempts: RwLock::default(),
            route,
            model,
            config,
        }
    }

    pub(super) fn count_request(&self, status: u16) {
        let register = || {
            let labels = [
                ("route", self.route.to_owned()),
                ("model", self.model.clone()),
                ("status", status.to_string()),
                ("config", self.config.clone()),
            ];
            metrics::counter!(names::REQUESTS_TOTAL, &labels)
        };
        if status == OK {
            self.completed.get_or_init(register).increment(1);
        } else {
            register().increment(1);
        }
    }

    pub(super) fn count_tokens(&self, usage: TokenUsage) {
        let counters = self.tokens.get_or_init(|| {
            ["input", "output", "cache_read", "cache_write"].map(|direction| {
                let labels = [
                    ("model", self.model.clone()),
                    ("direction", direction.to_owned()),
                    ("config", self.config.clone()),
                ];
                metrics::counter!(names::TOKENS_TOTAL, &labels)
            })
        });
        let tokens = [
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_input_tokens,
            usage.cache_write_input_tokens,
        ];
        for (counter, tokens) in counters.iter().zip(tokens) {
            counter.increment(tokens);
        }
    }

    pub(super) fn count_stop(&self, reason: &'static str) {
        self.stops.increment(reason, || {
            let labels = [
                ("model", self.model.clone()),
                ("reason", reason.to_owned()),
                ("config", self.config.clone()),
            ];
            metrics::counter!(names::STOP_REASONS_TOTAL, &labels)
        });
    }

    pub(super) fn count_attempt(&self, region: &str, outcome: &'static str) {
        let register = || {
            let labels = [
                ("model", self.model.clone()),
                ("region", region.to_owned()),
                ("outcome", outcome.to_owned()),
            ];
            metrics::counter!(names::UPSTREAM_ATTEMPTS_TOTAL, &labels)
        };
        let known = self.attempts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, outcomes)) = known.iter().find(|(known, _)| **known == *region) {
            outcomes.increment(outcome, register);
            return;
        }
        drop(known);
        register().increment(1);
        let mut known = self.attempts.write().unwrap_or_else(PoisonError::into_inner);
        if known.iter().all(|(known, _)| **known != *region) {
            known.push((region.into(), Counters::default()));
        }
    }

    pub(super) fn first_token(&self) -> &Histogram {
        self.first_token
            .get_or_init(|| metrics::histogram!(names::TIME_TO_FIRST_TOKEN_SECONDS, &self.of_answers()))
    }

    pub(super) fn tokens_per_second(&self) -> &Histogram {
        self.tokens_per_second
            .get_or_init(|| metrics::histogram!(names::OUTPUT_TOKENS_PER_SECOND, &self.of_answers()))
    }

    fn of_answers(&self) -> [(&'static str, String); 2] {
        [("model", self.model.clone()), ("config", self.config.clone())]
    }
}
