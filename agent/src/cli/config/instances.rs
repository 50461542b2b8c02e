//! Instances to people and programs: the table, what is below it, and the JSON.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::output::{visible, visible_line};
use super::super::table::{dash, table};
use crate::confirmation::Confirmed;
use crate::documents::Indexes;
use crate::instance::{Instance, InstanceId};
use crate::receipt::{DocumentIndex, Receipt, Refusal};
use crate::standing::{Standing, Verdict, age, age_seconds};

/// How much of an id is shown where it is a UUID, as Nomad's own tables show an allocation.
const SHORT_ID: usize = 8;

/// One instance, judged.
#[derive(Clone, Debug)]
pub(super) struct Row {
    instance: Instance,
    receipt: Option<Receipt>,
    /// The word of the table.
    label: String,
    /// The word of the JSON.
    state: &'static str,
    /// What is behind it.
    explanation: Option<String>,
    /// The refusal that concerns what the table is about.
    refusal: Option<Refusal>,
}

impl Row {
    /// An instance as it stands.
    pub(super) fn standing(instance: Instance, fetched: Result<Receipt, String>, stored: &Indexes) -> Self {
        let standing = Standing::of(&fetched, stored);
        let receipt = fetched.ok();
        Self {
            label: standing.label(),
            state: standing.as_str(),
            explanation: standing.explanation(receipt.as_ref()),
            refusal: receipt.as_ref().and_then(|receipt| receipt.refusal.clone()),
            instance,
            receipt,
        }
    }

    /// What became of a change at an instance; none for one that left without a word on it.
    pub(super) fn confirmed(confirmed: &Confirmed) -> Option<Self> {
        let (state, explanation, refusal) = match &confirmed.verdict {
            Verdict::Refused(refusal) => ("refused", None, Some(refusal.clone())),
            _ if !confirmed.is_listed => return None,
            Verdict::Waiting(reason) => ("waiting", Some(reason.clone()), None),
            Verdict::Applied => ("applied", None, None),
            Verdict::Overtaken => ("overtaken", None, None),
        };
        Some(Self {
            instance: confirmed.instance.clone(),
            receipt: confirmed.receipt.clone(),
            label: state.to_owned(),
            state,
            explanation,
            refusal,
        })
    }

    /// The word of the JSON.
    pub(super) fn state(&self) -> &'static str {
        self.state
    }

    /// The hash of its settings.
    pub(super) fn hash(&self) -> Option<&str> {
        self.receipt.as_ref()?.config.hash.as_deref()
    }

    fn told(&self, of_receipt: impl Fn(&Receipt) -> Option<&str>, of_catalog: Option<&str>) -> String {
        let told = self.receipt.as_ref().and_then(of_receipt).or(of_catalog);
        visible_line(&dash(told))
    }

    fn cells(&self, names: &Names, now: Timestamp) -> [String; 9] {
        let config = self.receipt.as_ref().map(|receipt| &receipt.config);
        let source = config.and_then(|config| config.source.as_deref()).map(|source| match source {
            "last_known_good" => "saved",
            other => other,
        });
        [
            names.short(&self.instance.name),
            self.told(|receipt| receipt.version.as_deref(), self.instance.version.as_deref()),
            self.told(|receipt| receipt.region.as_deref(), self.instance.region.as_deref()),
            self.told(|receipt| receipt.ring.as_deref(), self.instance.ring.as_deref()),
            visible_line(&self.label),
            config
                .and_then(|config| config.applied_index)
                .map_or_else(|| dash(None), |index| index.to_string()),
            visible_line(&dash(self.hash())),
            visible_line(&dash(source)),
            dash(config.and_then(|config| age(config.applied_at.as_deref(), now)).as_deref()),
        ]
    }

    /// What the table cannot hold: a refusal in full, and reasons.
    fn details(&self, names: &Names, now: Timestamp, shown: &dyn Fn(&str) -> String) -> Vec<String> {
        let name = names.short(&self.instance.name);
        let mut lines = Vec::new();
        if let Some(refusal) = &self.refusal {
            let at_index = refusal.index.map(|index| format!(" at index {index}")).unwrap_or_default();
            lines.extend(refused(&format!("{name} refused the documents{at_index}"), refusal, now, shown));
        }
        let config = self.receipt.as_ref().map(|receipt| &receipt.config);
        if let Some(refusal) = config.and_then(|config| config.files_refused.as_ref()) {
            lines.extend(refused(&format!("{name} refused its own files"), refusal, now, shown));
        }
        if let Some(reason) = config.and_then(|config| config.not_kept.as_ref()) {
            lines.push(visible_line(&format!(
                "{name} did not keep the documents for its next start: {reason}"
            )));
        }
        if let Some(explanation) = &self.explanation {
            lines.push(visible_line(&format!("{name} {}: {explanation}", self.label)));
        }
        let waiting = config.iter().flat_map(|config| &config.waiting_for_restart);
        let waiting: Vec<_> = waiting.map(String::as_str).collect();
        if !waiting.is_empty() {
            lines.push(visible_line(&format!("{name} needs a restart for: {}", waiting.join(", "))));
        }
        lines
    }

    /// The instance as JSON, in the words of docs/reference/nova-agent.md.
    pub(super) fn to_json(&self, now: Timestamp) -> Value {
        let receipt = self.receipt.clone().unwrap_or_default();
        let applied_at = receipt.config.applied_at.as_deref();
        json!({
            "id": self.instance.name.id, "node": self.instance.name.node,
            "address": self.instance.address.as_ref().ok(),
            "version": receipt.version.or_else(|| self.instance.version.clone()),
            "region": receipt.region.or_else(|| self.instance.region.clone()),
            "ring": receipt.ring.or_else(|| self.instance.ring.clone()),
            "state": self.state, "explanation": self.explanation,
            "hash": receipt.config.hash, "source": receipt.config.source,
            "applied_index": receipt.config.applied_index, "applied_at": applied_at,
            "age_seconds": age_seconds(applied_at, now),
            "documents": documents(&receipt.config.documents),
            "waiting_for_restart": receipt.config.waiting_for_restart,
            "files_refused": receipt.config.files_refused.as_ref().map(refusal_json),
            "not_kept": receipt.config.not_kept,
            "consul_state": receipt.consul.state,
            "refusal": self.refusal.as_ref().map(refusal_json),
        })
    }
}

