//! Links: one blob, read only, until they end.

use std::time::Duration;

use logboom::domain::credential::Credential;
use logboom::domain::time::{Clock, SystemClock, Timestamp};
use logboom::provider::{Link, LinkOptions, Store, StoreError, StoreErrorKind};

use crate::contract::store::{key, kind, read};
use crate::harness::azurite::{Azurite, client};
use crate::providers::azure::{open_with, store};

async fn link(store: &Store, name: &str, ttl: Duration) -> Result<Link, StoreError> {
    link_at(store, name, ttl, SystemClock.now()).await
}

async fn link_at(store: &Store, name: &str, ttl: Duration, now: Timestamp) -> Result<Link, StoreError> {
    let options = LinkOptions {
        ttl,
        now,
        content_disposition: "attachment; filename=\"a b.log\"".to_owned(),
        content_type: "application/octet-stream".to_owned(),
    };
    store.links().expect("links").link(&key(name), &options).await
}

#[tokio::test]
async fn a_link_reads_one_blob_and_nothing_else() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    for name in ["a b+c.log", "other.log", "a//b"] {
        azurite.put(&container, name, "the bytes").await;
    }
    let store = store(azurite, &container);
    for name in ["a b+c.log", "a//b"] {
        let made = link(&store, name, Duration::from_mins(10)).await.unwrap();
        let url = made.url.expose().as_str();
        let got = client().get(url).send().await.unwrap();
        assert_eq!(got.status(), 200, "{name}");
        assert_eq!(got.headers()["content-disposition"], "attachment; filename=\"a b.log\"");
        assert_eq!(got.headers()["content-type"], "application/octet-stream");
        assert_eq!(got.text().await.unwrap(), "the bytes");
    }
    let made = link(&store, "a b+c.log", Duration::from_mins(10)).await.unwrap();
    let url = made.url.expose().as_str();
    let query = url.split_once('?').unwrap().1;
    for part in ["sr=b&", "sp=r&", "spr=https&", "skoid=", "st=", "se=", "rscd=", "rsct="] {
        assert!(query.contains(part), "{part}");
    }
    let client = client();
    let put = client.put(url).header("x-ms-blob-type", "BlockBlob").body("no");
    let other = client.get(format!("{}?{query}", azurite.url(&container, "other.log")));
    let listing =
        client.get(format!("{}/{container}?restype=container&comp=list&{query}", azurite.endpoint()));
    let longer = url.replace("&se=20", "&se=21");
    assert_ne!(longer, url);
    for (what, request) in [
        ("PUT", put),
        ("DELETE", client.delete(url)),
        ("other", other),
        ("list", listing),
        ("longer", client.get(longer)),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 403, "{what}");
    }
    assert_eq!(read(&store, "a b+c.log").await.unwrap(), b"the bytes");
}

#[tokio::test]
async fn a_link_ends_when_it_says_and_never_lasts_beyond_seven_days() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    azurite.put(&container, "k", "text").await;
    let store = store(azurite, &container);
    let minute = Duration::from_mins(1);
    let past = SystemClock.now().minus(Duration::from_mins(3));
    let over = link_at(&store, "k", minute, past).await.unwrap();
    assert!(over.expires_at < SystemClock.now());
    assert_eq!(client().get(over.url.expose()).send().await.unwrap().status(), 403);
    assert!(link(&store, "k", Duration::from_hours(7 * 24)).await.is_ok());
    assert_eq!(kind(link(&store, "k", Duration::from_hours(7 * 24 + 1)).await), StoreErrorKind::Invalid);
    assert_eq!(kind(link(&store, "a/../k", Duration::from_mins(1)).await), StoreErrorKind::NoSuchObject);
    let anonymous = open_with(&azurite.endpoint(), &container, &Credential::Anonymous);
    assert!(anonymous.links().is_none());
}

#[tokio::test]
async fn links_share_a_delegation_key_until_it_is_too_short() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    let store = store(azurite, &container);
    let key_end = async |minutes: u64, later: u64| {
        let now = SystemClock.now().plus(Duration::from_mins(later));
        let made = link_at(&store, "k", Duration::from_mins(minutes), now).await.unwrap();
        made.url.expose().split("&ske=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    };
    let (one, two) = tokio::join!(key_end(5, 0), key_end(10, 20));
    assert_eq!(one, two, "the second link, made 20 minutes later, takes the key that lives for an hour");
    let third = key_end(50, 20).await;
    assert_ne!(third, one, "a link that outlives the key gets a new one");
    assert_eq!(key_end(5, 21).await, third);
}
