//! What of a listing a person may see.
//!
//! Resources have no attribute that tells their path, so policies can tell two places of a bucket apart only by the
//! folders that they name. One verdict for each named folder therefore says everything about every key: a key is
//! shown when the deepest named folder above it may be listed. That is exact, and cheap for a page of 1,000 keys.

use std::collections::BTreeMap;

use crate::domain::key::{ObjectKey, Prefix};

/// The verdicts that decide what a listing shows.
#[derive(Debug, Clone, Default)]
pub struct ListingView {
    whole: bool,
    /// Folders below the listed prefix that policies name, and whether each may be listed.
    named: BTreeMap<Prefix, bool>,
    scopes: Vec<Prefix>,
}

impl ListingView {
    /// A view of a prefix whose own folder may be listed or not, and of the named folders below it.
    #[must_use]
    pub fn new(whole: bool, named: BTreeMap<Prefix, bool>) -> Self {
        let mut scopes: Vec<Prefix> = Vec::new();
        // In key order a folder comes right before what lies below it.
        for (folder, allowed) in &named {
            if *allowed && !scopes.last().is_some_and(|outer| outer.covers(folder.as_str())) {
                scopes.push(folder.clone());
            }
        }
        Self { whole, named, scopes }
    }

    /// Whether the prefix itself may be listed.
    #[must_use]
    pub const fn whole(&self) -> bool {
        self.whole
    }

    /// The outermost folders below the prefix that may be listed, in key order; meaningful when it is not [`Self::whole`].
    #[must_use]
    pub fn scopes(&self) -> &[Prefix] {
        &self.scopes
    }

    /// Whether there is anything to show at all.
    #[must_use]
    pub fn shows_anything(&self) -> bool {
        self.whole || !self.scopes.is_empty()
    }

    /// Whether a key below the prefix is shown.
    #[must_use]
    pub fn shows_key(&self, key: &ObjectKey) -> bool {
        self.named.is_empty() && self.whole || self.deepest(key.ancestors())
    }

    /// Whether a folder below the prefix is shown: it may be listed, or it leads to one that may.
    #[must_use]
    pub fn shows_folder(&self, folder: &Prefix) -> bool {
        self.named.is_empty() && self.whole
            || self.deepest(folder.folders())
            || self
                .named
                .range(folder.clone()..)
                .take_while(|(below, _)| folder.covers(below.as_str()))
                .any(|(_, allowed)| *allowed)
    }

    /// The verdict of the deepest named folder among these; the prefix's own where none is named.
    fn deepest(&self, mut folders: impl Iterator<Item = Prefix>) -> bool {
        folders.find_map(|folder| self.named.get(&folder).copied()).unwrap_or(self.whole)
    }
}
