//! What the process says of itself: the log root, the metrics and their exporter, and the redaction of both.
//!
//! Owns names, forms and limits of telemetry. What happens, and when it is told, is the program's.

mod chain;
pub mod keys;
pub mod log;
pub mod metrics;
mod redact;

pub use chain::error_chain;
pub use redact::redact;
