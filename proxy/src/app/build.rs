//! The parts of the proxy, each made from the configuration.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use nova_config::{AuthConfig, Fault, LimitsConfig, Loaded, ServerConfig, TlsVersion};
use nova_lifecycle::{Readiness, Shutdown};
use nova_telemetry::keys;
use slog::{Logger, o, warn};

use super::Surroundings;
use crate::auth::pepper::PepperError;
use crate::auth::{Authenticator, KeysFile, KeysFileError, Pepper};
use crate::events;
use crate::limit::{Admission, ConcurrencyLimit, ConcurrencySettings};
use crate::media::{HostPattern, ImageFetchSettings, ImageFetcher};
use crate::models::{ModelTable, today};
use crate::repair::LearnedRefusals;
use crate::server::{ServerTls, TlsError, TlsFiles, TrustedHops};
use crate::services::{Services, SharedServices};
use crate::snapshot::{Snapshot, SnapshotError, Snapshots};
use crate::upstream::clock::system_clock;
use crate::upstream::{
    BedrockClient, CachedCredentials, CredentialCacheConfig, CredentialSource, DefaultChain, RetryConfig,
    UpstreamConfig,
};

/// How long a body may take to arrive: 25 MiB at a slow line's 1 Mbit/s, and some.
const BODY_TIMEOUT: Duration = Duration::from_secs(240);

/// No attempt starts later than this after a call began: a caller who waits that long has given up.
const RETRY_BUDGET: Duration = Duration::from_secs(60);

