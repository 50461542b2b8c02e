//! Consul's entries for a split by version, as they are to be: pure functions of what is there.
//!
//! What others wrote in an entry stays as it is. What we wrote carries a mark, so that a change by somebody else is seen, and is a
//! conflict and nothing to be written over.

use serde_json::{Map, Value, json};

/// The kind of the entry that names subsets.
pub(super) const RESOLVER: &str = "service-resolver";
/// The kind of the entry that says how much each subset gets.
pub(super) const SPLITTER: &str = "service-splitter";

/// Under which key of an entry's `Meta` we say what we wrote there.
const MARK: &str = "nova-agent-rollout";

/// What the names of our subsets begin with.
const SUBSET: &str = "nova-";

/// The longest version that a subset is made for: with what it begins with it stays below the 63 bytes of a DNS label.
const MAX_VERSION: usize = 48;

/// A share of traffic in hundredths of a percent, which is the resolution of Consul's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

/// A version of the program, and the subset of its instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    version: String,
    subset: String,
}

/// What is to be done with an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// It is as it is to be.
    None,
    /// It is written so.
    Put(Value),
    /// It is removed.
    Delete,
}

/// Why an entry is left alone: somebody else has written there what does not go with a rollout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// There is a splitter that the agent did not make.
    #[error(
        "there is a service-splitter that the agent did not write: remove it, or let the policy use no splitter"
    )]
    Splitter,
    /// The weights are not those that the agent wrote.
    #[error(
        "somebody has changed the service-splitter by hand from {written} to {found}: it is left so; remove it to let the agent \
         write it anew"
    )]
    Weights {
        /// What the agent wrote.
        written: String,
        /// What is there.
        found: String,
    },
    /// The service is sent elsewhere.
    #[error(
        "the service-resolver redirects the whole service, so that there are no versions to choose from: remove its Redirect"
    )]
    Redirect,
    /// A subset of ours has another filter.
    #[error(
        "somebody has changed the subset {subset} of the service-resolver: remove it to let the agent write it anew"
    )]
    Subset {
        /// Its name.
        subset: String,
    },
}

/// Why there is no subset for a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no subset can be made for the version {version:?}: write Meta version with 1 to {MAX_VERSION} letters, digits, dots, dashes, \
     underscores and plus signs"
)]
pub struct LegError {
    version: String,
}

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All.
    pub const ALL: Self = Self(10_000);

    /// So many hundredths of a percent; more than all is all.
    #[must_use]
    pub fn hundredths(hundredths: u16) -> Self {
        Self(hundredths).min(Self::ALL)
    }

    /// What the other side gets.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }

    /// In hundredths of a percent.
    #[must_use]
    pub fn as_hundredths(self) -> u16 {
        self.0
    }

    /// As Consul has it, in percent.
    fn weight(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    fn of_weight(weight: &Value) -> Option<Self> {
        let hundredths = (weight.as_f64()? * 100.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within the range of a share"
        )]
        (0.0..=10_000.0).contains(&hundredths).then_some(Self(hundredths as u16))
    }
}

impl Leg {
    /// The instances whose `Meta.version` is this.
    ///
    /// # Errors
    /// When a filter or a subset's name cannot hold it.
    pub fn new(version: &str) -> Result<Self, LegError> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+');
        if version.is_empty() || version.len() > MAX_VERSION || !version.bytes().all(is_plain) {
            return Err(LegError { version: version.to_owned() });
        }
        let plain = |byte: u8| if byte.is_ascii_lowercase() || byte.is_ascii_digit() { byte } else { b'-' };
        let name: Vec<u8> = version.bytes().map(plain).collect();
        let name = String::from_utf8_lossy(&name).into_owned();
        // Versions that differ in signs alone would share a name, and a name must not end with a dash.
        let subset = format!("{SUBSET}{name}-{:04x}", checksum(version));
        Ok(Self { version: version.to_owned(), subset })
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The name of the subset.
    #[must_use]
    pub fn subset(&self) -> &str {
        &self.subset
    }

    /// Which instances of the catalog it has.
    #[must_use]
    pub fn filter(&self) -> String {
        format!("Service.Meta.version == \"{}\"", self.version)
    }

    fn definition(&self) -> Value {
        json!({ "Filter": self.filter(), "OnlyPassing": true })
    }
}

/// FNV-1a folded to 16 bits: fixed for ever, since names of subsets outlive versions of the agent.
fn checksum(text: &str) -> u16 {
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    #[expect(clippy::cast_possible_truncation, reason = "both halves are folded into 16 bits")]
    let folded = ((hash >> 16) ^ (hash & 0xffff)) as u16;
    folded
}

/// The resolver with both subsets, and with a way from the canary to the stable one for when no canary passes.
pub(super) fn resolver(
    found: Option<&Value>,
    service: &str,
    stable: &Leg,
    canary: &Leg,
) -> Result<Change, Foreign> {
    let mut entry = beginning(found, RESOLVER, service);
    if entry.get("Redirect").is_some_and(|redirect| !redirect.is_null()) {
        return Err(Foreign::Redirect);
    }
    edit(&mut entry, "Subsets", |subsets| {
        for leg in [stable, canary] {
            match subsets.get(&leg.subset) {
                None => {
                    subsets.insert(leg.subset.clone(), leg.definition());
                }
                Some(there) if there["Filter"] == leg.filter().as_str() && there["OnlyPassing"] == true => {}
                Some(_) => return Err(Foreign::Subset { subset: leg.subset.clone() }),
            }
        }
        Ok(())
    })?;
    edit(&mut entry, "Failover", |ways| {
        // A way from the stable to the canary version would undo a rollback.
        ways.remove(&stable.subset);
        if ways.get(&canary.subset).is_none_or(|way| way["ServiceSubset"] != stable.subset.as_str()) {
            ways.insert(canary.subset.clone(), json!({ "ServiceSubset": stable.subset }));
        }
    });
    Ok(changed(found, entry))
}

