//! Keys and bytes: what goes in comes out, exactly.

use bytes::Bytes;

use crate::contract::store::{BESIDE, StoreFixture, TestBucket, all_keys, key, kind, pattern, read};
use logboom::provider::{GetOptions, StoreErrorKind};

/// Keys with everything that URLs, shells and file systems treat as special.
const ODD: [&str; 35] = [
    "a//b",
    "/lead",
    "trail/",
    "with space",
    " space at both ends ",
    "plus+plus",
    "percent%2Ftext",
    "percent%",
    "%00",
    "what?now=1",
    "hash#tag",
    "and&equals=semi;comma,",
    "double\"quote",
    "single'quote",
    "back\\slash",
    "star*",
    "[brackets]",
    "{braces}",
    "~tilde",
    "pipe|less<more>",
    "colon:at@bang!dollar$",
    "tab\there",
    "emoji-🪵.log",
    "שלום-עולם.log",
    "日本語/ログ.log",
    "composed-\u{e9}",
    "combined-e\u{301}",
    ".hidden",
    "dir/.hidden",
    "con",
    "up/../down",
    "./here",
    "end/..",
    "end.",
    "UPPER/case",
];

/// The odd keys, the longest ones, and a key beside a folder of its name.
fn odd() -> Vec<String> {
    let segments = ["s".repeat(204).as_str(); 5].join("/");
    let mut keys: Vec<String> = ODD.iter().map(|&text| text.to_owned()).collect();
    keys.extend(["l".repeat(1024), segments, BESIDE.to_owned(), format!("{BESIDE}/below")]);
    keys
}

pub async fn odd_keys_make_the_round_trip(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let mut expected: Vec<String> = odd().into_iter().filter(|key| fixture.allows(key)).collect();
    bucket.put_all(&expected).await;
    let store = bucket.store();
    let mut listed = all_keys(&store).await;
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    for text in listed {
        let got = read(&store, &text).await;
        assert_eq!(got.unwrap_or_else(|e| panic!("{text:?}: {e}")), text.as_bytes(), "{text:?}");
        let head = store.head(&key(&text)).await;
        assert_eq!(head.unwrap_or_else(|e| panic!("{text:?}: {e}")).key.as_str(), text);
    }
}

pub async fn keys_that_cannot_be_are_absent(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    bucket.put("a/b", Bytes::from_static(b"near")).await;
    bucket.put("lead", Bytes::from_static(b"near")).await;
    bucket.put("down", Bytes::from_static(b"near")).await;
    let store = bucket.store();
    let absent =
        |kind: StoreErrorKind| matches!(kind, StoreErrorKind::NoSuchObject | StoreErrorKind::Invalid);
    for text in odd() {
        let got = kind(store.get(&key(&text), &GetOptions::default()).await);
        assert!(absent(got.clone()), "get {text:?}: {got:?}");
        let head = kind(store.head(&key(&text)).await);
        assert!(absent(head.clone()), "head {text:?}: {head:?}");
    }
}

pub async fn empty_and_large_objects_arrive_whole(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let large = pattern(8 * 1024 * 1024);
    bucket.put("large", large.clone()).await;
    bucket.put("empty", Bytes::new()).await;
    let store = bucket.store();
    assert!(read(&store, "large").await.expect("all bytes") == large, "the bytes differ");
    let empty = store.get(&key("empty"), &GetOptions::default()).await.expect("an object");
    assert_eq!((empty.meta.size_bytes, empty.range), (0, None));
    assert_eq!(read(&store, "empty").await.expect("no bytes"), b"");
}
