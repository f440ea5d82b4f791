//! Reading: metadata, and bytes with ranges and conditions.

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue,
    LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use jiff::fmt::rfc2822;

use crate::domain::key::ObjectKey;
use crate::domain::object::{ByteRange, Conditions, ContentRange, ETagMatch, ObjectMeta, Verdict};
use crate::domain::time::Timestamp;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::gcp::list::{FIELDS, Item, STANDARD, etag};
use crate::provider::gcp::place::Query;
use crate::provider::gcp::{GcsStore, error};
use crate::provider::{GetOptions, Opened, wire};

/// The most that one object's description can have, in bytes.
const MAX_META_BYTES: usize = 64 * 1024;

/// Google's word for "stored without a coding".
const IDENTITY: &str = "identity";

impl GcsStore {
    pub(super) async fn read_meta(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        self.meta_during(StoreOperation::Head, key).await
    }

    async fn meta_during(
        &self,
        operation: StoreOperation,
        key: &ObjectKey,
    ) -> Result<ObjectMeta, StoreError> {
        let url = self.place.object(operation, key, &Query::default().with("fields", FIELDS))?;
        let answer = self.ask(operation, &url, self.proof.headers(operation).await?).await?;
        if answer.status() != StatusCode::OK {
            return Err(error::read(operation, answer).await);
        }
        let body = wire::read_all(operation, answer.into_body(), MAX_META_BYTES).await?;
        let meta = Item::parse(&body).and_then(Item::into_meta);
        let meta =
            meta.map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::Unexpected, cause))?;
        if meta.key == *key { Ok(meta) } else { Err(unreadable(operation, "the answer is of another key")) }
    }

    pub(super) async fn open_object(
        &self,
        key: &ObjectKey,
        options: &GetOptions,
    ) -> Result<Opened, StoreError> {
        let operation = StoreOperation::Get;
        let url = self.place.object(operation, key, &conditions_query(&options.conditions))?;
        let mut headers = self.proof.headers(operation).await?;
        // Without it Google unpacks objects that were stored with `Content-Encoding: gzip` (transcoding).
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(range) = options.range.and_then(|range| HeaderValue::try_from(range_text(range)).ok()) {
            headers.insert(RANGE, range);
        }
        let answer = self.ask(operation, &url, headers).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => self.opened(key, options, answer).await,
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let refused = error::read(operation, answer).await;
                Err(self.explain_range(key, options, refused).await)
            }
            _ => Err(error::read(operation, answer).await),
        }
    }

    /// Judges the head of an answer with bytes before any of them is handed on.
    async fn opened(
        &self,
        key: &ObjectKey,
        options: &GetOptions,
        answer: Response<Incoming>,
    ) -> Result<Opened, StoreError> {
        let operation = StoreOperation::Get;
        let length = number(answer.headers(), &CONTENT_LENGTH);
        if options.range.is_some() && length == Some(0) {
            // No byte can be in range, however the server words it.
            let kind = StoreErrorKind::RangeNotSatisfiable { total: 0 };
            return Err(self.explain_range(key, options, StoreError::new(operation, kind)).await);
        }
        let range = content_range(answer.headers());
        if !is_asked_range(options.range, range, &answer) {
            return Err(unreadable(operation, "the answer holds other bytes than asked for"));
        }
        let stored =
            named(answer.headers(), "x-goog-stored-content-length").and_then(|text| text.parse().ok());
        let size = range.map(|range| range.total).or(length).or(stored);
        let size = size.ok_or_else(|| unreadable(operation, "the answer lacks its length"))?;
        if transformed(answer.headers()) || stored.is_some_and(|stored: u64| stored != size) {
            return Err(unreadable(operation, "the bytes were transformed on their way"));
        }
        let mut meta = meta(key, answer.headers(), size);
        if meta.last_modified.is_none() && needs_time(&options.conditions) {
            let told = self.meta_during(operation, key).await?;
            meta.last_modified = told.last_modified.filter(|_| told.etag == meta.etag);
        }
        judge(operation, &options.conditions, &meta)?;
        Ok(Opened { meta, range, body: wire::stream(answer.into_body()) })
    }

    /// A range outside the object: conditions that Google was not asked go first, and the size comes from the
    /// metadata where the answer did not say it.
    async fn explain_range(&self, key: &ObjectKey, options: &GetOptions, refused: StoreError) -> StoreError {
        let known = matches!(refused.kind, StoreErrorKind::RangeNotSatisfiable { .. });
        if known && options.conditions == Conditions::default() {
            return refused;
        }
        match self.meta_during(StoreOperation::Get, key).await {
            Ok(meta) => match judge(StoreOperation::Get, &options.conditions, &meta) {
                Ok(()) => StoreError {
                    kind: StoreErrorKind::RangeNotSatisfiable { total: meta.size_bytes },
                    ..refused
                },
                Err(verdict) => verdict,
            },
            Err(error) => error,
        }
    }
}

