//! Against ministack, which checks every signature and enforces every policy.

use std::time::Duration;

use logboom::domain::credential::Credential;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::{LinkOptions, StoreErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::ministack::{Ministack, ministack};
use crate::providers::aws::{ODD_KEYS, key, link, open, page, read};

#[tokio::test]
async fn every_odd_key_can_be_listed_read_and_linked() {
    let server = ministack().await;
    let name = server.make_bucket().await;
    let store = open(&name, server.endpoint(), &Ministack::root()).await;
    for (key, _) in ODD_KEYS {
        server.put(&name, key, key).await;
    }
    let listing = store.list(&page("", 1000)).await.unwrap();
    let mut listed: Vec<_> = listing.objects.iter().map(|object| object.key.as_str()).collect();
    let mut wanted: Vec<_> = ODD_KEYS.iter().map(|(key, _)| *key).collect();
    listed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(listed, wanted);
    for (name, _) in ODD_KEYS {
        assert_eq!(store.head(&key(name)).await.unwrap().size_bytes, name.len() as u64, "{name:?}");
        assert_eq!(read(&store, name).await.unwrap(), name.as_bytes(), "{name:?}");
        let made = link(&store, name, Duration::from_mins(1)).await.unwrap();
        let (status, answer) = raw("GET", made.url.expose()).await;
        assert_eq!((status, answer.ends_with(name)), (200, true), "{name:?}: {answer}");
    }
}

#[tokio::test]
async fn a_link_reads_one_object_as_a_download_until_it_expires() {
    let server = ministack().await;
    let name = server.make_bucket().await;
    server.put(&name, "a.log", "bytes").await;
    let store = open(&name, server.endpoint(), &Ministack::root()).await;
    let made = link(&store, "a.log", Duration::from_mins(1)).await.unwrap();
    let url = made.url.expose();
    let (status, answer) = raw("GET", url).await;
    let head = answer.to_lowercase();
    assert_eq!(status, 200);
    assert!(head.contains("content-disposition: attachment; filename=\"a b.log\""), "{answer}");
    assert!(head.contains("content-type: application/octet-stream"), "{answer}");
    assert_eq!(raw("HEAD", url).await.0, 403, "a link is for GET");
    assert_eq!(raw("PUT", url).await.0, 403);
    assert_eq!(raw("DELETE", url).await.0, 403);
    let other = url.replacen("octet-stream", "html", 1);
    assert_ne!(&other, url);
    assert_eq!(raw("GET", &other).await.0, 403, "the type is inside the signature");
    assert_eq!(raw("GET", &url.replacen("a.log", "b.log", 1)).await.0, 403);
    let long_ago = LinkOptions {
        ttl: Duration::from_mins(1),
        now: SystemClock.now().minus(Duration::from_mins(2)),
        content_disposition: "attachment".to_owned(),
        content_type: "text/plain".to_owned(),
    };
    let expired = store.links().unwrap().link(&key("a.log"), &long_ago).await.unwrap();
    assert_eq!(raw("GET", expired.url.expose()).await.0, 403);
    assert_eq!(expired.expires_at, long_ago.now.plus(long_ago.ttl));
    let week = Duration::from_hours(24 * 7);
    assert!(link(&store, "a.log", week).await.is_ok());
    let error = link(&store, "a.log", week + Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Invalid);
}

#[tokio::test]
async fn what_the_policy_does_not_allow_is_denied() {
    let server = ministack().await;
    let (mine, other) = (server.make_bucket().await, server.make_bucket().await);
    server.put(&mine, "a.log", "mine").await;
    server.put(&other, "a.log", "other").await;
    let reader = server.reader_of(&mine).await;
    let allowed = open(&mine, server.endpoint(), &reader).await;
    assert_eq!(read(&allowed, "a.log").await.unwrap(), b"mine");
    assert_eq!(allowed.list(&page("", 10)).await.unwrap().objects.len(), 1);
    let wrong_key = Credential::AwsKeys {
        access_key_id: "AKIAIOSFODNN7NOBODY1".to_owned(),
        secret_access_key: Secret::new("SECRET-nobody".to_owned()),
        session_token: None,
    };
    for credential in [&reader, &wrong_key, &Credential::Anonymous] {
        let store = open(&other, server.endpoint(), credential).await;
        for error in [
            read(&store, "a.log").await.unwrap_err(),
            store.head(&key("a.log")).await.unwrap_err(),
            store.list(&page("", 10)).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, StoreErrorKind::Denied, "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_bucket_is_told_from_a_missing_object() {
    let server = ministack().await;
    let name = server.make_bucket().await;
    let store = open(&name, server.endpoint(), &Ministack::root()).await;
    assert_eq!(read(&store, "none").await.unwrap_err().kind, StoreErrorKind::NoSuchObject);
    assert_eq!(store.head(&key("none")).await.unwrap_err().kind, StoreErrorKind::NoSuchObject);
    let store = open("it-no-such-bucket", server.endpoint(), &Ministack::root()).await;
    assert_eq!(read(&store, "none").await.unwrap_err().kind, StoreErrorKind::NoSuchBucket);
    assert_eq!(store.list(&page("", 1)).await.unwrap_err().kind, StoreErrorKind::NoSuchBucket);
}

#[tokio::test]
async fn an_archived_object_says_its_class_and_instant_retrieval_is_no_archive() {
    let server = ministack().await;
    let name = server.make_bucket().await;
    let classes = [("GLACIER", true), ("DEEP_ARCHIVE", true), ("GLACIER_IR", false), ("STANDARD_IA", false)];
    for (class, _) in classes {
        server.put_in_class(&name, class, b"cold", class).await;
    }
    let store = open(&name, server.endpoint(), &Ministack::root()).await;
    let listed = store.list(&page("", 10)).await.unwrap().objects;
    for (class, archived) in classes {
        let entry = listed.iter().find(|object| object.key.as_str() == class).unwrap();
        let head = store.head(&key(class)).await.unwrap();
        for meta in [entry, &head] {
            assert_eq!((meta.storage_class.as_deref(), meta.archived), (Some(class), archived));
        }
        match read(&store, class).await {
            Ok(bytes) => assert_eq!((bytes.as_slice(), archived), (b"cold".as_slice(), false), "{class}"),
            Err(error) => {
                assert!(archived, "{class}: {error}");
                assert_eq!(error.kind, StoreErrorKind::Archived { storage_class: class.to_owned() });
            }
        }
    }
}

/// Sends a GET whose target no client library may touch, and returns status and whole answer.
async fn raw(method: &str, url: &str) -> (u16, String) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}
