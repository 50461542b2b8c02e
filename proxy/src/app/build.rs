//! The parts of the proxy, each made from the configuration.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use nova_config::{
    AssumeRoleConfig, AuthConfig, BedrockConfig, CertificateConfig, Fault, LimitsConfig, Loaded,
    PepperConfig, ServerConfig, TlsVersion,
};
use nova_lifecycle::{Readiness, Shutdown};
use nova_telemetry::keys;
use secrecy::SecretString;
use slog::{Logger, o, warn};
use url::Url;

use super::Surroundings;
use tokio::sync::Semaphore;

use crate::auth::pepper::PepperError;
use crate::auth::{Authenticator, KeysFile, KeysFileError, Pepper};
use crate::documents::ConsulSetupError;
use crate::events;
use crate::limit::{Admission, BodyMemory, ConcurrencyLimit, ConcurrencySettings};
use crate::media::{HostPattern, ImageFetchSettings, ImageFetcher};
use crate::models::{ModelTable, today};
use crate::receipt::{ReceiptStore, SecretPlace};
use crate::reload::ReloadError;
use crate::repair::LearnedRefusals;
use crate::secrets::SecretCache;
use crate::secrets::sealed::{SealedError, SealedSecrets};
use crate::server::{CertificateSource, ClientRules, ServerTls, TlsError, TrustedHops};
use crate::services::{Services, SharedServices};
use crate::snapshot::{Snapshot, SnapshotError, Snapshots};
use crate::upstream::clock::system_clock;
use crate::upstream::{
    AssumedRole, BedrockClient, BreakerConfig, Breakers, CachedCredentials, CredentialCacheConfig,
    CredentialSource, DefaultChain, HttpsProxy, KeptCredentials, RetryConfig, RoleConfig,
    SECRETS_MANAGER_ENDPOINT, SecretsManager, UpstreamConfig, VaultCredentials, aws_http_client,
};
use crate::vault::{Vault, VaultSetupError};

/// How much memory vectors may take while they are gathered: ten of the largest requests, or thousands of ordinary ones.
const VECTOR_BUDGET_KIB: usize = 1024 * 1024;
/// The standard variable of a Bedrock API key, which calls carry in place of a signature.
const BEARER_KEY: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// What receipts, metrics and the cache of secrets call AWS credentials.
pub(super) const CREDENTIALS: &str = "aws_credentials";

/// No attempt starts later than this after a call began: a caller who waits that long has given up.
const RETRY_BUDGET: Duration = Duration::from_secs(60);

