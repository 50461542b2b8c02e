//! Why a simulator does not start, or refuses a control.

use std::net::SocketAddr;
use std::time::Duration;

/// A fault of the simulator itself; AWS exceptions are something else.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// No region was given.
    #[error("no region is configured: give at least one")]
    NoRegion,
    /// The same region twice.
    #[error("region {region} is configured twice: give each region one listener")]
    DuplicateRegion {
        /// Its name.
        region: String,
    },
    /// A region that no listener serves.
    #[error("region {region} is not served by this simulator")]
    UnknownRegion {
        /// Its name.
        region: String,
    },
    /// An address that others could reach; the controls are open to everyone who reaches them.
    #[error("address {address} of region {region} is not a loopback address: use 127.0.0.1")]
    NotLoopback {
        /// The region.
        region: String,
        /// Its address.
        address: SocketAddr,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {address} for region {region}: choose a free port, or 0")]
    Bind {
        /// The region.
        region: String,
        /// Its address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The built-in service model is broken.
    #[error("the built-in service model cannot be read: {reason}")]
    ServiceModel {
        /// What is wrong with it.
        reason: String,
    },
    /// Fault rules that cannot be applied.
    #[error("fault rules are not valid: {reason}")]
    FaultRules {
        /// What is wrong with them.
        reason: String,
    },
    /// Connections outlived a stop.
    #[error("connections were still open {waited:?} after they were cut off")]
    StopTimeout {
        /// How long the stop waited.
        waited: Duration,
    },
}
