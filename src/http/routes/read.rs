//! `GET|HEAD /api/v1/buckets/{bucket}/objects/{key}`, and the same with the key as a query parameter: an object's bytes.
//!
//! Log objects are served so that no browser runs them: as a download, of a neutral type, in a sandbox.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::api::objects::{ReadByKeyQuery, ReadQuery};
use crate::authz::permit::{ObjectTarget, Permit, ReadObject};
use crate::domain::bucket::Bucket;
use crate::domain::key::ObjectKey;
use crate::domain::object::{ByteRange, Conditions, ETag, ETagMatch, ObjectMeta, Verdict};
use crate::http::body::ObjectBody;
use crate::http::disposition;
use crate::http::extract::conditions::{self, IfRange};
use crate::http::extract::{query, range, target};
use crate::http::guard::Ask;
use crate::http::problem::{Problem, Slug, store};
use crate::http::state::AppState;
use crate::logs::decode_stream::{self, OpenError};
use crate::logs::redact;
use crate::provider::error::StoreOperation;
use crate::provider::{GetOptions, Opened, StoreError, StoreErrorKind};
use crate::service::objects;

const X_LOGBOOM_STORAGE_CLASS: HeaderName = HeaderName::from_static("x-logboom-storage-class");
const X_LOGBOOM_REDACTED: HeaderName = HeaderName::from_static("x-logboom-redacted");
const X_LOGBOOM_LABEL: HeaderName = HeaderName::from_static("x-logboom-label");

/// The parsed request for an object.
#[derive(Debug)]
pub struct Read {
    range: Option<ByteRange>,
    if_range: IfRange,
    conditions: Conditions,
    decode: bool,
    download: bool,
}

/// The same request with the key as a query parameter, for proxies that cannot carry every key in a path.
#[derive(Debug)]
pub struct ReadByKey(Read);

impl Ask for Read {
    type Target = ObjectTarget;

    async fn load(state: &AppState, request: Request) -> Result<(ObjectTarget, Self), Problem> {
        let asked: ReadQuery = query::parse(request.uri())?;
        let key = target::object_key(request.uri())?;
        let read = Self::parse(&request, &asked)?;
        Ok((object(state, request.uri(), key)?, read))
    }
}

impl Ask for ReadByKey {
    type Target = ObjectTarget;

    async fn load(state: &AppState, request: Request) -> Result<(ObjectTarget, Self), Problem> {
        let asked: ReadByKeyQuery = query::parse(request.uri())?;
        let key = asked.key.as_deref().ok_or_else(|| Problem::invalid_field("key", "is missing"))?;
        let key = ObjectKey::parse(key).map_err(|error| Problem::invalid_field("key", error))?;
        let read = Read::parse(&request, &ReadQuery { decode: asked.decode, download: asked.download })?;
        Ok((object(state, request.uri(), key)?, Self(read)))
    }
}

fn object(state: &AppState, uri: &Uri, key: ObjectKey) -> Result<ObjectTarget, Problem> {
    Ok(ObjectTarget { bucket: target::bucket(state, uri)?, key })
}

impl Read {
    fn parse(request: &Request, asked: &ReadQuery) -> Result<Self, Problem> {
        let headers = request.headers();
        // RFC 9110 section 14.2: a range is defined for GET alone.
        let range = if request.method() == Method::GET { range::of(headers) } else { None };
        let decode = asked.decode.unwrap_or(false);
        if decode && range.is_some() {
            return Err(Problem::invalid_field("decode", "cannot be combined with a range of stored bytes"));
        }
        Ok(Self {
            range,
            if_range: conditions::if_range(headers),
            conditions: conditions::of(headers)?,
            decode,
            download: asked.download.unwrap_or(false),
        })
    }
}

