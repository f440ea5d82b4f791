//! Listing, a page at a time, and objects as the JSON API describes them.

use serde::Deserialize;

use crate::domain::key::{Delimiter, InvalidKey, ObjectKey, Prefix};
use crate::domain::object::{ETag, ObjectMeta};
use crate::domain::time::Timestamp;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::gcp::place::Query;
use crate::provider::gcp::{GcsStore, error};
use crate::provider::{Cursor, ListOptions, Listing, MAX_PAGE, wire};

/// The most that a page's JSON can have, in bytes: 1,000 keys of 1,024 bytes, each written as `\u00XX`, and what stands around them.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

/// What is read of an object.
pub(super) const FIELDS: &str =
    "name,size,generation,timeCreated,updated,storageClass,contentType,contentEncoding";

/// The class of an object whose description names none.
pub(super) const STANDARD: &str = "STANDARD";

impl GcsStore {
    pub(super) async fn list_page(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        let operation = StoreOperation::List;
        let url = self.place.listing(&query(options))?;
        let answer = self.ask(operation, &url, self.proof.headers(operation).await?).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(error::read(operation, answer).await);
        }
        let body = wire::read_all(operation, answer.into_body(), MAX_PAGE_BYTES).await?;
        parse(&body).map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::Unexpected, cause))
    }
}

fn query(options: &ListOptions) -> Query {
    let mut query = Query::default()
        .with("maxResults", &options.limit.get().min(MAX_PAGE).to_string())
        .with("fields", &format!("prefixes,nextPageToken,items({FIELDS})"));
    if !options.prefix.is_root() {
        query = query.with("prefix", options.prefix.as_str());
    }
    if options.delimiter.is_some() {
        // Empty folders of a hierarchical namespace hold no object, so they are no prefix of one.
        query = query.with("delimiter", Delimiter::TEXT).with("includeFoldersAsPrefixes", "false");
    }
    if let Some(Cursor(token)) = &options.cursor {
        query = query.with("pageToken", token);
    }
    query
}

/// Why an answer about objects cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    #[error("the answer is no JSON that Google Cloud Storage would send")]
    Json,
    #[error("the answer names an object in a way that no key allows")]
    Key(#[from] InvalidKey),
    #[error("an object's size is no number")]
    Size,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    prefixes: Vec<String>,
    next_page_token: Option<String>,
}

/// An object resource; 64-bit numbers are strings in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    name: String,
    size: String,
    generation: Option<String>,
    time_created: Option<String>,
    updated: Option<String>,
    storage_class: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
}

impl Item {
    /// Reads one object's description. serde's own message would quote it.
    pub(super) fn parse(body: &[u8]) -> Result<Self, PageError> {
        serde_json::from_slice(body).map_err(|_| PageError::Json)
    }

    pub(super) fn into_meta(self) -> Result<ObjectMeta, PageError> {
        let written = self.time_created.or(self.updated).and_then(|text| Timestamp::parse(&text).ok());
        Ok(ObjectMeta {
            key: ObjectKey::parse(&self.name)?,
            size_bytes: self.size.parse().map_err(|_| PageError::Size)?,
            etag: self.generation.as_deref().and_then(etag),
            // In whole seconds, as an opened object's header says it.
            last_modified: written.map(|time| Timestamp::from_unix_seconds(time.unix_seconds())),
            storage_class: Some(self.storage_class.unwrap_or_else(|| STANDARD.to_owned())),
            // Every class of Google Cloud Storage can be read at once, ARCHIVE too.
            archived: false,
            content_type: self.content_type.filter(|kind| !kind.is_empty()),
            content_encoding: self.content_encoding.filter(|coding| !coding.is_empty()),
        })
    }
}

/// The entity tag: the object's generation, a number that Google gives anew whenever its bytes are written.
/// Listing, metadata and bytes all tell it, and the API's own conditions take it. Google's `etag` does neither.
pub(super) fn etag(generation: &str) -> Option<ETag> {
    let number: i64 = generation.parse().ok()?;
    ETag::parse(&number.to_string()).ok()
}

/// Reads one page.
pub(super) fn parse(body: &[u8]) -> Result<Listing, PageError> {
    let page: Page = serde_json::from_slice(body).map_err(|_| PageError::Json)?;
    let objects = page.items.into_iter().map(Item::into_meta).collect::<Result<_, _>>()?;
    let prefixes = page.prefixes.iter().map(|text| Prefix::parse(text)).collect::<Result<_, _>>()?;
    let next = page.next_page_token.filter(|token| !token.is_empty()).map(Cursor);
    Ok(Listing { prefixes, objects, next })
}
