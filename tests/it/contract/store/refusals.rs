//! Refusals: each is told apart from the others, and from an empty answer.

use crate::contract::store::{CloudFixture, StoreFixture, TestBucket, key, kind, page};
use logboom::provider::{GetOptions, StoreErrorKind};

pub async fn an_absent_key_is_no_such_object(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let store = bucket.store();
    assert_eq!(kind(store.head(&key("absent")).await), StoreErrorKind::NoSuchObject);
    assert_eq!(kind(store.get(&key("absent"), &GetOptions::default()).await), StoreErrorKind::NoSuchObject);
    assert_eq!(
        kind(store.get(&key("deep/absent"), &GetOptions::default()).await),
        StoreErrorKind::NoSuchObject
    );
}

pub async fn a_missing_bucket_is_told_apart(fixture: &impl StoreFixture) {
    let store = fixture.missing().await;
    assert_eq!(kind(store.list(&page("", None, 10)).await), StoreErrorKind::NoSuchBucket);
    // A HEAD has no body in which a cloud could say what is missing.
    let missing = |kind| matches!(kind, StoreErrorKind::NoSuchBucket | StoreErrorKind::NoSuchObject);
    assert!(missing(kind(store.head(&key("absent")).await)));
    assert!(missing(kind(store.get(&key("absent"), &GetOptions::default()).await)));
}

pub async fn a_refused_credential_is_denied(fixture: &impl CloudFixture) {
    let store = fixture.denied().await;
    assert_eq!(kind(store.list(&page("", None, 10)).await), StoreErrorKind::Denied);
    assert_eq!(kind(store.head(&key("kept")).await), StoreErrorKind::Denied);
    assert_eq!(kind(store.get(&key("kept"), &GetOptions::default()).await), StoreErrorKind::Denied);
}

pub async fn an_archived_object_says_so(fixture: &impl CloudFixture) {
    let (store, key) = fixture.archived().await;
    let head = store.head(&key).await.expect("metadata of an archived object");
    let listed = store.list(&page("", None, 10)).await.expect("a page").objects;
    let found = listed.iter().find(|object| object.key == key).expect("the archived object is listed");
    let class = head.storage_class.clone().expect("a class or tier");
    assert!(head.archived && found.archived, "head {head:?}, listed {found:?}");
    assert_eq!(found.storage_class.as_ref(), Some(&class));
    let refusal = kind(store.get(&key, &GetOptions::default()).await);
    assert_eq!(refusal, StoreErrorKind::Archived { storage_class: class });
}
