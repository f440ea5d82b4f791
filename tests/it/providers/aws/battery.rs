//! The battery for providers, run on S3.

use std::sync::Arc;

use bytes::Bytes;
use logboom::domain::key::ObjectKey;
use logboom::provider::Store;

use crate::contract::store::{CloudFixture, StoreFixture, TestBucket, cloud_battery, store_battery};
use crate::harness::ministack::{Ministack, ministack};
use crate::providers::aws::{key, open};

/// ministack as the battery sees it.
struct Fixture(&'static Ministack);

/// A bucket of a test's own.
struct OwnBucket {
    s3: &'static Ministack,
    name: String,
    store: Store,
}

impl TestBucket for OwnBucket {
    fn store(&self) -> Store {
        Arc::clone(&self.store)
    }

    async fn put(&self, key: &str, bytes: Bytes) {
        self.s3.put(&self.name, key, bytes).await;
    }
}

impl StoreFixture for Fixture {
    type Bucket = OwnBucket;

    async fn fresh(&self) -> OwnBucket {
        let name = self.0.make_bucket().await;
        let store = open(&name, self.0.endpoint(), &Ministack::root()).await;
        OwnBucket { s3: self.0, name, store }
    }

    async fn missing(&self) -> Store {
        open("it-no-such-bucket", self.0.endpoint(), &Ministack::root()).await
    }

    /// S3 takes up to 1,024 bytes of UTF-8.
    fn allows(&self, key: &str) -> bool {
        key.len() <= 1024
    }
}

impl CloudFixture for Fixture {
    async fn denied(&self) -> Store {
        let (other, kept) = (self.0.make_bucket().await, self.0.make_bucket().await);
        self.0.put(&kept, "kept", "kept").await;
        open(&kept, self.0.endpoint(), &self.0.reader_of(&other).await).await
    }

    async fn archived(&self) -> (Store, ObjectKey) {
        let name = self.0.make_bucket().await;
        self.0.put_in_class(&name, "cold", b"cold", "GLACIER").await;
        (open(&name, self.0.endpoint(), &Ministack::root()).await, key("cold"))
    }

    fn port(&self) -> u16 {
        self.0.port()
    }

    async fn behind(&self, bucket: &OwnBucket, port: u16) -> Store {
        open(&bucket.name, &format!("http://127.0.0.1:{port}"), &Ministack::root()).await
    }
}

store_battery!(async { Fixture(ministack().await) });
cloud_battery!(async { Fixture(ministack().await) });
