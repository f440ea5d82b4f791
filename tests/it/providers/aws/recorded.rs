//! Against a server that writes down what it is asked and answers as it was told.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use logboom::domain::credential::Credential;
use logboom::domain::key::Delimiter;
use logboom::domain::object::{ByteRange, Conditions, ETag, ETagMatch};
use logboom::domain::secret::Secret;
use logboom::domain::time::Timestamp;
use logboom::provider::aws::S3;
use logboom::provider::error::StoreOperation;
use logboom::provider::wire::Options;
use logboom::provider::{Cursor, GetOptions, ListOptions, StoreErrorKind};

use crate::harness::recorder::Recorder;
use crate::harness::servers::free_port;
use crate::harness::tls::certificates;
use crate::providers::aws::{ODD_KEYS, bucket, key, link, open, options, page, read};

/// A server that always gives the same answer.
async fn always(answer: impl Into<Vec<u8>>) -> Recorder {
    let answer = answer.into();
    Recorder::http(move |_| answer.clone()).await
}

fn endpoint(recorder: &Recorder) -> String {
    format!("http://{}", recorder.addr())
}

/// The target of the last request.
fn last_target(recorder: &Recorder) -> String {
    recorder.targets().pop().unwrap()
}

/// The head of the last request, in small letters.
fn last_head(recorder: &Recorder) -> String {
    recorder.requests().pop().unwrap().to_lowercase()
}

const EMPTY_OBJECT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"e\"\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_key_reaches_s3_byte_for_byte() {
    let recorder = always(EMPTY_OBJECT).await;
    let signed = open("logs", &endpoint(&recorder), &some_keys()).await;
    let unsigned = open("logs", &endpoint(&recorder), &Credential::Anonymous).await;
    for (name, encoded) in ODD_KEYS {
        for store in [&signed, &unsigned] {
            store.head(&key(name)).await.unwrap();
            assert_eq!(last_target(&recorder), format!("/logs/{encoded}"), "HEAD {name:?}");
            read(store, name).await.unwrap();
            assert_eq!(last_target(&recorder), format!("/logs/{encoded}"), "GET {name:?}");
        }
        let made = link(&signed, name, Duration::from_mins(1)).await.unwrap();
        let start = format!("{}/logs/{encoded}?", endpoint(&recorder));
        assert!(made.url.expose().starts_with(&start), "link {name:?}: {}", made.url.expose());
    }
}

#[tokio::test]
async fn a_page_is_asked_for_with_every_letter_encoded() {
    let recorder = always(concat!(
        "HTTP/1.1 200 OK\r\nContent-Length: 41\r\nConnection: close\r\n\r\n",
        "<ListBucketResult></ListBucketResult>    ",
    ))
    .await;
    let store = open("logs", &endpoint(&recorder), &Credential::Anonymous).await;
    let options = ListOptions {
        delimiter: Some(Delimiter),
        cursor: Some(Cursor("1/+=&é".to_owned())),
        ..page("a b/../+?&", 7)
    };
    store.list(&options).await.unwrap();
    assert_eq!(
        last_target(&recorder),
        "/logs/?list-type=2&encoding-type=url&max-keys=7&prefix=a%20b%2F..%2F%2B%3F%26&delimiter=%2F\
         &continuation-token=1%2F%2B%3D%26%C3%A9"
    );
}

#[tokio::test]
async fn without_a_credential_nothing_is_signed_and_no_link_is_offered() {
    let recorder = always(EMPTY_OBJECT).await;
    let store = open("logs", &endpoint(&recorder), &Credential::Anonymous).await;
    store.head(&key("a")).await.unwrap();
    assert!(!last_head(&recorder).contains("authorization"));
    assert!(store.links().is_none());
    let store = open("logs", &endpoint(&recorder), &some_keys()).await;
    store.head(&key("a")).await.unwrap();
    assert!(last_head(&recorder).contains("authorization: aws4-hmac-sha256"));
}

