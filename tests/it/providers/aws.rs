//! S3: signatures, exact request targets, archive classes, links, and refusals.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use logboom::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use logboom::domain::credential::{Credential, CredentialName};
use logboom::domain::key::{Delimiter, ObjectKey, Prefix};
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::Group;
use logboom::domain::secret::Secret;
use logboom::domain::time::{Clock, SystemClock};
use logboom::provider::aws::{Options, S3};
use logboom::provider::error::StoreOperation;
use logboom::provider::{
    Cursor, GetOptions, Link, LinkOptions, ListOptions, Store, StoreError, StoreErrorKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::contract::store::{CloudFixture, StoreFixture, TestBucket};
use crate::harness::ministack::{Ministack, ministack};
use crate::harness::servers::free_port;

/// Keys that some layer between here and S3 would like to change.
const ODD_KEYS: [(&str, &str); 14] = [
    ("a/../b", "a/../b"),
    ("..", ".."),
    (".", "."),
    ("a/./b/", "a/./b/"),
    ("a//b", "a//b"),
    ("/lead", "/lead"),
    ("a%2Fb", "a%252Fb"),
    (" ", "%20"),
    ("+", "%2B"),
    ("a?b#c", "a%3Fb%23c"),
    ("line\nfeed\ttab", "line%0Afeed%09tab"),
    ("日本/é.log", "%E6%97%A5%E6%9C%AC/%C3%A9.log"),
    ("q=1&r=2;s", "q%3D1%26r%3D2%3Bs"),
    ("it's(~)!*\"<>\\^`{|}", "it%27s%28~%29%21%2A%22%3C%3E%5C%5E%60%7B%7C%7D"),
];

fn options() -> Options {
    Options {
        extra_ca_pem: None,
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(30),
        read_buffer_bytes: 128 * 1024,
    }
}

fn bucket(native_name: &str, endpoint: Option<&str>) -> Bucket {
    Bucket {
        id: BucketId::parse("logs").unwrap(),
        provider: Provider::Aws,
        native_name: NativeName::parse(native_name).unwrap(),
        region: None,
        account: None,
        endpoint: endpoint.map(str::to_owned),
        owner: Group::parse("owners").unwrap(),
        label: LabelOrder::new(&["internal"]).unwrap().find("internal").unwrap().clone(),
        credential: CredentialName::parse("logs").unwrap(),
    }
}

async fn open(native_name: &str, endpoint: &str, credential: &Credential) -> Store {
    let s3 = S3::new(&options()).unwrap();
    s3.open(&bucket(native_name, Some(endpoint)), credential).await.unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn page(prefix: &str, limit: u16) -> ListOptions {
    ListOptions {
        prefix: Prefix::parse(prefix).unwrap(),
        delimiter: None,
        limit: limit.try_into().unwrap(),
        cursor: None,
    }
}

async fn read(store: &Store, name: &str) -> Result<Vec<u8>, StoreError> {
    let opened = store.get(&key(name), &GetOptions::default()).await?;
    let chunks: Vec<_> = opened.body.try_collect().await?;
    Ok(chunks.concat())
}

async fn link(store: &Store, name: &str, ttl: Duration) -> Result<Link, StoreError> {
    let options = LinkOptions {
        ttl,
        now: SystemClock.now(),
        content_disposition: "attachment; filename=\"a b.log\"".to_owned(),
        content_type: "application/octet-stream".to_owned(),
    };
    store.links().expect("keys make links").link(&key(name), &options).await
}

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

mod battery {
    use super::{Fixture, ministack};
    use crate::contract::store::{cloud_battery, store_battery};

    store_battery!(async { Fixture(ministack().await) });
    cloud_battery!(async { Fixture(ministack().await) });
}

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

#[tokio::test]
async fn every_odd_key_can_be_listed_read_and_linked() {
    let s3 = ministack().await;
    let name = s3.make_bucket().await;
    let store = open(&name, s3.endpoint(), &Ministack::root()).await;
    for (key, _) in ODD_KEYS {
        s3.put(&name, key, key).await;
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
    let s3 = ministack().await;
    let name = s3.make_bucket().await;
    s3.put(&name, "a.log", "bytes").await;
    let store = open(&name, s3.endpoint(), &Ministack::root()).await;
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
    let s3 = ministack().await;
    let (mine, other) = (s3.make_bucket().await, s3.make_bucket().await);
    s3.put(&mine, "a.log", "mine").await;
    s3.put(&other, "a.log", "other").await;
    let reader = s3.reader_of(&mine).await;
    let allowed = open(&mine, s3.endpoint(), &reader).await;
    assert_eq!(read(&allowed, "a.log").await.unwrap(), b"mine");
    assert_eq!(allowed.list(&page("", 10)).await.unwrap().objects.len(), 1);
    let wrong_key = Credential::AwsKeys {
        access_key_id: "AKIAIOSFODNN7NOBODY1".to_owned(),
        secret_access_key: Secret::new("SECRET-nobody".to_owned()),
        session_token: None,
    };
    for credential in [&reader, &wrong_key, &Credential::Anonymous] {
        let store = open(&other, s3.endpoint(), credential).await;
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
    let s3 = ministack().await;
    let name = s3.make_bucket().await;
    let store = open(&name, s3.endpoint(), &Ministack::root()).await;
    assert_eq!(read(&store, "none").await.unwrap_err().kind, StoreErrorKind::NoSuchObject);
    assert_eq!(store.head(&key("none")).await.unwrap_err().kind, StoreErrorKind::NoSuchObject);
    let store = open("it-no-such-bucket", s3.endpoint(), &Ministack::root()).await;
    assert_eq!(read(&store, "none").await.unwrap_err().kind, StoreErrorKind::NoSuchBucket);
    assert_eq!(store.list(&page("", 1)).await.unwrap_err().kind, StoreErrorKind::NoSuchBucket);
}

#[tokio::test]
async fn an_archived_object_says_its_class_and_instant_retrieval_is_no_archive() {
    let s3 = ministack().await;
    let name = s3.make_bucket().await;
    let classes = [("GLACIER", true), ("DEEP_ARCHIVE", true), ("GLACIER_IR", false), ("STANDARD_IA", false)];
    for (class, _) in classes {
        s3.put_in_class(&name, class, b"cold", class).await;
    }
    let store = open(&name, s3.endpoint(), &Ministack::root()).await;
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
