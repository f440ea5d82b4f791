//! How many places were redacted, by the rule that did it.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Places by the names of detectors, of patterns, of paths, and of what stands in place of what cannot be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Arc<str>, u64>);

impl Counts {
    /// One place.
    pub fn one(rule: &Arc<str>) -> Self {
        Self(BTreeMap::from([(Arc::clone(rule), 1)]))
    }

    /// Counts one more place.
    pub fn add(&mut self, rule: &Arc<str>) {
        if let Some(count) = self.0.get_mut(rule) {
            *count = count.saturating_add(1);
        } else {
            self.0.insert(Arc::clone(rule), 1);
        }
    }

    /// Takes in what was counted elsewhere.
    pub fn take_in(&mut self, other: &Self) {
        for (rule, count) in &other.0 {
            let sum = self.0.entry(Arc::clone(rule)).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// Whether nothing was redacted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All places.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().copied().fold(0, u64::saturating_add)
    }

    /// The rules that did something, by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(rule, count)| (&**rule, *count))
    }
}
