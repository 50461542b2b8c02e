//! The catalog and the health of what is in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::http::{Asked, Said, decoded};
use super::NODE;
use super::state::State;

/// An instance of a service as a test, or the scripted Nomad, registers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The name of the service.
    pub service: String,
    /// Its id, unique.
    pub id: String,
    /// Its port on loopback.
    pub port: u16,
    /// Its metadata.
    pub meta: BTreeMap<String, String>,
    /// Whether its check passes.
    pub is_passing: bool,
}

/// One instance in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    name: String,
    address: String,
    port: u16,
    meta: BTreeMap<String, String>,
    tags: Vec<String>,
    /// The status of its check; it has none where this is absent.
    check: Option<&'static str>,
    create_index: u64,
    modify_index: u64,
}

impl Service {
    /// As the agent has it, which knows no index.
    fn service(&self, id: &str) -> Value {
        json!({
            "ID": id, "Service": self.name, "Tags": self.tags, "Address": self.address, "Meta": self.meta, "Port": self.port,
            "Weights": { "Passing": 1, "Warning": 1 }, "EnableTagOverride": false,
        })
    }

    /// As the catalog has it.
    fn indexed_service(&self, id: &str) -> Value {
        let mut service = self.service(id);
        service["CreateIndex"] = json!(self.create_index);
        service["ModifyIndex"] = json!(self.modify_index);
        service
    }

    fn checks(&self, id: &str) -> Value {
        let check = |check_id: &str, name: &str, status: &str, service: &str| {
            json!({
                "Node": NODE, "CheckID": check_id, "Name": name, "Status": status, "Notes": "", "Output": "",
                "ServiceID": service, "ServiceName": if service.is_empty() { "" } else { &self.name },
            })
        };
        let node = check("serfHealth", "Serf Health Status", "passing", "");
        let own = self.check.map(|status| check(&format!("service:{id}"), "ready", status, id));
        Value::Array([Some(node), own].into_iter().flatten().collect())
    }

    /// Whether a filter holds: nothing, or comparisons of the metadata, joined by `and`.
    fn is_in(&self, filter: &str) -> Option<bool> {
        let mut holds = true;
        for part in filter.split(" and ").filter(|part| !part.is_empty()) {
            let (left, right, wanted) = match (part.split_once(" == "), part.split_once(" != ")) {
                (Some((left, right)), _) => (left, right, true),
                (None, Some((left, right))) => (left, right, false),
                (None, None) => return None,
            };
            let name = left
                .trim()
                .strip_prefix("Service.Meta.")
                .or_else(|| left.trim().strip_prefix("ServiceMeta."))?;
            let value = right.trim().trim_matches('"');
            holds &= (self.meta.get(name).is_some_and(|found| found == value)) == wanted;
        }
        Some(holds)
    }
}

impl State {
    /// Puts an instance into the catalog.
    pub(super) fn register(&mut self, instance: Registered) {
        let Registered { service, id, port, meta, is_passing } = instance;
        let check = Some(if is_passing { "passing" } else { "critical" });
        let address = "127.0.0.1".to_owned();
        self.enter(
            id,
            Service {
                name: service,
                address,
                port,
                meta,
                tags: Vec::new(),
                check,
                create_index: 0,
                modify_index: 0,
            },
        );
    }

    fn enter(&mut self, id: String, mut service: Service) {
        if let Some(before) = self.services.get(&id) {
            (service.create_index, service.modify_index) = (before.create_index, before.modify_index);
            if *before == service {
                return;
            }
        }
        let index = self.next_index();
        self.catalog_index = index;
        if service.create_index == 0 {
            service.create_index = index;
        }
        service.modify_index = index;
        self.services.insert(id, service);
    }

    /// Takes an instance out of the catalog.
    pub(super) fn deregister(&mut self, id: &str) -> bool {
        let was_there = self.services.remove(id).is_some();
        if was_there {
            self.catalog_index = self.next_index();
        }
        was_there
    }

    /// `PUT /v1/agent/service/register`
    pub(super) fn register_service(&mut self, asked: &Asked) -> Said {
        let body = match asked.json() {
            Ok(body) => body,
            Err(said) => return said,
        };
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let strings = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let meta = body["Meta"].as_object().cloned().unwrap_or_default();
        let check = [&body["Checks"][0], &body["Check"]].into_iter().find(|check| check.is_object());
        // Nothing good is taken for granted.
        let check = check.map(|check| if check["Status"] == "passing" { "passing" } else { "critical" });
        let service = Service {
            name: text("Name"),
            address: text("Address"),
            port: body["Port"].as_u64().and_then(|port| port.try_into().ok()).unwrap_or_default(),
            meta: meta
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
            tags: strings("Tags").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            check,
            create_index: 0,
            modify_index: 0,
        };
        let id = if text("ID").is_empty() { text("Name") } else { text("ID") };
        self.enter(id, service);
        Said::raw(bytes::Bytes::new())
    }

    /// `PUT /v1/agent/service/deregister/…`
    pub(super) fn deregister_service(&mut self, id: &str) -> Said {
        let id = decoded(id);
        if self.deregister(&id) {
            Said::raw(bytes::Bytes::new())
        } else {
            Said::text(
                404,
                &format!(
                    "Unknown service ID \"{id}\". Ensure that the service ID is passed, not the service name."
                ),
            )
        }
    }

    fn of(&self, name: &str) -> impl Iterator<Item = (&String, &Service)> {
        let name = decoded(name);
        self.services.iter().filter(move |(_, service)| service.name == name)
    }

    /// `GET /v1/catalog/service/…`
    pub(super) fn listed(&self, name: &str) -> Said {
        let found = self.of(name).map(|(id, service)| {
            json!({
                "Node": NODE, "Address": "127.0.0.1", "Datacenter": "dc1", "ServiceID": id, "ServiceName": service.name,
                "ServiceTags": service.tags, "ServiceAddress": service.address, "ServiceMeta": service.meta,
                "ServicePort": service.port, "CreateIndex": service.create_index, "ModifyIndex": service.modify_index,
            })
        });
        Said::json(&Value::Array(found.collect())).at(self.catalog_index)
    }

    /// `GET /v1/health/service/…`
    pub(super) fn healthy(&self, asked: &Asked, name: &str) -> Said {
        let filter = asked.query("filter").unwrap_or_default();
        let mut found = Vec::new();
        for (id, service) in self.of(name) {
            let Some(is_in) = service.is_in(filter) else {
                return Said::text(400, &format!("the scripted Consul does not read the filter {filter:?}"));
            };
            let is_passing = service.check.is_none_or(|status| status == "passing");
            if is_in && (is_passing || !asked.has("passing")) {
                found.push(json!({
                    "Node": { "Node": NODE, "Address": "127.0.0.1", "Datacenter": "dc1" },
                    "Service": service.indexed_service(id), "Checks": service.checks(id),
                }));
            }
        }
        Said::json(&Value::Array(found)).at(self.catalog_index)
    }

    /// `GET /v1/agent/service/…`
    pub(super) fn agent_service(&self, id: &str) -> Said {
        let id = decoded(id);
        match self.services.get(&id) {
            Some(service) => Said::json(&service.service(&id)),
            None => Said::text(404, &format!("unknown service ID: {id}")),
        }
    }

    /// `GET /v1/agent/services`
    pub(super) fn agent_services(&self) -> Said {
        let all: serde_json::Map<String, Value> =
            self.services.iter().map(|(id, service)| (id.clone(), service.service(id))).collect();
        Said::json(&Value::Object(all))
    }
}
