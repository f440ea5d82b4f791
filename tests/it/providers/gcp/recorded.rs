//! Against a server that writes down what it is asked and answers as it was told.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use logboom::domain::credential::Credential;
use logboom::domain::key::Delimiter;
use logboom::domain::object::{ByteRange, Conditions, ETag, ETagMatch};
use logboom::domain::secret::Secret;
use logboom::domain::time::Timestamp;
use logboom::provider::gcp::Gcs;
use logboom::provider::wire::Options;
use logboom::provider::{Cursor, GetOptions, ListOptions, StoreErrorKind};

use crate::contract::store::{bytes, key, kind, page};
use crate::doubles::gcs::{account, whole};
use crate::harness::recorder::Recorder;
use crate::harness::tls::certificates;
use crate::providers::gcp::{bucket, open, options};

/// Keys that some layer between here and Google would like to change.
const ODD_KEYS: [(&str, &str); 13] = [
    ("a/../b", "a%2F..%2Fb"),
    ("../b", "..%2Fb"),
    ("a/..", "a%2F.."),
    ("%2e%2e", "%252e%252e"),
    ("a//b", "a%2F%2Fb"),
    ("/lead", "%2Flead"),
    ("a%2Fb", "a%252Fb"),
    (" ", "%20"),
    ("+", "%2B"),
    ("a?b#c", "a%3Fb%23c"),
    ("line\nfeed\ttab", "line%0Afeed%09tab"),
    ("日本/é.log", "%E6%97%A5%E6%9C%AC%2F%C3%A9.log"),
    ("it's(~)!*\"<>\\^`{|}", "it%27s%28~%29%21%2A%22%3C%3E%5C%5E%60%7B%7C%7D"),
];

const FIELDS: &str =
    "name%2Csize%2Cgeneration%2CtimeCreated%2Cupdated%2CstorageClass%2CcontentType%2CcontentEncoding";

async fn empty_object() -> Recorder {
    Recorder::http(|_| whole("200 OK", "X-Goog-Generation: 7\r\n", b"")).await
}

fn endpoint(recorder: &Recorder) -> String {
    format!("http://{}", recorder.addr())
}

#[tokio::test]
async fn a_key_reaches_google_byte_for_byte() {
    let recorder = empty_object().await;
    let store = open("logs", &endpoint(&recorder), &Credential::Anonymous);
    for (name, encoded) in ODD_KEYS {
        store.get(&key(name), &GetOptions::default()).await.unwrap();
        let target = recorder.targets().pop().unwrap();
        assert_eq!(target, format!("/storage/v1/b/logs/o/{encoded}?alt=media"), "GET {name:?}");
        // The answer is no description of the object, but the question is what counts here.
        assert_eq!(kind(store.head(&key(name)).await), StoreErrorKind::Unexpected);
        let target = recorder.targets().pop().unwrap();
        assert_eq!(target, format!("/storage/v1/b/logs/o/{encoded}?fields={FIELDS}"), "head {name:?}");
    }
}

#[tokio::test]
async fn a_key_that_no_url_can_carry_is_not_asked_for() {
    let recorder = empty_object().await;
    let store = open("logs", &endpoint(&recorder), &Credential::Anonymous);
    for name in [".", ".."] {
        assert_eq!(kind(store.get(&key(name), &GetOptions::default()).await), StoreErrorKind::Invalid);
        assert_eq!(kind(store.head(&key(name)).await), StoreErrorKind::Invalid);
    }
    assert!(recorder.targets().is_empty());
}

