//! Configuration entries of the mesh, as far as resolvers and splitters need each other
//! (`agent/structs/config_entry_discoverychain.go` in Consul's source).

use serde_json::{Value, json};

use super::super::http::{Asked, Said, decoded};
use super::state::{ConfigEntry, State};

/// What an entry is compared by: what others have set, without what Consul adds.
fn content(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(fields) = body.as_object_mut() {
        for added in ["CreateIndex", "ModifyIndex", "Hash"] {
            fields.remove(added);
        }
    }
    body
}

impl ConfigEntry {
    fn json(&self) -> Value {
        let mut json = content(&self.body);
        json["CreateIndex"] = json!(self.create_index);
        json["ModifyIndex"] = json!(self.modify_index);
        json
    }
}

impl State {
    /// `GET /v1/config/<kind>/<name>`
    pub(super) fn config_entry(&self, kind: &str, name: &str) -> Said {
        let name = decoded(name);
        match self.config_entries.get(&(kind.to_owned(), name.clone())) {
            Some(entry) => Said::json(&entry.json()).at(entry.modify_index),
            None => Said::text(404, &format!("Config entry not found for \"{kind}\" / \"{name}\""))
                .at(self.config_index),
        }
    }

    /// `GET /v1/config/<kind>`
    pub(super) fn config_entries(&self, kind: &str) -> Said {
        let of_kind = self.config_entries.iter().filter(|((found, _), _)| found == kind);
        Said::json(&Value::Array(of_kind.map(|(_, entry)| entry.json()).collect())).at(self.config_index)
    }

    /// `PUT /v1/config`
    pub(super) fn put_config_entry(&mut self, asked: &Asked) -> Said {
        let body = match asked.json() {
            Ok(body) => body,
            Err(said) => return said,
        };
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (kind, name) = (text("Kind"), text("Name"));
        if kind.is_empty() || name.is_empty() {
            return Said::text(400, "Request decoding failed: an entry has a Kind and a Name");
        }
        if let Err(why) = self.fits(&kind, &name, &body) {
            return Said::text(500, &why);
        }
        let place = (kind, name);
        let before = self.config_entries.get(&place);
        let found = before.map_or(0, |entry| entry.modify_index);
        // What is there as it is to be is written already, whatever its index.
        if before.is_some_and(|entry| content(&entry.body) == content(&body)) {
            return Said::json(&json!(true));
        }
        if asked.number("cas").is_some_and(|expected| expected != found) {
            return Said::json(&json!(false));
        }
        let create_index = before.map(|entry| entry.create_index);
        let index = self.next_index();
        self.config_index = index;
        let entry = ConfigEntry { body, create_index: create_index.unwrap_or(index), modify_index: index };
        self.config_entries.insert(place, entry);
        Said::json(&json!(true))
    }

    /// `DELETE /v1/config/<kind>/<name>`
    pub(super) fn delete_config_entry(&mut self, asked: &Asked, kind: &str, name: &str) -> Said {
        let place = (kind.to_owned(), decoded(name));
        let found = self.config_entries.get(&place).map(|entry| entry.modify_index);
        if asked.number("cas").is_some_and(|expected| found != Some(expected)) {
            return Said::json(&json!(false));
        }
        if kind == "service-resolver"
            && self.config_entries.contains_key(&("service-splitter".to_owned(), place.1.clone()))
        {
            let why = format!(
                "discovery chain \"{}\" uses a protocol or a subset that its resolver gives",
                place.1
            );
            return Said::text(500, &why);
        }
        if self.config_entries.remove(&place).is_some() {
            self.config_index = self.next_index();
        }
        Said::json(&if asked.has("cas") { json!(true) } else { json!({}) })
    }

    /// Whether an entry can be, beside those that are.
    fn fits(&self, kind: &str, name: &str, body: &Value) -> Result<(), String> {
        if kind != "service-splitter" {
            return Ok(());
        }
        let legs = body["Splits"].as_array().cloned().unwrap_or_default();
        let sum: f64 =
            legs.iter().filter_map(|leg| leg["Weight"].as_f64()).map(|weight| (weight * 100.0).round()).sum();
        if (sum - 10_000.0).abs() > 0.5 {
            return Err(format!("the sum of all split weights must be 100, not {}", sum / 100.0));
        }
        let resolver = self.config_entries.get(&("service-resolver".to_owned(), name.to_owned()));
        for subset in legs.iter().filter_map(|leg| leg["ServiceSubset"].as_str()) {
            if !resolver.is_some_and(|entry| entry.body["Subsets"][subset].is_object()) {
                return Err(format!("service \"{name}\" does not have a subset named \"{subset}\""));
            }
        }
        let protocol = self.config_entries.get(&("service-defaults".to_owned(), name.to_owned()));
        let protocol = protocol.and_then(|entry| entry.body["Protocol"].as_str()).unwrap_or("tcp");
        if !matches!(protocol, "http" | "http2" | "grpc") {
            return Err(format!(
                "discovery chain \"{name}\" uses a protocol \"{protocol}\" that does not permit advanced routing or splitting behavior"
            ));
        }
        Ok(())
    }
}
