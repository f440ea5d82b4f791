//! Metadata and bytes of one blob: one HEAD, or one GET whose body goes out as it comes in.

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{AsyncRawResponse, Method, Url};
use azure_core::time::{OffsetDateTime, parse_rfc7231, to_rfc7231};
use futures::StreamExt;

use crate::domain::key::ObjectKey;
use crate::domain::object::{ByteRange, Conditions, ContentRange, ETag, ETagMatch, ObjectMeta, Verdict};
use crate::domain::time::Timestamp;
use crate::provider::azure::{Wire, error};
use crate::provider::error::StoreOperation;
use crate::provider::{GetOptions, Opened, StoreError, StoreErrorKind};

const IF_MATCH: HeaderName = HeaderName::from_static("if-match");
const IF_NONE_MATCH: HeaderName = HeaderName::from_static("if-none-match");
const IF_MODIFIED_SINCE: HeaderName = HeaderName::from_static("if-modified-since");
const IF_UNMODIFIED_SINCE: HeaderName = HeaderName::from_static("if-unmodified-since");
const RANGE: HeaderName = HeaderName::from_static("x-ms-range");

/// How often the end of an object is looked for while somebody keeps replacing it.
const LAST_BYTES_TRIES: usize = 3;

/// Reads a blob's metadata.
pub(super) async fn head(
    wire: &Wire,
    operation: StoreOperation,
    key: &ObjectKey,
    url: Url,
) -> Result<ObjectMeta, StoreError> {
    let answer = wire.send(operation, Method::Head, url, Vec::new()).await?;
    if u16::from(answer.status()) != 200 {
        return Err(error::refused(operation, answer.status(), answer.headers()));
    }
    meta(key, answer.headers(), None)
        .ok_or_else(|| error::unexpected(operation, "an answer without a length"))
}

/// Opens a blob.
pub(super) async fn get(
    wire: &Wire,
    key: &ObjectKey,
    url: Url,
    options: &GetOptions,
) -> Result<Opened, StoreError> {
    match options.range {
        Some(ByteRange::Last(_)) => last_bytes(wire, key, url, options).await,
        _ => open(wire, key, url, options).await,
    }
}

/// Azure knows no range that counts from the end, so the size is asked for first and the version pinned by its tag.
async fn last_bytes(
    wire: &Wire,
    key: &ObjectKey,
    url: Url,
    options: &GetOptions,
) -> Result<Opened, StoreError> {
    for _ in 0..LAST_BYTES_TRIES {
        let meta = head(wire, StoreOperation::Get, key, url.clone()).await?;
        judge(&options.conditions, &meta)?;
        let range = options.range.and_then(|range| range.resolve(meta.size_bytes));
        let ContentRange { first, last, .. } = range.ok_or_else(|| unsatisfiable(meta.size_bytes))?;
        let pinned = GetOptions {
            range: Some(ByteRange::Between { first, last }),
            conditions: Conditions {
                if_match: meta.etag.map(|etag| ETagMatch::OneOf(vec![etag])),
                ..Conditions::default()
            },
        };
        match open(wire, key, url.clone(), &pinned).await {
            Err(StoreError { kind: StoreErrorKind::PreconditionFailed, .. }) => {}
            other => return other,
        }
    }
    Err(StoreError::caused_by(
        StoreOperation::Get,
        StoreErrorKind::Unavailable,
        "the object was replaced again and again while its end was looked for",
    ))
}

async fn open(wire: &Wire, key: &ObjectKey, url: Url, options: &GetOptions) -> Result<Opened, StoreError> {
    let mut headers = condition_headers(&options.conditions);
    headers.extend(options.range.and_then(range_header).map(|range| (RANGE, range)));
    let answer = wire.send(StoreOperation::Get, Method::Get, url.clone(), headers).await?;
    match (u16::from(answer.status()), content_range(answer.headers())) {
        (200, _) | (206, Some(_)) => opened(key, answer, options),
        // 206 without a range that makes sense: Azurite's answer to a range that begins where the object ends.
        (206 | 416, _) => {
            let meta = head(wire, StoreOperation::Get, key, url).await?;
            judge(&options.conditions, &meta)?;
            Err(unsatisfiable(meta.size_bytes))
        }
        _ => Err(error::refused(StoreOperation::Get, answer.status(), answer.headers())),
    }
}

