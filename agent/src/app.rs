//! The composition root of `nova-agent run`: from a configuration to a running daemon, and back to a stopped one.
//!
//! Sockets and signals come in as parameters, so that a test can run the whole daemon within itself. The order of a stop is here:
//! nothing more begins, what has begun ends, leadership is handed over, then the API drains.

mod connect;
mod name;
mod reload;
mod watchers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nova_hashistack::{ConsulClient, NomadClient};
use nova_lifecycle::{Outcome, Readiness, Shutdown, SignalSource, Tasks, watch_signals};
use nova_telemetry::keys;
use nova_telemetry::log::LevelControl;
use nova_telemetry::metrics::MetricsHandle;
use slog::{Logger, info, o, warn};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::api::server::{ApiServer, ApiTls, Listener, SocketError};
use crate::api::{self, AccessConfig, Api, NomadAccess, SharedApi, StoredRollouts};
use crate::config::{AgentConfig, LoadedAgent};
use crate::driver::{Driver, Surroundings as DriverSurroundings, Task};
use crate::events::Events;
use crate::leader::{Election, Holder};
use crate::metrics as names;
use crate::tasks::{self, LeaderRecord};

pub(crate) use connect::tls;
pub use connect::{BuildError, Clients, connect};
pub use name::instance;
pub use reload::Policies;
pub(crate) use reload::level;

/// How long the hand-over may take before the rest of the stop goes on.
const HAND_OVER: Duration = Duration::from_secs(6);

/// How long background tasks have to end after the drain.
const FINISH_GRACE: Duration = Duration::from_secs(2);

/// The sockets to serve on, bound already.
#[derive(Debug)]
pub struct Listeners {
    /// For operators on this machine.
    pub unix: Option<Listener>,
    /// For all others.
    pub tcp: Option<Listener>,
    /// The certificate of `tcp`, for reloads.
    pub tls: Option<Arc<ApiTls>>,
}

impl Listeners {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// When a socket cannot be made, or a certificate cannot be used.
    pub async fn bind(config: &AgentConfig) -> Result<Self, BuildError> {
        let unix = match &config.socket {
            Some(path) => Some(Listener::unix(path).await?),
            None => None,
        };
        let Some(listen) = &config.listen else { return Ok(Self { unix, tcp: None, tls: None }) };
        let tls = listen.tls.clone().map(ApiTls::load).transpose()?.map(Arc::new);
        let tcp = Listener::tcp(listen.address, tls.clone()).await?;
        Ok(Self { unix, tcp: Some(tcp), tls })
    }
}

impl From<SocketError> for BuildError {
    fn from(error: SocketError) -> Self {
        Self::Socket(error)
    }
}

/// What the program gives to the daemon beside its configuration.
pub struct Surroundings {
    /// The log's root.
    pub log: Logger,
    /// Changes the log's level at a reload.
    pub log_level: Option<LevelControl>,
    /// Renders the metrics.
    pub metrics: Option<MetricsHandle>,
    /// The files of the configuration, which are read again at a reload.
    pub files: Vec<PathBuf>,
    /// The name of this instance, by [`instance`].
    pub instance: String,
}

/// A daemon that is built and not yet running.
pub struct Agent {
    loaded: LoadedAgent,
    surroundings: Surroundings,
    clients: Clients,
    tasks: Tasks,
    readiness: Readiness,
    events: Events,
}

/// What tasks are made of: the seam between this root and the automations.
pub struct Ground {
    /// The configuration at the start.
    pub config: AgentConfig,
    /// The name of this instance.
    pub instance: String,
    /// Consul.
    pub consul: ConsulClient,
    /// Nomad, where there is one.
    pub nomad: Option<NomadClient>,
    /// The policies of rollouts in the configuration, as a reload changes them.
    pub policies: watch::Receiver<Policies>,
    /// Where events are told.
    pub events: Events,
    /// The log.
    pub log: Logger,
}

