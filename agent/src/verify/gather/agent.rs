//! What Consul's keys say of the agent: who leads, when it was active last, and which rollouts are under way.

use jiff::Timestamp;
use nova_hashistack::ConsulClient;
use nova_hashistack::consul::Consistency;
use nova_hashistack::transport::HashistackError;
use serde::Deserialize;

use super::super::fact::{AgentFact, Asked, Trouble};
use super::{SERVER_PATIENCE, in_time};
use crate::leader::Holder;
use crate::rollout::store::RolloutStore;

/// Asks Consul for the agent's keys below `prefix`.
pub(super) async fn ask(consul: &ConsulClient, prefix: &str) -> AgentFact {
    let (leader, recorded_at, rolling) = tokio::join!(
        in_time(SERVER_PATIENCE, leader(consul, prefix)),
        in_time(SERVER_PATIENCE, recorded_at(consul, prefix)),
        rolling(consul, prefix),
    );
    AgentFact { leader, recorded_at, rolling }
}

/// Whoever holds the lock: a key without a session is one that was given back.
async fn leader(consul: &ConsulClient, prefix: &str) -> Result<Option<String>, HashistackError> {
    let key = format!("{prefix}/leader");
    let found = consul.kv().get(&key, Consistency::Consistent).await?.value;
    let Some(entry) = found.filter(|entry| entry.session.is_some()) else { return Ok(None) };
    let named = Holder::parse(&entry.value).map(|holder| format!("{} ({})", holder.instance, holder.version));
    Ok(Some(named.unwrap_or_else(|| "a session of another program".to_owned())))
}

#[derive(Deserialize)]
struct Record {
    at: Timestamp,
}

/// A record that cannot be read is none of a version that is known here, and as good as none.
async fn recorded_at(consul: &ConsulClient, prefix: &str) -> Result<Option<Timestamp>, HashistackError> {
    let key = format!("{prefix}/leader-record");
    let found = consul.kv().get(&key, Consistency::Consistent).await?.value;
    Ok(found.and_then(|entry| serde_json::from_slice::<Record>(&entry.value).ok()).map(|record| record.at))
}

/// Jobs whose record has not ended. A record that this version does not read counts as under way: somebody newer drives it.
async fn rolling(consul: &ConsulClient, prefix: &str) -> Asked<Vec<String>> {
    let store = RolloutStore::new(consul.clone(), prefix);
    let all = tokio::time::timeout(SERVER_PATIENCE, store.all());
    match all.await {
        Ok(Ok(all)) => Ok(all
            .into_iter()
            .filter(|(_, record)| record.as_ref().map_or(true, |rollout| !rollout.has_ended()))
            .map(|(target, _)| target.job)
            .collect()),
        Ok(Err(error)) => Err(Trouble::Odd(nova_telemetry::error_chain(&error))),
        Err(_elapsed) => Err(Trouble::Unreachable("the rollouts were not read in time".to_owned())),
    }
}