/// Why the proxy cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] ReloadError),
    /// What follows from the configuration cannot be built.
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
    /// The key of kept secrets.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// The settings of Vault.
    #[error(transparent)]
    Vault(#[from] VaultSetupError),
    /// The settings of Consul.
    #[error(transparent)]
    Consul(#[from] ConsulSetupError),
    /// An address that is taken, or not this machine's.
    #[error("cannot listen on {address}; is another program there, or is it not an address of this machine?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A Unix socket that cannot be made.
    #[error(
        "cannot listen on the Unix socket {path}; is another program there, or its folder not ours to write?"
    )]
    BindUnix {
        /// The path.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Vault, where there is one.
pub(super) fn vault(loaded: &Loaded) -> Result<Option<Vault>, BuildError> {
    Ok(loaded.config.bootstrap.vault.as_ref().map(Vault::new).transpose()?)
}

/// The last known secrets, where they are kept.
pub(super) fn sealed(loaded: &Loaded) -> Result<Option<SealedSecrets>, BuildError> {
    Ok(loaded.config.bootstrap.secret_cache.as_ref().map(SealedSecrets::open).transpose()?)
}

/// The client of AWS Secrets Manager, which calls nobody before a secret is read.
pub(super) fn secrets_manager(loaded: &Loaded, credentials: &Arc<CachedCredentials>) -> SecretsManager {
    let endpoint = std::env::var(SECRETS_MANAGER_ENDPOINT).ok().filter(|endpoint| !endpoint.is_empty());
    SecretsManager::new(&upstream(loaded), endpoint, Arc::clone(credentials), system_clock())
}

/// Where AWS credentials come from, as receipts tell it.
pub(super) fn place_of_credentials(bedrock: &BedrockConfig) -> SecretPlace {
    if bedrock.vault_credentials.is_some() { SecretPlace::Vault } else { SecretPlace::Aws }
}

/// The cache of AWS credentials over their source.
pub(super) fn credentials(
    loaded: &Loaded,
    surroundings: &Surroundings,
    (vault, sealed): (Option<&Vault>, Option<SealedSecrets>),
) -> Result<Arc<CachedCredentials>, BuildError> {
    let log = surroundings.log.new(o!(keys::COMPONENT => "credentials"));
    let bedrock = &loaded.config.bootstrap.bedrock;
    let http = aws_http_client(&upstream(loaded)).map_err(SnapshotError::from)?;
    let chain = || {
        let chain = DefaultChain::new(bedrock.region.clone()).with_http_client(http.clone());
        Arc::new(chain) as Arc<dyn CredentialSource>
    };
    let from_vault = vault.zip(bedrock.vault_credentials.clone()).map(|(vault, config)| {
        let origin = format!("{} {config:?}", vault.server());
        let cache = SecretCache::new(sealed, CREDENTIALS, origin, log.clone());
        let source = VaultCredentials::new(vault.client().clone(), config, &surroundings.instance);
        Arc::new(KeptCredentials::new(Arc::new(source), cache)) as Arc<dyn CredentialSource>
    });
    let brought = surroundings.credential_source.clone();
    let mut source = brought.or(from_vault).unwrap_or_else(chain);
    if let Some(role) = &bedrock.assume_role {
        let role = AssumedRole::new(self::role(role, bedrock), source);
        source = Arc::new(role.with_http_client(http));
    }
    // A program that brings its own credentials means these and not the environment's key.
    let from_environment = surroundings.credential_source.is_none();
    let bearer_key = from_environment.then(|| std::env::var(BEARER_KEY).ok()).flatten();
    let bearer_key = bearer_key.filter(|key| !key.is_empty()).map(SecretString::from);
    let cache = CachedCredentials::new(source, CredentialCacheConfig::default(), system_clock(), log);
    Ok(Arc::new(cache.with_bearer_key(bearer_key)))
}

fn role(role: &AssumeRoleConfig, bedrock: &BedrockConfig) -> RoleConfig {
    RoleConfig {
        arn: role.arn.clone(),
        external_id: role.external_id.clone(),
        session_name: role.session_name.clone(),
        session_tags: role.session_tags.clone().into_iter().collect(),
        region: bedrock.region.clone(),
        use_fips: bedrock.use_fips,
        use_dual_stack: bedrock.use_dual_stack,
        sts_endpoint: None,
    }
}

/// The certificate of the listeners, where there is one.
pub(super) fn tls(
    loaded: &Loaded,
    surroundings: &Surroundings,
) -> Result<Option<Arc<ServerTls>>, BuildError> {
    let Some(config) = &loaded.config.bootstrap.tls else { return Ok(None) };
    let source = match &config.certificate {
        CertificateConfig::Files { cert_file, key_file } => {
            CertificateSource::Files { cert: cert_file.clone(), key: key_file.clone() }
        }
        CertificateConfig::Vault(_) => CertificateSource::Given,
    };
    let rules = ClientRules {
        client_ca: config.client_ca_file.clone(),
        tls12: config.min_version == TlsVersion::V1_2,
    };
    let tls = ServerTls::load(source, rules)?;
    if let Some(not_after) = tls.not_after() {
        let log = surroundings.log.new(o!(keys::COMPONENT => "server"));
        events::certificate_in_force(&log, not_after, false);
    }
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
    first: Snapshot,
    receipts: ReceiptStore,
    log: Logger,
    shutdown: Shutdown,
) -> Result<SharedServices, BuildError> {
    let loaded = &first.loaded;
    let authenticator = authenticator(&loaded.config.bootstrap.auth, &log)?;
    let limits = concurrency(&loaded.config.runtime.limits);
    let body_memory = BodyMemory::new(loaded.config.bootstrap.body_memory);
    events::config_in_force(&first.config_hash, None);
    let readiness = Readiness::new(shutdown.clone());
    readiness.declare("configuration", "not applied yet").hold(format!("{} is in force", first.config_hash));
    let admission = Admission::new(ConcurrencyLimit::new(limits, shutdown.draining().clone()));
    Ok(Arc::new(Services {
        authenticator,
        admission,
        snapshots: Snapshots::new(first),
        refusals: LearnedRefusals::default(),
        breakers: Breakers::default(),
        requests: Arc::default(),
        readiness,
        receipts,
        shutdown,
        log,
        vector_budget: Arc::new(Semaphore::new(VECTOR_BUDGET_KIB)),
        body_memory,
    }))
}

fn authenticator(config: &AuthConfig, log: &Logger) -> Result<Authenticator, BuildError> {
    match config {
        AuthConfig::None => Ok(Authenticator::none()),
        AuthConfig::Keys { keys_file, pepper: PepperConfig::Secret(_) } => {
            Ok(Authenticator::KeysFile(Arc::new(KeysFile::without_pepper(keys_file.clone())?)))
        }
        AuthConfig::Keys { keys_file, pepper: PepperConfig::File(file) } => {
            let (pepper, permissions) = Pepper::load(file)?;
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

/// What a configuration would come to.
#[derive(Debug)]
pub struct Checked {
    /// What an operator should know although it works.
    pub warnings: Vec<String>,
    /// How many model names would be served.
    pub models: usize,
}

/// Builds what follows from a configuration, and starts nothing.
///
/// # Errors
/// Whatever a start would refuse.
pub fn check(loaded: Loaded) -> Result<Checked, SnapshotError> {
    let log = Logger::root(slog::Discard, o!());
    let source = Arc::new(DefaultChain::new(loaded.config.bootstrap.bedrock.region.clone()));
    let credentials = CachedCredentials::new(source, CredentialCacheConfig::default(), system_clock(), log);
    let (snapshot, warnings) = build_snapshot(loaded, &Arc::new(credentials), None)?;
    Ok(Checked { warnings, models: snapshot.models.count() })
}

/// What follows from a configuration. `previous` lends its connections where nothing about them has changed. Starts nothing.
///
/// # Errors
/// Whatever a start would refuse.
pub fn snapshot(
    loaded: Loaded,
    credentials: &Arc<CachedCredentials>,
    previous: Option<&Snapshot>,
    log: &Logger,
) -> Result<Snapshot, SnapshotError> {
    let (snapshot, warnings) = build_snapshot(loaded, credentials, previous)?;
    for warning in warnings {
        warn!(log, "a model needs attention"; keys::ERROR => warning);
    }
    Ok(snapshot)
}

fn build_snapshot(
    loaded: Loaded,
    credentials: &Arc<CachedCredentials>,
    previous: Option<&Snapshot>,
) -> Result<(Snapshot, Vec<String>), SnapshotError> {
    let built = ModelTable::build(&loaded, today()).map_err(SnapshotError::Faults)?;
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
    let breaker = breaker(&loaded.config.runtime.breaker);
    let snapshot = Snapshot {
        series: crate::events::SeriesCache::default(),
        config_hash,
        models: built.table,
        bedrock,
        breaker,
        images,
        loaded,
        waiting_for_restart: Vec::new(),
    };
    Ok((snapshot, built.warnings))
}

fn upstream(loaded: &Loaded) -> UpstreamConfig {
    let (bedrock, runtime) = (&loaded.config.bootstrap.bedrock, &loaded.config.runtime);
    // The configuration has read each as a URL, which is always a URI too.
    let endpoint =
        |(region, url): (&String, &Url)| url.as_str().parse::<Uri>().ok().map(|uri| (region.clone(), uri));
    UpstreamConfig {
        failover_regions: bedrock.regions.clone(),
        ca_file: bedrock.ca_file.clone(),
        proxy: Some(HttpsProxy::from_env()),
        use_fips: bedrock.use_fips,
        use_dual_stack: bedrock.use_dual_stack,
        endpoints: bedrock.endpoints.iter().filter_map(endpoint).collect(),
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

fn breaker(config: &nova_config::BreakerConfig) -> BreakerConfig {
    BreakerConfig {
        consecutive_failures: config.consecutive_failures,
        failure_percent: config.failure_percent,
        min_calls: config.min_calls,
        open_for: config.open_for,
        open_max: config.open_max,
        probes: config.probes,
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
