//! The rollouts as the engine stores them in Consul.

use nova_hashistack::ConsulClient;
use nova_telemetry::error_chain;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Rollouts, RolloutsError};
use crate::driver::Pending;
use crate::leader::Leadership;
use crate::rollout::observation::Command;
use crate::rollout::record::{Rollout, Target};
use crate::rollout::store::{CommandError, Records as _, RecordsError, RolloutStore};

/// The records below one prefix.
#[derive(Clone, Debug)]
pub struct StoredRollouts {
    store: RolloutStore,
}

impl StoredRollouts {
    /// Those below `prefix`. Nothing is read yet.
    #[must_use]
    pub fn new(consul: ConsulClient, prefix: &str) -> Self {
        Self { store: RolloutStore::new(consul, prefix) }
    }
}

impl From<RecordsError> for RolloutsError {
    fn from(error: RecordsError) -> Self {
        Self::Unavailable(error_chain(&error))
    }
}

fn shown<T: Serialize>(value: &T) -> Result<Value, RolloutsError> {
    serde_json::to_value(value).map_err(|error| RolloutsError::Unavailable(error.to_string()))
}

/// A record; of one that this version cannot read, why.
fn record(target: &Target, read: Result<Rollout, RecordsError>) -> Result<Value, RolloutsError> {
    match read {
        Ok(rollout) => shown(&rollout),
        Err(error) => Ok(json!({ "target": target, "unreadable": error_chain(&error) })),
    }
}

impl Rollouts for StoredRollouts {
    fn list(&self) -> Pending<'_, Result<Vec<Value>, RolloutsError>> {
        Box::pin(async {
            let all = self.store.all().await?;
            all.into_iter().map(|(target, read)| record(&target, read)).collect()
        })
    }

    fn read<'a>(&'a self, target: &'a Target) -> Pending<'a, Result<Option<Value>, RolloutsError>> {
        Box::pin(async {
            let read = match self.store.load(target).await {
                Ok(None) => return Ok(None),
                Ok(Some(stored)) => Ok(stored.rollout),
                Err(error @ RecordsError::Unreadable { .. }) => Err(error),
                Err(error) => return Err(error.into()),
            };
            record(target, read).map(Some)
        })
    }

    fn history<'a>(&'a self, target: &'a Target) -> Pending<'a, Result<Vec<Value>, RolloutsError>> {
        Box::pin(async {
            let ended = self.store.history(target).await?;
            ended.into_iter().map(|(_, read)| record(target, read)).collect()
        })
    }

    fn command<'a>(
        &'a self,
        leadership: &'a Leadership,
        target: &'a Target,
        command: Command,
    ) -> Pending<'a, Result<Value, RolloutsError>> {
        Box::pin(async {
            let stored = self.store.load(target).await?;
            let Target { namespace, job } = target.clone();
            match self.store.submit(leadership, target, stored.as_ref(), command).await {
                Ok(command) => shown(&command),
                Err(CommandError::NoRollout { .. }) => Err(RolloutsError::None { namespace, job }),
                Err(CommandError::OtherDeployment { current, .. }) => {
                    Err(RolloutsError::OtherDeployment { current })
                }
                Err(error @ CommandError::TooMany { .. }) => Err(RolloutsError::Refused {
                    why: error.to_string(),
                    hint: "GET /v1/agent tells who leads and how its tasks stand".to_owned(),
                }),
                Err(CommandError::Deposed) => Err(RolloutsError::NotLeading),
                Err(CommandError::Records(error)) => Err(error.into()),
            }
        })
    }
}
