//! Reading: HEAD and GET, with ranges and conditions.

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::body::Incoming;
use jiff::fmt::rfc2822;

use crate::domain::key::ObjectKey;
use crate::domain::object::{ByteRange, Conditions, ContentRange, ETag, ETagMatch, ObjectMeta, Verdict};
use crate::domain::time::Timestamp;
use crate::provider::aws::{Ask, S3Store, error};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::{GetOptions, Opened, wire};

/// The class of an object whose answer names none (S3 API reference, `HeadObject`).
pub(super) const STANDARD: &str = "STANDARD";

/// Whether objects of the class must be restored before they can be read. `GLACIER_IR` need not.
pub(super) fn is_archive_class(class: &str) -> bool {
    matches!(class, "GLACIER" | "DEEP_ARCHIVE")
}

impl S3Store {
    pub(super) async fn read_meta(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        let operation = StoreOperation::Head;
        let ask =
            Ask { operation, method: Method::HEAD, key: key.as_str(), query: "", headers: HeaderMap::new() };
        let answer = self.send(ask).await?;
        if !answer.status().is_success() {
            return Err(error::read(operation, answer).await);
        }
        let size = content_length(answer.headers()).ok_or_else(|| unreadable(operation))?;
        Ok(meta(key, answer.headers(), size))
    }

    pub(super) async fn open_object(
        &self,
        key: &ObjectKey,
        options: &GetOptions,
    ) -> Result<Opened, StoreError> {
        let operation = StoreOperation::Get;
        let headers =
            ask_headers(options).ok_or_else(|| StoreError::new(operation, StoreErrorKind::Invalid))?;
        let ask = Ask { operation, method: Method::GET, key: key.as_str(), query: "", headers };
        let answer = self.send(ask).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
            StatusCode::RANGE_NOT_SATISFIABLE => {
                let refused = error::read(operation, answer).await;
                return Err(self.explain_range(key, options, refused).await);
            }
            _ => return Err(error::read(operation, answer).await),
        }
        let range = content_range(answer.headers());
        // Some stores answer the last bytes of an empty object with 206 and a range that is none.
        if range.is_none()
            && header(answer.headers(), "content-range").is_some_and(|text| text.ends_with("/0"))
        {
            let refused = StoreError::new(operation, StoreErrorKind::RangeNotSatisfiable { total: 0 });
            return Err(self.explain_range(key, options, refused).await);
        }
        if !is_asked_range(options.range, range, &answer) {
            return Err(unreadable(operation));
        }
        let size = range.map(|range| range.total).or_else(|| content_length(answer.headers()));
        let meta = meta(key, answer.headers(), size.ok_or_else(|| unreadable(operation))?);
        judge(operation, &options.conditions, &meta)?;
        Ok(Opened { meta, range, body: wire::stream(answer.into_body()) })
    }

    /// A range outside the object: conditions that S3 was not asked go first, and the size comes from HEAD where S3 did not say it.
    async fn explain_range(&self, key: &ObjectKey, options: &GetOptions, refused: StoreError) -> StoreError {
        let known = matches!(refused.kind, StoreErrorKind::RangeNotSatisfiable { .. });
        if known && options.conditions == Conditions::default() {
            return refused;
        }
        match self.read_meta(key).await {
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
                && content_length(answer.headers()).is_none_or(|length| length == got.len())
        }
        (status, got) => status != StatusCode::PARTIAL_CONTENT && got.is_none(),
    }
}

/// The request's headers. S3 takes one entity tag in each condition: what it cannot take is left out, and judged
/// when the answer's head is there. `None` when a value does not fit a header.
fn ask_headers(options: &GetOptions) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(range) = options.range {
        let text = match range {
            ByteRange::Between { first, last } => format!("bytes={first}-{last}"),
            ByteRange::From(first) => format!("bytes={first}-"),
            ByteRange::Last(count) => format!("bytes=-{count}"),
        };
        headers.insert(RANGE, text.try_into().ok()?);
    }
    let conditions = &options.conditions;
    match &conditions.if_match {
        Some(wanted) => match single(wanted) {
            Some(tag) => put(&mut headers, IF_MATCH, tag.as_str())?,
            // The other conditions count only when this one holds, so they wait with it.
            None => return Some(headers),
        },
        None => put_time(&mut headers, IF_UNMODIFIED_SINCE, conditions.if_unmodified_since)?,
    }
    match &conditions.if_none_match {
        Some(known) => {
            if let Some(tag) = single(known) {
                put(&mut headers, IF_NONE_MATCH, tag.as_str())?;
            }
        }
        None => put_time(&mut headers, IF_MODIFIED_SINCE, conditions.if_modified_since)?,
    }
    Some(headers)
}

