//! Ranges: exactly the bytes that RFC 9110 section 14 says, or a refusal that names the size.

use bytes::Bytes;

use crate::contract::store::{StoreFixture, TestBucket, bytes, key, kind, pattern};
use logboom::domain::object::{ByteRange, ContentRange};
use logboom::provider::{GetOptions, Store, StoreErrorKind};

const SIZE: usize = 300_000;

fn ranged(range: ByteRange) -> GetOptions {
    GetOptions { range: Some(range), ..GetOptions::default() }
}

async fn check(store: &Store, content: &Bytes, range: ByteRange, expected: (u64, u64)) {
    let opened = store.get(&key("object"), &ranged(range)).await.expect("a range");
    let (first, last) = expected;
    let total = u64::try_from(content.len()).expect("fits");
    assert_eq!(opened.range, Some(ContentRange { first, last, total }), "{range:?}");
    assert_eq!(opened.meta.size_bytes, total, "the metadata is the whole object's, for {range:?}");
    let wanted = usize::try_from(first).expect("fits")..=usize::try_from(last).expect("fits");
    assert!(bytes(opened).await.expect("bytes") == content.slice(wanted), "{range:?} holds other bytes");
}

pub async fn a_range_gives_exactly_its_bytes(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let content = pattern(SIZE);
    bucket.put("object", content.clone()).await;
    let store = bucket.store();
    for (range, expected) in [
        (ByteRange::Between { first: 0, last: 0 }, (0, 0)),
        (ByteRange::Between { first: 0, last: 99 }, (0, 99)),
        (ByteRange::Between { first: 131_000, last: 140_000 }, (131_000, 140_000)),
        (ByteRange::Between { first: 299_999, last: 299_999 }, (299_999, 299_999)),
        (ByteRange::From(0), (0, 299_999)),
        (ByteRange::From(299_990), (299_990, 299_999)),
        (ByteRange::Last(1), (299_999, 299_999)),
        (ByteRange::Last(150_000), (150_000, 299_999)),
    ] {
        check(&store, &content, range, expected).await;
    }
}

pub async fn a_range_past_the_end_is_clamped(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let content = pattern(SIZE);
    bucket.put("object", content.clone()).await;
    let store = bucket.store();
    for (range, expected) in [
        (ByteRange::Between { first: 299_000, last: 300_000 }, (299_000, 299_999)),
        (ByteRange::Between { first: 1, last: 1 << 60 }, (1, 299_999)),
        (ByteRange::Last(300_001), (0, 299_999)),
    ] {
        check(&store, &content, range, expected).await;
    }
}

pub async fn a_range_outside_is_refused_with_the_size(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    bucket.put("object", pattern(SIZE)).await;
    let store = bucket.store();
    for range in [
        ByteRange::From(300_000),
        ByteRange::From(1 << 60),
        ByteRange::Between { first: 300_000, last: 300_001 },
    ] {
        let refusal = kind(store.get(&key("object"), &ranged(range)).await);
        assert_eq!(refusal, StoreErrorKind::RangeNotSatisfiable { total: 300_000 }, "{range:?}");
    }
}

pub async fn an_empty_object_has_no_range(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    bucket.put("object", Bytes::new()).await;
    let store = bucket.store();
    for range in [ByteRange::From(0), ByteRange::Last(5), ByteRange::Between { first: 0, last: 9 }] {
        let refusal = kind(store.get(&key("object"), &ranged(range)).await);
        assert_eq!(refusal, StoreErrorKind::RangeNotSatisfiable { total: 0 }, "{range:?}");
    }
}