impl Agent {
    /// Prepares every component; nothing is sent yet.
    ///
    /// # Errors
    /// When a part of the configuration cannot be put into force.
    pub fn build(loaded: LoadedAgent, surroundings: Surroundings) -> Result<Self, BuildError> {
        let shutdown = Shutdown::new();
        let count = Arc::new(|task| {
            metrics::counter!(names::SUPERVISED_FAILURES_TOTAL, keys::TASK => task).increment(1);
        });
        let tasks = Tasks::new(shutdown.clone(), &surroundings.log).with_failure_hook(count);
        let clients = connect(&loaded.config)?;
        // Two processes of one machine do not begin in the same millisecond with the same number.
        let process = format!("{:x}{:x}", Timestamp::now().as_millisecond(), std::process::id());
        let events = Events::new(process);
        Ok(Self { loaded, surroundings, clients, tasks, readiness: Readiness::new(shutdown), events })
    }

    /// Asks for a stop, for a program that runs the daemon within itself.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        self.tasks.shutdown().clone()
    }

    /// What has to hold before the daemon is ready.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Runs until a signal or [`Self::shutdown`] says otherwise, then stops in good order.
    pub async fn run(self, listeners: Listeners, signals: impl SignalSource + 'static) -> Outcome {
        let Listeners { unix, tcp, tls } = listeners;
        let base = self.surroundings.log.new(o!(keys::INSTANCE => self.surroundings.instance.clone()));
        let log = base.new(o!(keys::COMPONENT => "agent"));
        let config = self.loaded.config.clone();

        let (policies, follow_policies) = watch::channel(Policies::of(&config));
        let instance = &self.surroundings.instance;
        let election = election(&config, instance, &self.clients, tcp.as_ref(), &self.events, &base);
        let leadership = election.leadership();
        let record = Arc::new(LeaderRecord::new(self.clients.consul.clone(), &config.kv_prefix, instance));
        let own: Arc<dyn Task> = Arc::<LeaderRecord>::clone(&record);
        let ground = self.ground(follow_policies, &log);
        let (rollouts, beside) = tasks::rollouts::of(&ground).unzip();
        let (config_canary, deliveries) = tasks::config_canary::of(&ground).unzip();
        let driver = Arc::new(Driver::new(rollouts.into_iter().chain(config_canary).chain([own])));
        record.of(&driver);
        let (leader_record, follow_record) = watch::channel(None);
        let api = self.api(&election, &driver, follow_record, &log);

        let Self { loaded, surroundings, clients, tasks, readiness, events } = self;
        let (stopping, hand_over, handed_over) =
            <(CancellationToken, CancellationToken, CancellationToken)>::default();
        let ready = watchers::ready(election.standing(), &readiness, tasks.shutdown().clone());
        tasks.spawn("readiness", ready);
        tasks.spawn("upkeep", watchers::upkeep(api.metrics.clone(), tasks.shutdown().clone()));
        let files = reload::Reloader {
            loaded,
            surroundings,
            policies,
            tls,
            events: events.clone(),
            log: log.clone(),
        };
        follow_signals(signals, files, &tasks, &log);
        let following = tasks::follow_leader_record(
            clients.consul,
            config.kv_prefix,
            leader_record,
            tasks.shutdown().clone(),
            log.clone(),
        );
        tasks.spawn("leader_record", following);
        let (stand, handed) = (hand_over.clone(), handed_over.clone().drop_guard());
        tasks.spawn_critical("election", async move {
            election.run(stand).await;
            drop(handed);
        });
        let around = DriverSurroundings { leadership, stopping: stopping.clone(), events, log: log.clone() };
        driver.start(&tasks, &around);
        if let Some(beside) = beside {
            beside.start(&driver, &tasks);
        }
        if let Some(deliveries) = deliveries {
            tasks::config_canary::start(deliveries, &tasks);
        }
        serve(unix, tcp, &api, &tasks, &base);

        tasks.shutdown().set_ready();
        tasks.shutdown().requested().await;
        let stop =
            Stop { driver: &driver, stopping: &stopping, hand_over: &hand_over, handed_over: &handed_over };
        stop.in_order(tasks.shutdown(), config.drain_timeout, &log).await;
        let outcome = tasks.drain(Duration::ZERO, config.drain_timeout).await;
        tasks.finish(FINISH_GRACE).await;
        connect::log_out(clients.login, &log).await;
        outcome
    }

    /// What the automations are made of.
    fn ground(&self, policies: watch::Receiver<Policies>, log: &Logger) -> Ground {
        Ground {
            config: self.loaded.config.clone(),
            instance: self.surroundings.instance.clone(),
            consul: self.clients.consul.clone(),
            nomad: self.clients.nomad.clone(),
            policies,
            events: self.events.clone(),
            log: log.clone(),
        }
    }

    /// What operators ask.
    fn api(
        &self,
        election: &Election,
        driver: &Arc<Driver>,
        leader_record: watch::Receiver<Option<serde_json::Value>>,
        log: &Logger,
    ) -> SharedApi {
        let config = &self.loaded.config;
        Api::new(api::Parts {
            instance: self.surroundings.instance.clone(),
            leadership: election.leadership(),
            standing: election.standing(),
            driver: Arc::clone(driver),
            rollouts: Arc::new(StoredRollouts::new(self.clients.consul.clone(), &config.kv_prefix)),
            leader_record,
            events: self.events.clone(),
            readiness: self.readiness.clone(),
            shutdown: self.tasks.shutdown().clone(),
            metrics: self.surroundings.metrics.clone(),
            access: access(config, self.clients.nomad.as_ref()),
            log: log.clone(),
        })
    }
}

