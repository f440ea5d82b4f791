//! Which version of an object a caller gets: conditions, `If-Range`, and the same headers for HEAD as for GET.

use bytes::Bytes;
use reqwest::{Method, RequestBuilder};

use crate::harness::app::{Answer, Caller, Setup, TestApp};
use crate::harness::azurite::Azurite;
use crate::harness::fake_gcs::fake_gcs;
use crate::harness::four::{self, APP_LOG, BUCKETS};
use crate::harness::recorder::Recorder;

/// Before any object of the tests was written, in each of the three forms that RFC 9110 section 5.6.7 knows.
const LONG_AGO: [&str; 3] =
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];

fn object(bucket: &str) -> String {
    format!("/api/v1/buckets/{bucket}/objects/team-a/app.log")
}

fn with(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

async fn send(caller: &Caller, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    caller.send(with(caller.request(method, path), headers)).await
}

/// All headers but those that differ from one request to the next, and how the connection frames the body.
fn lasting(answer: &Answer) -> Vec<(String, String)> {
    let passing = ["date", "traceparent", "x-request-id", "transfer-encoding"];
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !passing.contains(&name.as_str()))
        // Azure names the class of a blob to those who ask for its metadata alone.
        .filter(|(name, value)| *name != "x-logboom-storage-class" || *value != "Hot")
        .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
        .collect();
    headers.sort();
    headers
}

#[tokio::test]
async fn head_answers_what_get_would_but_for_the_body() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in BUCKETS {
        let etag = ana.get(&object(bucket)).await.header("etag").to_owned();
        for query in ["", "?download=true", "?decode=true"] {
            let path = object(bucket) + query;
            for condition in [vec![], vec![("if-none-match", etag.as_str())], vec![("if-match", "\"other\"")]]
            {
                let get = send(&ana, Method::GET, &path, &condition).await;
                let head = send(&ana, Method::HEAD, &path, &condition).await;
                let case = format!("{bucket} {query} {condition:?}");
                assert_eq!(head.status, get.status, "{case}");
                assert_eq!(length_aside(&head), length_aside(&get), "{case}");
                assert_eq!(head.body.len(), 0, "{case}");
                let decoded = query == "?decode=true";
                let tag = if get.status == 412 || decoded { "" } else { etag.as_str() };
                assert_eq!(get.header("etag"), tag, "{case}: decoded bytes are another representation");
            }
        }
        let (get, head) =
            (ana.get(&object(bucket)).await, send(&ana, Method::HEAD, &object(bucket), &[]).await);
        assert_eq!(lasting(&head), lasting(&get), "{bucket}");
        let missing = format!("/api/v1/buckets/{bucket}/objects/team-a/none.log");
        assert_eq!(send(&ana, Method::HEAD, &missing, &[]).await.status, 404, "{bucket}");
    }
}

/// The length of a problem differs by its request id alone, so it is the same too; a decoded body has none.
fn length_aside(answer: &Answer) -> Vec<(String, String)> {
    let mut headers = lasting(answer);
    headers.retain(|(name, _)| name != "content-length");
    headers
}

#[tokio::test]
async fn conditions_count_in_the_order_of_the_rfc() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in BUCKETS {
        let whole = ana.get(&object(bucket)).await;
        let (etag, time) = (whole.header("etag").to_owned(), whole.header("last-modified").to_owned());
        let (weak, many) = (format!("W/{etag}"), format!("\"\", \"a,b\", {etag}"));
        let (etag, time, weak, many) = (etag.as_str(), time.as_str(), weak.as_str(), many.as_str());
        let mut cases = vec![
            (vec![("if-match", etag), ("if-unmodified-since", LONG_AGO[0])], 200),
            (vec![("if-match", "\"other\""), ("if-unmodified-since", time)], 412),
            (vec![("if-match", "\"other\""), ("if-none-match", etag)], 412),
            (vec![("if-match", etag), ("if-none-match", etag)], 304),
            (vec![("if-match", weak)], 412),
            (vec![("if-match", many)], 200),
            (vec![("if-match", "*")], 200),
            (vec![("if-unmodified-since", time)], 200),
            (vec![("if-unmodified-since", LONG_AGO[0]), ("if-none-match", etag)], 412),
            (vec![("if-unmodified-since", time), ("if-none-match", etag)], 304),
            (vec![("if-none-match", weak)], 304),
            (vec![("if-none-match", many)], 304),
            (vec![("if-none-match", "*")], 304),
            (vec![("if-none-match", "\"other\""), ("if-modified-since", time)], 200),
            (vec![("if-none-match", etag), ("if-modified-since", LONG_AGO[0])], 304),
            (vec![("if-modified-since", time)], 304),
            (vec![("if-modified-since", "yesterday")], 200),
            (vec![("if-unmodified-since", "yesterday")], 200),
        ];
        for ago in LONG_AGO {
            cases.push((vec![("if-modified-since", ago)], 200));
            cases.push((vec![("if-unmodified-since", ago)], 412));
        }
        for (headers, status) in cases {
            for method in [Method::GET, Method::HEAD] {
                let answer = send(&ana, method.clone(), &object(bucket), &headers).await;
                assert_eq!(answer.status, status, "{bucket} {method} {headers:?}");
                if status == 304 {
                    let told = (answer.header("etag"), answer.header("last-modified"));
                    assert_eq!(told, (etag, time), "{bucket} {method} {headers:?}");
                }
                kept_by_its_reader_alone(&answer);
            }
        }
    }
}

