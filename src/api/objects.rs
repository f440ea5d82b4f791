//! Listings.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::object::ObjectMeta;

/// One page of a listing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ObjectList {
    /// Folded prefixes, each ending in `/`.
    pub prefixes: Vec<String>,
    /// Objects.
    pub objects: Vec<ObjectView>,
    /// Give it back as `page_token` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
    /// The bucket's label.
    pub label: String,
}

/// An object in a listing.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Object)]
pub struct ObjectView {
    /// The exact key.
    pub key: String,
    /// Stored size in bytes.
    pub size: u64,
    /// Entity tag with its quotes; not told in buckets that are redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was last written (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The provider's own name of its storage class or tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// Whether it must be restored before it can be read.
    pub archived: bool,
}

impl From<&ObjectMeta> for ObjectView {
    fn from(meta: &ObjectMeta) -> Self {
        Self {
            key: meta.key.as_str().to_owned(),
            size: meta.size_bytes,
            etag: meta.etag.as_ref().map(|etag| etag.as_str().to_owned()),
            last_modified: meta.last_modified.map(|time| time.to_string()),
            storage_class: meta.storage_class.clone(),
            archived: meta.archived,
        }
    }
}

/// What to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only keys that begin with this.
    pub prefix: Option<String>,
    /// `/` folds what lies below the next `/` into one prefix; absent lists flat.
    pub delimiter: Option<String>,
    /// At most this many entries, 1 to 1000; 1000 when absent.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u16>,
    /// `next_page_token` of the page before. It holds for this caller and this listing alone.
    pub page_token: Option<String>,
}

/// How to answer with an object's bytes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReadQuery {
    /// `true` takes the compression off, told by the first bytes: gzip, zstd, bzip2, snappy, zip of one file. Not together with a range.
    pub decode: Option<bool>,
    /// `true` names the file after the key's last part.
    pub download: Option<bool>,
}

/// An object named by query parameter, for proxies that cannot carry every key in a path.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReadByKeyQuery {
    /// The exact key.
    #[param(required = true)]
    pub key: Option<String>,
    /// `true` takes the compression off, told by the first bytes: gzip, zstd, bzip2, snappy, zip of one file. Not together with a range.
    pub decode: Option<bool>,
    /// `true` names the file after the key's last part.
    pub download: Option<bool>,
}
