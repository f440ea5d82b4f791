//! Objects: their metadata, and what a reader may ask of their bytes.

use crate::domain::key::ObjectKey;
use crate::domain::time::Timestamp;

/// An entity tag as HTTP writes it, quotes included (`"abc"`). Always strong: the bytes behind it are the object's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// Takes a tag as a provider gave it, with or without quotes.
    ///
    /// # Errors
    /// [`InvalidETag`] when it holds anything that RFC 9110 section 8.8.3 forbids.
    pub fn parse(text: &str) -> Result<Self, InvalidETag> {
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let allowed = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b);
        if bare.is_empty() || bare.len() > 256 || !bare.bytes().all(allowed) {
            return Err(InvalidETag);
        }
        Ok(Self(format!("\"{bare}\"")))
    }

    /// The tag with its quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no strong entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entity tag is 1 to 256 visible ASCII characters without quotes inside")]
pub struct InvalidETag;

/// What is known of an object without reading its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its key.
    pub key: ObjectKey,
    /// Its stored size, before any decoding.
    pub size_bytes: u64,
    /// Its entity tag, where the provider gives a strong one.
    pub etag: Option<ETag>,
    /// When it was last written.
    pub last_modified: Option<Timestamp>,
    /// The provider's own name of its storage class or access tier.
    pub storage_class: Option<String>,
    /// Whether it must be restored before it can be read.
    pub archived: bool,
    /// The media type that its writer declared.
    pub content_type: Option<String>,
    /// The content coding that its writer declared (`gzip`).
    pub content_encoding: Option<String>,
}

/// One byte range as RFC 9110 section 14.1.2 lets a client ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first byte to the last, both included; `first <= last`.
    Between {
        /// Offset of the first byte.
        first: u64,
        /// Offset of the last byte.
        last: u64,
    },
    /// From an offset to the end.
    From(u64),
    /// The last N bytes; N is at least 1.
    Last(u64),
}

/// The range that an answer holds: `first..=last` of `total` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// Offset of the first byte.
    pub first: u64,
    /// Offset of the last byte, included.
    pub last: u64,
    /// Size of the whole object.
    pub total: u64,
}

impl ContentRange {
    /// How many bytes the range holds.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }

    /// Always false: a satisfiable range holds at least one byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }
}

impl ByteRange {
    /// Which bytes the range means in an object of `total` bytes; `None` when it cannot be satisfied.
    #[must_use]
    pub fn resolve(self, total: u64) -> Option<ContentRange> {
        let end = total.checked_sub(1)?;
        let (first, last) = match self {
            Self::Between { first, last } => (first, last.min(end)),
            Self::From(first) => (first, end),
            Self::Last(count) => (total.saturating_sub(count), end),
        };
        (first <= last).then_some(ContentRange { first, last, total })
    }
}

/// Which entity tags a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ETagMatch {
    /// `*`: any version that exists.
    Any,
    /// One of these.
    OneOf(Vec<ETag>),
}

impl ETagMatch {
    /// Whether the tag is among those named.
    #[must_use]
    pub fn matches(&self, etag: Option<&ETag>) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => etag.is_some_and(|etag| tags.contains(etag)),
        }
    }
}

/// The conditions of a read (RFC 9110 section 13). All absent: unconditional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<ETagMatch>,
    /// `If-None-Match`.
    pub if_none_match: Option<ETagMatch>,
    /// `If-Modified-Since`, ignored when `if_none_match` is there.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`, ignored when `if_match` is there.
    pub if_unmodified_since: Option<Timestamp>,
}

/// What the conditions say of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer with the bytes.
    Send,
    /// 304: the client has them.
    NotModified,
    /// 412: it is not the version that the client means.
    PreconditionFailed,
}

impl Conditions {
    /// Evaluates the conditions in the order of RFC 9110 section 13.2.2. Times compare at whole seconds, as HTTP dates do.
    #[must_use]
    pub fn judge(&self, etag: Option<&ETag>, last_modified: Option<Timestamp>) -> Verdict {
        if let Some(wanted) = &self.if_match {
            if !wanted.matches(etag) {
                return Verdict::PreconditionFailed;
            }
        } else if let (Some(limit), Some(modified)) = (self.if_unmodified_since, last_modified)
            && modified.unix_seconds() > limit.unix_seconds()
        {
            return Verdict::PreconditionFailed;
        }
        if let Some(known) = &self.if_none_match {
            if known.matches(etag) {
                return Verdict::NotModified;
            }
        } else if let (Some(since), Some(modified)) = (self.if_modified_since, last_modified)
            && modified.unix_seconds() <= since.unix_seconds()
        {
            return Verdict::NotModified;
        }
        Verdict::Send
    }
}
