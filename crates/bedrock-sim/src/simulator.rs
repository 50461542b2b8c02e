//! The running simulator: its listeners, and their end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{RegionConfig, SimulatorConfig};
use crate::connection;
use crate::error::SimulatorError;
use crate::state::{Control, Site, State};

/// How many connections the kernel accepts ahead, as far as it allows.
const BACKLOG: u32 = 4096;
/// How long a listener rests when the system refuses to accept: it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections may take to end once they are cut off.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// A running simulator. Dropping it cuts all connections off; [`Simulator::stop`] lets them end.
pub struct Simulator {
    addresses: BTreeMap<String, SocketAddr>,
    state: Arc<State>,
    tasks: TaskTracker,
    draining: CancellationToken,
    killed: CancellationToken,
}

impl Simulator {
    /// Starts one listener for each region.
    ///
    /// # Errors
    /// No or duplicate regions, an address that is not loopback, or one that cannot be bound. Then nothing runs.
    #[expect(clippy::unused_async, reason = "it binds and spawns on the runtime of whoever awaits it")]
    pub async fn start(config: SimulatorConfig) -> Result<Self, SimulatorError> {
        check(&config.regions)?;
        let mut listeners = Vec::new();
        for region in &config.regions {
            listeners.push((region.name.clone(), bind(region)?));
        }
        let state = Arc::new(State::new(config)?);
        let simulator = Self {
            addresses: listeners.iter().map(|(name, (_, address))| (name.clone(), *address)).collect(),
            state: Arc::clone(&state),
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            killed: CancellationToken::new(),
        };
        for (region, (listener, _)) in listeners {
            let site = Arc::new(Site { region, state: Arc::clone(&state) });
            simulator.tasks.spawn(accept(
                listener,
                site,
                simulator.tasks.clone(),
                simulator.draining.clone(),
                simulator.killed.clone(),
            ));
        }
        Ok(simulator)
    }

    /// The base URL of a region, such as `http://127.0.0.1:40123`; empty for a region that is not served.
    pub fn endpoint(&self, region: &str) -> String {
        self.addresses.get(region).map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// Region names and base URLs.
    pub fn endpoints(&self) -> BTreeMap<String, String> {
        self.addresses.iter().map(|(region, address)| (region.clone(), format!("http://{address}"))).collect()
    }

    /// The controls: faults, bill, invocations, captured requests.
    pub fn control(&self) -> Control {
        Control { state: Arc::clone(&self.state) }
    }

    /// Stops listening, lets open answers end within the configured grace, cuts off the rest.
    ///
    /// # Errors
    /// `SimulatorError::StopTimeout` when a connection does not end even then.
    pub async fn stop(self) -> Result<(), SimulatorError> {
        let grace = self.state.config.limits.stop_grace;
        self.draining.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return Ok(());
        }
        self.killed.cancel();
        tokio::time::timeout(KILL_GRACE, self.tasks.wait())
            .await
            .map_err(|_| SimulatorError::StopTimeout { waited: KILL_GRACE })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.draining.cancel();
        self.killed.cancel();
    }
}

fn check(regions: &[RegionConfig]) -> Result<(), SimulatorError> {
    if regions.is_empty() {
        return Err(SimulatorError::NoRegion);
    }
    for (index, region) in regions.iter().enumerate() {
        if !region.address.ip().is_loopback() {
            return Err(SimulatorError::NotLoopback { region: region.name.clone(), address: region.address });
        }
        if regions.iter().skip(index + 1).any(|other| other.name == region.name) {
            return Err(SimulatorError::DuplicateRegion { region: region.name.clone() });
        }
    }
    Ok(())
}

/// With room for a burst of clients: a proxy may call hundreds of times at once.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind(region: &RegionConfig) -> Result<(TcpListener, SocketAddr), SimulatorError> {
    let failed =
        |source| SimulatorError::Bind { region: region.name.clone(), address: region.address, source };
    let listener = listen(region.address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Accepts connections until `draining`. At the limit, further ones wait in the kernel's queue.
async fn accept(
    listener: TcpListener,
    site: Arc<Site>,
    tasks: TaskTracker,
    draining: CancellationToken,
    killed: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(site.state.config.limits.connections));
    loop {
        let next = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            () = draining.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Small frames must not wait for the acknowledgment of the one before.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let connection = connection::serve(stream, Arc::clone(&site), draining.clone(), killed.clone());
        tasks.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
}
