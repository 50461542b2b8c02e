//! Traffic by Consul's mesh: a resolver with a subset for each version, and a splitter that shares requests between them.
//!
//! Owns the order of the writes and what stands in their way; what the entries say is in `entries`. Every write compares the index
//! that was read. Up: resolver, splitter at nothing, instances that pass, share. Down: splitter, resolver. That requests follow the
//! entries is for Envoy beside the callers: the agent writes what they are to do, and reads it back.

mod entries;

use nova_hashistack::consul::{ConfigEntry, Consistency};
use nova_hashistack::{ConsulClient, HashistackError};
use serde_json::Value;

use entries::{Change, RESOLVER, SPLITTER};
pub use entries::{Foreign, Leg, LegError, Share};

/// The splitter of one service.
#[derive(Clone, Debug)]
pub struct ServiceSplitter {
    consul: ConsulClient,
    service: String,
}

/// Why requests are not shared as they are to be.
#[derive(Debug, thiserror::Error)]
pub enum SplitterError {
    /// Consul did not answer, or refused.
    #[error("{doing} of {service} failed")]
    Consul {
        /// What was tried.
        doing: &'static str,
        /// The service.
        service: String,
        /// What came of it.
        #[source]
        source: HashistackError,
    },
    /// The service's protocol has no requests that could be shared.
    #[error(
        "the service {service} does not speak http to the mesh: write a service-defaults entry with Protocol = \"http\" (or http2, \
         grpc), or let the policy use no splitter"
    )]
    Protocol {
        /// The service.
        service: String,
        /// What Consul says.
        #[source]
        source: HashistackError,
    },
    /// Somebody else has written what does not go with a rollout.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// Somebody else wrote at the same moment.
    #[error(
        "somebody else has written the {kind} of {service} at the same moment; it is read and tried again"
    )]
    Conflict {
        /// The kind of the entry.
        kind: &'static str,
        /// The service.
        service: String,
    },
    /// Requests would go to nobody: the splitter does not look at health (consul#10857).
    #[error(
        "no instance of {service} of version {version} passes its checks, so that it gets no requests yet"
    )]
    NobodyPasses {
        /// The service.
        service: String,
        /// The version.
        version: String,
    },
    /// There is no subset for a version.
    #[error(transparent)]
    Leg(#[from] LegError),
}

impl SplitterError {
    /// Whether to try again as it is may do: what somebody has to change first will not go by itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Consul { source, .. } => source.is_transient(),
            Self::Conflict { .. } | Self::NobodyPasses { .. } => true,
            Self::Protocol { .. } | Self::Foreign(_) | Self::Leg(_) => false,
        }
    }
}

impl SplitterError {
    /// Whether the token lacks a policy.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        matches!(self, Self::Consul { source, .. } if source.is_permission_denied())
    }
}

impl ServiceSplitter {
    /// The splitter of `service`.
    #[must_use]
    pub fn new(consul: ConsulClient, service: impl Into<String>) -> Self {
        Self { consul, service: service.into() }
    }

    /// What share the splitter gives `canary` now; nothing where it is not named in one.
    ///
    /// # Errors
    /// When Consul does not answer, or somebody else has changed the splitter.
    pub async fn share(&self, canary: &Leg) -> Result<Option<Share>, SplitterError> {
        let found = self.entry(SPLITTER).await?;
        Ok(entries::share_of(body(found.as_ref()), canary)?)
    }

    /// Gives `canary` this share and `stable` the rest. Done twice it does nothing the second time.
    ///
    /// # Errors
    /// When Consul does not answer or refuses, when somebody else has written there, and when nobody of `canary` passes its checks
    /// and it is to get requests: what has been made until then stays, and is gone on with the next time.
    pub async fn set(&self, stable: &Leg, canary: &Leg, share: Share) -> Result<(), SplitterError> {
        let resolver = self.entry(RESOLVER).await?;
        let change = entries::resolver(body(resolver.as_ref()), &self.service, stable, canary)?;
        self.apply(RESOLVER, resolver, change).await?;
        let mut splitter = self.entry(SPLITTER).await?;
        if share > Share::NONE {
            if entries::share_of(body(splitter.as_ref()), canary)?.is_none() {
                // The way is made before anybody is sent on it: proxies take some seconds to make its connections (consul#11876).
                let change =
                    entries::splitter(body(splitter.as_ref()), &self.service, (stable, canary), Share::NONE)?;
                self.apply(SPLITTER, splitter, change).await?;
                splitter = self.entry(SPLITTER).await?;
            }
            self.somebody_passes(canary).await?;
        }
        let change = entries::splitter(body(splitter.as_ref()), &self.service, (stable, canary), share)?;
        self.apply(SPLITTER, splitter, change).await
    }

    /// Takes the splitter and our subsets away: requests go to every instance again, which are of one version by now.
    ///
    /// # Errors
    /// When Consul does not answer or refuses, and when somebody else has changed the splitter.
    pub async fn collapse(&self) -> Result<(), SplitterError> {
        let splitter = self.entry(SPLITTER).await?;
        let change = entries::no_splitter(body(splitter.as_ref()))?;
        self.apply(SPLITTER, splitter, change).await?;
        let resolver = self.entry(RESOLVER).await?;
        let change = entries::no_subsets(body(resolver.as_ref()), &self.service);
        self.apply(RESOLVER, resolver, change).await
    }

    async fn somebody_passes(&self, leg: &Leg) -> Result<(), SplitterError> {
        let (health, filter) = (self.consul.health(), leg.filter());
        let found = health.service(&self.service, true, &filter, Consistency::Consistent).await;
        let found = found.map_err(|source| self.fault("reading the instances", source))?;
        if found.value.is_empty() {
            let (service, version) = (self.service.clone(), leg.version().to_owned());
            return Err(SplitterError::NobodyPasses { service, version });
        }
        Ok(())
    }

    async fn entry(&self, kind: &'static str) -> Result<Option<ConfigEntry>, SplitterError> {
        let found = self.consul.config_entries().get(kind, &self.service, Consistency::Consistent).await;
        Ok(found.map_err(|source| self.fault("reading a configuration entry", source))?.value)
    }

    async fn apply(
        &self,
        kind: &'static str,
        found: Option<ConfigEntry>,
        change: Change,
    ) -> Result<(), SplitterError> {
        let index = found.map_or(0, |entry| entry.modify_index);
        let entries = self.consul.config_entries();
        let written = match change {
            Change::None => return Ok(()),
            Change::Put(entry) => entries.put_cas(&entry, index).await,
            Change::Delete => entries.delete_cas(kind, &self.service, index).await,
        };
        match written {
            Ok(true) => Ok(()),
            Ok(false) => Err(SplitterError::Conflict { kind, service: self.service.clone() }),
            Err(source) => Err(self.fault("writing a configuration entry", source)),
        }
    }

    fn fault(&self, doing: &'static str, source: HashistackError) -> SplitterError {
        let service = self.service.clone();
        // `agent/consul/discoverychain/compile.go` and `agent/structs/config_entry_discoverychain.go` in Consul's source.
        let is_of_protocol = source.refusal().is_some_and(|refusal| {
            refusal.text.contains("does not permit advanced routing") || refusal.text.contains("protocol")
        });
        if is_of_protocol {
            SplitterError::Protocol { service, source }
        } else {
            SplitterError::Consul { doing, service, source }
        }
    }
}

fn body(entry: Option<&ConfigEntry>) -> Option<&Value> {
    entry.map(|entry| &entry.body)
}

#[cfg(test)]
mod tests;
