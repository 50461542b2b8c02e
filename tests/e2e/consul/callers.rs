//! Callers who notice when an instance does not serve: a small steady load, and a failed test when one request fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::ensure;
use nova_test_support::wait::{DEADLINE, Look, wait_for};
use tokio::task::JoinSet;

use crate::fleet::Instance;

/// Callers who ask for a model until they are stopped; every request must be answered.
pub(super) struct Callers {
    callers: JoinSet<anyhow::Result<()>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Callers {
    /// They ask this instance for this model.
    pub(super) fn start(instance: &Instance, model: &str) -> anyhow::Result<Self> {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut callers = JoinSet::new();
        for _ in 0..2 {
            let (stop, answered, call) =
                (Arc::clone(&stop), Arc::clone(&answered), instance.chat_call(model)?);
            callers.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let reply = call.clone().send().await?;
                    ensure!(reply.status == 200, "{} {}", reply.status, reply.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Ok(Self { callers, stop, answered })
    }

    /// Waits until some more requests have been answered.
    pub(super) async fn goes_on(&self) -> anyhow::Result<()> {
        let before = self.answered.load(Ordering::Relaxed);
        wait_for("further requests", DEADLINE, async || {
            let now = self.answered.load(Ordering::Relaxed);
            Ok(if now > before + 4 { Look::Ready(()) } else { Look::NotYet(now) })
        })
        .await
    }

    /// Stops all, and fails if one request did.
    pub(super) async fn finish(mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.callers.join_next().await {
            ended??;
        }
        Ok(())
    }
}