#[track_caller]
fn kept_by_its_reader_alone(answer: &Answer) {
    let cache = answer.header("cache-control");
    assert!(cache == "no-store" || cache == "private, no-cache", "{}: {cache}", answer.status);
    assert_eq!(answer.header("vary"), "Cookie, Authorization", "{}", answer.status);
}

#[tokio::test]
async fn a_part_is_of_the_version_that_if_range_names_and_other_conditions_still_count() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in BUCKETS {
        let whole = ana.get(&object(bucket)).await;
        let (etag, time) = (whole.header("etag").to_owned(), whole.header("last-modified").to_owned());
        let weak = format!("W/{etag}");
        let (etag, time, weak) = (etag.as_str(), time.as_str(), weak.as_str());
        let (part, outside) = (("range", "bytes=2-4"), ("range", "bytes=21-"));
        for (headers, status) in [
            (vec![part, ("if-range", etag)], 206),
            (vec![part, ("if-range", time)], 206),
            (vec![part, ("if-range", weak)], 200),
            (vec![part, ("if-range", "\"other\"")], 200),
            (vec![part, ("if-range", LONG_AGO[0])], 200),
            (vec![part, ("if-range", etag), ("if-match", "*")], 206),
            (vec![part, ("if-range", etag), ("if-match", "\"other\"")], 412),
            (vec![part, ("if-range", time), ("if-match", "\"other\"")], 412),
            (vec![part, ("if-range", etag), ("if-unmodified-since", LONG_AGO[0])], 412),
            (vec![part, ("if-range", etag), ("if-unmodified-since", time)], 206),
            (vec![part, ("if-range", etag), ("if-none-match", etag)], 304),
            (vec![outside, ("if-range", etag)], 416),
            (vec![outside, ("if-range", time)], 416),
            (vec![outside, ("if-range", "\"other\"")], 200),
            (vec![outside, ("if-match", "\"other\"")], 412),
            (vec![outside, ("if-none-match", etag)], 304),
            (vec![("range", "bytes=0-1,4-5")], 200),
            (vec![part, part], 200),
            (vec![("if-range", "\"other\"")], 200),
        ] {
            let answer = send(&ana, Method::GET, &object(bucket), &headers).await;
            assert_eq!(answer.status, status, "{bucket} {headers:?}: {}", answer.text());
            match status {
                200 => assert_eq!(answer.text(), APP_LOG, "{bucket} {headers:?}"),
                206 => assert_eq!(answer.text(), "234", "{bucket} {headers:?}"),
                416 => assert_eq!(answer.header("content-range"), "bytes */21", "{bucket} {headers:?}"),
                _ => {}
            }
            kept_by_its_reader_alone(&answer);
        }
    }
}