/// The splitter that gives the canary this share.
pub(super) fn splitter(
    found: Option<&Value>,
    service: &str,
    (stable, canary): (&Leg, &Leg),
    share: Share,
) -> Result<Change, Foreign> {
    if let Some(found) = found {
        is_as_we_wrote_it(found)?;
    }
    let mut entry = beginning(found, SPLITTER, service);
    let split = |leg: &Leg, share: Share| json!({ "Weight": share.weight(), "ServiceSubset": leg.subset });
    let splits = json!([split(stable, share.rest()), split(canary, share)]);
    edit(&mut entry, "Meta", |meta| meta.insert(MARK.to_owned(), described(&splits).into()));
    entry.insert("Splits".to_owned(), splits);
    Ok(match found {
        Some(found) if described(&found["Splits"]) == described(&entry["Splits"]) => Change::None,
        _ => Change::Put(Value::Object(entry)),
    })
}

/// What share the splitter gives this version; nothing where it does not name it, or there is no splitter.
pub(super) fn share_of(found: Option<&Value>, canary: &Leg) -> Result<Option<Share>, Foreign> {
    let Some(found) = found else { return Ok(None) };
    is_as_we_wrote_it(found)?;
    let splits = found["Splits"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = splits.iter().find(|split| split["ServiceSubset"] == canary.subset.as_str());
    // Consul leaves a weight of zero out.
    Ok(ours.map(|split| Share::of_weight(&split["Weight"]).unwrap_or(Share::NONE)))
}

/// Removes the splitter, if it is ours.
pub(super) fn no_splitter(found: Option<&Value>) -> Result<Change, Foreign> {
    match found {
        None => Ok(Change::None),
        Some(found) => is_as_we_wrote_it(found).map(|()| Change::Delete),
    }
}

/// Removes our subsets from the resolver, and all of it where nothing else is left.
pub(super) fn no_subsets(found: Option<&Value>, service: &str) -> Change {
    if found.is_none() {
        return Change::None;
    }
    let mut entry = beginning(found, RESOLVER, service);
    for part in ["Subsets", "Failover"] {
        if let Some(named) = entry.get_mut(part).and_then(Value::as_object_mut) {
            named.retain(|name, _| !name.starts_with(SUBSET));
        }
    }
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty() || text == "0s",
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    };
    let identity = ["Kind", "Name", "Namespace", "Partition"];
    let says_more = entry.iter().any(|(name, value)| !identity.contains(&name.as_str()) && !is_empty(value));
    if says_more { changed(found, entry) } else { Change::Delete }
}

/// A splitter is ours as long as its weights are those of its mark.
fn is_as_we_wrote_it(found: &Value) -> Result<(), Foreign> {
    let written = found["Meta"][MARK].as_str().ok_or(Foreign::Splitter)?;
    let there = described(&found["Splits"]);
    if written == there {
        Ok(())
    } else {
        Err(Foreign::Weights { written: written.to_owned(), found: there })
    }
}

/// Splits in words, for marks and for people.
fn described(splits: &Value) -> String {
    let splits = splits.as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |split: &Value| {
        let name = split["ServiceSubset"].as_str().filter(|name| !name.is_empty());
        let name = name.or_else(|| split["Service"].as_str()).unwrap_or("default");
        let weight = split.get("Weight").map_or(Some(Share::NONE), Share::of_weight);
        let weight = weight.map_or_else(|| "?".to_owned(), |share| format!("{:.2}", share.weight()));
        format!("{name}={weight}")
    };
    splits.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The entry as it is without what Consul adds, or a new one.
fn beginning(found: Option<&Value>, kind: &str, service: &str) -> Map<String, Value> {
    let mut entry = found.and_then(Value::as_object).cloned().unwrap_or_default();
    for of_consul in ["CreateIndex", "ModifyIndex", "Hash"] {
        entry.remove(of_consul);
    }
    entry.insert("Kind".to_owned(), kind.into());
    entry.insert("Name".to_owned(), service.into());
    entry
}

/// Changes a member that is an object; what is none becomes one.
fn edit<R>(
    entry: &mut Map<String, Value>,
    name: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> R,
) -> R {
    let mut member = match entry.remove(name) {
        Some(Value::Object(member)) => member,
        _ => Map::new(),
    };
    let came_of_it = change(&mut member);
    entry.insert(name.to_owned(), Value::Object(member));
    came_of_it
}

fn changed(found: Option<&Value>, entry: Map<String, Value>) -> Change {
    let identity = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    match found {
        Some(_) if beginning(found, identity("Kind"), identity("Name")) == entry => Change::None,
        _ => Change::Put(Value::Object(entry)),
    }
}

#[cfg(test)]
mod tests;