/// A refusal in full, as far as the instance lists it.
fn refused(what: &str, refusal: &Refusal, now: Timestamp, shown: &dyn Fn(&str) -> String) -> Vec<String> {
    let kind = refusal.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
    let ago = age(refusal.at.as_deref(), now).map(|age| format!(", {age} ago")).unwrap_or_default();
    let mut lines = vec![visible_line(&format!("{what}{kind}{ago}:"))];
    for fault in &refusal.faults {
        let path = if fault.path.is_empty() { String::new() } else { format!("{}: ", fault.path) };
        let file = shown(&fault.file);
        lines.push(visible(&format!(
            "  {file}:{}:{}: {path}{}: {}",
            fault.line, fault.column, fault.problem, fault.fix
        )));
    }
    match refusal.faults_total.unwrap_or(0).saturating_sub(refusal.faults.len()) {
        0 if refusal.faults.is_empty() => lines.push("  its receipt names no fault: see its log".to_owned()),
        0 => {}
        more => lines.push(format!("  and {more} more, which show when these are mended")),
    }
    lines
}

fn documents(documents: &[DocumentIndex]) -> Value {
    documents
        .iter()
        .map(|document| json!({"key": document.key, "modify_index": document.modify_index}))
        .collect()
}

fn refusal_json(refusal: &Refusal) -> Value {
    let fault = |fault: &crate::receipt::RefusedPlace| {
        json!({
            "file": fault.file, "line": fault.line, "column": fault.column,
            "path": fault.path, "problem": fault.problem, "fix": fault.fix,
        })
    };
    json!({
        "index": refusal.index, "at": refusal.at, "kind": refusal.kind,
        "documents": documents(&refusal.documents),
        "faults": refusal.faults.iter().map(fault).collect::<Vec<_>>(),
        "faults_total": refusal.faults_total.unwrap_or(refusal.faults.len()),
    })
}

/// The table, and below it everything that it cannot hold. `shown` says what a person calls the document at a key.
pub(super) fn text(rows: &[Row], now: Timestamp, shown: &dyn Fn(&str) -> String) -> String {
    let names = Names::of(rows);
    let header = ["INSTANCE", "VERSION", "REGION", "RING", "STATE", "INDEX", "HASH", "SOURCE", "AGE"];
    let mut text = table(header, rows.iter().map(|row| row.cells(&names, now)).collect());
    let details: Vec<_> = rows.iter().flat_map(|row| row.details(&names, now, shown)).collect();
    if !details.is_empty() {
        text.push_str("\n\n");
        text.push_str(&details.join("\n"));
    }
    text
}

/// What instances are called in a table: their ids, UUIDs cut where they stay apart.
struct Names {
    are_short: bool,
    are_unique: bool,
}

impl Names {
    fn of(rows: &[Row]) -> Self {
        let ids: BTreeSet<&str> = rows.iter().map(|row| row.instance.name.id.as_str()).collect();
        let heads: BTreeSet<&str> = ids.iter().map(|id| head(id)).collect();
        Self { are_short: heads.len() == ids.len(), are_unique: ids.len() == rows.len() }
    }