fn single(wanted: &ETagMatch) -> Option<&ETag> {
    match wanted {
        ETagMatch::OneOf(tags) => match tags.as_slice() {
            [tag] => Some(tag),
            _ => None,
        },
        ETagMatch::Any => None,
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, text: &str) -> Option<()> {
    headers.insert(name, HeaderValue::from_str(text).ok()?);
    Some(())
}

fn put_time(headers: &mut HeaderMap, name: HeaderName, time: Option<Timestamp>) -> Option<()> {
    match time {
        Some(time) => put(headers, name, &http_date(time)?),
        None => Some(()),
    }
}

/// Judges all conditions, also those that S3 was asked: some stores ignore them.
fn judge(operation: StoreOperation, conditions: &Conditions, meta: &ObjectMeta) -> Result<(), StoreError> {
    match conditions.judge(meta.etag.as_ref(), meta.last_modified) {
        Verdict::Send => Ok(()),
        Verdict::NotModified => Err(StoreError::new(operation, StoreErrorKind::NotModified)),
        Verdict::PreconditionFailed => Err(StoreError::new(operation, StoreErrorKind::PreconditionFailed)),
    }
}

fn meta(key: &ObjectKey, headers: &HeaderMap, size_bytes: u64) -> ObjectMeta {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let storage_class = header(headers, "x-amz-storage-class").unwrap_or(STANDARD);
    ObjectMeta {
        key: key.clone(),
        size_bytes,
        etag: text(&ETAG).and_then(|tag| ETag::parse(tag).ok()),
        last_modified: text(&LAST_MODIFIED).and_then(parse_http_date),
        archived: is_archived(storage_class, headers),
        storage_class: Some(storage_class.to_owned()),
        content_type: text(&CONTENT_TYPE).map(str::to_owned),
        content_encoding: text(&CONTENT_ENCODING).filter(|coding| !coding.is_empty()).map(str::to_owned),
    }
}

/// By its class, or by the archive tier that Intelligent-Tiering moved it to; not while a restored copy is there.
fn is_archived(storage_class: &str, headers: &HeaderMap) -> bool {
    let restored =
        header(headers, "x-amz-restore").is_some_and(|text| text.contains("ongoing-request=\"false\""));
    (is_archive_class(storage_class) || headers.contains_key("x-amz-archive-status")) && !restored
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `bytes first-last/total`.
fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (span, total) = text.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let range =
        ContentRange { first: first.parse().ok()?, last: last.parse().ok()?, total: total.parse().ok()? };
    (range.first <= range.last && range.last < range.total).then_some(range)
}

fn http_date(time: Timestamp) -> Option<String> {
    let time = jiff::Timestamp::from_second(time.unix_seconds()).ok()?;
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    let time = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_unix_millis(time.as_millisecond()))
}

fn unreadable(operation: StoreOperation) -> StoreError {
    StoreError::caused_by(operation, StoreErrorKind::Unexpected, "S3's answer lacks its length or range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archived_means_that_a_restore_is_needed_first() {
        let archived = |class: &str, more: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in more {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_archived(class, &headers)
        };
        let under_way = ("x-amz-restore", "ongoing-request=\"true\"");
        let done =
            ("x-amz-restore", "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"");
        let tier = ("x-amz-archive-status", "DEEP_ARCHIVE_ACCESS");
        for class in ["GLACIER", "DEEP_ARCHIVE"] {
            assert!(archived(class, &[]) && archived(class, &[under_way]));
            assert!(!archived(class, &[done]));
        }
        for class in ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "INTELLIGENT_TIERING"] {
            assert!(!archived(class, &[]), "{class}");
        }
        assert!(archived("INTELLIGENT_TIERING", &[tier]));
        assert!(archived("INTELLIGENT_TIERING", &[tier, under_way]));
    }

    #[test]
    fn a_content_range_is_whole_or_nothing() {
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, HeaderValue::from_static(text))]);
            content_range(&headers).map(|range| (range.first, range.last, range.total))
        };
        assert_eq!(read("bytes 0-0/1"), Some((0, 0, 1)));
        assert_eq!(read("bytes 5-9/10"), Some((5, 9, 10)));
        for bad in
            ["", "bytes */10", "bytes 0-10/10", "bytes 3-2/10", "bytes 0--1/0", "bytes 0-1/*", "lines 0-1/2"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_date_of_http_reads_back() {
        let time = Timestamp::from_unix_seconds(784_111_777);
        assert_eq!(http_date(time).as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(time));
        assert_eq!(parse_http_date("yesterday"), None);
    }
}
