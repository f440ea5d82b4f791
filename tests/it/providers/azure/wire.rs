//! What goes over the wire: keys, refusals, broken bodies.

use std::time::Duration;

use logboom::domain::credential::Credential;
use logboom::domain::key::Delimiter;
use logboom::provider::{Cursor, GetOptions, StoreErrorKind};

use crate::contract::store::{key, kind, page, read};
use crate::harness::azurite::{ACCOUNT, AUDIENCE};
use crate::harness::recorder::Recorder;
use crate::harness::servers::free_port;
use crate::providers::azure::{answer, bearer, blob_storage, bucket, open_with, recorded};

#[tokio::test]
async fn a_key_is_on_the_wire_exactly_or_not_at_all() {
    let upstream = Recorder::http(|request| {
        if !request.contains("comp=list") {
            return answer("200 OK", "", "x");
        }
        let name = request.split("prefix=").nth(1).unwrap().split([' ', '&']).next().unwrap();
        let name = percent_encoding::percent_decode_str(name).decode_utf8().unwrap().into_owned();
        let entry = format!(
            "<Blob><Name>{name}</Name><Properties><Content-Length>1</Content-Length></Properties></Blob>"
        );
        answer("200 OK", "", &format!("<EnumerationResults><Blobs>{entry}</Blobs></EnumerationResults>"))
    })
    .await;
    let store = recorded(&upstream);
    let exact = [
        ("a/b.log", "a/b.log"),
        ("a b+c", "a%20b%2Bc"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("%2F%2e%2e", "%252F%252e%252e"),
        ("a/%2e%2e/b", "a/%252e%252e/b"),
        ("..a/...b", "..a/...b"),
        ("日本/ü", "%E6%97%A5%E6%9C%AC/%C3%BC"),
        ("a//b", "a//b"),
        ("/lead", "/lead"),
        ("trail/", "trail/"),
        ("<'\"|^`{}~>", "%3C%27%22%7C%5E%60%7B%7D~%3E"),
    ];
    for (name, wire) in exact {
        let before = upstream.targets().len();
        read(&store, name).await.unwrap();
        let targets = upstream.targets().split_off(before);
        assert_eq!(targets.last().unwrap(), &format!("/{ACCOUNT}/logs/{wire}"), "{name}");
    }
    let before = upstream.targets();
    for name in [
        "..", ".", "a/../b", "../a", "a/..", "a/./b", "./a", "a.", "a./b", "a\\b", "..\\a", "a\u{1}b", "a\nb",
    ] {
        assert_eq!(
            kind(store.get(&key(name), &GetOptions::default()).await),
            StoreErrorKind::NoSuchObject,
            "{name:?}"
        );
        assert_eq!(kind(store.head(&key(name)).await), StoreErrorKind::NoSuchObject, "{name:?}");
    }
    assert_eq!(upstream.targets(), before, "no request left for a key that has no URL");
}

#[tokio::test]
async fn a_prefix_and_a_cursor_are_values_and_never_paths() {
    let upstream =
        Recorder::http(|_| answer("200 OK", "", "<EnumerationResults><Blobs/></EnumerationResults>")).await;
    let mut options = page("team-a/../b?&#+ ü", Some(Delimiter), 7);
    options.cursor = Some(Cursor("2!4!x==&comp=acl".to_owned()));
    recorded(&upstream).list(&options).await.unwrap();
    let parameters = "restype=container&comp=list&maxresults=7&prefix=team-a%2F..%2Fb%3F%26%23%2B%20%C3%BC\
                      &delimiter=%2F&marker=2%214%21x%3D%3D%26comp%3Dacl";
    assert_eq!(upstream.targets(), [format!("/{ACCOUNT}/logs?{parameters}")]);
}

#[tokio::test]
async fn a_key_that_the_account_folds_into_another_is_not_there() {
    // With hierarchical namespace `a//b` is `a/b`: reads answer its bytes, listings its true name.
    let upstream = Recorder::http(|request| {
        let entry =
            "<Blob><Name>a/b</Name><Properties><Content-Length>6</Content-Length></Properties></Blob>";
        if request.contains("comp=list") {
            answer("200 OK", "", &format!("<EnumerationResults><Blobs>{entry}</Blobs></EnumerationResults>"))
        } else {
            answer("200 OK", "", "CANARY")
        }
    })
    .await;
    let store = recorded(&upstream);
    for name in ["a//b", "/a/b", "a/b/"] {
        assert_eq!(kind(store.head(&key(name)).await), StoreErrorKind::NoSuchObject, "{name}");
        assert_eq!(
            kind(store.get(&key(name), &GetOptions::default()).await),
            StoreErrorKind::NoSuchObject,
            "{name}"
        );
    }
    assert_eq!(kind(store.list(&page("a//", Some(Delimiter), 1000)).await), StoreErrorKind::Unexpected);
    assert!(upstream.targets().iter().all(|target| target.contains("comp=list")));
}

#[tokio::test]
async fn trouble_upstream_has_its_kind_and_is_tried_once() {
    let cases = [
        (
            "429 Too Many Requests",
            "Retry-After: 7\r\n",
            StoreErrorKind::Throttled { retry_after: Some(Duration::from_secs(7)) },
        ),
        (
            "503 Server Busy",
            "x-ms-error-code: ServerBusy\r\n",
            StoreErrorKind::Throttled { retry_after: None },
        ),
        ("503 Service Unavailable", "", StoreErrorKind::Unavailable),
        ("500 Internal", "x-ms-error-code: InternalError\r\n", StoreErrorKind::Unavailable),
        ("500 Timeout", "x-ms-error-code: OperationTimedOut\r\n", StoreErrorKind::TimedOut),
        ("403 Forbidden", "x-ms-error-code: AuthorizationPermissionMismatch\r\n", StoreErrorKind::Denied),
        ("409 Conflict", "x-ms-error-code: PublicAccessNotPermitted\r\n", StoreErrorKind::Denied),
        ("307 Elsewhere", "Location: http://127.0.0.1:1/\r\n", StoreErrorKind::Unexpected),
        ("206 Partial", "Content-Range: bytes 5-5/9\r\n", StoreErrorKind::Unexpected),
    ];
    for (status, headers, expect) in cases {
        let upstream = Recorder::http(move |_| answer(status, headers, "x")).await;
        let store = recorded(&upstream);
        assert_eq!(kind(store.get(&key("k"), &GetOptions::default()).await), expect, "{status}");
        assert_eq!(upstream.targets().len(), 1, "{status}");
    }
    let nowhere = format!("http://127.0.0.1:{}/{ACCOUNT}", free_port());
    let store = open_with(&nowhere, "logs", &Credential::Anonymous);
    assert_eq!(kind(store.head(&key("k")).await), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_in_an_error() {
    let upstream = Recorder::http(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec()).await;
    let store = recorded(&upstream);
    assert_eq!(kind(read(&store, "k").await), StoreErrorKind::Unavailable);
}

#[test]
fn a_token_never_goes_over_plain_http() {
    let bucket = bucket(&format!("http://127.0.0.1:1/{ACCOUNT}"), "logs");
    let refused = blob_storage().open(&bucket, &bearer(AUDIENCE));
    assert_eq!(kind(refused), StoreErrorKind::Invalid);
}
