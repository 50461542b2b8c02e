//! The automation of candidates for the configuration: one visit for each activation.
//!
//! Owns how the daemon's parts become those of candidates. What a visit does is in `config_canary`. It needs Consul alone: an agent
//! without Nomad tries candidates too.

use std::sync::Arc;
use std::time::Duration;

use nova_hashistack::TlsConfig;
use nova_lifecycle::Tasks;
use nova_telemetry::error_chain;
use slog::error;

use super::rollouts::{Acting, TOKENS};
use crate::app::Ground;
use crate::config_canary::engine::CanaryEngine;
use crate::driver::{Activation, Pending, Scope, Summary, Task, TaskError};
use crate::notify::{self, Deliveries};
use crate::rollout::hooks::{HookRules, PolicyHooks};
use crate::seams::webhook::{ClientError, Webhooks};

/// How often it is looked whether somebody wants a candidate tried, and how the one that is tried stands. While there is none, a look is
/// two reads of small folders.
const PERIOD: Duration = Duration::from_secs(2);

/// Drives candidates.
#[derive(Debug)]
pub struct ConfigCanaryTask {
    engine: CanaryEngine,
}

/// The task, and what delivers its messages beside it; nothing where webhooks cannot be called for lack of certificates, which the log
/// tells.
#[must_use]
pub fn of(ground: &Ground) -> Option<(Arc<dyn Task>, Deliveries)> {
    let made = made(ground);
    let made =
        made.inspect_err(|error| error!(ground.log, "no candidates are tried: {}", error_chain(error)));
    let (task, deliveries) = made.ok()?;
    Some((Arc::new(task), deliveries))
}

fn made(ground: &Ground) -> Result<(ConfigCanaryTask, Deliveries), ClientError> {
    let webhooks = Webhooks::new(&TlsConfig::default())?;
    let (notifier, deliveries) = notify::channel(webhooks.clone(), &ground.log);
    let rules = HookRules {
        token_folder: ground.config.data_dir.as_ref().map(|folder| folder.join(TOKENS)),
        ..HookRules::default()
    };
    let hooks = PolicyHooks::new(webhooks, notifier, rules);
    let events = ground.events.clone();
    let told = Arc::new(move |kind, body| events.record(kind, body));
    let engine = CanaryEngine::new(
        ground.consul.clone(),
        &ground.config.kv_prefix,
        TlsConfig::default(),
        (hooks, told),
        ground.log.clone(),
    );
    Ok((ConfigCanaryTask { engine }, deliveries))
}

/// Starts what delivers messages.
pub fn start(deliveries: Deliveries, tasks: &Tasks) {
    tasks.spawn("config_canary_notifications", deliveries.run(tasks.shutdown().clone()));
}

impl Task for ConfigCanaryTask {
    fn name(&self) -> &'static str {
        "config-canary"
    }

    fn scope(&self) -> Scope {
        Scope::Leader
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    fn activate(&self, activation: Activation) -> Pending<'_, Result<Summary, TaskError>> {
        Box::pin(async move {
            let Activation { leadership, stopping, .. } = activation;
            let Some(leadership) = leadership else {
                return Ok(Summary("this instance does not lead".to_owned()));
            };
            Ok(Summary(self.engine.visit(&Acting { leadership, stopping }).await?))
        })
    }
}
