//! Against a server that writes down what it is asked and answers as it was told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use logboom::domain::credential::Credential;
use logboom::domain::key::Delimiter;
use logboom::domain::secret::Secret;
use logboom::provider::error::StoreOperation;
use logboom::provider::{Cursor, GetOptions, ListOptions, StoreErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::harness::servers::free_port;
use crate::providers::aws::{ODD_KEYS, key, link, open, page, read};

/// A server that writes down the head of each request and always gives the same answer.
struct Recorder {
    endpoint: String,
    heads: Arc<Mutex<Vec<String>>>,
    /// Ends the server with the test.
    _work: JoinSet<()>,
}

impl Recorder {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let mut work = JoinSet::new();
        work.spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.unwrap());
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { endpoint, heads, _work: work }
    }

    /// The target of the last request.
    fn target(&self) -> String {
        self.last_head().split(' ').nth(1).unwrap().to_owned()
    }

    fn last_head(&self) -> String {
        self.heads.lock().unwrap().last().unwrap().clone()
    }
}

const EMPTY_OBJECT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"e\"\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_key_reaches_s3_byte_for_byte() {
    let recorder = Recorder::start(EMPTY_OBJECT).await;
    let signed = open("logs", &recorder.endpoint, &some_keys()).await;
    let unsigned = open("logs", &recorder.endpoint, &Credential::Anonymous).await;
    for (name, encoded) in ODD_KEYS {
        for store in [&signed, &unsigned] {
            store.head(&key(name)).await.unwrap();
            assert_eq!(recorder.target(), format!("/logs/{encoded}"), "HEAD {name:?}");
            read(store, name).await.unwrap();
            assert_eq!(recorder.target(), format!("/logs/{encoded}"), "GET {name:?}");
        }
        let made = link(&signed, name, Duration::from_mins(1)).await.unwrap();
        let start = format!("{}/logs/{encoded}?", recorder.endpoint);
        assert!(made.url.expose().starts_with(&start), "link {name:?}: {}", made.url.expose());
    }
}

#[tokio::test]
async fn a_page_is_asked_for_with_every_letter_encoded() {
    let recorder = Recorder::start(concat!(
        "HTTP/1.1 200 OK\r\nContent-Length: 41\r\nConnection: close\r\n\r\n",
        "<ListBucketResult></ListBucketResult>    ",
    ))
    .await;
    let store = open("logs", &recorder.endpoint, &Credential::Anonymous).await;
    let options = ListOptions {
        delimiter: Some(Delimiter),
        cursor: Some(Cursor("1/+=&é".to_owned())),
        ..page("a b/../+?&", 7)
    };
    store.list(&options).await.unwrap();
    assert_eq!(
        recorder.target(),
        "/logs/?list-type=2&encoding-type=url&max-keys=7&prefix=a%20b%2F..%2F%2B%3F%26&delimiter=%2F\
         &continuation-token=1%2F%2B%3D%26%C3%A9"
    );
}

#[tokio::test]
async fn without_a_credential_nothing_is_signed_and_no_link_is_offered() {
    let recorder = Recorder::start(EMPTY_OBJECT).await;
    let store = open("logs", &recorder.endpoint, &Credential::Anonymous).await;
    store.head(&key("a")).await.unwrap();
    assert!(!recorder.last_head().to_lowercase().contains("authorization"));
    assert!(store.links().is_none());
    let store = open("logs", &recorder.endpoint, &some_keys()).await;
    store.head(&key("a")).await.unwrap();
    assert!(recorder.last_head().to_lowercase().contains("authorization: aws4-hmac-sha256"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_the_region() {
    let trap = Recorder::start(EMPTY_OBJECT).await;
    let answer = format!(
        "HTTP/1.1 301 Moved\r\nLocation: {}/logs/a\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        trap.endpoint
    );
    let recorder = Recorder::start(answer.leak()).await;
    let store = open("logs", &recorder.endpoint, &some_keys()).await;
    let error = read(&store, "a").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unexpected);
    assert!(error.cause.unwrap().to_string().contains("eu-west-1"));
    assert!(trap.heads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn refusals_become_kinds_and_repeat_no_secret() {
    let cases = [
        ("503 Slow Down", "Retry-After: 7\r\n", "SlowDown", throttled(Some(7))),
        ("429 Too Many Requests", "", "TooMany", throttled(None)),
        ("503 Service Unavailable", "", "ServiceUnavailable", StoreErrorKind::Unavailable),
        ("500 Internal Server Error", "", "InternalError", StoreErrorKind::Unavailable),
        ("403 Forbidden", "", "SignatureDoesNotMatch", StoreErrorKind::Denied),
        ("400 Bad Request", "", "ExpiredToken", StoreErrorKind::Denied),
        ("404 Not Found", "", "NoSuchBucket", StoreErrorKind::NoSuchBucket),
        ("404 Not Found", "", "NoSuchKey", StoreErrorKind::NoSuchObject),
        ("400 Bad Request", "", "KeyTooLongError", StoreErrorKind::Invalid),
        ("418 Teapot", "", "Teapot", StoreErrorKind::Unexpected),
        (
            "416 Range",
            "Content-Range: bytes */12\r\n",
            "X",
            StoreErrorKind::RangeNotSatisfiable { total: 12 },
        ),
    ];
    for (status, header, code, kind) in cases {
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>SECRET-in-message</Message>\
             <AWSAccessKeyId>SECRET-id</AWSAccessKeyId><StringToSign>SECRET-string</StringToSign></Error>"
        );
        let answer = format!(
            "HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let recorder = Recorder::start(answer.leak()).await;
        let store = open("logs", &recorder.endpoint, &some_keys()).await;
        let error = read(&store, "a").await.unwrap_err();
        assert_eq!(error.kind, kind, "{status} {code}");
        let told = format!("{error} {error:?}");
        assert!(!told.contains("SECRET") && told.contains(code), "{told}");
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unavailable_and_no_secret_is_told() {
    let store = open("logs", &format!("http://127.0.0.1:{}", free_port()), &some_keys()).await;
    for error in [
        store.list(&page("", 1)).await.unwrap_err(),
        store.head(&key("a")).await.unwrap_err(),
        read(&store, "a").await.unwrap_err(),
    ] {
        assert_eq!(error.kind, StoreErrorKind::Unavailable);
        let told = format!("{error:?}");
        assert!(!told.contains("SECRET") && !told.contains("Signature"), "{told}");
    }
    assert!(!format!("{store:?}").contains("SECRET"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_never_an_end() {
    let recorder =
        Recorder::start("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf").await;
    let store = open("logs", &recorder.endpoint, &some_keys()).await;
    let opened = store.get(&key("a"), &GetOptions::default()).await.unwrap();
    assert_eq!(opened.meta.size_bytes, 10);
    let error = opened.body.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((error.operation, error.kind), (StoreOperation::Read, StoreErrorKind::Unavailable));
}

fn some_keys() -> Credential {
    Credential::AwsKeys {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new("SECRET-example-key".to_owned()),
        session_token: Some(Secret::new("SECRET-session-token".to_owned())),
    }
}

fn throttled(seconds: Option<u64>) -> StoreErrorKind {
    StoreErrorKind::Throttled { retry_after: seconds.map(Duration::from_secs) }
}