/// An application over a bucket of S3 whose object is replaced: metadata and bytes are answered as told.
async fn replaced(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (TestApp, Recorder) {
    let s3 = Recorder::http(answer).await;
    let app = Setup::default().aws("aws-logs", "logs", &format!("http://{}", s3.addr())).start().await;
    (app, s3)
}

fn says(status: &str, tag: &str, more: &str, body: &str) -> Vec<u8> {
    let modified = "Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT";
    let head = format!("HTTP/1.1 {status}\r\nETag: \"{tag}\"\r\n{modified}\r\nConnection: close\r\n{more}");
    format!("{head}\r\n{body}").into_bytes()
}

#[tokio::test]
async fn an_object_that_is_replaced_after_its_date_was_compared_is_sent_whole() {
    let (app, _s3) = replaced(|request| {
        let request = request.to_lowercase();
        if request.starts_with("head") {
            says("200 OK", "v1", "Content-Length: 5\r\n", "")
        } else if request.contains("if-match: \"v1\"") {
            b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
        } else if request.contains("range: bytes=2-4") {
            says("206 Partial Content", "v2", "Content-Length: 3\r\nContent-Range: bytes 2-4/5\r\n", "wer")
        } else {
            says("200 OK", "v2", "Content-Length: 5\r\n", "newer")
        }
    })
    .await;
    let headers = [("range", "bytes=2-4"), ("if-range", "Mon, 23 Nov 2026 10:00:00 GMT")];
    let answer = send(&app.caller("ana", &["team-a"]), Method::GET, &object("aws-logs"), &headers).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "newer"), "no part of another version");
}

#[tokio::test]
async fn a_304_never_bears_the_tag_of_a_version_that_came_after_it() {
    let (app, _s3) = replaced(|request| {
        if request.starts_with("HEAD") {
            says("200 OK", "v2", "Content-Length: 5\r\n", "")
        } else {
            b"HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n".to_vec()
        }
    })
    .await;
    let headers = [("if-none-match", "\"v1\"")];
    let answer = send(&app.caller("ana", &["team-a"]), Method::GET, &object("aws-logs"), &headers).await;
    assert_eq!((answer.status, answer.header("etag")), (304, ""));
}

#[tokio::test]
async fn an_object_stored_with_a_content_coding_comes_as_it_is_stored() {
    let (gcs, azurite) = (fake_gcs().await, Azurite::shared().await);
    let (gcp, container) = (gcs.make_bucket().await, azurite.container().await);
    let stored = four::content("team-a/app.log.gz");
    gcs.put_coded(&gcp, "team-a/app.log", "gzip", Bytes::from(stored.clone())).await;
    let coded = [("x-ms-blob-content-encoding", "gzip")];
    azurite.put_with(&container, "team-a/app.log", stored.clone(), &coded).await;
    let app = Setup::default()
        .gcp("gcp-logs", &gcp, gcs.endpoint())
        .azure("azure-logs", &container, &azurite.endpoint())
        .start()
        .await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in ["gcp-logs", "azure-logs"] {
        for accepted in ["gzip", "identity", "*"] {
            let accept = ("accept-encoding", accepted);
            let whole = send(&ana, Method::GET, &object(bucket), &[accept]).await;
            assert_eq!((whole.status, &whole.body), (200, &stored), "{bucket} {accepted}");
            assert_eq!(whole.header("content-encoding"), "", "{bucket}: a browser would unpack it");
            let head = send(&ana, Method::HEAD, &object(bucket), &[accept]).await;
            assert_eq!(lasting(&head), lasting(&whole), "{bucket} {accepted}");
            let part = send(&ana, Method::GET, &object(bucket), &[accept, ("range", "bytes=3-9")]).await;
            assert_eq!((part.status, part.body.as_slice()), (206, &stored[3..=9]), "{bucket} {accepted}");
        }
        let decoded = ana.get(&(object(bucket) + "?decode=true")).await;
        assert_eq!((decoded.status, decoded.text().as_str()), (200, APP_LOG), "{bucket}");
    }
}

#[tokio::test]
async fn a_path_with_an_invented_ending_is_nobodys_page() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for path in
        ["/api/v1/session/x.css", "/api/v1/session;.css", "/api/v1/session%0a.css", "/auth/callback/x.png"]
    {
        let answer = ana.get(path).await;
        answer.problem(404, "not-found");
        kept_by_its_reader_alone(&answer);
        assert!(!answer.text().contains("ana"), "{path}");
    }
    for path in ["/api/v1/session", "/api/v1/buckets", "/api/v1/buckets/aws-logs/objects?prefix=team-a/"] {
        kept_by_its_reader_alone(&ana.get(path).await);
        let nobody = app.anonymous().get(path).await;
        nobody.problem(401, "unauthenticated");
        kept_by_its_reader_alone(&nobody);
    }
}
