//! Object keys and prefixes: exact bytes, never normalised.

use std::fmt;
use std::sync::Arc;

/// The longest key that any provider takes: Azure allows 1,024 characters, which is at most 4,096 bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 4096;

/// An object's key: 1 to 4,096 bytes of UTF-8 without NUL. `//`, `..`, `?`, `#` and `%2F` are letters like any other.
///
/// S3, GCS and Azure all define keys as UTF-8 text, so text that is not UTF-8 names no object anywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// Takes a key from its exact bytes.
    ///
    /// # Errors
    /// [`InvalidKey`] when it is empty, too long, not UTF-8, or has a NUL byte.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let text = std::str::from_utf8(bytes).map_err(|_| InvalidKey::NotUtf8)?;
        Self::parse(text)
    }

    /// Takes a key from text.
    ///
    /// # Errors
    /// [`InvalidKey`] when it is empty, too long, or has a NUL byte.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if text.is_empty() {
            return Err(InvalidKey::Empty);
        }
        check(text)?;
        Ok(Self(text.into()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every prefix that ends in `/` and lies above the key, longest first, ending with the empty one.
    pub fn ancestors(&self) -> impl Iterator<Item = Prefix> + '_ {
        ancestors(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({:?})", &*self.0)
    }
}

/// The beginning of keys; empty for the whole bucket. Exact bytes, like a key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Arc<str>);

impl Prefix {
    /// The whole bucket.
    #[must_use]
    pub fn root() -> Self {
        Self("".into())
    }

    /// Takes a prefix from text.
    ///
    /// # Errors
    /// [`InvalidKey`] when it is too long or has a NUL byte.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the prefix covers the whole bucket.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is the root or ends in `/`, so that it names a folder and no sibling such as `a-internal/` beside `a/`.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.0.is_empty() || self.0.ends_with('/')
    }

    /// Whether the text begins with this prefix, byte by byte.
    #[must_use]
    pub fn covers(&self, text: &str) -> bool {
        text.starts_with(&*self.0)
    }

    /// The folder prefixes that hold every key with this prefix, longest first, ending with the root.
    /// A folder prefix is its own first answer: `a/b` gives `a/` and the root, `a/b/` gives `a/b/`, `a/` and the root.
    pub fn folders(&self) -> impl Iterator<Item = Prefix> + '_ {
        ancestors(&self.0)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({:?})", &*self.0)
    }
}

/// The character that folds keys into folders in a listing: `/`, the only one that all providers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter;

impl Delimiter {
    /// The delimiter as text.
    pub const TEXT: &'static str = "/";

    /// Parses the one delimiter there is.
    ///
    /// # Errors
    /// [`UnsupportedDelimiter`] for any other text.
    pub fn parse(text: &str) -> Result<Self, UnsupportedDelimiter> {
        if text == Self::TEXT { Ok(Self) } else { Err(UnsupportedDelimiter) }
    }
}

/// Only `/` can be a delimiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the delimiter can only be /")]
pub struct UnsupportedDelimiter;

/// Why bytes are no key or prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// No byte at all.
    #[error("a key has at least one byte")]
    Empty,
    /// More than [`MAX_KEY_BYTES`].
    #[error("a key has at most 4096 bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("a key is UTF-8 text")]
    NotUtf8,
    /// Has a NUL byte.
    #[error("a key has no NUL byte")]
    Nul,
}

fn check(text: &str) -> Result<(), InvalidKey> {
    if text.len() > MAX_KEY_BYTES {
        return Err(InvalidKey::TooLong);
    }
    if text.bytes().any(|b| b == 0) {
        return Err(InvalidKey::Nul);
    }
    Ok(())
}

fn ancestors(text: &str) -> impl Iterator<Item = Prefix> + '_ {
    text.rmatch_indices('/')
        .filter_map(|(at, slash)| text.get(..at + slash.len()))
        .map(|head| Prefix(head.into()))
        .chain(std::iter::once(Prefix::root()))
}