/// Stops at the first signal, reads the files again at SIGHUP.
fn follow_signals(
    signals: impl SignalSource + 'static,
    files: reload::Reloader,
    tasks: &Tasks,
    log: &Logger,
) {
    let reload = Arc::new(Notify::new());
    let on_reload = Arc::clone(&reload);
    let shutdown = tasks.shutdown();
    let signals = watch_signals(signals, shutdown.clone(), log.clone(), move || on_reload.notify_one());
    tasks.spawn("signals", signals);
    tasks.spawn("reload", files.run(reload, shutdown.clone()));
}

/// What has to stop before the API does.
struct Stop<'a> {
    driver: &'a Driver,
    stopping: &'a CancellationToken,
    hand_over: &'a CancellationToken,
    handed_over: &'a CancellationToken,
}

impl Stop<'_> {
    /// Nothing more begins, what has begun ends, and leadership is handed over; a second signal cuts it short.
    async fn in_order(self, shutdown: &Shutdown, patience: Duration, log: &Logger) {
        info!(log, "stopping: no task begins any more"; keys::STATE => "stopping");
        self.stopping.cancel();
        let in_order = async {
            if tokio::time::timeout(patience, self.driver.idle()).await.is_err() {
                warn!(log, "a task did not end in time, and is dropped with leadership");
            }
            self.hand_over.cancel();
            if tokio::time::timeout(HAND_OVER, self.handed_over.cancelled()).await.is_err() {
                warn!(log, "leadership was not handed over in time, and ends with its session");
            }
        };
        tokio::select! {
            () = in_order => {}
            () = shutdown.forced().cancelled() => {}
        }
    }
}

fn election(
    config: &AgentConfig,
    instance: &str,
    clients: &Clients,
    tcp: Option<&Listener>,
    events: &Events,
    log: &Logger,
) -> Election {
    let holder = Holder {
        instance: instance.to_owned(),
        api: advertised(config, tcp),
        version: nova_config::running_version().to_owned(),
        since: Timestamp::now(),
    };
    let log = log.new(o!(keys::COMPONENT => "election"));
    Election::new(clients.consul.clone(), config.leader.clone(), holder, events.clone(), log)
}

/// The URL by which others reach this instance: the written one, or the address that the system has given.
fn advertised(config: &AgentConfig, tcp: Option<&Listener>) -> Option<String> {
    let listen = config.listen.as_ref()?;
    listen.advertise.clone().or_else(|| {
        let address = tcp?.address().filter(|address| !address.ip().is_unspecified())?;
        let scheme = if listen.tls.is_some() { "https" } else { "http" };
        Some(format!("{scheme}://{address}"))
    })
}

fn access(config: &AgentConfig, nomad: Option<&NomadClient>) -> Option<Arc<NomadAccess>> {
    let listen = config.listen.as_ref()?;
    let rules = AccessConfig { rules: listen.rules.clone(), remembered_for: listen.remembered_for };
    Some(Arc::new(NomadAccess::new(nomad?.clone(), rules)))
}

fn serve(unix: Option<Listener>, tcp: Option<Listener>, api: &SharedApi, tasks: &Tasks, log: &Logger) {
    let log = log.new(o!(keys::COMPONENT => "api"));
    for (name, listener) in [("api_unix", unix), ("api_tcp", tcp)] {
        if let Some(listener) = listener {
            let server = ApiServer::new(listener, api::routes(api), tasks, log.clone());
            tasks.spawn_critical(name, server.run());
        }
    }
}
