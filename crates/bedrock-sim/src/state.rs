//! What all listeners of one simulator share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::config::SimulatorConfig;
use crate::error::SimulatorError;
use crate::faults::{FaultRule, MAX_RULES, RegionFaults, Verdict};
use crate::ledger::{Bill, CapturedRequest, Invocation, Ledger, lock};
use crate::prompt_cache::PromptCache;
use crate::script::KeyCounts;
use crate::secrets_manager::Secrets;
use crate::service_model::ServiceModel;
use crate::sts::Issued;

/// The shared state.
pub(crate) struct State {
    pub(crate) config: SimulatorConfig,
    pub(crate) model: ServiceModel,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) cache: Mutex<PromptCache>,
    pub(crate) key_counts: Mutex<KeyCounts>,
    pub(crate) issued: Mutex<Issued>,
    pub(crate) secrets: Mutex<Secrets>,
    /// One entry for each region that is served.
    faults: BTreeMap<String, Mutex<RegionFaults>>,
}

/// One listener's view of the state.
pub(crate) struct Site {
    pub(crate) region: String,
    pub(crate) state: Arc<State>,
}

impl State {
    pub(crate) fn new(config: SimulatorConfig) -> Result<Self, SimulatorError> {
        Ok(Self {
            model: ServiceModel::load()?,
            ledger: Arc::new(Ledger::new(&config.limits)),
            cache: Mutex::new(PromptCache::new(config.limits.cache_checkpoints)),
            key_counts: Mutex::new(KeyCounts::new(config.limits.script_keys)),
            issued: Mutex::default(),
            secrets: Mutex::default(),
            faults: config.regions.iter().map(|region| (region.name.clone(), Mutex::default())).collect(),
            config,
        })
    }

    /// The simulator's own time.
    pub(crate) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.saturating_add(SignedDuration::from_secs(self.config.clock_ahead_seconds)).unwrap_or(now)
    }

    pub(crate) fn judge(&self, region: &str, model_id: &str) -> Verdict {
        self.faults.get(region).map(|faults| lock(faults).judge(model_id)).unwrap_or_default()
    }
}

/// The simulator's controls for a test in the same process; `/_sim/` offers the same over HTTP.
#[derive(Clone)]
pub struct Control {
    pub(crate) state: Arc<State>,
}

impl Control {
    /// Replaces the fault rules of `region`, and of every other region that a rule names.
    ///
    /// # Errors
    /// `SimulatorError::UnknownRegion` and `SimulatorError::FaultRules`; then nothing has changed.
    pub fn set_faults(&self, region: &str, rules: Vec<FaultRule>) -> Result<(), SimulatorError> {
        if rules.len() > MAX_RULES {
            let reason = format!("{} rules are more than the {MAX_RULES} allowed", rules.len());
            return Err(SimulatorError::FaultRules { reason });
        }
        let mut by_region = BTreeMap::from([(region.to_owned(), Vec::new())]);
        for rule in rules {
            if let Some(reason) = rule.fault() {
                return Err(SimulatorError::FaultRules { reason });
            }
            let named = rule.region.clone().unwrap_or_else(|| region.to_owned());
            by_region.entry(named).or_insert_with(Vec::new).push(rule);
        }
        if let Some(unknown) = by_region.keys().find(|name| !self.state.faults.contains_key(*name)) {
            return Err(SimulatorError::UnknownRegion { region: unknown.clone() });
        }
        for (name, rules) in by_region {
            if let Some(faults) = self.state.faults.get(&name) {
                lock(faults).set(rules);
            }
        }
        Ok(())
    }

    /// Takes all fault rules of `region` away.
    pub fn clear_faults(&self, region: &str) {
        if let Some(faults) = self.state.faults.get(region) {
            lock(faults).set(Vec::new());
        }
    }

    /// The fault rules of `region`.
    pub fn faults(&self, region: &str) -> Vec<FaultRule> {
        self.state.faults.get(region).map(|faults| lock(faults).rules()).unwrap_or_default()
    }

    /// What was billed, over all regions.
    pub fn bill(&self) -> Bill {
        self.state.ledger.bill()
    }

    /// The last `last` invocations that are over, oldest first, over all regions.
    pub fn invocations(&self, last: usize) -> Vec<Invocation> {
        self.state.ledger.invocations(last)
    }

    /// Invocations whose answer is not complete.
    pub fn open_invocations(&self) -> u64 {
        self.state.ledger.open_invocations()
    }

    /// The last `last` requests as they arrived, oldest first, over all regions.
    pub fn requests(&self, last: usize) -> Vec<CapturedRequest> {
        self.state.ledger.captured(last)
    }

    /// Forgets invocations, the bill, captured requests and the prompt cache; faults stay.
    pub fn reset(&self) {
        self.state.ledger.clear();
        lock(&self.state.cache).clear();
    }
}
