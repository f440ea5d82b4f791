//! Listings, tiers, ranges and conditions as Azure has them.

use std::time::Duration;

use futures::TryStreamExt;
use logboom::domain::credential::Credential;
use logboom::domain::key::{Delimiter, Prefix};
use logboom::domain::object::{ByteRange, Conditions, ETag, ETagMatch};
use logboom::provider::{GetOptions, StoreErrorKind};

use crate::contract::store::{key, kind, page, read};
use crate::harness::azurite::Azurite;
use crate::providers::azure::{bearer, open_with, store};

#[tokio::test]
async fn folders_tiers_and_odd_names_are_listed_as_they_are() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    for name in ["top.log", "a/1.log", "a/b/2.log", "a//3.log", " lead & <trail> ", "a?b#c", "%2F"] {
        azurite.put(&container, name, "text").await;
    }
    azurite.put_with(&container, "cold.log", "text", &[("x-ms-access-tier", "Cool")]).await;
    let store = store(azurite, &container);
    let root = store.list(&page("", Some(Delimiter), 1000)).await.unwrap();
    let names: Vec<_> = root.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(names, [" lead & <trail> ", "%2F", "a?b#c", "cold.log", "top.log"]);
    assert_eq!(root.prefixes, [Prefix::parse("a/").unwrap()]);
    assert_eq!(root.objects[3].storage_class.as_deref(), Some("Cool"));
    let below = store.list(&page("a/", Some(Delimiter), 1000)).await.unwrap();
    assert_eq!(below.prefixes.iter().map(Prefix::as_str).collect::<Vec<_>>(), ["a//", "a/b/"]);
    for object in &root.objects {
        let head = store.head(&object.key).await.unwrap();
        assert_eq!((head.size_bytes, &head.etag), (4, &object.etag), "{:?}", object.key);
        assert_eq!(head.last_modified, object.last_modified);
    }
    assert_eq!(read(&store, "a//3.log").await.unwrap(), b"text");
}

#[tokio::test]
async fn ranges_count_from_either_end_and_name_the_size_when_they_miss() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    azurite.put(&container, "ten", "0123456789").await;
    azurite.put(&container, "none", "").await;
    let store = store(azurite, &container);
    let part = |range| GetOptions { range: Some(range), ..GetOptions::default() };
    for (range, text) in [
        (ByteRange::Between { first: 2, last: 4 }, "234"),
        (ByteRange::Between { first: 8, last: 99 }, "89"),
        (ByteRange::From(7), "789"),
        (ByteRange::Last(2), "89"),
        (ByteRange::Last(99), "0123456789"),
    ] {
        let opened = store.get(&key("ten"), &part(range)).await.unwrap();
        assert_eq!((opened.meta.size_bytes, opened.range), (10, range.resolve(10)));
        let body = opened.body.try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(body, text.as_bytes(), "{range:?}");
    }
    for (name, range, total) in [
        ("ten", ByteRange::From(10), 10),
        ("ten", ByteRange::From(u64::MAX), 10),
        ("none", ByteRange::From(0), 0),
        ("none", ByteRange::Last(5), 0),
    ] {
        let refused = kind(store.get(&key(name), &part(range)).await);
        assert_eq!(refused, StoreErrorKind::RangeNotSatisfiable { total }, "{name} {range:?}");
    }
}

#[tokio::test]
async fn conditions_hold_with_one_tag_with_many_and_with_any() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    azurite.put(&container, "k", "text").await;
    let store = store(azurite, &container);
    let meta = store.head(&key("k")).await.unwrap();
    let (mine, other) = (meta.etag.unwrap(), ETag::parse("0x1").unwrap());
    let one = |tag: &ETag| Some(ETagMatch::OneOf(vec![tag.clone()]));
    let many = Some(ETagMatch::OneOf(vec![other.clone(), mine.clone()]));
    let time = meta.last_modified;
    let none = Conditions::default;
    let cases = [
        (Conditions { if_match: one(&mine), ..none() }, None),
        (Conditions { if_match: one(&other), ..none() }, Some(StoreErrorKind::PreconditionFailed)),
        (Conditions { if_match: many.clone(), ..none() }, None),
        (Conditions { if_match: Some(ETagMatch::Any), ..none() }, None),
        (Conditions { if_none_match: one(&mine), ..none() }, Some(StoreErrorKind::NotModified)),
        (Conditions { if_none_match: one(&other), ..none() }, None),
        (Conditions { if_none_match: many, ..none() }, Some(StoreErrorKind::NotModified)),
        (Conditions { if_none_match: Some(ETagMatch::Any), ..none() }, Some(StoreErrorKind::NotModified)),
        (Conditions { if_modified_since: time, ..none() }, Some(StoreErrorKind::NotModified)),
        (Conditions { if_unmodified_since: time, ..none() }, None),
        (
            Conditions { if_unmodified_since: time.map(|t| t.minus(Duration::from_hours(1))), ..none() },
            Some(StoreErrorKind::PreconditionFailed),
        ),
    ];
    for (conditions, expect) in cases {
        for range in [None, Some(ByteRange::From(1)), Some(ByteRange::Last(1))] {
            let options = GetOptions { range, conditions: conditions.clone() };
            assert_eq!(store.get(&key("k"), &options).await.err().map(|e| e.kind), expect, "{options:?}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_or_forbidden_is_told_apart() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    let there = store(azurite, &container);
    assert_eq!(kind(there.head(&key("nope")).await), StoreErrorKind::NoSuchObject);
    assert_eq!(kind(there.get(&key("nope"), &GetOptions::default()).await), StoreErrorKind::NoSuchObject);
    let gone = store(azurite, "no-such-container");
    assert_eq!(kind(gone.list(&page("", Some(Delimiter), 1000)).await), StoreErrorKind::NoSuchBucket);
    assert_eq!(kind(gone.get(&key("k"), &GetOptions::default()).await), StoreErrorKind::NoSuchBucket);
    for credential in [
        bearer("https://management.azure.com"),
        bearer("https://otheraccount.blob.core.windows.net"),
        Credential::Anonymous,
    ] {
        let stranger = open_with(&azurite.endpoint(), &container, &credential);
        assert_eq!(
            kind(stranger.list(&page("", Some(Delimiter), 1000)).await),
            StoreErrorKind::Denied,
            "{credential:?}"
        );
        assert_eq!(kind(stranger.get(&key("k"), &GetOptions::default()).await), StoreErrorKind::Denied);
    }
}