fn opened(key: &ObjectKey, answer: AsyncRawResponse, options: &GetOptions) -> Result<Opened, StoreError> {
    let partial = u16::from(answer.status()) == 206;
    let range = if partial { content_range(answer.headers()) } else { None };
    let meta = meta(key, answer.headers(), range)
        .filter(|meta| range.is_none_or(|range| range.total == meta.size_bytes))
        .ok_or_else(|| error::unexpected(StoreOperation::Get, "an answer without a length that fits"))?;
    judge(&options.conditions, &meta)?;
    if options.range.is_some() && meta.size_bytes == 0 {
        return Err(unsatisfiable(0));
    }
    let asked = options.range.map(|range| range.resolve(meta.size_bytes));
    if asked.is_some_and(|asked| asked != range) || (asked.is_none() && partial) {
        return Err(error::unexpected(StoreOperation::Get, "other bytes than were asked for"));
    }
    let body = answer
        .into_body()
        .map(|piece| piece.map_err(|cause| error::failed(StoreOperation::Read, &cause)))
        .boxed();
    Ok(Opened { meta, range, body })
}

/// The object's metadata from an answer's head; `range` when it answers with a part. `None` when a length is missing.
fn meta(key: &ObjectKey, headers: &Headers, range: Option<ContentRange>) -> Option<ObjectMeta> {
    let text = |name| headers.get_optional_str(&HeaderName::from_static(name));
    let length: u64 = text("content-length")?.trim().parse().ok()?;
    if range.is_some_and(|range| range.len() != length) {
        return None;
    }
    let tier = text("x-ms-access-tier").map(ToOwned::to_owned);
    Some(ObjectMeta {
        key: key.clone(),
        size_bytes: range.map_or(length, |range| range.total),
        etag: text("etag").and_then(|etag| ETag::parse(etag).ok()),
        last_modified: text("last-modified").and_then(timestamp),
        archived: tier.as_deref() == Some(error::ARCHIVE) || text("x-ms-archive-status").is_some(),
        storage_class: tier,
        content_type: text("content-type").filter(|t| !t.is_empty()).map(ToOwned::to_owned),
        content_encoding: text("content-encoding").filter(|t| !t.is_empty()).map(ToOwned::to_owned),
    })
}

/// Reads an HTTP date.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    parse_rfc7231(text).ok().map(|time| Timestamp::from_unix_seconds(time.unix_timestamp()))
}

/// `bytes 0-9/100`.
fn content_range(headers: &Headers) -> Option<ContentRange> {
    let text = headers.get_optional_str(&HeaderName::from_static("content-range"))?;
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let range =
        ContentRange { first: first.parse().ok()?, last: last.parse().ok()?, total: total.parse().ok()? };
    (range.first <= range.last && range.last < range.total).then_some(range)
}

fn range_header(range: ByteRange) -> Option<String> {
    // Azure reads offsets as signed numbers; no blob is that long.
    let cap = |offset: u64| offset.min(i64::MAX.unsigned_abs());
    match range {
        ByteRange::Between { first, last } => Some(format!("bytes={}-{}", cap(first), cap(last))),
        ByteRange::From(first) => Some(format!("bytes={}-", cap(first))),
        ByteRange::Last(_) => None,
    }
}

/// The conditions that Azure can judge: it takes one tag at a time, no `*` for reads, and either the kind that answers 412
/// or the kind that answers 304. The rest is judged on the answer.
fn condition_headers(conditions: &Conditions) -> Vec<(HeaderName, String)> {
    let single = |wanted: &Option<ETagMatch>| match wanted {
        Some(ETagMatch::OneOf(tags)) if tags.len() == 1 => tags.first().map(|tag| tag.as_str().to_owned()),
        _ => None,
    };
    let date = |time: Timestamp| {
        OffsetDateTime::from_unix_timestamp(time.unix_seconds()).ok().map(|time| to_rfc7231(&time))
    };
    let header = match conditions {
        Conditions { if_match: Some(_), .. } => single(&conditions.if_match).map(|tag| (IF_MATCH, tag)),
        Conditions { if_unmodified_since: Some(limit), .. } => {
            date(*limit).map(|date| (IF_UNMODIFIED_SINCE, date))
        }
        Conditions { if_none_match: Some(_), .. } => {
            single(&conditions.if_none_match).map(|tag| (IF_NONE_MATCH, tag))
        }
        Conditions { if_modified_since: Some(since), .. } => {
            date(*since).map(|date| (IF_MODIFIED_SINCE, date))
        }
        _ => None,
    };
    header.into_iter().collect()
}

fn judge(conditions: &Conditions, meta: &ObjectMeta) -> Result<(), StoreError> {
    match conditions.judge(meta.etag.as_ref(), meta.last_modified) {
        Verdict::Send => Ok(()),
        Verdict::NotModified => Err(StoreError::new(StoreOperation::Get, StoreErrorKind::NotModified)),
        Verdict::PreconditionFailed => {
            Err(StoreError::new(StoreOperation::Get, StoreErrorKind::PreconditionFailed))
        }
    }
}

fn unsatisfiable(total: u64) -> StoreError {
    StoreError::new(StoreOperation::Get, StoreErrorKind::RangeNotSatisfiable { total })
}
