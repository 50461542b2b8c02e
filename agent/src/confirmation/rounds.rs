//! Looks at store, catalog and instances, round after round, until all is told or time is up.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Confirmation;
use crate::fleet::Fleet;
use crate::store::ConfigStore;

/// The pause between two rounds: proxies gather changes for a quarter of a second before they apply them.
const PAUSE: Duration = Duration::from_millis(300);

/// Feeds `confirmation` for `limit` at most, and calls `seen` with each answer and after each round.
///
/// Returns why the last round failed, if it did: a Consul that is away for a moment does not end the wait.
pub async fn run(
    confirmation: &mut Confirmation,
    store: &ConfigStore,
    fleet: &Fleet,
    limit: Duration,
    mut seen: impl FnMut(&Confirmation),
) -> Option<String> {
    let end = Instant::now() + limit;
    let mut fault = None;
    loop {
        match timeout_at(end, round(confirmation, store, fleet, &mut seen)).await {
            Ok(Ok(())) => fault = None,
            Ok(Err(error)) => fault = Some(format!("{error:#}")),
            Err(_elapsed) => return fault,
        }
        seen(confirmation);
        let next = Instant::now() + PAUSE;
        if (fault.is_none() && confirmation.is_settled()) || next >= end {
            return fault;
        }
        sleep_until(next).await;
    }
}

async fn round(
    confirmation: &mut Confirmation,
    store: &ConfigStore,
    fleet: &Fleet,
    seen: &mut impl FnMut(&Confirmation),
) -> anyhow::Result<()> {
    let listed = fleet.instances().await.context("the instances cannot be listed")?;
    let now = store.documents().await?.indexes();
    confirmation.list(listed, now);
    let mut answers = fleet.receipts(confirmation.to_ask());
    while let Some((instance, fetched)) = answers.next().await {
        confirmation.answer(&instance.name, fetched);
        seen(confirmation);
    }
    Ok(())
}
