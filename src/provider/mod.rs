//! The clouds: one small trait for reading objects, and one folder per vendor that implements it.
//!
//! What a provider may lack is a trait of its own, reached through `Option`. Limits, time-outs, retries and
//! the circuit breaker are wrappers around the trait (`guarded`), never part of an adapter.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::domain::key::{Delimiter, ObjectKey, Prefix};
use crate::domain::object::{ByteRange, Conditions, ContentRange, ObjectMeta};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

pub mod aws;
pub mod azure;
pub mod error;
pub mod file;
pub mod gcp;
pub mod guarded;
pub mod vend;
pub mod wire;

pub use error::{StoreError, StoreErrorKind};

/// An object's bytes as they arrive. Dropping it stops the work upstream.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// The most entries that one page of a listing can have, as in S3.
pub const MAX_PAGE: u16 = 1000;

/// Where a listing goes on: the cloud's own cursor, opaque to everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// What to list.
#[derive(Debug, Clone)]
pub struct ListOptions {
    /// Only keys that begin with this.
    pub prefix: Prefix,
    /// Fold what lies below the next `/` into one prefix; without it the listing is flat.
    pub delimiter: Option<Delimiter>,
    /// At most this many entries (objects and prefixes together); never above [`MAX_PAGE`].
    pub limit: NonZeroU16,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
}

/// One page of a listing. It may hold fewer entries than asked for, even none, and still have a `next`.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Folded prefixes, each ending in `/`.
    pub prefixes: Vec<Prefix>,
    /// Objects directly below the listed prefix.
    pub objects: Vec<ObjectMeta>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// How to read an object.
#[derive(Debug, Clone, Default)]
pub struct GetOptions {
    /// Only these bytes.
    pub range: Option<ByteRange>,
    /// Only if the object is (or is not) this version.
    pub conditions: Conditions,
}

/// An object opened for reading: its metadata is known, its bytes have begun to arrive.
pub struct Opened {
    /// Metadata of the whole object.
    pub meta: ObjectMeta,
    /// Which bytes `body` holds when a range was asked for; `None` for the whole object.
    pub range: Option<ContentRange>,
    /// The bytes.
    pub body: ByteStream,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("meta", &self.meta).field("range", &self.range).finish_non_exhaustive()
    }
}

/// A bucket's objects at one provider. One value serves one bucket.
#[async_trait]
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Lists one page, in the provider's key order.
    async fn list(&self, options: &ListOptions) -> Result<Listing, StoreError>;

    /// Reads an object's metadata.
    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError>;

    /// Opens an object. Conditions that fail come back as [`StoreErrorKind::NotModified`] or
    /// [`StoreErrorKind::PreconditionFailed`], an unsatisfiable range as [`StoreErrorKind::RangeNotSatisfiable`].
    async fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Opened, StoreError>;

    /// The face for links, where the provider and the credential can make them.
    fn links(&self) -> Option<&dyn SignLinks>;
}

/// A request to make a link.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// How long the link opens the object.
    pub ttl: Duration,
    /// The time from which `ttl` counts.
    pub now: Timestamp,
    /// `Content-Disposition` that the cloud answers with, inside the signature.
    pub content_disposition: String,
    /// `Content-Type` that the cloud answers with, inside the signature.
    pub content_type: String,
}

/// A URL that lets its holder read one object.
#[derive(Debug, Clone)]
pub struct Link {
    /// The URL, a secret until it expires.
    pub url: Secret<String>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// Makes links: S3 presigned URLs, GCS V4 signed URLs, Azure user-delegation SAS.
#[async_trait]
pub trait SignLinks: fmt::Debug + Send + Sync {
    /// Makes a link that reads exactly this object with GET until it expires.
    async fn link(&self, key: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError>;
}

/// A store as the rest of the house holds it.
pub type Store = Arc<dyn ObjectStore>;
