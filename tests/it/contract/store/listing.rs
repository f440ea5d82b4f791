//! Listings: complete, without repetition, in order, folded where asked.

use std::collections::BTreeSet;

use crate::contract::store::{BESIDE, StoreFixture, TestBucket, all_keys, page, walk};
use logboom::domain::key::Delimiter;
use logboom::provider::{Cursor, MAX_PAGE};

/// Keys whose order in a directory tree differs from the order of their bytes.
fn tree() -> Vec<String> {
    let mut keys: Vec<String> =
        ["a-internal/z", "a.log", "a/b/deep", "a/b/deeper/still", "a/c", "a0", "b/only/below", "z"]
            .map(str::to_owned)
            .to_vec();
    keys.extend((0..15).map(|n| format!("a/n{n:02}")));
    keys.sort();
    keys
}

pub async fn pages_of_any_size_lose_and_repeat_nothing(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let keys = tree();
    bucket.put_all(&keys).await;
    let store = bucket.store();
    for limit in [1, 7, MAX_PAGE] {
        assert_eq!(walk(&store, "", None, limit).await.keys, keys, "pages of {limit}");
        let below: Vec<&String> = keys.iter().filter(|key| key.starts_with("a/")).collect();
        assert_eq!(walk(&store, "a/", None, limit).await.keys.iter().collect::<Vec<_>>(), below);
        let top = walk(&store, "", Some(Delimiter), limit).await;
        assert_eq!(top.keys, ["a.log", "a0", "z"], "pages of {limit}");
        assert_eq!(top.prefixes, ["a-internal/", "a/", "b/"], "pages of {limit}");
        let inside = walk(&store, "a/", Some(Delimiter), limit).await;
        assert_eq!(inside.prefixes, ["a/b/"], "pages of {limit}");
        assert_eq!(inside.keys.len(), 16, "pages of {limit}: {:?}", inside.keys);
    }
}

pub async fn folders_fold_at_the_delimiter(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let mut keys: Vec<String> = ["a/b/x", "a/b/y", "a-internal/z", "beside/x"].map(str::to_owned).to_vec();
    keys.extend([BESIDE, "a/"].map(str::to_owned).into_iter().filter(|key| fixture.allows(key)));
    bucket.put_all(&keys).await;
    let store = bucket.store();
    let top = walk(&store, "", Some(Delimiter), MAX_PAGE).await;
    assert_eq!(top.prefixes, ["a-internal/", "a/", "beside/"]);
    assert_eq!(top.keys, if fixture.allows(BESIDE) { vec![BESIDE] } else { vec![] });
    let inside = walk(&store, "a/", Some(Delimiter), MAX_PAGE).await;
    assert_eq!(inside.prefixes, ["a/b/"]);
    assert_eq!(inside.keys, if fixture.allows("a/") { vec!["a/"] } else { vec![] });
    let deepest = walk(&store, "a/b/", Some(Delimiter), MAX_PAGE).await;
    assert_eq!((deepest.keys, deepest.prefixes), (vec!["a/b/x".to_owned(), "a/b/y".to_owned()], vec![]));
}

pub async fn a_prefix_is_a_beginning_of_keys(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    bucket.put_all(&tree()).await;
    let store = bucket.store();
    assert_eq!(walk(&store, "a/n1", None, 3).await.keys.len(), 5);
    let beginnings = walk(&store, "a", Some(Delimiter), 3).await;
    assert_eq!(beginnings.keys, ["a.log", "a0"]);
    assert_eq!(beginnings.prefixes, ["a-internal/", "a/"]);
    assert_eq!(walk(&store, "a/b/deeper", None, 3).await.keys, ["a/b/deeper/still"]);
    let folded = walk(&store, "a/b/deeper", Some(Delimiter), 3).await;
    assert_eq!((folded.keys, folded.prefixes), (vec![], vec!["a/b/deeper/".to_owned()]));
    for nowhere in ["b/only/below/", "nothing", "a/b/x/", "a//", "/", "../", "a/../"] {
        assert_eq!(walk(&store, nowhere, None, 3).await.keys, [""; 0], "{nowhere:?}");
        assert_eq!(walk(&store, nowhere, Some(Delimiter), 3).await.prefixes, [""; 0], "{nowhere:?}");
    }
}

pub async fn ten_thousand_keys_are_listed_in_order(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let keys: Vec<String> = (0..10_000).map(|n| format!("day-{}/part-{:05}", n % 3, n)).collect();
    bucket.put_all(&keys).await;
    let store = bucket.store();
    let mut sorted = keys;
    sorted.sort();
    assert!(all_keys(&store).await == sorted, "the flat listing differs");
    let folded = walk(&store, "", Some(Delimiter), MAX_PAGE).await;
    assert_eq!(folded.prefixes, ["day-0/", "day-1/", "day-2/"]);
    assert_eq!(walk(&store, "day-1/", Some(Delimiter), MAX_PAGE).await.keys.len(), 3333);
}

pub async fn a_foreign_cursor_never_invents_keys(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let keys = tree();
    bucket.put_all(&keys).await;
    let store = bucket.store();
    let known: BTreeSet<String> = keys.into_iter().collect();
    for cursor in ["", "garbage", "../../etc/passwd", "%00\u{0}\n", "🪵", &"x".repeat(10_000)] {
        let mut options = page("a/", None, 5);
        options.cursor = Some(Cursor(cursor.to_owned()));
        // Whoever calls this has checked that the cursor is the bucket's own; a refusal is as good as a true page.
        if let Ok(listing) = store.list(&options).await {
            let invented = listing.objects.iter().find(|object| !known.contains(object.key.as_str()));
            assert!(invented.is_none(), "{cursor:?} gave {invented:?}");
        }
    }
}

pub async fn an_empty_bucket_has_an_empty_listing(fixture: &impl StoreFixture) {
    let bucket = fixture.fresh().await;
    let store = bucket.store();
    for delimiter in [None, Some(Delimiter)] {
        let listing = store.list(&page("", delimiter, 10)).await.expect("a page");
        assert!(listing.objects.is_empty() && listing.prefixes.is_empty() && listing.next.is_none());
    }
}
