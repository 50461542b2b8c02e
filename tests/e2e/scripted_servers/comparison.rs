//! Two transcripts of the same steps: what a scripted server says has to be in what the real one says, with equal values.
//!
//! Ids are compared by when each appeared first, indexes by how they relate to each other.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use anyhow::ensure;
use serde_json::Value;

use super::transcript::Told;

/// Which indexes are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexes {
    /// All, and those of answers: each is as high as, lower or higher than each other in both transcripts.
    Related,
    /// Those of specifications alone: the real server raises the others for much that is not scripted.
    OfSpecifications,
}

/// Fields whose values are the server's own affair.
const FREE: &[&str] = &[
    "Node",
    "NodeID",
    "NodeName",
    "Address",
    "ServiceAddress",
    "EvalID",
    "Timestamp",
    "TaggedTime",
    "RequireProgressBy",
    "Name",
    "Output",
    "ClientDescription",
    "DesiredDescription",
    "Events",
    "Port",
    "ServicePort",
    "CheckID",
    "Notes",
];

/// A service that nobody has: the index of its list is that of the whole catalog, which a real agent also raises at times of its own.
const OF_NOBODY: &str = "/service/none";

/// What is compared over whole transcripts.
#[derive(Debug, Default)]
struct Seen {
    indexes: Vec<(String, u64, u64)>,
    ids: BTreeMap<String, String>,
}

/// # Errors
/// Where steps differ: all of them, each with both answers.
pub(super) fn compare(expected: &[Told], found: &[Told], indexes: Indexes) -> anyhow::Result<()> {
    let mut seen = Seen::default();
    let mut differences = Vec::new();
    ensure!(expected.len() == found.len(), "{} steps, and {}", expected.len(), found.len());
    for (number, (real, scripted)) in expected.iter().zip(found).enumerate() {
        if let Err(error) = seen.step(real, scripted, indexes) {
            differences
                .push(format!("step {number}: {error}\n    real:     {real}\n    scripted: {scripted}"));
        }
    }
    if let Err(error) = seen.relations() {
        differences.push(error.to_string());
    }
    ensure!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

impl Seen {
    fn step(&mut self, told: &Told, scripted: &Told, indexes: Indexes) -> anyhow::Result<()> {
        ensure!(told.status == scripted.status, "another status");
        if indexes == Indexes::Related {
            ensure!(told.index.is_some() == scripted.index.is_some(), "one has an index");
            if let (Some(real), Some(scripted)) = (told.index, scripted.index)
                && !told.step.contains(OF_NOBODY)
            {
                self.indexes.push((format!("the index that comes with {}", told.step), real, scripted));
            }
        }
        self.value(&told.step, "", &told.body, &scripted.body, indexes)
    }

    fn value(
        &mut self,
        step: &str,
        at: &str,
        real: &Value,
        scripted: &Value,
        indexes: Indexes,
    ) -> anyhow::Result<()> {
        match (real, scripted) {
            (Value::Object(wanted), Value::Object(told)) => {
                for (name, scripted) in told {
                    let at = format!("{at}/{name}");
                    let Some(real) = wanted.get(name) else {
                        // What is absent and what is nothing are read alike.
                        ensure!(is_nothing(scripted), "{at} is not in the real answer");
                        continue;
                    };
                    self.field(step, &at, name, real, scripted, indexes)?;
                }
                Ok(())
            }
            (Value::Array(wanted), Value::Array(told)) => {
                ensure!(wanted.len() == told.len(), "{at} has {} entries, not {}", told.len(), wanted.len());
                for (number, (real, scripted)) in sorted(wanted).iter().zip(sorted(told)).enumerate() {
                    self.value(step, &format!("{at}/{number}"), real, &scripted, indexes)?;
                }
                Ok(())
            }
            (Value::String(real), Value::String(scripted)) => self.text(at, real, scripted),
            _ if is_nothing(real) && is_nothing(scripted) => Ok(()),
            _ => {
                ensure!(real == scripted, "{at} is {scripted}, not {real}");
                Ok(())
            }
        }
    }

    fn field(
        &mut self,
        step: &str,
        at: &str,
        name: &str,
        real: &Value,
        scripted: &Value,
        indexes: Indexes,
    ) -> anyhow::Result<()> {
        if FREE.contains(&name) {
            return Ok(());
        }
        if let (Some(real), Some(scripted)) = (real.as_u64(), scripted.as_u64())
            && name.ends_with("Index")
            && name != "OpIndex"
            && name != "LockIndex"
        {
            let is_compared = match indexes {
                Indexes::Related => true,
                Indexes::OfSpecifications => {
                    matches!(name, "JobModifyIndex" | "JobSpecModifyIndex") && !step.contains("/stable")
                }
            };
            if is_compared {
                self.indexes.push((format!("{step} {at}"), real, scripted));
            }
            return Ok(());
        }
        self.value(step, at, real, scripted, indexes)
    }

    /// A text: that of the real server may have words around it, and ids are another one's.
    fn text(&mut self, at: &str, real: &str, scripted: &str) -> anyhow::Result<()> {
        if is_id(real) && is_id(scripted) {
            let first = self.ids.entry(scripted.to_owned()).or_insert_with(|| real.to_owned());
            ensure!(first == real, "{at} is another id than before");
            return Ok(());
        }
        let translated =
            self.ids.iter().fold(scripted.trim().to_owned(), |text, (own, real)| text.replace(own, real));
        let is_in = if translated.is_empty() { real.trim().is_empty() } else { real.contains(&translated) };
        ensure!(is_in, "{at} is {scripted:?}, not {real:?}");
        Ok(())
    }

    fn relations(&self) -> anyhow::Result<()> {
        for (number, (one, real, scripted)) in self.indexes.iter().enumerate() {
            for (other, other_real, other_scripted) in self.indexes.iter().skip(number) {
                let (expected, found): (Ordering, Ordering) =
                    (real.cmp(other_real), scripted.cmp(other_scripted));
                ensure!(
                    expected == found,
                    "{one} and {other}: {real} and {other_real} in the real server, {scripted} and {other_scripted} in the scripted one"
                );
            }
        }
        Ok(())
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

/// Lists whose order means nothing, in one that both have.
fn sorted(list: &[Value]) -> Vec<Value> {
    let mut list = list.to_vec();
    let is_unordered = list.iter().all(|entry| entry["ClientStatus"].is_string());
    if is_unordered {
        list.sort_by_key(|entry| {
            (entry["JobVersion"].as_u64(), entry["DesiredStatus"].to_string(), entry["CreateIndex"].as_u64())
        });
    }
    list
}
