//! A bound on the values of a label, because each new value is a new series for ever.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::SharedString;

/// The value that stands for all beyond the bound.
pub const OTHER: &str = "other";

/// The longest value of a label, in bytes; longer ones become [`OTHER`].
const MAX_VALUE_BYTES: usize = 128;

/// Knows the values of one label. The first so many keep their names.
#[derive(Debug)]
pub struct LabelGuard {
    limit: usize,
    seen: RwLock<HashSet<Arc<str>>>,
}

impl LabelGuard {
    /// A label with at most `limit` values beside [`OTHER`].
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, seen: RwLock::new(HashSet::new()) }
    }

    /// `value`, or [`OTHER`] where the label has as many values as it may have. Costs no copy for a known value.
    #[must_use]
    pub fn admit(&self, value: &str) -> SharedString {
        if let Some(known) = self.seen.read().unwrap_or_else(PoisonError::into_inner).get(value) {
            return SharedString::from(Arc::clone(known));
        }
        self.remember(value)
    }

    fn remember(&self, value: &str) -> SharedString {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(value) {
            return SharedString::from(Arc::clone(known));
        }
        if seen.len() >= self.limit || value.len() > MAX_VALUE_BYTES {
            return SharedString::const_str(OTHER);
        }
        let value: Arc<str> = Arc::from(value);
        seen.insert(Arc::clone(&value));
        SharedString::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_keep_their_names_and_the_rest_are_other() {
        let guard = LabelGuard::new(2);
        let admitted: Vec<_> =
            ["a", "b", "c", "a", "d", "b"].iter().map(|value| guard.admit(value)).collect();
        let admitted: Vec<&str> = admitted.iter().map(AsRef::as_ref).collect();
        assert_eq!(admitted, ["a", "b", OTHER, "a", OTHER, "b"]);
    }

    #[test]
    fn a_value_of_any_length_costs_no_more_than_its_bound() {
        let guard = LabelGuard::new(2);
        assert_eq!(guard.admit(&"x".repeat(129)).as_ref(), OTHER);
        assert_eq!(guard.admit(&"x".repeat(128)).len(), 128);
    }
}