/// Answers with an object's bytes.
pub async fn get(
    state: AppState,
    permit: Permit<ReadObject, ObjectTarget>,
    asked: Read,
) -> Result<Response, Problem> {
    let bucket = &permit.resource().bucket;
    let redactor = state.logs.redactor(&bucket.id).filter(|_| !permit.sees_all());
    if !permit.sees_all() && (redactor.is_none() || !asked.decode) {
        return Err(as_stored(bucket));
    }
    let slot = state.streams.open(&permit.principal().id)?;
    let opened = match open(&state, &permit, &asked).await {
        Ok(opened) => opened,
        Err(error) if error.kind == StoreErrorKind::NotModified => {
            return Ok(unchanged(&state, &permit, &asked).await);
        }
        Err(error) => return Err(store::problem(bucket, &error)),
    };
    let mut headers = object_headers(&permit, &opened.meta, &asked);
    let (status, length) = match opened.range {
        Some(range) => {
            let value = format!("bytes {}-{}/{}", range.first, range.last, range.total);
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (CONTENT_RANGE, value)));
            (StatusCode::PARTIAL_CONTENT, range.len())
        }
        None => (StatusCode::OK, opened.meta.size_bytes),
    };
    let (bytes, length) = if asked.decode {
        let decoded = decode_stream::open(opened.body, state.options.decode).await;
        let body = decoded.map_err(|error| undecodable(bucket, error))?.body;
        match redactor {
            Some(redactor) => {
                headers.insert(X_LOGBOOM_REDACTED, HeaderValue::from_static("true"));
                (redact::stream::of(redactor, body, Arc::clone(&state.search_limits.threads)), None)
            }
            None => (body, None),
        }
    } else {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        (opened.body, Some(length))
    };
    let body = ObjectBody::start(bytes, length, bucket.id.to_string(), Arc::clone(&state.metrics), slot);
    Ok((status, headers, body).into_response())
}

/// Answers with an object's headers.
pub async fn head(
    state: AppState,
    permit: Permit<ReadObject, ObjectTarget>,
    asked: Read,
) -> Result<Response, Problem> {
    let bucket = &permit.resource().bucket;
    // The length and the tag of the stored bytes tell of what is not shown.
    if !permit.sees_all() && !asked.decode {
        return Err(as_stored(bucket));
    }
    let meta = objects::head(&state.stores, &permit).await;
    let meta = meta.map_err(|error| store::problem(bucket, &error))?;
    match asked.conditions.judge(meta.etag.as_ref(), meta.last_modified) {
        Verdict::NotModified => return Ok(not_modified(Some(&meta), &asked)),
        Verdict::PreconditionFailed => {
            let failed = StoreError::new(StoreOperation::Head, StoreErrorKind::PreconditionFailed);
            return Err(store::problem(bucket, &failed));
        }
        Verdict::Send => {}
    }
    let mut headers = object_headers(&permit, &meta, &asked);
    if !asked.decode {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(meta.size_bytes));
    }
    // An empty body would say a length of 0 where the length is not known.
    let body = if asked.decode {
        Body::from_stream(stream::empty::<Result<Bytes, Infallible>>())
    } else {
        Body::empty()
    };
    Ok((headers, body).into_response())
}

/// [`get`] for a key in the query.
pub async fn get_by_key(
    state: AppState,
    permit: Permit<ReadObject, ObjectTarget>,
    asked: ReadByKey,
) -> Result<Response, Problem> {
    get(state, permit, asked.0).await
}

/// [`head`] for a key in the query.
pub async fn head_by_key(
    state: AppState,
    permit: Permit<ReadObject, ObjectTarget>,
    asked: ReadByKey,
) -> Result<Response, Problem> {
    head(state, permit, asked.0).await
}

/// Opens the object, with the range only if `If-Range` lets it stand.
async fn open(
    state: &AppState,
    permit: &Permit<ReadObject, ObjectTarget>,
    asked: &Read,
) -> Result<Opened, StoreError> {
    let whole = GetOptions { range: None, conditions: asked.conditions.clone() };
    let mut part = GetOptions { range: asked.range, ..whole.clone() };
    if asked.range.is_none() {
        return objects::open(&state.stores, permit, &whole).await;
    }
    if asked.if_range == IfRange::Absent {
        return objects::open(&state.stores, permit, &part).await;
    }
    if let Some(tag) = version_of_part(state, permit, asked).await? {
        // The part is of this version or of none, even when the object is replaced this very moment.
        part.conditions.if_match = Some(ETagMatch::OneOf(vec![tag]));
        match objects::open(&state.stores, permit, &part).await {
            Err(error) if error.kind == StoreErrorKind::PreconditionFailed => {}
            answer => return answer,
        }
    }
    objects::open(&state.stores, permit, &whole).await
}

