//! The instances behind allocations: they come and go with them, and are in the catalog meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::consul::{Registered, ScriptedConsul};
use super::super::instance::{Behavior, ScriptedProxy};
use super::allocation::Allocation;

/// After how many rounds a program that crashes does so again.
const ROUNDS_BETWEEN_CRASHES: u32 = 8;

/// The instances of all jobs, by the ids of their allocations.
#[derive(Debug)]
pub(super) struct Fleet {
    consul: Arc<ScriptedConsul>,
    instances: BTreeMap<String, Instance>,
}

#[derive(Debug)]
struct Instance {
    proxy: ScriptedProxy,
    service: String,
    rounds: u32,
}

impl Fleet {
    pub(super) fn new(consul: Arc<ScriptedConsul>) -> Self {
        Self { consul, instances: BTreeMap::new() }
    }

    /// Starts and ends instances, so that those are there which are wanted, and each behaves as it is to. Returns the allocations
    /// whose programs have crashed in this round.
    pub(super) fn follow(&mut self, wanted: &BTreeMap<String, (Allocation, Behavior, bool)>) -> Vec<String> {
        let consul = Arc::clone(&self.consul);
        self.instances.retain(|id, instance| {
            let is_wanted = wanted.contains_key(id);
            if !is_wanted {
                consul.deregister(&instance.service);
            }
            is_wanted
        });
        let mut crashed = Vec::new();
        for (id, (allocation, behavior, is_promoted)) in wanted {
            let conduct = behavior.conduct(*is_promoted);
            if !self.instances.contains_key(id) {
                // Without a port the machine is full, and the instance comes up in a later round.
                let Ok(proxy) = ScriptedProxy::start(&allocation.label, id, conduct.clone()) else {
                    continue;
                };
                let service =
                    format!("_nomad-task-{id}-group-{}-{}-http", allocation.group, allocation.service);
                self.instances.insert(id.clone(), Instance { proxy, service, rounds: 0 });
            }
            let Some(instance) = self.instances.get_mut(id) else { continue };
            instance.proxy.behave(conduct.clone());
            if conduct.crashes {
                if instance.rounds.is_multiple_of(ROUNDS_BETWEEN_CRASHES) {
                    crashed.push(id.clone());
                }
                instance.rounds += 1;
            }
            self.consul.register(instance.registered(allocation, !conduct.crashes));
        }
        crashed
    }
}

impl Instance {
    fn registered(&self, allocation: &Allocation, is_passing: bool) -> Registered {
        let port = self.proxy.address().port();
        let meta = [
            ("version", allocation.label.clone()),
            ("ring", "stable".to_owned()),
            ("region", "us-east-1".to_owned()),
            ("instance", allocation.id.clone()),
            ("metrics_port", port.to_string()),
            ("metrics_scheme", "http".to_owned()),
        ];
        let meta = meta.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Registered { service: allocation.service.clone(), id: self.service.clone(), port, meta, is_passing }
    }
}
