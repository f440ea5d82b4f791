//! Parsing at the door.

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use crate::api::objects::ListQuery;
use crate::domain::object::{ByteRange, ETag, ETagMatch};
use crate::http::extract::conditions::{self, IfRange};
use crate::http::extract::{query, range, target};

fn one(name: HeaderName, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
}

#[test]
fn a_key_is_decoded_once_and_never_normalised() {
    for (path, key) in [
        ("a//b", "a//b"),
        ("/lead", "/lead"),
        ("a/../b", "a/../b"),
        ("a%2Fb%252F", "a/b%2F"),
        ("%2e%2e/x", "../x"),
        ("a+b%20c", "a+b c"),
        ("trail/", "trail/"),
    ] {
        let uri: Uri = format!("/api/v1/buckets/pay/objects/{path}").parse().unwrap();
        assert_eq!(target::object_key(&uri).unwrap().as_str(), key);
    }
}

#[test]
fn a_bucket_segment_is_an_id_or_nothing() {
    for path in
        ["pay%2F..%2Fvault", "..%2Fvault", "..", "PAY", "pay%00", "pay%20", "pay.", "*", "%2a", "p%61y"]
    {
        let uri: Uri = format!("/api/v1/buckets/{path}/objects/x").parse().unwrap();
        assert_eq!(target::bucket_id(&uri), None, "{path}");
    }
    let uri: Uri = "/api/v1/buckets/pay".parse().unwrap();
    assert_eq!(target::bucket_id(&uri).unwrap().as_str(), "pay");
}

#[test]
fn a_range_that_makes_no_sense_is_ignored() {
    let of = |text| range::of(&one(RANGE, text));
    assert_eq!(of("bytes=0-4"), Some(ByteRange::Between { first: 0, last: 4 }));
    assert_eq!(of("Bytes=5-"), Some(ByteRange::From(5)));
    assert_eq!(of("bytes=-5"), Some(ByteRange::Last(5)));
    for bad in
        ["bytes=5-4", "bytes=-0", "bytes=+1-2", "lines=1-2", "bytes=0-1,3-4", "bytes=-", "bytes", "bytes=a-b"]
    {
        assert_eq!(of(bad), None, "{bad}");
    }
}

#[test]
fn entity_tags_compare_strongly_or_weakly_as_the_header_says() {
    let tag = || ETag::parse("abc").unwrap();
    let strong = conditions::of(&one(IF_MATCH, "W/\"abc\", \"x\"")).unwrap().if_match.unwrap();
    assert!(!strong.matches(Some(&tag())));
    let weak = conditions::of(&one(IF_NONE_MATCH, "W/\"abc\"")).unwrap().if_none_match.unwrap();
    assert!(weak.matches(Some(&tag())));
    assert_eq!(conditions::of(&one(IF_MATCH, "*")).unwrap().if_match, Some(ETagMatch::Any));
    assert!(conditions::of(&one(IF_MATCH, "abc")).is_err());
    assert_eq!(conditions::if_range(&one(IF_RANGE, "\"abc\"")), IfRange::Tag(tag()));
    assert_eq!(conditions::if_range(&one(IF_RANGE, "W/\"abc\"")), IfRange::Never);
}

#[test]
fn http_dates_read_back_what_they_write() {
    let text = "Sun, 06 Nov 1994 08:49:37 GMT";
    let time = conditions::http_date(text).unwrap();
    assert_eq!(time.unix_seconds(), 784_111_777);
    assert_eq!(conditions::to_http_date(time).unwrap(), text);
}

#[test]
fn unknown_and_repeated_parameters_are_refused() {
    let parse = |text: &str| query::parse::<ListQuery>(&text.parse().unwrap());
    assert_eq!(parse("/x?prefix=a%2Fb&limit=5").unwrap().prefix.as_deref(), Some("a/b"));
    for bad in ["/x?limit=1&limit=2", "/x?limti=1", "/x?limit=-1", "/x?limit=x", "/x?prefix=%ff"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn every_key_survives_the_path(key in "[^\\x00]{1,40}") {
        let path = utf8_percent_encode(&key, NON_ALPHANUMERIC);
        let uri: Uri = format!("/api/v1/buckets/pay/objects/{path}").parse().unwrap();
        let parsed = target::object_key(&uri).unwrap();
        prop_assert_eq!(parsed.as_str(), key);
    }
}
