//! Conditions and metadata: which version an answer is about.

use std::time::Duration;

use bytes::Bytes;

use crate::contract::store::{StoreFixture, TestBucket, bytes, key, kind, page};
use logboom::domain::object::{ByteRange, Conditions, ETag, ETagMatch, ObjectMeta};
use logboom::domain::time::Timestamp;
use logboom::provider::{GetOptions, Store, StoreErrorKind};

/// A bucket's store with one `object`, and the object's metadata.
async fn one_object<B: TestBucket>(bucket: &B) -> (Store, ObjectMeta) {
    bucket.put("object", Bytes::from_static(b"version one")).await;
    let store = bucket.store();
    let meta = store.head(&key("object")).await.expect("metadata");
    (store, meta)
}

fn only(conditions: Conditions) -> GetOptions {
    GetOptions { conditions, range: None }
}

fn etag(meta: &ObjectMeta) -> ETag {
    meta.etag.clone().expect("a strong entity tag")
}

fn other() -> ETag {
    ETag::parse("0123456789abcdef0123456789abcdef").expect("a tag")
}

pub async fn if_none_match_of_the_same_version_is_not_modified(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let (store, meta) = one_object(&bucket).await;
    let ask = |tags| only(Conditions { if_none_match: Some(tags), ..Conditions::default() });
    for known in
        [ETagMatch::OneOf(vec![etag(&meta)]), ETagMatch::OneOf(vec![other(), etag(&meta)]), ETagMatch::Any]
    {
        let answer = kind(store.get(&key("object"), &ask(known.clone())).await);
        assert_eq!(answer, StoreErrorKind::NotModified, "{known:?}");
    }
    let opened =
        store.get(&key("object"), &ask(ETagMatch::OneOf(vec![other()]))).await.expect("another version");
    assert_eq!(bytes(opened).await.expect("bytes"), b"version one");
}

pub async fn if_match_of_another_version_fails(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let (store, _) = one_object(&bucket).await;
    let if_match = Some(ETagMatch::OneOf(vec![other()]));
    let ask = only(Conditions { if_match: if_match.clone(), ..Conditions::default() });
    assert_eq!(kind(store.get(&key("object"), &ask).await), StoreErrorKind::PreconditionFailed);
    let ranged = GetOptions { range: Some(ByteRange::From(3)), ..ask };
    assert_eq!(kind(store.get(&key("object"), &ranged).await), StoreErrorKind::PreconditionFailed);
}

pub async fn if_match_takes_one_of_several_and_any(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let (store, meta) = one_object(&bucket).await;
    for wanted in
        [ETagMatch::OneOf(vec![etag(&meta)]), ETagMatch::OneOf(vec![other(), etag(&meta)]), ETagMatch::Any]
    {
        let conditions = Conditions { if_match: Some(wanted.clone()), ..Conditions::default() };
        let ask = GetOptions { conditions, range: Some(ByteRange::Last(3)) };
        let opened = store.get(&key("object"), &ask).await.unwrap_or_else(|e| panic!("{wanted:?}: {e}"));
        assert_eq!(bytes(opened).await.expect("bytes"), b"one");
    }
}

pub async fn if_modified_since_compares_whole_seconds(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let (store, meta) = one_object(&bucket).await;
    let written = meta.last_modified.expect("a time");
    let earlier = written.minus(Duration::from_mins(1));
    let since = |time| only(Conditions { if_modified_since: Some(time), ..Conditions::default() });
    let unless = |time| only(Conditions { if_unmodified_since: Some(time), ..Conditions::default() });
    assert_eq!(kind(store.get(&key("object"), &since(written)).await), StoreErrorKind::NotModified);
    assert!(store.get(&key("object"), &since(earlier)).await.is_ok(), "modified after the time");
    assert!(store.get(&key("object"), &unless(written)).await.is_ok(), "not modified after the time");
    assert_eq!(kind(store.get(&key("object"), &unless(earlier)).await), StoreErrorKind::PreconditionFailed);
}

pub async fn a_replaced_object_has_another_etag(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let (store, before) = one_object(&bucket).await;
    bucket.put("object", Bytes::from_static(b"version two")).await;
    let after = store.head(&key("object")).await.expect("metadata");
    assert_ne!(etag(&before), etag(&after));
    let if_match = Some(ETagMatch::OneOf(vec![etag(&before)]));
    let ask = only(Conditions { if_match, ..Conditions::default() });
    assert_eq!(kind(store.get(&key("object"), &ask).await), StoreErrorKind::PreconditionFailed);
}

pub async fn list_head_and_get_tell_the_same(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let (store, head) = one_object(&bucket).await;
    let listed = store.list(&page("", None, 10)).await.expect("a page").objects;
    let got = store.get(&key("object"), &GetOptions::default()).await.expect("an object").meta;
    // A listing may tell the time more finely than an HTTP date can.
    let facts = |meta: &ObjectMeta| {
        let seconds = meta.last_modified.map(Timestamp::unix_seconds);
        (
            meta.key.clone(),
            meta.size_bytes,
            meta.etag.clone(),
            seconds,
            meta.storage_class.clone(),
            meta.archived,
        )
    };
    assert_eq!(listed.iter().map(facts).collect::<Vec<_>>(), [facts(&head)]);
    // Azure does not tell the tier along with the bytes; who tells it tells the same.
    let told = ObjectMeta { storage_class: got.storage_class.clone().or(head.storage_class.clone()), ..got };
    assert_eq!(facts(&told), facts(&head));
    assert_eq!((head.size_bytes, head.archived), (11, false));
}
