//! What the words promise.

use proptest::prelude::*;

use crate::domain::bucket::BucketId;
use crate::domain::key::{InvalidKey, ObjectKey, Prefix};
use crate::domain::object::{ByteRange, Conditions, ContentRange, ETag, ETagMatch, Verdict};
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;

#[test]
fn a_bucket_id_is_an_id_and_never_a_path() {
    for good in ["pay", "payments-prod", "a", "0", &"x".repeat(63)] {
        assert!(BucketId::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "..", "PAY", "pay/x", "pay ", "pay.", "-pay", "pay-", "*", "päy", &"x".repeat(64)] {
        assert!(BucketId::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_key_keeps_every_byte_and_refuses_nul_and_bad_utf8() {
    for odd in ["a//b", "../x", "a/../b", " ", "a?b#c", "%2F", "日本", "/lead", "trail/"] {
        assert_eq!(ObjectKey::from_bytes(odd.as_bytes()).unwrap().as_str(), odd);
    }
    assert_eq!(ObjectKey::from_bytes(b""), Err(InvalidKey::Empty));
    assert_eq!(ObjectKey::from_bytes(b"a\0b"), Err(InvalidKey::Nul));
    assert_eq!(ObjectKey::from_bytes(b"a\xffb"), Err(InvalidKey::NotUtf8));
    assert_eq!(ObjectKey::from_bytes(&[b'a'; 4097]), Err(InvalidKey::TooLong));
}

#[test]
fn the_folders_above_a_key_stop_at_slashes() {
    let folders = |key: &str| -> Vec<String> {
        ObjectKey::parse(key).unwrap().ancestors().map(|p| p.as_str().to_owned()).collect()
    };
    assert_eq!(folders("team-a/x/y.log"), ["team-a/x/", "team-a/", ""]);
    assert_eq!(folders("team-ab"), [""]);
    assert_eq!(folders("a//b"), ["a//", "a/", ""]);
    assert_eq!(folders("/a"), ["/", ""]);
    let own: Vec<_> = Prefix::parse("a/b/").unwrap().folders().map(|p| p.as_str().to_owned()).collect();
    assert_eq!(own, ["a/b/", "a/", ""]);
}

#[test]
fn a_range_means_what_rfc_9110_says() {
    let got = |range: ByteRange, total| range.resolve(total).map(|r| (r.first, r.last));
    assert_eq!(got(ByteRange::Between { first: 0, last: 0 }, 10), Some((0, 0)));
    assert_eq!(got(ByteRange::Between { first: 5, last: 99 }, 10), Some((5, 9)));
    assert_eq!(got(ByteRange::From(9), 10), Some((9, 9)));
    assert_eq!(got(ByteRange::From(10), 10), None);
    assert_eq!(got(ByteRange::Last(3), 10), Some((7, 9)));
    assert_eq!(got(ByteRange::Last(30), 10), Some((0, 9)));
    assert_eq!(got(ByteRange::Last(1), 0), None);
}

#[test]
fn conditions_are_judged_in_the_order_of_rfc_9110() {
    let tag = ETag::parse("abc").unwrap();
    let other = ETag::parse("\"xyz\"").unwrap();
    let time = Timestamp::from_unix_seconds(100);
    let judge = |c: Conditions| c.judge(Some(&tag), Some(time));
    let one = |t: &ETag| Some(ETagMatch::OneOf(vec![t.clone()]));
    assert_eq!(judge(Conditions::default()), Verdict::Send);
    assert_eq!(
        judge(Conditions { if_match: one(&other), ..Default::default() }),
        Verdict::PreconditionFailed
    );
    assert_eq!(judge(Conditions { if_match: one(&tag), ..Default::default() }), Verdict::Send);
    assert_eq!(judge(Conditions { if_none_match: one(&tag), ..Default::default() }), Verdict::NotModified);
    let since =
        |s| Conditions { if_modified_since: Some(Timestamp::from_unix_seconds(s)), ..Default::default() };
    assert_eq!(judge(since(100)), Verdict::NotModified);
    assert_eq!(judge(since(99)), Verdict::Send);
    let stale = Conditions { if_none_match: one(&other), ..since(100) };
    assert_eq!(judge(stale), Verdict::Send, "If-None-Match wins over If-Modified-Since");
}

#[test]
fn a_secret_does_not_show_itself() {
    let secret = Secret::new("hunter2".to_owned());
    assert!(!format!("{secret:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn a_resolved_range_lies_inside_the_object(first in 0_u64..50, extra in 0_u64..50, total in 0_u64..60) {
        for range in [
            ByteRange::Between { first, last: first + extra },
            ByteRange::From(first),
            ByteRange::Last(extra + 1),
        ] {
            if let Some(ContentRange { first, last, total: whole }) = range.resolve(total) {
                prop_assert!(first <= last && last < total && whole == total);
            }
        }
    }

    #[test]
    fn every_ancestor_covers_its_key_and_ends_in_a_slash(key in "[a-c/.]{1,20}") {
        let key = ObjectKey::parse(&key).unwrap();
        for folder in key.ancestors() {
            prop_assert!(folder.covers(key.as_str()) && folder.is_folder());
        }
    }

    #[test]
    fn a_timestamp_reads_back_what_it_writes(millis in 0_i64..4_102_444_800_000) {
        let time = Timestamp::from_unix_millis(millis);
        prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
}
