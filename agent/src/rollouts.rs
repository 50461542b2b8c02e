//! Rollouts in the daemon: the engine on real servers, made of the daemon's parts.
//!
//! Owns the wiring, and what a change of a record is told to: the log, the metrics, and those who follow events. When rounds are made
//! is for the task; what they do is in `rollout`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use nova_hashistack::{ConsulClient, NomadClient, TlsConfig};
use serde_json::{Value, json};
use slog::{Logger, info, warn};

use crate::notify::{self, Deliveries};
use crate::rollout::engine::{Engine, World};
use crate::rollout::hooks::{HookRules, PolicyHooks};
use crate::rollout::record::Rollout;
use crate::rollout::rounds::Rounds;
use crate::rollout::rules::Rules;
use crate::rollout::store::RolloutStore;
use crate::seams::nomad::Nomad;
use crate::seams::router::Router;
use crate::seams::scrape::Scraper;
use crate::seams::webhook::{ClientError, Webhooks};

/// Changes of phases, by the phase that was entered.
pub const TRANSITIONS_TOTAL: &str = "nova_agent_rollout_transitions_total";

/// Who is told of a change: the kind of event, and its body.
pub type Told = Arc<dyn Fn(&'static str, Value) + Send + Sync>;

/// What rollouts are made of.
pub struct Parts {
    /// Consul: records, policies, the catalog, and entries of the mesh.
    pub consul: ConsulClient,
    /// Nomad.
    pub nomad: NomadClient,
    /// The prefix of the keys.
    pub prefix: String,
    /// The namespaces whose deployments are followed; all where there are none.
    pub namespaces: BTreeSet<String>,
    /// Certificates for metrics listeners that speak TLS.
    pub metrics_tls: TlsConfig,
    /// Certificates for webhooks.
    pub webhook_tls: TlsConfig,
    /// What policies may call.
    pub hooks: HookRules,
    /// The rules of jobs.
    pub rules: Rules,
    /// Who is told of changes.
    pub told: Told,
    /// The log.
    pub log: Logger,
}

/// Rollouts that are ready to be driven.
pub struct Rollouts {
    /// All jobs, round after round, for the leader's task.
    pub rounds: Arc<Rounds<Servers>>,
    /// The records, for everybody.
    pub store: RolloutStore,
    /// Delivers messages; to be run beside the task, as long as the process lives.
    pub deliveries: Deliveries,
}

/// The servers that the engine stands on.
pub struct Servers {
    nomad: Nomad,
    router: Router,
    scraper: Scraper,
    store: RolloutStore,
    hooks: PolicyHooks,
    rules: Rules,
    told: Told,
    log: Logger,
}

impl fmt::Debug for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Servers").finish_non_exhaustive()
    }
}

/// Makes rollouts of their parts; nothing is sent yet.
///
/// # Errors
/// When webhooks cannot be called for lack of certificates.
pub fn build(parts: Parts) -> Result<Rollouts, ClientError> {
    let Parts { consul, nomad, prefix, namespaces, metrics_tls, webhook_tls, hooks, rules, told, log } =
        parts;
    let webhooks = Webhooks::new(&webhook_tls)?;
    let (notifier, deliveries) = notify::channel(webhooks.clone(), &log);
    let store = RolloutStore::new(consul.clone(), prefix);
    let servers = Servers {
        nomad: Nomad::new(nomad, namespaces),
        router: Router::new(consul.clone()),
        scraper: Scraper::new(consul, metrics_tls),
        store: store.clone(),
        hooks: PolicyHooks::new(webhooks, notifier, hooks),
        rules,
        told,
        log,
    };
    Ok(Rollouts { rounds: Arc::new(Rounds::new(Engine::new(servers))), store, deliveries })
}

impl World for Servers {
    type Orchestrator = Nomad;
    type Router = Router;
    type Metrics = Scraper;
    type Records = RolloutStore;
    type Hooks = PolicyHooks;
    type Policies = Rules;

    fn orchestrator(&self) -> &Nomad {
        &self.nomad
    }

    fn router(&self) -> &Router {
        &self.router
    }

    fn metrics(&self) -> &Scraper {
        &self.scraper
    }

    fn records(&self) -> &RolloutStore {
        &self.store
    }

    fn hooks(&self) -> &PolicyHooks {
        &self.hooks
    }

    fn policies(&self) -> &Rules {
        &self.rules
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn changed(&self, before: Option<&Rollout>, after: &Rollout) {
        let (target, phase) = (&after.target, after.phase.name().as_str());
        let is_new = before.is_none_or(|before| before.phase != after.phase);
        if is_new {
            metrics::counter!(TRANSITIONS_TOTAL, "phase" => phase).increment(1);
            let why = after.transitions.last().map(|last| last.why.as_str()).unwrap_or_default();
            info!(
                self.log, "rollout: {phase}: {why}";
                "namespace" => &target.namespace, "job" => &target.job, "deployment" => &after.deployment_id,
                "job_version" => after.canary.job_version
            );
        }
        for intent in &after.intents {
            let tries = before.and_then(|before| before.intents.iter().find(|open| open.id == intent.id));
            if intent.tries > tries.map_or(0, |open| open.tries) {
                warn!(
                    self.log, "rollout: {} failed, and is tried again: {}", intent.action.name(),
                    intent.last_error.as_deref().unwrap_or_default();
                    "namespace" => &target.namespace, "job" => &target.job, "tries" => intent.tries
                );
            }
        }
        let body = json!({
            "namespace": target.namespace, "job": target.job, "deployment_id": after.deployment_id,
            "job_version": after.canary.job_version, "phase": phase, "has_changed_phase": is_new,
            "waiting_for": after.waiting_for, "last": after.transitions.last(),
        });
        (self.told)("rollout", body);
    }
}
