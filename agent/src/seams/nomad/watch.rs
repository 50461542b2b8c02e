//! The one call that waits for a change of Nomad's deployments.
//!
//! Owns that there is never more than one. Nomad answers a waiting call when its wait is over, even if the caller has long gone, and
//! takes a hundred connections of one address: calls that are given up and made again fill these within minutes.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use nova_hashistack::NomadClient;
use nova_hashistack::nomad::After;
use tokio::sync::Mutex;

/// The pause after a wait that failed, so that a Nomad that is down is not asked without rest.
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// The index of an answer; nothing where there was none.
type Waiting = BoxFuture<'static, Option<u64>>;

/// Waits for changes, in the namespace of its client.
pub(super) struct Watch {
    client: NomadClient,
    /// The call that is under way. It stays when nobody waits any more, and whoever waits next goes on with it.
    waiting: Mutex<Option<Waiting>>,
}

impl Watch {
    pub(super) fn new(client: NomadClient) -> Self {
        Self { client, waiting: Mutex::default() }
    }

    /// Returns when there is something newer than `index`, or a call has failed, whose pause is over. It may be dropped at any time.
    pub(super) async fn changed(&self, index: u64, wait: Duration) {
        let mut waiting = self.waiting.lock().await;
        loop {
            let answer = waiting.get_or_insert_with(|| call(self.client.clone(), index, wait)).await;
            *waiting = None;
            // A call that was begun before the last list tells what that has told.
            if answer != Some(index) {
                return;
            }
        }
    }
}

fn call(client: NomadClient, index: u64, wait: Duration) -> Waiting {
    async move {
        match client.deployments().list(Some(After { index, wait })).await {
            Ok(found) => Some(found.index),
            Err(_told_by_the_next_list) => {
                tokio::time::sleep(AFTER_FAILURE.min(wait)).await;
                None
            }
        }
    }
    .boxed()
}

impl fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").finish_non_exhaustive()
    }
}
