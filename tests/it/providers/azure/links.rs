//! Links: one blob, read only, until they end.

use std::time::Duration;

use logboom::domain::credential::Credential;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::{Link, LinkOptions, Store, StoreError, StoreErrorKind};

use crate::contract::store::{key, kind, read};
use crate::harness::azurite::{Azurite, client};
use crate::providers::azure::{open_with, store};

async fn link(store: &Store, name: &str, ttl: Duration) -> Result<Link, StoreError> {
    let options = LinkOptions {
        ttl,
        now: SystemClock.now(),
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
    let past = LinkOptions {
        ttl: Duration::from_mins(1),
        now: SystemClock.now().minus(Duration::from_mins(3)),
        content_disposition: "attachment".to_owned(),
        content_type: "text/plain".to_owned(),
    };
    let over = store.links().unwrap().link(&key("k"), &past).await.unwrap();
    assert!(over.expires_at < SystemClock.now());
    assert_eq!(client().get(over.url.expose()).send().await.unwrap().status(), 403);
    assert!(link(&store, "k", Duration::from_hours(7 * 24)).await.is_ok());
    assert_eq!(kind(link(&store, "k", Duration::from_hours(7 * 24 + 1)).await), StoreErrorKind::Invalid);
    assert_eq!(kind(link(&store, "a/../k", Duration::from_mins(1)).await), StoreErrorKind::NoSuchObject);
    let anonymous = open_with(&azurite.endpoint(), &container, &Credential::Anonymous);
    assert!(anonymous.links().is_none());
}

#[tokio::test]
async fn links_share_one_delegation_key() {
    let azurite = Azurite::shared().await;
    let container = azurite.container().await;
    azurite.put(&container, "k", "text").await;
    let store = store(azurite, &container);
    let minutes = Duration::from_mins(5);
    let (one, two) = tokio::join!(link(&store, "k", minutes), link(&store, "k", minutes));
    let key_end = |link: &Link| {
        let url = link.url.expose();
        url.split("ske=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    };
    assert_eq!(key_end(&one.unwrap()), key_end(&two.unwrap()));
}
