//! Every metric in one table, and the recorder that Prometheus reads.
//!
//! Owns names, kinds, units, labels, help and buckets. Emission is by the `metrics` macros, with these names:
//! `counter!(REQUESTS_TOTAL, "route" => …)`. Values of labels that callers choose go through a [`LabelGuard`].

mod label;
mod recorder;
mod table;

pub use label::{LabelGuard, OTHER};
pub use recorder::{MetricsError, MetricsHandle, UPKEEP_EVERY, install, install_table};
pub use table::*;