/// The one version of which a part may be sent: the one that `If-Range` names, unless `If-Match` or
/// `If-Unmodified-Since`, which count before it (RFC 9110 section 13.2.2), do not let it pass.
async fn version_of_part(
    state: &AppState,
    permit: &Permit<ReadObject, ObjectTarget>,
    asked: &Read,
) -> Result<Option<ETag>, StoreError> {
    let conditions = &asked.conditions;
    match &asked.if_range {
        IfRange::Absent | IfRange::Never => return Ok(None),
        IfRange::Tag(tag) if conditions.if_unmodified_since.is_none() => {
            let passes = conditions.if_match.as_ref().is_none_or(|wanted| wanted.matches(Some(tag)));
            return Ok(passes.then(|| tag.clone()));
        }
        IfRange::Tag(_) | IfRange::Date(_) => {}
    }
    let meta = objects::head(&state.stores, permit).await?;
    let named = match &asked.if_range {
        IfRange::Tag(tag) => meta.etag.as_ref() == Some(tag),
        IfRange::Date(date) => {
            meta.last_modified.is_some_and(|time| time.unix_seconds() == date.unix_seconds())
        }
        IfRange::Absent | IfRange::Never => false,
    };
    let verdict = conditions.judge(meta.etag.as_ref(), meta.last_modified);
    Ok(meta.etag.filter(|_| named && verdict != Verdict::PreconditionFailed))
}

/// The bytes as they are stored hold what the caller may not see.
fn as_stored(bucket: &Bucket) -> Problem {
    let detail =
        format!("Bucket {} is redacted for you: its objects cannot be read as they are stored", bucket.id);
    Problem::new(Slug::Redacted, detail).hint(format!(
        "Read it with ?decode=true, or search it; whoever needs all of it asks the group {} for ReadUnredacted",
        bucket.owner
    ))
}

fn undecodable(bucket: &Bucket, error: OpenError) -> Problem {
    match error {
        OpenError::Store(error) => store::problem(bucket, &error),
        OpenError::Decode(error) => {
            let detail = format!("The object in bucket {} cannot be decoded: {error}", bucket.id);
            Problem::new(Slug::NotDecodable, detail).hint("Read the stored bytes without decode=true")
        }
    }
}

/// The answer to a GET whose conditions say 304. The store told no more than that; what its metadata says is of the
/// same version only if the conditions say the same of it.
async fn unchanged(state: &AppState, permit: &Permit<ReadObject, ObjectTarget>, asked: &Read) -> Response {
    let meta = objects::head(&state.stores, permit).await.ok();
    let is_unchanged = |meta: &ObjectMeta| {
        asked.conditions.judge(meta.etag.as_ref(), meta.last_modified) == Verdict::NotModified
    };
    not_modified(meta.filter(is_unchanged).as_ref(), asked)
}

/// A 304 carries those headers of a 200 that tell the version and how to keep it (RFC 9110 section 15.4.5).
fn not_modified(meta: Option<&ObjectMeta>, asked: &Read) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(meta) = meta.filter(|_| !asked.decode) {
        version_headers(&mut headers, meta);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

fn object_headers(permit: &Permit<ReadObject, ObjectTarget>, meta: &ObjectMeta, asked: &Read) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    let target = permit.resource();
    let disposition =
        if asked.download { disposition::attachment(&target.key) } else { "attachment".to_owned() };
    headers.extend(HeaderValue::try_from(disposition).ok().map(|value| (CONTENT_DISPOSITION, value)));
    let kind = if asked.decode { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let label = HeaderValue::try_from(target.bucket.label.as_str());
    headers.extend(label.ok().map(|value| (X_LOGBOOM_LABEL, value)));
    let class = meta.storage_class.as_deref().map(HeaderValue::try_from);
    headers.extend(class.and_then(Result::ok).map(|value| (X_LOGBOOM_STORAGE_CLASS, value)));
    if !asked.decode {
        // The tag and the ranges are those of the stored bytes; decoded ones are another representation.
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        version_headers(&mut headers, meta);
    }
    headers
}

fn version_headers(headers: &mut HeaderMap, meta: &ObjectMeta) {
    let etag = meta.etag.as_ref().map(|etag| HeaderValue::try_from(etag.as_str()));
    headers.extend(etag.and_then(Result::ok).map(|value| (ETAG, value)));
    let modified = meta.last_modified.and_then(conditions::to_http_date);
    headers.extend(modified.map(|value| (LAST_MODIFIED, value)));
}
