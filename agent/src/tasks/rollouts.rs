//! The automation of rollouts: one round over all jobs for each activation, and what activates it between its periods.
//!
//! Owns how the daemon's parts become those of rollouts. What a round does is in `rollout`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nova_hashistack::NomadClient;
use nova_hashistack::consul::TxnOperation;
use nova_lifecycle::{Shutdown, Tasks};
use nova_telemetry::error_chain;
use slog::error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ROLLOUTS;
use crate::app::{Ground, tls};
use crate::config::policy_texts;
use crate::driver::{Activation, Driver, Pending, Reason, Scope, Summary, Task, TaskError};
use crate::leader::Leadership;
use crate::notify::Deliveries;
use crate::rollout::hooks::HookRules;
use crate::rollout::policy::{self, PolicyText};
use crate::rollout::record::Target;
use crate::rollout::rounds::Rounds;
use crate::rollout::rules::{FoundRules, Layer, Rules};
use crate::rollout::store::Lead;
use crate::rollouts::{Parts, Rollouts, Servers, build};
use crate::seams::webhook::ClientError;

/// The least pause between two activations that the watch asks for.
const LEAST_PAUSE: Duration = Duration::from_millis(500);

/// The folder below `data_dir` that tokens of policies' webhooks are in.
pub(super) const TOKENS: &str = "webhook-tokens";

/// How long the watch waits for Nomad at most.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Drives rollouts.
pub struct RolloutsTask {
    rounds: Arc<Rounds<Servers>>,
    period: Duration,
}

/// What runs beside the task.
pub struct Beside {
    rounds: Arc<Rounds<Servers>>,
    deliveries: Deliveries,
}

/// The task and what runs beside it; nothing where the daemon has no Nomad, or webhooks cannot be called for lack of certificates, which
/// the log tells: everything else of the daemon is worth having without rollouts.
#[must_use]
pub fn of(ground: &Ground) -> Option<(Arc<dyn Task>, Beside)> {
    let nomad = ground.nomad.clone()?;
    let rollouts = made(ground, nomad);
    let rollouts =
        rollouts.inspect_err(|error| error!(ground.log, "no rollouts are driven: {}", error_chain(error)));
    let rollouts = rollouts.ok()?;
    let beside = Beside { rounds: Arc::clone(&rollouts.rounds), deliveries: rollouts.deliveries };
    let task = RolloutsTask { rounds: rollouts.rounds, period: ground.config.rollouts_interval };
    Some((Arc::new(task), beside))
}

fn made(ground: &Ground, nomad: NomadClient) -> Result<Rollouts, ClientError> {
    let namespaces: BTreeSet<String> =
        ground.config.nomad.iter().flat_map(|nomad| nomad.namespaces.iter().cloned()).collect();
    let (policies, events) = (ground.policies.clone(), ground.events.clone());
    let of_files = Arc::new(move || {
        let texts = policy_texts(&policies.borrow().0);
        texts.into_iter().map(|PolicyText { name, text }| Layer { origin: name, text }).collect()
    });
    let rules = Rules::new(ground.consul.clone(), &ground.config.kv_prefix, of_files, Arc::new(read));
    build(Parts {
        consul: ground.consul.clone(),
        nomad,
        prefix: ground.config.kv_prefix.clone(),
        // `*` is every namespace that the token may read.
        namespaces: if namespaces.contains("*") { BTreeSet::new() } else { namespaces },
        metrics_tls: tls(&ground.config.instances_tls),
        webhook_tls: tls(&ground.config.webhooks.tls),
        hooks: HookRules {
            destinations: ground.config.webhooks.destinations.clone(),
            token_folder: ground.config.data_dir.as_ref().map(|folder| folder.join(TOKENS)),
            secret_file: ground.config.webhooks.secret_file.clone(),
        },
        rules,
        told: Arc::new(move |kind, body| events.record(kind, body)),
        log: ground.log.clone(),
    })
}

fn read(target: &Target, files: &[Layer], bodies: &[Layer]) -> Result<FoundRules, String> {
    let text = |layer: &Layer| PolicyText { name: layer.origin.clone(), text: layer.text.clone() };
    let texts = |layers: &[Layer]| layers.iter().map(text).collect::<Vec<_>>();
    match policy::of_job(target, &texts(files), &texts(bodies)) {
        Ok(found) => Ok(found.map(|found| (found.policy, found.origin))),
        Err(faults) => Err(faults.to_string()),
    }
}

impl Beside {
    /// Starts what runs beside the task.
    pub fn start(self, driver: &Arc<Driver>, tasks: &Tasks) {
        tasks.spawn("rollouts_watch", self.watch(Arc::clone(driver), tasks.shutdown().clone()));
        tasks.spawn("notifications", self.deliveries.run(tasks.shutdown().clone()));
    }

    /// Activates the task when a job is due, or Nomad tells of a change, until the process stops.
    fn watch(&self, driver: Arc<Driver>, shutdown: Shutdown) -> impl Future<Output = ()> + Send + use<> {
        let rounds = Arc::clone(&self.rounds);
        async move {
            loop {
                let something_is_due = async {
                    tokio::time::sleep(LEAST_PAUSE).await;
                    rounds.rest(LONGEST_WAIT).await;
                };
                tokio::select! {
                    () = shutdown.stopped() => return,
                    () = something_is_due => {}
                }
                // There is always a task of this name: it was made together with these rounds.
                drop(driver.activate(ROLLOUTS));
            }
        }
    }
}

impl Task for RolloutsTask {
    fn name(&self) -> &'static str {
        ROLLOUTS
    }

    fn scope(&self) -> Scope {
        Scope::Leader
    }

    fn period(&self) -> Duration {
        self.period
    }

    fn activate(&self, activation: Activation) -> Pending<'_, Result<Summary, TaskError>> {
        Box::pin(async move {
            let Activation { leadership, reason, stopping } = activation;
            let Some(leadership) = leadership else {
                return Ok(Summary("this instance does not lead".to_owned()));
            };
            if reason == Reason::Demand {
                self.rounds.all_are_due();
            }
            self.round(Acting { leadership, stopping }).await
        })
    }
}

impl RolloutsTask {
    async fn round(&self, lead: Acting) -> Result<Summary, TaskError> {
        let round = self.rounds.run(&lead).await?;
        let summary = format!("{} jobs visited, {} rollouts under way", round.visited, round.under_way);
        if round.faults.is_empty() {
            return Ok(Summary(summary));
        }
        let one = |(target, why): (&Target, &String)| format!("{}/{}: {why}", target.namespace, target.job);
        let faults: Vec<_> = round.faults.iter().take(5).map(one).collect();
        Err(format!("{summary}, {} with faults: {}", round.faults.len(), faults.join("; ")).into())
    }
}

/// A leader whose process may be about to stop: then nothing more is begun either.
pub(super) struct Acting {
    pub(super) leadership: Leadership,
    pub(super) stopping: CancellationToken,
}

impl Lead for Acting {
    fn epoch(&self) -> u64 {
        self.leadership.epoch()
    }

    fn fence(&self) -> TxnOperation {
        self.leadership.fence()
    }

    fn may_act(&self) -> bool {
        self.leadership.may_act(Instant::now()) && !self.stopping.is_cancelled()
    }

    fn doubt(&self) {
        self.leadership.doubt();
    }
}
