//! Where records are read: from an agent, or, while none answers, from Consul's keys.
//!
//! An operator needs to see where a rollout stands exactly when the agent is down. Nothing is ever written to the keys from here.

use nova_hashistack::transport::HashistackError;
use serde_json::Value;

use super::agent::AgentClient;
use super::store;
use super::target::Target;
use crate::rollout::record::Rollout;

/// A record as it came, and as this version reads it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The target, or the key, for messages.
    pub(super) key: String,
    /// The record, with members of later versions.
    pub(super) raw: Value,
    /// The record as it is understood, or why it is not.
    pub(super) record: Result<Box<Rollout>, String>,
}

impl Entry {
    pub(super) fn of(raw: Value) -> Self {
        let part =
            |name: &str| raw.pointer(&format!("/target/{name}")).and_then(Value::as_str).unwrap_or("?");
        let key = format!("{}/{}", part("namespace"), part("job"));
        let unreadable = raw.get("unreadable").and_then(Value::as_str).map(str::to_owned);
        let record = match unreadable {
            // The agent could not read it either, and says why.
            Some(why) => Err(why),
            None => serde_json::from_value(raw.clone()).map(Box::new).map_err(|error| {
                format!(
                    "this version cannot read the record ({error}): it is of another version of the agent"
                )
            }),
        };
        Self { key, raw, record }
    }

    /// The record, where it is understood.
    pub(super) fn rollout(&self) -> Option<&Rollout> {
        self.record.as_deref().ok()
    }
}

/// Who told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// An agent.
    Agent,
    /// Consul's keys below a prefix, because no agent answered, for this reason.
    Store { prefix: String, why: String },
}

impl Origin {
    /// The word of the JSON.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Store { .. } => "consul",
        }
    }

    /// What has to be said before anything is shown; nothing where an agent told.
    pub(super) fn warning(&self) -> Option<String> {
        match self {
            Self::Agent => None,
            Self::Store { prefix, why } => Some(format!(
                "no agent answers ({why}): this is what it wrote last, read from Consul's keys below {prefix}. While no agent leads \
                 nothing goes on, and nothing is rolled back; see docs/runbooks/agent-lost.md"
            )),
        }
    }

    /// Why no agent told, for the JSON.
    pub(super) fn why(&self) -> Option<&str> {
        match self {
            Self::Agent => None,
            Self::Store { why, .. } => Some(why),
        }
    }
}

/// What was read, and where.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) origin: Origin,
    /// In the order of targets; of a history the newest first.
    pub(super) entries: Vec<Entry>,
}

/// Reads records.
#[derive(Debug)]
pub(super) struct Reader {
    agent: AgentClient,
    prefix: String,
}

impl Reader {
    pub(super) fn new(agent: AgentClient, prefix: &str) -> Self {
        Self { agent, prefix: prefix.to_owned() }
    }

    pub(super) fn agent(&self) -> &AgentClient {
        &self.agent
    }

    /// The record of a target, or of all.
    pub(super) async fn rollouts(&self, target: Option<&Target>) -> anyhow::Result<Reading> {
        let told = match target {
            Some(target) => self.agent.rollout(target).await.map(|found| found.into_iter().collect()),
            None => self.agent.rollouts().await,
        };
        let found = store::rollouts(&self.prefix, target);
        let mut reading = self.or_from_keys(told, found).await?;
        reading.entries.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(reading)
    }

    /// The records of a target that have ended, the newest first.
    pub(super) async fn history(&self, target: &Target) -> anyhow::Result<Reading> {
        self.or_from_keys(self.agent.history(target).await, store::history(&self.prefix, target)).await
    }

    async fn or_from_keys(
        &self,
        told: Result<Vec<Value>, HashistackError>,
        keys: impl Future<Output = anyhow::Result<Vec<Value>>>,
    ) -> anyhow::Result<Reading> {
        let (origin, raw) = match told {
            Ok(raw) => (Origin::Agent, raw),
            Err(error) if is_away(&error) => match keys.await {
                Ok(raw) => {
                    let why = format!("{:#}", anyhow::Error::new(error));
                    (Origin::Store { prefix: self.prefix.clone(), why }, raw)
                }
                Err(of_consul) => {
                    let both = format!(
                        "Consul's keys could not be read either ({of_consul:#}), and no agent answers"
                    );
                    return Err(anyhow::Error::new(error).context(both));
                }
            },
            Err(error) => return Err(error.into()),
        };
        Ok(Reading { origin, entries: raw.into_iter().map(Entry::of).collect() })
    }
}

/// Whether nobody answered. A refusal is an answer, and is not gone around by way of Consul.
pub(super) fn is_away(error: &HashistackError) -> bool {
    matches!(error, HashistackError::Unreachable { .. } | HashistackError::TimedOut { .. })
}
