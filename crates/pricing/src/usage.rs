//! What a call used, as Bedrock tells it, in the units that are paid for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// The usage of one call, or of many together.
///
/// Bedrock's three kinds of input are disjoint: `inputTokens` are those that were neither read from the cache nor written to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usage {
    units: BTreeMap<Kind, u64>,
}

impl Usage {
    /// Nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With so many units of that kind, in place of those that it had.
    #[must_use]
    pub fn with(mut self, kind: Kind, units: u64) -> Self {
        if units == 0 {
            self.units.remove(&kind);
        } else {
            self.units.insert(kind, units);
        }
        self
    }

    /// How many units of that kind.
    #[must_use]
    pub fn units(&self, kind: Kind) -> u64 {
        self.units.get(&kind).copied().unwrap_or_default()
    }

    /// Adds another usage; nothing where a sum does not fit into 64 bits.
    #[must_use]
    pub fn checked_add(mut self, other: &Self) -> Option<Self> {
        for (kind, units) in &other.units {
            let own = self.units.entry(*kind).or_default();
            *own = own.checked_add(*units)?;
        }
        Some(self)
    }

    /// The kinds that were used, in the order of a bill.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.units.iter().map(|(kind, units)| (*kind, *units))
    }

    /// Whether nothing was used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_add_up_by_kind() {
        let one = Usage::new().with(Kind::Input, 3).with(Kind::Output, 1);
        let both = one.checked_add(&Usage::new().with(Kind::Input, 4).with(Kind::CacheRead, 2)).unwrap();
        assert_eq!(
            both.iter().collect::<Vec<_>>(),
            [(Kind::Input, 7), (Kind::Output, 1), (Kind::CacheRead, 2)]
        );
        assert_eq!(serde_json::to_string(&both).unwrap(), r#"{"input":7,"output":1,"cache_read":2}"#);
        assert_eq!(both.checked_add(&Usage::new().with(Kind::Input, u64::MAX)), None);
    }

    #[test]
    fn nothing_is_not_kept() {
        let usage = Usage::new().with(Kind::Input, 3).with(Kind::Input, 0);
        assert!(usage.is_empty());
        assert_eq!(usage.units(Kind::Input), 0);
    }
}
