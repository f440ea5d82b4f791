//! What a vended credential reaches: folders of one bucket, never a bucket as a whole.

use crate::domain::key::Prefix;

/// The most folders that one scope can name.
pub const MAX_FOLDERS: usize = 100;

/// One or more folders, sorted, none within another. It cannot be empty and cannot be everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    first: Prefix,
    more: Vec<Prefix>,
}

impl Scope {
    /// Takes prefixes that all end in `/`. One that lies within another is absorbed by it.
    ///
    /// # Errors
    /// [`InvalidScope`] when there is none, too many, or one that is the whole bucket or no folder.
    pub fn parse(prefixes: &[Prefix]) -> Result<Self, InvalidScope> {
        if prefixes.len() > MAX_FOLDERS {
            return Err(InvalidScope::TooMany);
        }
        if prefixes.iter().any(Prefix::is_root) {
            return Err(InvalidScope::Everything);
        }
        if !prefixes.iter().all(Prefix::is_folder) {
            return Err(InvalidScope::NoFolder);
        }
        let mut sorted = prefixes.to_vec();
        sorted.sort();
        // What lies in a folder comes right behind it.
        sorted.dedup_by(|next, kept| kept.covers(next.as_str()));
        let mut folders = sorted.into_iter();
        let first = folders.next().ok_or(InvalidScope::Empty)?;
        Ok(Self { first, more: folders.collect() })
    }

    /// A single folder.
    ///
    /// # Errors
    /// As [`Scope::parse`].
    pub fn folder(prefix: Prefix) -> Result<Self, InvalidScope> {
        Self::parse(&[prefix])
    }

    /// The folder that comes first in key order.
    #[must_use]
    pub const fn first(&self) -> &Prefix {
        &self.first
    }

    /// All folders in key order.
    pub fn folders(&self) -> impl Iterator<Item = &Prefix> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// Why prefixes are no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidScope {
    /// No prefix at all, which would not mean everything.
    #[error("names no prefix; nothing is ever vended for a whole bucket")]
    Empty,
    /// The empty prefix.
    #[error("a prefix is empty; nothing is ever vended for a whole bucket")]
    Everything,
    /// A prefix such as `a`, which `a-internal/` begins with too.
    #[error("each prefix ends in /, so that it covers no sibling of the same beginning")]
    NoFolder,
    /// More than [`MAX_FOLDERS`].
    #[error("has more than 100 prefixes")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(prefixes: &[&str]) -> Result<Vec<String>, InvalidScope> {
        let prefixes: Vec<_> = prefixes.iter().map(|text| Prefix::parse(text).unwrap()).collect();
        Ok(Scope::parse(&prefixes)?.folders().map(|folder| folder.as_str().to_owned()).collect())
    }

    #[test]
    fn folders_are_sorted_and_those_within_another_are_absorbed() {
        let folders = scope(&["b/", "a/x/", "a/", "b/", "a/x/y/", "a_b/"]).unwrap();
        assert_eq!(folders, ["a/", "a_b/", "b/"]);
    }

    #[test]
    fn nothing_and_everything_and_half_a_name_are_no_scope() {
        assert_eq!(scope(&[]), Err(InvalidScope::Empty));
        assert_eq!(scope(&["a/", ""]), Err(InvalidScope::Everything));
        assert_eq!(scope(&["a/", "b"]), Err(InvalidScope::NoFolder));
        assert_eq!(scope(&["a/"; 101]), Err(InvalidScope::TooMany));
        assert_eq!(scope(&["/"]).unwrap(), ["/"], "keys may begin with a slash");
    }

    proptest! {
        #[test]
        fn a_scope_covers_exactly_what_its_prefixes_cover(
            asked in prop::collection::vec("[ab/]{0,5}/", 1..8), key in "[ab/]{1,9}",
        ) {
            let prefixes: Vec<_> = asked.iter().map(|text| Prefix::parse(text).unwrap()).collect();
            let made = Scope::parse(&prefixes).unwrap();
            let wanted = prefixes.iter().any(|prefix| prefix.covers(&key));
            prop_assert_eq!(made.folders().filter(|folder| folder.covers(&key)).count(), usize::from(wanted));
        }
    }
}
