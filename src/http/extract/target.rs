//! Bucket and key from the raw path, decoded exactly once and never normalised.

use std::sync::Arc;

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::domain::bucket::{Bucket, BucketId};
use crate::domain::key::ObjectKey;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// The part of the path behind `/api/v1/buckets/`: the raw bucket segment and what follows its `/`.
fn split(uri: &Uri) -> Option<(&str, &str)> {
    let rest = uri.path().strip_prefix("/api/v1/buckets/")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// Parses the bucket's id. The segment is not decoded: an id has no character that needs encoding.
#[must_use]
pub fn bucket_id(uri: &Uri) -> Option<BucketId> {
    BucketId::parse(split(uri)?.0).ok()
}

/// Parses the key behind `/objects/`.
pub fn object_key(uri: &Uri) -> Result<ObjectKey, Problem> {
    let raw = split(uri).and_then(|(_, rest)| rest.strip_prefix("objects/")).unwrap_or_default();
    let bytes: Vec<u8> = percent_decode_str(raw).collect();
    ObjectKey::from_bytes(&bytes).map_err(|error| Problem::invalid_field("key", error))
}

/// Finds the bucket that the path names. An id that cannot be and one that is not registered get the same answer
/// as one that the caller may not know of.
pub fn bucket(state: &AppState, uri: &Uri) -> Result<Arc<Bucket>, Problem> {
    bucket_id(uri).and_then(|id| state.buckets.find(&id)).ok_or_else(Problem::not_found)
}
