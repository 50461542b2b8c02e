//! Looks at an instance's receipt as often as it can, to see states that last for a moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::fleet::Instance;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The configurations that were in force, by their hashes.
    pub(super) hashes: Vec<Value>,
    /// How often there was a refusal.
    pub(super) refusals: usize,
    /// How often it was looked.
    looks: usize,
}

/// The looking, under way.
pub(super) struct Sampler {
    stop: Arc<AtomicBool>,
    looking: JoinSet<anyhow::Result<Seen>>,
}

impl Sampler {
    /// Begins.
    pub(super) fn begin(instance: &Instance) -> anyhow::Result<Self> {
        let (stop, call) = (Arc::new(AtomicBool::new(false)), instance.receipt_call()?);
        let mut looking = JoinSet::new();
        let is_over = Arc::clone(&stop);
        looking.spawn(async move {
            let (mut seen, mut hashes) = (Seen::default(), BTreeSet::new());
            while !is_over.load(Ordering::Relaxed) {
                let receipt = call.clone().send().await?.json()?;
                seen.looks += 1;
                seen.refusals += usize::from(!receipt["refusal"].is_null());
                if hashes.insert(receipt["config"]["hash"].to_string()) {
                    seen.hashes.push(receipt["config"]["hash"].clone());
                }
                tokio::task::yield_now().await;
            }
            Ok(seen)
        });
        Ok(Self { stop, looking })
    }

    /// Ends, and tells.
    pub(super) async fn end(mut self) -> anyhow::Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.looking.join_next().await.context("nobody looked")???;
        ensure!(seen.looks > 10, "that was not often: {seen:?}");
        Ok(seen)
    }
}
