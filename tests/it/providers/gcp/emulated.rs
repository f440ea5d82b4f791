//! The battery for providers, run on fake-gcs-server, but for what it does otherwise than the cloud:
//! it does not page prefixes, and asks for no credential. Those sentences run on the double.

use std::sync::Arc;

use bytes::Bytes;
use logboom::domain::credential::Credential;
use logboom::domain::key::ObjectKey;
use logboom::provider::{GetOptions, Store};

use crate::contract::store::{CloudFixture, StoreFixture, TestBucket, bytes, key, pattern, sentences};
use crate::harness::fake_gcs::{FakeGcs, fake_gcs};
use crate::providers::gcp::open_unpooled;

/// fake-gcs-server as the battery sees it.
struct Fixture(&'static FakeGcs);

/// A bucket of a test's own.
struct OwnBucket {
    server: &'static FakeGcs,
    name: String,
    store: Store,
}

impl TestBucket for OwnBucket {
    fn store(&self) -> Store {
        Arc::clone(&self.store)
    }

    async fn put(&self, key: &str, bytes: Bytes) {
        self.server.put(&self.name, key, bytes).await;
    }
}

impl StoreFixture for Fixture {
    type Bucket = OwnBucket;

    async fn fresh(&self) -> OwnBucket {
        let name = self.0.make_bucket().await;
        let store = open_unpooled(&name, self.0.endpoint(), &Credential::Anonymous);
        OwnBucket { server: self.0, name, store }
    }

    async fn missing(&self) -> Store {
        open_unpooled("it-no-such-bucket", self.0.endpoint(), &Credential::Anonymous)
    }

    /// Google Cloud Storage takes up to 1,024 bytes of UTF-8.
    fn allows(&self, key: &str) -> bool {
        key.len() <= 1024
    }
}

impl CloudFixture for Fixture {
    async fn denied(&self) -> Store {
        unreachable!("fake-gcs-server refuses nobody; the double does")
    }

    async fn archived(&self) -> (Store, ObjectKey) {
        unreachable!("every class of Google Cloud Storage can be read at once")
    }

    fn port(&self) -> u16 {
        self.0.port()
    }

    async fn behind(&self, bucket: &OwnBucket, port: u16) -> Store {
        open_unpooled(&bucket.name, &format!("http://127.0.0.1:{port}"), &Credential::Anonymous)
    }
}

sentences! { async { Fixture(fake_gcs().await) };
    keys: odd_keys_make_the_round_trip, keys_that_cannot_be_are_absent, empty_and_large_objects_arrive_whole;
    ranges: a_range_gives_exactly_its_bytes, a_range_past_the_end_is_clamped,
        a_range_outside_is_refused_with_the_size, an_empty_object_has_no_range;
    conditions: if_none_match_of_the_same_version_is_not_modified, if_match_of_another_version_fails,
        if_match_takes_one_of_several_and_any, if_modified_since_compares_whole_seconds,
        a_replaced_object_has_another_etag, list_head_and_get_tell_the_same;
    listing: folders_fold_at_the_delimiter, ten_thousand_keys_are_listed_in_order,
        a_foreign_cursor_never_invents_keys, an_empty_bucket_has_an_empty_listing;
    refusals: an_absent_key_is_no_such_object, a_missing_bucket_is_told_apart;
    faults: a_connection_cut_half_way_is_an_error, a_slow_reader_holds_the_server_back,
        a_reader_that_leaves_closes_the_connection, a_server_that_refuses_is_unavailable;
}

#[tokio::test]
async fn gzip_bytes_come_back_as_they_were_stored() {
    let server = fake_gcs().await;
    let name = server.make_bucket().await;
    let stored = pattern(2000);
    server.put_coded(&name, "packed.gz", "gzip", stored.clone()).await;
    let store = open_unpooled(&name, server.endpoint(), &Credential::Anonymous);
    let opened = store.get(&key("packed.gz"), &GetOptions::default()).await.unwrap();
    assert_eq!(opened.meta.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(opened.meta.size_bytes, 2000);
    assert_eq!(bytes(opened).await.unwrap(), stored);
    let head = store.head(&key("packed.gz")).await.unwrap();
    assert_eq!(head.content_encoding.as_deref(), Some("gzip"));
}
