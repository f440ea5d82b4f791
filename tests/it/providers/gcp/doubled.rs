//! The battery for providers, run on the double, and links that the double checks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logboom::domain::credential::Credential;
use logboom::domain::key::ObjectKey;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::{Link, LinkOptions, Store, StoreError, StoreErrorKind};

use crate::contract::store::{CloudFixture, StoreFixture, TestBucket, key, kind, sentences, store_battery};
use crate::doubles::gcs::{BUCKET, Gcs, account};
use crate::providers::gcp::open;

/// The token that guarded doubles take.
const TOKEN: &str = "SECRET-token";

struct Fixture;

/// A double of a test's own.
struct OwnBucket {
    gcs: Arc<Gcs>,
    store: Store,
}

impl TestBucket for OwnBucket {
    fn store(&self) -> Store {
        Arc::clone(&self.store)
    }

    async fn put(&self, key: &str, bytes: Bytes) {
        self.gcs.put(key, bytes.into());
    }
}

fn token(text: &str) -> Credential {
    Credential::GcpAccessToken(Secret::new(text.to_owned()))
}

impl StoreFixture for Fixture {
    type Bucket = OwnBucket;

    async fn fresh(&self) -> OwnBucket {
        let gcs = Arc::new(Gcs::start(Some(TOKEN)).await);
        let store = open(BUCKET, &gcs.endpoint(), &token(TOKEN));
        OwnBucket { gcs, store }
    }

    async fn missing(&self) -> Store {
        let gcs = Box::leak(Box::new(Gcs::start(None).await));
        open("no-such-bucket", &gcs.endpoint(), &Credential::Anonymous)
    }

    fn allows(&self, key: &str) -> bool {
        key.len() <= 1024
    }
}

impl CloudFixture for Fixture {
    async fn denied(&self) -> Store {
        let gcs = Box::leak(Box::new(Gcs::start(Some(TOKEN)).await));
        gcs.put("kept", b"kept".to_vec());
        open(BUCKET, &gcs.endpoint(), &token("another"))
    }

    async fn archived(&self) -> (Store, ObjectKey) {
        unreachable!("every class of Google Cloud Storage can be read at once")
    }

    fn port(&self) -> u16 {
        unreachable!("faults run on fake-gcs-server")
    }

    async fn behind(&self, _: &OwnBucket, _: u16) -> Store {
        unreachable!("faults run on fake-gcs-server")
    }
}

store_battery!(async { Fixture });
sentences! { async { Fixture }; refusals: a_refused_credential_is_denied; }

async fn link(store: &Store, name: &str, ttl: Duration) -> Result<Link, StoreError> {
    let options = LinkOptions {
        ttl,
        now: SystemClock.now(),
        content_disposition: "attachment; filename=\"a b.log\"".to_owned(),
        content_type: "application/octet-stream".to_owned(),
    };
    store.links().expect("a key makes links").link(&key(name), &options).await
}

#[tokio::test]
async fn a_link_opens_its_object_and_nothing_else() {
    let gcs = Gcs::start(Some(TOKEN)).await;
    let store = open(BUCKET, &gcs.endpoint(), &account::credential());
    let client = reqwest::Client::new();
    for name in ["plain", "a//b", "a b+c", "a%2Fb", "what?now#tag&x=1", "日本/é.log", "back\\slash", "/lead"]
    {
        gcs.put(name, name.into());
        let made = link(&store, name, Duration::from_mins(5)).await.unwrap();
        let answer = client.get(made.url.expose()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name:?}");
        assert_eq!(answer.headers()["content-type"], "application/octet-stream");
        assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"a b.log\"");
        assert_eq!(answer.text().await.unwrap(), name);
        let changed = made.url.expose().replace("octet-stream", "xhtml");
        assert_eq!(client.get(changed).send().await.unwrap().status(), 403, "{name:?}");
        let left = made.expires_at.since(SystemClock.now());
        assert!(left > Duration::from_mins(4) && left <= Duration::from_mins(5), "{left:?}");
    }
    let asked = gcs.server().targets();
    assert!(asked.iter().all(|target| target.contains("X-Goog-Signature=")), "signing asks nobody");
}

#[tokio::test]
async fn a_link_lives_for_a_second_to_seven_days() {
    let gcs = Gcs::start(None).await;
    let store = open(BUCKET, &gcs.endpoint(), &account::credential());
    let week = Duration::from_hours(24 * 7);
    for ttl in [Duration::ZERO, Duration::from_millis(999), week + Duration::from_secs(1)] {
        assert_eq!(kind(link(&store, "k", ttl).await), StoreErrorKind::Invalid, "{ttl:?}");
    }
    assert!(link(&store, "k", week).await.is_ok());
}

#[tokio::test]
async fn a_key_with_dot_segments_has_no_link() {
    let gcs = Gcs::start(None).await;
    let store = open(BUCKET, &gcs.endpoint(), &account::credential());
    for name in ["up/../down", "./here", "end/.."] {
        let refused = kind(link(&store, name, Duration::from_mins(1)).await);
        assert_eq!(refused, StoreErrorKind::Unsupported, "{name:?}");
    }
}

#[tokio::test]
async fn who_cannot_sign_offers_no_link() {
    let gcs = Gcs::start(None).await;
    assert!(open(BUCKET, &gcs.endpoint(), &Credential::Anonymous).links().is_none());
    assert!(open(BUCKET, &gcs.endpoint(), &token(TOKEN)).links().is_none());
}

#[tokio::test]
async fn an_object_in_the_archive_class_is_readable() {
    let gcs = Gcs::start(None).await;
    gcs.put("cold", b"cold".to_vec());
    let store = open(BUCKET, &gcs.endpoint(), &Credential::Anonymous);
    let meta = store.head(&key("cold")).await.unwrap();
    assert_eq!((meta.storage_class.as_deref(), meta.archived), (Some("ARCHIVE"), false));
}
