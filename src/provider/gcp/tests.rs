//! What Google's answers mean, without a server.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::prelude::*;

use crate::provider::error::{StoreErrorKind, StoreOperation};
use crate::provider::gcp::{error, list};

fn kind(status: u16, header: Option<(&'static str, &'static str)>, body: &str) -> StoreErrorKind {
    explain(StoreOperation::Get, status, header, body).0
}

fn explain(
    operation: StoreOperation,
    status: u16,
    header: Option<(&'static str, &'static str)>,
    body: &str,
) -> (StoreErrorKind, String) {
    let headers: HeaderMap = header
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    let error = error::explain(operation, status, &headers, body.as_bytes());
    (error.kind, error.cause.unwrap().to_string())
}

fn document(reason: &str, message: &str) -> String {
    serde_json::json!({"error": {"message": message, "errors": [{"reason": reason, "domain": "global"}]}})
        .to_string()
}

#[test]
fn each_refusal_has_its_kind() {
    let throttled =
        |seconds: Option<u64>| StoreErrorKind::Throttled { retry_after: seconds.map(Duration::from_secs) };
    assert_eq!(kind(304, None, ""), StoreErrorKind::NotModified);
    assert_eq!(kind(400, None, &document("invalid", "Invalid argument.")), StoreErrorKind::Invalid);
    assert_eq!(kind(401, None, &document("authError", "Invalid Credentials")), StoreErrorKind::Denied);
    assert_eq!(kind(403, None, &document("forbidden", "no")), StoreErrorKind::Denied);
    assert_eq!(kind(403, None, &document("userRateLimitExceeded", "slow")), throttled(None));
    assert_eq!(kind(412, None, &document("conditionNotMet", "no")), StoreErrorKind::PreconditionFailed);
    assert_eq!(kind(429, Some(("retry-after", "7")), ""), throttled(Some(7)));
    assert_eq!(kind(408, None, ""), StoreErrorKind::Unavailable);
    assert_eq!(kind(500, None, ""), StoreErrorKind::Unavailable);
    assert_eq!(kind(503, None, "<html>"), StoreErrorKind::Unavailable);
    assert_eq!(kind(302, None, ""), StoreErrorKind::Unexpected);
    let outside = Some(("content-range", "bytes */12"));
    assert_eq!(kind(416, outside, ""), StoreErrorKind::RangeNotSatisfiable { total: 12 });
}

#[test]
fn a_missing_bucket_is_told_from_a_missing_object() {
    let bucket = "The specified bucket does not exist.";
    assert_eq!(kind(404, None, bucket), StoreErrorKind::NoSuchBucket);
    assert_eq!(kind(404, None, &document("notFound", bucket)), StoreErrorKind::NoSuchBucket);
    assert_eq!(kind(404, None, "No such object: logs/a"), StoreErrorKind::NoSuchObject);
    let lying = "No such object: logs/The specified bucket does not exist";
    assert_eq!(kind(404, None, lying), StoreErrorKind::NoSuchObject);
    let listing = explain(StoreOperation::List, 404, None, "Not Found").0;
    assert_eq!(listing, StoreErrorKind::NoSuchBucket);
}

#[test]
fn a_cause_repeats_nothing_that_google_quotes() {
    let body = document("forbidden", "SECRET-account does not have access to SECRET-key");
    let (_, cause) = explain(StoreOperation::Get, 403, None, &body);
    assert_eq!(cause, "Google Cloud Storage answered 403 forbidden");
    let (_, cause) = explain(StoreOperation::Get, 403, None, &document("SECRET-in reason", ""));
    assert_eq!(cause, "Google Cloud Storage answered 403");
}

#[test]
fn a_page_is_read_with_its_prefixes_and_classes() {
    let page = list::parse(
        br#"{"kind":"storage#objects","nextPageToken":"t","prefixes":["a/"],"items":[
            {"name":"k","size":"5","generation":"17","timeCreated":"2026-11-23T08:06:02.417Z",
             "updated":"2026-11-24T00:00:00Z","storageClass":"ARCHIVE","contentType":"text/plain"}]}"#,
    )
    .unwrap();
    assert_eq!(page.next.unwrap().0, "t");
    assert_eq!(page.prefixes[0].as_str(), "a/");
    let object = &page.objects[0];
    assert_eq!(object.etag.as_ref().unwrap().as_str(), "\"17\"");
    assert_eq!(object.last_modified.unwrap().to_string(), "2026-11-23T08:06:02Z");
    assert_eq!((object.storage_class.as_deref(), object.archived), (Some("ARCHIVE"), false));
    assert_eq!((object.size_bytes, object.content_encoding.clone()), (5, None));
}

#[test]
fn an_answer_that_is_no_listing_is_refused() {
    for body in [
        "",
        "[]",
        "<html>",
        r#"{"items":[{"name":"","size":"1"}]}"#,
        r#"{"items":[{"name":"k","size":"-1"}]}"#,
    ] {
        assert!(list::parse(body.as_bytes()).is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn no_answer_makes_the_readers_panic(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = list::parse(&body);
        let status = StatusCode::from_u16(status).unwrap();
        let _ = error::explain(StoreOperation::Get, status, &HeaderMap::new(), &body);
    }
}
