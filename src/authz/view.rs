//! What of a listing a person may see.
//!
//! Resources have no attribute that tells their path, so policies can tell two places of a bucket apart only by the
//! folders that they name. Two verdicts for each named folder therefore say everything: one for the folder itself
//! (`resource == Prefix::"…"`), one for the folders in it that no policy names. A key is shown when the folder that
//! it lies in may be listed. That is exact, and cheap for a page of 1,000 keys.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::domain::key::{ObjectKey, Prefix};

/// The verdicts on a named folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Whether the folder may be listed: it and the keys that lie directly in it.
    pub itself: bool,
    /// Whether the folders in it may be listed, down to the next ones that policies name.
    pub below: bool,
}

impl Region {
    const fn shows_anything(self) -> bool {
        self.itself || self.below
    }
}

/// The verdicts that decide what a listing shows. The default view shows nothing.
#[derive(Debug, Clone, Default)]
pub struct ListingView {
    prefix: String,
    whole: bool,
    /// By path: the folder that is listed, and those below the prefix that policies name.
    regions: BTreeMap<String, Region>,
    scopes: Vec<Prefix>,
}

impl ListingView {
    /// A view of the keys with a prefix: the verdicts on the folder that holds them all, and on the named folders
    /// that begin with the prefix.
    #[must_use]
    pub fn new(prefix: &Prefix, folder: &Prefix, own: Region, named: &BTreeMap<Prefix, Region>) -> Self {
        let mut scopes: Vec<Prefix> = Vec::new();
        // In key order a folder comes right before what lies below it.
        for (named, region) in named {
            if region.shows_anything() && !scopes.last().is_some_and(|outer| outer.covers(named.as_str())) {
                scopes.push(named.clone());
            }
        }
        let text = |prefix: &Prefix| prefix.as_str().to_owned();
        let mut regions: BTreeMap<_, _> =
            named.iter().map(|(named, region)| (text(named), *region)).collect();
        regions.insert(text(folder), own);
        Self { prefix: text(prefix), whole: own.shows_anything(), regions, scopes }
    }

    /// Whether the prefix itself is listed, because its keys or folders that no policy names may be seen.
    /// Entries still go through [`Self::shows_key`] and [`Self::shows_folder`].
    #[must_use]
    pub const fn whole(&self) -> bool {
        self.whole
    }

    /// The outermost folders below the prefix in which something may be listed, in key order; meaningful when it is
    /// not [`Self::whole`].
    #[must_use]
    pub fn scopes(&self) -> &[Prefix] {
        &self.scopes
    }

    /// Whether a key below the prefix is shown.
    #[must_use]
    pub fn shows_key(&self, key: &ObjectKey) -> bool {
        let key = key.as_str();
        let folder = folder_of(key);
        key.starts_with(&self.prefix)
            && self
                .deepest(folder)
                .is_some_and(|(named, region)| if named == folder { region.itself } else { region.below })
    }

    /// Whether a folder below the prefix is shown: it may be listed, or it leads to one that may.
    #[must_use]
    pub fn shows_folder(&self, folder: &Prefix) -> bool {
        let path = folder.as_str();
        if !folder.is_folder() || !path.starts_with(&self.prefix) {
            return false;
        }
        let here = self.deepest(path);
        here.is_some_and(|(named, region)| region.below || (named == path && region.itself))
            || self
                .regions
                .range::<str, _>((Bound::Excluded(path), Bound::Unbounded))
                .take_while(|(below, _)| below.starts_with(path))
                .any(|(_, region)| region.shows_anything())
    }

    /// The deepest folder with a verdict that the folder is or lies in.
    fn deepest(&self, folder: &str) -> Option<(&str, Region)> {
        let mut path = folder;
        loop {
            if let Some((named, region)) = self.regions.get_key_value(path) {
                return Some((named, *region));
            }
            path = folder_of(path.strip_suffix('/')?);
        }
    }
}

/// The text up to its last slash, which it includes.
fn folder_of(text: &str) -> &str {
    text.rfind('/').and_then(|at| text.get(..=at)).unwrap_or("")
}