/// Whether the answer holds the bytes that were asked for. A whole object is one too: a server may ignore ranges.
fn is_asked_range(asked: Option<ByteRange>, got: Option<ContentRange>, answer: &Response<Incoming>) -> bool {
    match (answer.status(), got) {
        (StatusCode::PARTIAL_CONTENT, Some(got)) => {
            asked.and_then(|asked| asked.resolve(got.total)) == Some(got)
                && number(answer.headers(), &CONTENT_LENGTH).is_none_or(|length| length == got.len())
        }
        (status, got) => status != StatusCode::PARTIAL_CONTENT && got.is_none(),
    }
}

/// The conditions that the API can judge by itself: one entity tag that we could have given. The rest, and
/// these once more, are judged when the answer's head is there.
fn conditions_query(conditions: &Conditions) -> Query {
    let mut query = Query::default().with("alt", "media");
    match &conditions.if_match {
        Some(wanted) => match generation(wanted) {
            Some(number) => query = query.with("ifGenerationMatch", &number.to_string()),
            // The other conditions count only when this one holds, so they wait with it.
            None => return query,
        },
        None if conditions.if_unmodified_since.is_some() => return query,
        None => {}
    }
    if let Some(number) = conditions.if_none_match.as_ref().and_then(generation) {
        query = query.with("ifGenerationNotMatch", &number.to_string());
    }
    query
}

/// The generation behind a condition that names exactly one of our tags.
fn generation(wanted: &ETagMatch) -> Option<i64> {
    let ETagMatch::OneOf(tags) = wanted else { return None };
    let [tag] = tags.as_slice() else { return None };
    let number: i64 = tag.as_str().trim_matches('"').parse().ok()?;
    // 0 means "no such object" to the API, and `+5` is no tag that we give.
    (number > 0 && etag(&number.to_string()).as_ref() == Some(tag)).then_some(number)
}

fn needs_time(conditions: &Conditions) -> bool {
    conditions.if_modified_since.is_some() || conditions.if_unmodified_since.is_some()
}

fn judge(operation: StoreOperation, conditions: &Conditions, meta: &ObjectMeta) -> Result<(), StoreError> {
    match conditions.judge(meta.etag.as_ref(), meta.last_modified) {
        Verdict::Send => Ok(()),
        Verdict::NotModified => Err(StoreError::new(operation, StoreErrorKind::NotModified)),
        Verdict::PreconditionFailed => Err(StoreError::new(operation, StoreErrorKind::PreconditionFailed)),
    }
}

fn range_text(range: ByteRange) -> String {
    match range {
        ByteRange::Between { first, last } => format!("bytes={first}-{last}"),
        ByteRange::From(first) => format!("bytes={first}-"),
        ByteRange::Last(count) => format!("bytes=-{count}"),
    }
}

fn meta(key: &ObjectKey, headers: &HeaderMap, size_bytes: u64) -> ObjectMeta {
    let coding = stored_coding(headers).or_else(|| text(headers, &CONTENT_ENCODING));
    ObjectMeta {
        key: key.clone(),
        size_bytes,
        etag: named(headers, "x-goog-generation").and_then(etag),
        last_modified: text(headers, &LAST_MODIFIED).and_then(parse_http_date),
        storage_class: Some(named(headers, "x-goog-storage-class").unwrap_or(STANDARD).to_owned()),
        archived: false,
        content_type: text(headers, &CONTENT_TYPE).filter(|kind| !kind.is_empty()).map(str::to_owned),
        content_encoding: coding
            .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(IDENTITY))
            .map(str::to_owned),
    }
}

/// Whether the bytes are not those that are stored: Google unpacked them, or something on the way packed them.
fn transformed(headers: &HeaderMap) -> bool {
    let packed = |coding: Option<&str>| {
        coding.is_some_and(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(IDENTITY))
    };
    let unpacked = named(headers, "x-guploader-response-body-transformations").is_some()
        || named(headers, "warning").is_some_and(|text| text.contains("UploadServer gunzipped"));
    let added = packed(text(headers, &CONTENT_ENCODING))
        && stored_coding(headers).is_some_and(|coding| !packed(Some(coding)));
    unpacked || added
}

fn stored_coding(headers: &HeaderMap) -> Option<&str> {
    named(headers, "x-goog-stored-content-encoding")
}

fn named<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// `bytes first-last/total`.
fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let (span, total) = text(headers, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let range =
        ContentRange { first: first.parse().ok()?, last: last.parse().ok()?, total: total.parse().ok()? };
    (range.first <= range.last && range.last < range.total).then_some(range)
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_unix_millis(time.as_millisecond()))
}

fn unreadable(operation: StoreOperation, why: &'static str) -> StoreError {
    StoreError::caused_by(operation, StoreErrorKind::Unexpected, why)
}
