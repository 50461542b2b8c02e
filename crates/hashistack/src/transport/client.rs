//! The HTTP client in force, and another one when certificates have changed.
//!
//! Requests that are under way keep the client that they began with; new ones get the new one, whose pool is empty, so
//! that every later connection is made with the new certificates.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::Address;
use super::error::HashistackError;
use super::stamp::Stamp;
use super::tls::{TlsConfig, trusting_nobody};

/// How long a connection at rest is kept: less than the minute after which load balancers commonly forget it.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// Connections at rest. Consul's agent takes 200 of one client (`http_max_conns_per_client`), and watches hold their own.
const POOL_MAX_IDLE: usize = 8;
/// Probes after 15 s of silence, every 5 s, and three without an answer end a connection: a watch is silent by nature, and
/// would find out only at its timeout that the server's machine is gone.
const TCP_KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(15), Duration::from_secs(5), 3);
/// How long bytes that were sent may stay unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// What clients are made of.
#[derive(Debug)]
pub(super) struct ClientSettings {
    pub(super) address: Address,
    pub(super) tls: TlsConfig,
    pub(super) connect_timeout: Duration,
}

/// The client in force.
#[derive(Debug)]
pub(super) struct HttpClient {
    settings: Arc<ClientSettings>,
    current: ArcSwap<reqwest::Client>,
    /// The state of the files when they were last read, whether or not they could be used.
    stamps: Mutex<Vec<Option<Stamp>>>,
    fault: ArcSwapOption<HashistackError>,
}

impl HttpClient {
    /// Reads the files for the first time.
    pub(super) fn new(settings: ClientSettings) -> Result<Self, HashistackError> {
        let settings = Arc::new(settings);
        let client = build(&settings)?;
        Ok(Self {
            settings,
            current: ArcSwap::from_pointee(client),
            // No state at all: the first call looks, and reads the files once more should they have changed meanwhile.
            stamps: Mutex::new(Vec::new()),
            fault: ArcSwapOption::empty(),
        })
    }

    /// The client for the next request.
    pub(super) async fn current(&self) -> Arc<reqwest::Client> {
        if self.settings.address.is_https() && self.has_changed().await {
            let settings = Arc::clone(&self.settings);
            // The system's bundle has some hundred certificates: parsing them is work for another thread.
            let built = tokio::task::spawn_blocking(move || build(&settings)).await;
            match built.map_err(|error| HashistackError::Client(Box::new(error))).flatten() {
                Ok(client) => {
                    self.current.store(Arc::new(client));
                    self.fault.store(None);
                }
                // What was in force stays in force; the fault is there for whoever shows the state.
                Err(error) => self.fault.store(Some(Arc::new(error))),
            }
        }
        self.current.load_full()
    }

    /// Why the files as they are now are not in force, if they are not.
    pub(super) fn fault(&self) -> Option<Arc<HashistackError>> {
        self.fault.load_full()
    }

    async fn has_changed(&self) -> bool {
        let now = self.settings.tls.stamps().await;
        let mut last = self.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *last != now;
        *last = now;
        changed
    }
}

fn build(settings: &ClientSettings) -> Result<reqwest::Client, HashistackError> {
    let tls = if settings.address.is_https() { settings.tls.read()? } else { trusting_nobody()? };
    let (idle, interval, probes) = TCP_KEEPALIVE;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A watch holds its connection for minutes; of HTTP/2 all watches would share one, and its fate.
        .http1_only()
        // Calls go where the configuration says: a variable of the environment must not lead tokens elsewhere.
        .no_proxy()
        // A redirect would carry the token to a host that nobody named.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_MAX_IDLE)
        .tcp_nodelay(true)
        .tcp_keepalive(idle)
        .tcp_keepalive_interval(interval)
        .tcp_keepalive_retries(probes)
        .user_agent(concat!("bedrock-nova-proxy/", env!("CARGO_PKG_VERSION")));
    #[cfg(target_os = "linux")]
    {
        builder = builder.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if let Some(path) = settings.address.socket() {
        builder = builder.unix_socket(path.clone());
    }
    if settings.tls.server_name.is_some() {
        builder = builder.dns_resolver(Arc::new(HostBehindName(settings.address.host().to_owned())));
    }
    builder.build().map_err(|error| HashistackError::Client(Box::new(error)))
}

/// Leads the name of a certificate to the host of the address.
///
/// With `server_name` requests are made to that name, so that TLS asks for it and verifies it; the connection goes here.
#[derive(Debug)]
struct HostBehindName(String);

impl Resolve for HostBehindName {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.trim_start_matches('[').trim_end_matches(']').to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