    fn short(&self, name: &InstanceId) -> String {
        let id = if self.are_short { head(&name.id) } else { &name.id };
        // Ids are unique on one node only.
        visible_line(&if self.are_unique { id.to_owned() } else { format!("{}/{id}", name.node) })
    }
}

fn head(id: &str) -> &str {
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid { id.get(..SHORT_ID).unwrap_or(id) } else { id }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn row(id: &str, receipt: Result<&str, &str>) -> Row {
        let name = InstanceId { node: "n1".to_owned(), id: id.to_owned() };
        let meta = BTreeMap::from([("metrics_port".to_owned(), "8082".to_owned())]);
        let fetched =
            receipt.map(|text| serde_json::from_str(text).unwrap()).map_err(|reason| reason.to_owned());
        let stored = Indexes::from([("nova/prod/config".to_owned(), 120)]);
        Row::standing(Instance::new(name, "10.0.0.1", &meta), fetched, &stored)
    }

    const GOOD: &str = r#"{"version":"0.1.0","region":"us-east-1","ring":"stable","config":{"hash":"015abd7f5cc5",
        "source":"consul","applied_index":123,"applied_at":"2026-11-24T11:57:00Z",
        "documents":[{"key":"nova/prod/config","modify_index":120}]},"consul":{"state":"in_sync"}}"#;
    const REFUSED: &str = r#"{"version":"0.1.0","region":"eu-central-1","ring":"stable","config":{"hash":"115abd7f5cc5",
        "source":"last_known_good","applied_index":90,"applied_at":"2026-11-24T10:00:00Z","waiting_for_restart":["listen"],
        "files_refused":{"kind":"invalid","faults":[{"file":"/etc/nova/proxy.hcl","line":1,"column":1,"problem":"is empty","fix":"fill it"}]},
        "not_kept":"the disk is full"},
        "refusal":{"index":120,"faults_total":3,"at":"2026-11-24T11:59:00Z","kind":"invalid","faults":[{"file":"nova/prod/config","line":3,"column":7,
        "path":"limits.concurrency","problem":"is 0\u001b[2J","fix":"write 1"}]},"consul":{"state":"in_sync"}}"#;

    fn shown(rows: &[Row]) -> String {
        text(rows, "2026-11-24T12:00:00Z".parse().unwrap(), &|key| {
            key.replace("nova/prod/config", "prod.hcl")
        })
    }

    #[test]
    fn the_table_fits_80_columns_and_the_rest_is_below_it() {
        let rows = [
            row("5f8a2c1e-0f3b-4c57-9e0f-3f0a0f6e8a11", Ok(GOOD)),
            row("6f8a2c1e-0f3b-4c57-9e0f-3f0a0f6e8a11", Ok(REFUSED)),
            row("nova-3", Err("connection refused")),
        ];
        let expected = "\
INSTANCE VERSION REGION       RING   STATE      INDEX HASH         SOURCE AGE
5f8a2c1e 0.1.0   us-east-1    stable in sync    123   015abd7f5cc5 consul 3m
6f8a2c1e 0.1.0   eu-central-1 stable refused    90    115abd7f5cc5 saved  2h
nova-3   -       -            -      no receipt -     -            -      -

6f8a2c1e refused the documents at index 120 (invalid), 1m ago:
  prod.hcl:3:7: limits.concurrency: is 0\u{fffd}[2J: write 1
  and 2 more, which show when these are mended
6f8a2c1e refused its own files (invalid):
  /etc/nova/proxy.hcl:1:1: is empty: fill it
6f8a2c1e did not keep the documents for its next start: the disk is full
6f8a2c1e needs a restart for: listen
nova-3 no receipt: connection refused";
        let found = shown(&rows);
        assert_eq!(found, expected);
        assert!(found.lines().take(4).all(|line| line.len() <= 80));
    }

    #[test]
    fn ids_that_would_be_the_same_are_not_cut() {
        let one = "5f8a2c1e-0f3b-4c57-9e0f-3f0a0f6e8a11";
        let other = "5f8a2c1e-1f3b-4c57-9e0f-3f0a0f6e8a11";
        let found = shown(&[row(one, Ok(GOOD)), row(other, Ok(GOOD))]);
        assert!(found.contains(one) && found.contains(other), "{found}");
    }

    #[test]
    fn json_has_what_the_table_has_and_more() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let found = row("a", Ok(REFUSED)).to_json(now);
        assert_eq!(found["state"], "refused");
        assert_eq!(found["address"], "http://10.0.0.1:8082");
        assert_eq!(found["refusal"]["faults"][0]["line"], 3);
        assert_eq!(found["age_seconds"], 7200);
        let silent = row("a", Err("connection refused")).to_json(now);
        assert_eq!((silent["state"].as_str(), silent["hash"].is_null()), (Some("no_receipt"), true));
    }
}