#[tokio::test]
async fn a_credential_of_another_cloud_opens_nothing() {
    let foreign = Credential::GcpAccessToken(Secret::new("SECRET-token".to_owned()));
    let error = S3::new(&options()).unwrap().open(&bucket("logs", None), &foreign).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NoCredential);
    assert!(!format!("{error:?}").contains("SECRET"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_the_region() {
    let trap = always(EMPTY_OBJECT).await;
    let answer = format!(
        "HTTP/1.1 301 Moved\r\nLocation: {}/logs/a\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        endpoint(&trap)
    );
    let recorder = always(answer).await;
    let store = open("logs", &endpoint(&recorder), &some_keys()).await;
    let error = read(&store, "a").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unexpected);
    assert!(error.cause.unwrap().to_string().contains("eu-west-1"));
    assert!(trap.requests().is_empty());
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
        let recorder = always(answer).await;
        let store = open("logs", &endpoint(&recorder), &some_keys()).await;
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
async fn bytes_other_than_those_asked_for_are_refused() {
    let ask = |range| GetOptions { range, ..GetOptions::default() };
    let asked = ask(Some(ByteRange::Between { first: 2, last: 3 }));
    let cases = [
        ("206 Partial\r\nContent-Range: bytes 2-3/9", &asked, Ok(2)),
        ("206 Partial\r\nContent-Range: bytes 1-2/9", &asked, Err(StoreErrorKind::Unexpected)),
        ("206 Partial\r\nContent-Range: bytes 2-4/9", &asked, Err(StoreErrorKind::Unexpected)),
        ("206 Partial\r\nContent-Range: bytes 2-3/3", &asked, Err(StoreErrorKind::Unexpected)),
        ("206 Partial", &asked, Err(StoreErrorKind::Unexpected)),
        ("206 Partial\r\nContent-Range: bytes 2-3/9", &ask(None), Err(StoreErrorKind::Unexpected)),
        ("200 OK", &asked, Ok(2)),
        ("204 Nothing", &asked, Err(StoreErrorKind::Unexpected)),
    ];
    for (head, options, expected) in cases {
        let body = if head.starts_with("204") { "" } else { "Content-Length: 2\r\n\r\nab" };
        let recorder = always(format!("HTTP/1.1 {head}\r\nConnection: close\r\n{body}\r\n\r\n")).await;
        let store = open("logs", &endpoint(&recorder), &some_keys()).await;
        let got = match store.get(&key("a"), options).await {
            Ok(opened) => Ok(opened.body.try_collect::<Vec<_>>().await.unwrap().concat().len()),
            Err(error) => Err(error.kind),
        };
        assert_eq!(got, expected, "{head}");
    }
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_judged_by_its_answer() {
    let recorder = always(EMPTY_OBJECT).await;
    let store = open("logs", &endpoint(&recorder), &Credential::Anonymous).await;
    let tag = |text: &str| Some(ETagMatch::OneOf(vec![ETag::parse(text).unwrap()]));
    let ask = |conditions| GetOptions { conditions, ..GetOptions::default() };
    let known = ask(Conditions { if_none_match: tag("e"), ..Conditions::default() });
    assert_eq!(store.get(&key("a"), &known).await.unwrap_err().kind, StoreErrorKind::NotModified);
    assert!(last_head(&recorder).contains("if-none-match: \"e\""));
    let other = ask(Conditions { if_match: tag("x"), ..Conditions::default() });
    assert_eq!(store.get(&key("a"), &other).await.unwrap_err().kind, StoreErrorKind::PreconditionFailed);
    let time = Some(Timestamp::from_unix_seconds(784_111_777));
    let since = ask(Conditions { if_modified_since: time, ..Conditions::default() });
    store.get(&key("a"), &since).await.unwrap();
    assert!(last_head(&recorder).contains("if-modified-since: sun, 06 nov 1994 08:49:37 gmt"));
    let several = ETagMatch::OneOf(vec![ETag::parse("e").unwrap(), ETag::parse("f").unwrap()]);
    let several = Conditions { if_match: Some(several), if_none_match: tag("z"), ..Conditions::default() };
    store.get(&key("a"), &ask(several)).await.unwrap();
    assert!(!last_head(&recorder).contains("if-"), "S3 takes one tag, so it is asked nothing");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_never_an_end() {
    let recorder = always("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhalf").await;
    let store = open("logs", &endpoint(&recorder), &some_keys()).await;
    let opened = store.get(&key("a"), &GetOptions::default()).await.unwrap();
    assert_eq!(opened.meta.size_bytes, 10);
    let error = opened.body.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((error.operation, error.kind), (StoreOperation::Read, StoreErrorKind::Unavailable));
}

#[tokio::test]
async fn a_store_behind_a_private_authority_is_reached_once_the_authority_is_trusted() {
    let recorder = Recorder::https(|_| EMPTY_OBJECT.into()).await;
    let bucket = bucket("logs", Some(&format!("https://{}", recorder.addr())));
    let store = S3::new(&options()).unwrap().open(&bucket, &some_keys()).await.unwrap();
    assert_eq!(store.head(&key("a")).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(recorder.requests().is_empty(), "nothing is said to a stranger");
    let authority = String::from_utf8(certificates().ca_pem()).unwrap();
    let trusting = Options { extra_ca_pem: Some(authority), ..options() };
    let store = S3::new(&trusting).unwrap().open(&bucket, &some_keys()).await.unwrap();
    store.head(&key("a//b")).await.unwrap();
    assert_eq!(recorder.targets(), ["/logs/a//b"]);
    for nonsense in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAA"] {
        let options = Options { extra_ca_pem: Some(nonsense.into()), ..options() };
        assert!(S3::new(&options).is_err(), "{nonsense:?}");
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_logged_even_when_every_library_logs_all_it_does() {
    let log = Log::default();
    let writer = log.clone();
    let _all = tracing::subscriber::set_default(
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish(),
    );
    let recorder = always(EMPTY_OBJECT).await;
    let store = open("logs", &endpoint(&recorder), &some_keys()).await;
    store.head(&key("a")).await.unwrap();
    read(&store, "a").await.unwrap();
    let made = link(&store, "a", Duration::from_mins(1)).await.unwrap();
    let url = made.url.expose();
    let request = last_head(&recorder);
    let signatures = [
        url.rsplit_once("X-Amz-Signature=").unwrap().1.split('&').next().unwrap(),
        request.split_once("signature=").unwrap().1.split("\r\n").next().unwrap(),
    ];
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("aws_sigv4"), "the signer logs: {log}");
    for secret in ["SECRET", signatures[0], signatures[1]] {
        assert!(!log.contains(secret), "{secret} in {log}");
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