#[tokio::test]
async fn a_page_is_asked_for_with_every_letter_encoded() {
    let recorder = Recorder::http(|_| whole("200 OK", "", b"{}")).await;
    let mut payed = bucket("logs", &endpoint(&recorder));
    payed.account = Some("payer".to_owned());
    let store = Gcs::new(&options()).unwrap().open(&payed, &Credential::Anonymous).unwrap();
    let ask =
        ListOptions { cursor: Some(Cursor("1/+=&é".to_owned())), ..page("a b/../+?&", Some(Delimiter), 7) };
    store.list(&ask).await.unwrap();
    let fields = format!("prefixes%2CnextPageToken%2Citems%28{FIELDS}%29");
    assert_eq!(
        recorder.targets(),
        [format!(
            "/storage/v1/b/logs/o?maxResults=7&fields={fields}&prefix=a%20b%2F..%2F%2B%3F%26&delimiter=%2F\
             &includeFoldersAsPrefixes=false&pageToken=1%2F%2B%3D%26%C3%A9&userProject=payer"
        )]
    );
}

#[tokio::test]
async fn bytes_are_asked_for_as_they_are_stored_and_conditions_go_along() {
    let recorder = empty_object().await;
    let store = open("logs", &endpoint(&recorder), &Credential::Anonymous);
    let tags = |text| Some(ETagMatch::OneOf(vec![ETag::parse(text).unwrap()]));
    for (conditions, query) in [
        (Conditions { if_match: tags("7"), ..Conditions::default() }, "&ifGenerationMatch=7"),
        (Conditions { if_none_match: tags("8"), ..Conditions::default() }, "&ifGenerationNotMatch=8"),
        (Conditions { if_none_match: tags("+8"), ..Conditions::default() }, ""),
        (Conditions { if_none_match: tags("0"), ..Conditions::default() }, ""),
    ] {
        store.get(&key("k"), &GetOptions { conditions, range: None }).await.unwrap();
        let target = recorder.targets().pop().unwrap();
        assert_eq!(target, format!("/storage/v1/b/logs/o/k?alt=media{query}"));
        let head = recorder.requests().pop().unwrap().to_lowercase();
        assert!(head.contains("accept-encoding: gzip\r\n"), "{head}");
        assert!(!head.contains("authorization"), "{head}");
    }
}

#[tokio::test]
async fn bytes_that_were_changed_on_their_way_are_refused() {
    for headers in [
        "X-Guploader-Response-Body-Transformations: gunzipped\r\n",
        "Warning: 214 UploadServer gunzipped\r\n",
        "X-Goog-Stored-Content-Encoding: identity\r\nContent-Encoding: gzip\r\n",
        "X-Goog-Stored-Content-Length: 4\r\n",
    ] {
        let recorder = Recorder::http(move |_| whole("200 OK", headers, b"bytes")).await;
        let store = open("logs", &endpoint(&recorder), &Credential::Anonymous);
        let refused = kind(store.get(&key("k"), &GetOptions::default()).await);
        assert_eq!(refused, StoreErrorKind::Unexpected, "{headers}");
    }
}

#[tokio::test]
async fn another_range_than_asked_for_is_refused() {
    let ranged =
        GetOptions { range: Some(ByteRange::Between { first: 0, last: 4 }), ..GetOptions::default() };
    for (status, headers, ask) in [
        ("206 Partial", "Content-Range: bytes 1-5/9\r\n", ranged.clone()),
        ("206 Partial", "Content-Range: bytes 0-3/9\r\n", ranged.clone()),
        ("206 Partial", "Content-Range: bytes 0-4/9\r\n", GetOptions::default()),
        ("206 Partial", "", ranged.clone()),
        ("200 OK", "Content-Range: bytes 0-4/9\r\n", ranged.clone()),
    ] {
        let recorder = Recorder::http(move |_| whole(status, headers, b"bytes")).await;
        let store = open("logs", &endpoint(&recorder), &Credential::Anonymous);
        assert_eq!(kind(store.get(&key("k"), &ask).await), StoreErrorKind::Unexpected, "{status} {headers}");
    }
}