/// Why the proxy cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration cannot be put into force.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The keys file.
    #[error(transparent)]
    Keys(#[from] KeysFileError),
    /// The pepper.
    #[error(transparent)]
    Pepper(#[from] PepperError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address that is taken, or not this machine's.
    #[error("cannot listen on {address}; is another program there, or is it not an address of this machine?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// The cache of AWS credentials over their source.
pub(super) fn credentials(loaded: &Loaded, surroundings: &Surroundings) -> Arc<CachedCredentials> {
    let chain = || {
        Arc::new(DefaultChain::new(loaded.config.bootstrap.bedrock.region.clone()))
            as Arc<dyn CredentialSource>
    };
    let source = surroundings.credential_source.clone().unwrap_or_else(chain);
    let log = surroundings.log.new(o!(keys::COMPONENT => "credentials"));
    Arc::new(CachedCredentials::new(source, CredentialCacheConfig::default(), system_clock(), log))
}

/// The certificate of the listeners, where there is one.
pub(super) fn tls(
    loaded: &Loaded,
    surroundings: &Surroundings,
) -> Result<Option<Arc<ServerTls>>, BuildError> {
    let Some(config) = &loaded.config.bootstrap.tls else { return Ok(None) };
    let files = TlsFiles {
        cert: config.cert_file.clone(),
        key: config.key_file.clone(),
        client_ca: config.client_ca_file.clone(),
        tls12: config.min_version == TlsVersion::V1_2,
    };
    let tls = ServerTls::load(files)?;
    let log = surroundings.log.new(o!(keys::COMPONENT => "server"));
    events::certificate_in_force(&log, tls.not_after(), false);
    Ok(Some(Arc::new(tls)))
}

/// The load balancers before the API listener.
pub(super) fn hops(server: &ServerConfig) -> TrustedHops {
    TrustedHops {
        networks: server.trusted_proxies.clone(),
        header: server.forwarded_header,
        proxy_protocol: server.proxy_protocol,
    }
}

/// Everything that requests share.
pub(super) fn services(
    loaded: Loaded,
    credentials: &Arc<CachedCredentials>,
    surroundings: &Surroundings,
    shutdown: Shutdown,
) -> Result<SharedServices, BuildError> {
    let log = surroundings.log.new(o!(keys::COMPONENT => "proxy"));
    let authenticator = authenticator(&loaded.config.bootstrap.auth, &log)?;
    let limits = concurrency(&loaded.config.runtime.limits);
    let first = snapshot(loaded, credentials, None, &log)?;
    events::config_in_force(&first.config_hash, None);
    let readiness = Readiness::new(shutdown.clone());
    readiness.declare("configuration", "not applied yet").hold(format!("{} is in force", first.config_hash));
    let admission = Admission::new(ConcurrencyLimit::new(limits, shutdown.draining().clone()));
    Ok(Arc::new(Services {
        authenticator,
        admission,
        snapshots: Snapshots::new(first),
        refusals: LearnedRefusals::default(),
        readiness,
        shutdown,
        log,
        body_timeout: BODY_TIMEOUT,
    }))
}

fn authenticator(config: &AuthConfig, log: &Logger) -> Result<Authenticator, BuildError> {
    match config {
        AuthConfig::None => Ok(Authenticator::none()),
        AuthConfig::Keys { keys_file, pepper_file } => {
            let (pepper, permissions) = Pepper::load(pepper_file)?;
            if let Some(permissions) = permissions {
                warn!(log, "the pepper can be read by others on this machine"; keys::ERROR => %permissions);
            }
            Ok(Authenticator::KeysFile(Arc::new(KeysFile::load(keys_file.clone(), pepper)?)))
        }
    }
}

/// The limits of concurrency, whose range the configuration has checked.
pub(crate) fn concurrency(limits: &LimitsConfig) -> ConcurrencySettings {
    let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    ConcurrencySettings {
        max_in_flight: NonZeroU32::new(narrow(limits.concurrency)).unwrap_or(NonZeroU32::MIN),
        max_queued: narrow(limits.queue),
        queue_timeout: limits.queue_timeout,
    }
}

/// What follows from a configuration. `previous` lends its connections where nothing about them has changed.
pub(crate) fn snapshot(
    loaded: Loaded,
    credentials: &Arc<CachedCredentials>,
    previous: Option<&Snapshot>,
    log: &Logger,
) -> Result<Snapshot, SnapshotError> {
    let built = ModelTable::build(&loaded, today()).map_err(SnapshotError::Faults)?;
    for warning in built.warnings {
        warn!(log, "a model needs attention"; keys::ERROR => warning);
    }
    let images = images(&loaded)?;
    let unchanged = |previous: &&Snapshot| {
        let (old, new) = (&previous.loaded.config.runtime, &loaded.config.runtime);
        old.timeouts == new.timeouts && old.retry == new.retry
    };
    let bedrock = match previous.filter(unchanged) {
        Some(previous) => previous.bedrock.clone(),
        None => BedrockClient::new(upstream(&loaded), Arc::clone(credentials), system_clock())?,
    };
    let config_hash = Arc::from(loaded.hash());
    Ok(Snapshot { config_hash, models: built.table, bedrock, images, loaded })
}

fn upstream(loaded: &Loaded) -> UpstreamConfig {
    let (bedrock, runtime) = (&loaded.config.bootstrap.bedrock, &loaded.config.runtime);
    // The configuration has read it as a URL, which is always a URI too.
    let endpoint = bedrock.endpoint.as_ref().and_then(|url| url.as_str().parse::<Uri>().ok());
    UpstreamConfig {
        endpoint,
        connect_timeout: runtime.timeouts.connect,
        first_byte_timeout: runtime.timeouts.first_byte,
        stream_idle_timeout: runtime.timeouts.stream_idle,
        retry: RetryConfig {
            max_attempts: runtime.retry.max_attempts,
            base_delay: runtime.retry.base_delay,
            max_delay: runtime.retry.max_delay,
            total_budget: RETRY_BUDGET,
        },
        ..UpstreamConfig::new(bedrock.region.clone())
    }
}

fn images(loaded: &Loaded) -> Result<Option<ImageFetcher>, SnapshotError> {
    let (policy, limits) = (&loaded.config.bootstrap.image_fetch, &loaded.config.runtime.image_fetch);
    if policy.allow_hosts.is_empty() {
        return Ok(None);
    }
    let (mut allow_hosts, mut faults) = (Vec::<HostPattern>::new(), Vec::<Fault>::new());
    for host in &policy.allow_hosts {
        match host.parse() {
            Ok(pattern) => allow_hosts.push(pattern),
            Err(error) => {
                let problem = format!("{error}");
                faults.push(loaded.fault(
                    "image_fetch.allow_hosts",
                    problem,
                    "write a host name, or \"*.\" and a suffix",
                ));
            }
        }
    }
    if !faults.is_empty() {
        return Err(SnapshotError::Faults(faults));
    }
    let settings = ImageFetchSettings {
        allow_hosts,
        max_bytes: usize::try_from(limits.max_bytes).unwrap_or(usize::MAX),
        timeout: limits.timeout,
        allow_private_networks: policy.allow_private_networks,
        ..ImageFetchSettings::default()
    };
    ImageFetcher::with_system(settings).map(Some).map_err(SnapshotError::Images)
}