#[tokio::test]
async fn a_time_that_the_bytes_do_not_tell_is_asked_for() {
    let recorder = Recorder::http(|request| {
        let described = br#"{"name":"k","size":"5","generation":"7","timeCreated":"2026-11-23T08:00:00.5Z"}"#;
        if request.contains("alt=media") {
            whole("200 OK", "X-Goog-Generation: 7\r\n", b"bytes")
        } else {
            whole("200 OK", "", described)
        }
    })
    .await;
    let store = open("logs", &endpoint(&recorder), &Credential::Anonymous);
    let since = |text| GetOptions {
        conditions: Conditions {
            if_modified_since: Some(Timestamp::parse(text).unwrap()),
            ..Conditions::default()
        },
        range: None,
    };
    let same = store.get(&key("k"), &since("2026-11-23T08:00:00Z")).await;
    assert_eq!(kind(same), StoreErrorKind::NotModified);
    assert!(store.get(&key("k"), &since("2026-11-23T07:59:59Z")).await.is_ok());
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_where_it_is_named() {
    let recorder = Recorder::https(|_| whole("200 OK", "", b"{}")).await;
    let bucket = bucket("logs", &format!("https://{}", recorder.addr()));
    let list = async |extra_ca_pem| {
        let gcs = Gcs::new(&Options { extra_ca_pem, ..options() }).unwrap();
        gcs.open(&bucket, &Credential::Anonymous).unwrap().list(&page("", None, 1)).await
    };
    assert_eq!(kind(list(None).await), StoreErrorKind::Unavailable);
    let authority = String::from_utf8(certificates().ca_pem()).unwrap();
    assert!(list(Some(authority)).await.is_ok());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let trap = empty_object().await;
    let location = format!("Location: {}/stolen\r\n", endpoint(&trap));
    let recorder = Recorder::http(move |_| whole("302 Found", &location, b"")).await;
    let token = Credential::GcpAccessToken(Secret::new("SECRET-token".to_owned()));
    let store = open("logs", &endpoint(&recorder), &token);
    let refused = kind(store.get(&key("k"), &GetOptions::default()).await);
    assert_eq!(refused, StoreErrorKind::Unexpected);
    assert!(trap.targets().is_empty());
}

#[tokio::test]
async fn a_service_account_proves_itself_without_asking_anybody() {
    let recorder = empty_object().await;
    let store = open("logs", &endpoint(&recorder), &account::credential());
    let opened = store.get(&key("k"), &GetOptions::default()).await.unwrap();
    assert_eq!(bytes(opened).await.unwrap(), b"");
    let request = recorder.requests().pop().unwrap();
    let token = request.split("Bearer ").nth(1).or_else(|| request.split("bearer ").nth(1)).unwrap();
    let token = token.lines().next().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    assert!(account::signed(signed, &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap()));
    let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], account::EMAIL);
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/devstorage.read_only");
}

#[tokio::test]
async fn a_failure_never_tells_the_token_or_the_key() {
    let answer = |_: &str| whole("403 Forbidden", "", b"SECRET-token may not read SECRET-key");
    let recorder = Recorder::http(answer).await;
    let credential = Credential::GcpAccessToken(Secret::new("SECRET-token".to_owned()));
    let store = open("logs", &endpoint(&recorder), &credential);
    let refused = store.head(&key("SECRET-key")).await.unwrap_err();
    assert!(!format!("{refused:?} {store:?}").contains("SECRET"), "{refused:?}");
    drop(recorder);
    let gone = store.head(&key("SECRET-key")).await.unwrap_err();
    assert_eq!(gone.kind, StoreErrorKind::Unavailable);
    assert!(!format!("{gone:?}").contains("SECRET"), "{gone:?}");
}

#[tokio::test]
async fn a_wrong_credential_is_refused_when_the_bucket_is_opened() {
    let gcs = Gcs::new(&options()).unwrap();
    let bucket = bucket("logs", "http://127.0.0.1:9");
    let keys = ["no JSON SECRET", "{}", "[1]"];
    for text in keys {
        let credential = Credential::GcpServiceAccountKey(Secret::new(text.to_owned()));
        let refused = gcs.open(&bucket, &credential).unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::NoCredential, "{text}");
        assert!(!format!("{refused:?}").contains("SECRET"));
    }
    let line = Credential::GcpAccessToken(Secret::new("two\nlines".to_owned()));
    assert_eq!(gcs.open(&bucket, &line).unwrap_err().kind, StoreErrorKind::NoCredential);
}
