//! `GET|HEAD /api/v1/buckets/{bucket}/objects/{key}`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;

use crate::harness::four::{self, APP_LOG, BUCKETS, HIDDEN, PLAIN_KEYS, content};

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn every_visible_object_comes_back_byte_for_byte_by_path_and_by_parameter() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in BUCKETS {
        for key in PLAIN_KEYS {
            let (path, parameter) =
                (format!("objects/{}", encoded(key)), format!("object?key={}", encoded(key)));
            for address in [path, parameter] {
                let answer = ana.get(&format!("/api/v1/buckets/{bucket}/{address}")).await;
                assert_eq!((answer.status, answer.body), (200, content(key)), "{bucket} {key}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_person_may_not_know_of_is_not_there_and_what_they_may_only_list_is_forbidden() {
    let app = four::start().await;
    let (ana, bob) = (app.caller("ana", &["team-a"]), app.caller("bob", &["team-b"]));
    let lister = app.caller("lin", &["listers"]);
    for bucket in BUCKETS {
        let object = |key: &str| format!("/api/v1/buckets/{bucket}/objects/{key}");
        for (key, canary) in HIDDEN {
            let hidden = ana.get(&object(key)).await;
            hidden.problem(404, "not-found");
            assert!(!hidden.text().contains(canary));
        }
        ana.get(&object("team-a/no-such.log")).await.problem(404, "not-found");
        bob.get(&object("team-a/app.log")).await.problem(404, "not-found");
        assert_eq!(bob.get(&object("team-b/secret.log")).await.text(), "CANARY-B");
        let forbidden = lister.get(&object("team-a/app.log")).await.problem(403, "forbidden");
        assert_eq!(forbidden["reasons"], serde_json::json!(["no policy permits it"]));
        for dots in ["team-a/..%2fteam-b%2fsecret.log", "team-a/%252e%252e/team-b/secret.log"] {
            let answer = ana.get(&object(dots)).await;
            assert!(matches!(answer.status, 400 | 404), "{bucket} {dots}: {}", answer.status);
            assert!(!answer.text().contains("CANARY"));
        }
    }
}

#[tokio::test]
async fn ranges_conditions_and_head_mean_what_http_says() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in BUCKETS {
        let path = format!("/api/v1/buckets/{bucket}/objects/team-a/app.log");
        let whole = ana.get(&path).await;
        let etag = whole.header("etag").to_owned();
        assert!(etag.starts_with('"'), "{bucket}: {etag}");
        assert_eq!(whole.header("content-length"), "21");
        for (range, expected) in
            [("bytes=2-4", "234"), ("bytes=-3", "ij\n"), ("bytes=18-", "ij\n"), ("bytes=18-99", "ij\n")]
        {
            let part = ana.get_with(&path, "range", range).await;
            assert_eq!((part.status, part.text().as_str()), (206, expected), "{bucket} {range}");
            assert!(part.header("content-range").ends_with("/21"), "{bucket}");
        }
        let outside = ana.get_with(&path, "range", "bytes=21-").await;
        outside.problem(416, "range-not-satisfiable");
        assert_eq!(outside.header("content-range"), "bytes */21", "{bucket}");
        let same = ana.get_with(&path, "if-none-match", &etag).await;
        assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, etag.as_str()), "{bucket}");
        ana.get_with(&path, "if-match", "\"other\"").await.problem(412, "precondition-failed");
        let resumed = ana.request(Method::GET, &path).header("range", "bytes=2-4");
        let resumed = ana.send(resumed.header("if-range", "\"other\"")).await;
        assert_eq!((resumed.status, resumed.text().as_str()), (200, APP_LOG), "{bucket}");
        let head = ana.send(ana.request(Method::HEAD, &path)).await;
        assert_eq!((head.status, head.header("etag"), head.body.len()), (200, etag.as_str(), 0), "{bucket}");
        assert_eq!(head.header("content-length"), "21", "{bucket}");
    }
}

#[tokio::test]
async fn an_object_is_a_download_that_no_browser_runs_and_can_be_inflated() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in BUCKETS {
        let path = format!("/api/v1/buckets/{bucket}/objects/team-a/app.log.gz");
        let inflated = ana.get(&format!("{path}?decode=true")).await;
        assert_eq!((inflated.status, inflated.text().as_str()), (200, APP_LOG), "{bucket}");
        assert_eq!(inflated.header("etag"), "", "the stored bytes' tag is not that of others");
        let stored = ana.get(&format!("{path}?download=true")).await;
        assert_eq!(stored.header("content-type"), "application/octet-stream");
        assert_eq!(
            stored.header("content-disposition"),
            "attachment; filename=\"app.log.gz\"; filename*=UTF-8''app.log.gz"
        );
        assert_eq!(stored.header("content-security-policy"), "sandbox; default-src 'none'");
        assert_eq!(stored.header("x-content-type-options"), "nosniff");
        assert_eq!(stored.header("x-logboom-label"), "confidential");
        let both = ana.get_with(&format!("{path}?decode=true"), "range", "bytes=0-1").await;
        both.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_cookie_of_one_person_and_a_token_of_another_get_exactly_what_the_policies_say() {
    let app = four::start().await;
    let (ana, bob) = (app.browser("ana", &["team-a"]).await, app.caller("bob", &["team-b"]));
    assert_eq!(ana.get("/api/v1/session").await.json()["proof"], "session");
    assert_eq!(bob.get("/api/v1/session").await.json()["proof"], "bearer");
    for bucket in BUCKETS {
        let object = |key: &str| format!("/api/v1/buckets/{bucket}/objects/{key}");
        assert_eq!(ana.get(&object("team-a/app.log")).await.text(), APP_LOG, "{bucket}");
        assert_eq!(bob.get(&object("team-b/secret.log")).await.text(), "CANARY-B", "{bucket}");
        ana.get(&object("team-b/secret.log")).await.problem(404, "not-found");
        bob.get(&object("team-a/app.log")).await.problem(404, "not-found");
        let list = |prefix: &str| format!("/api/v1/buckets/{bucket}/objects?delimiter=/&prefix={prefix}");
        assert_eq!(ana.get(&list("")).await.json()["prefixes"], serde_json::json!(["team-a/"]), "{bucket}");
        assert_eq!(bob.get(&list("")).await.json()["prefixes"], serde_json::json!(["team-b/"]), "{bucket}");
        let refused = ana.get(&list("team-b/")).await.problem(403, "forbidden");
        assert_eq!(refused["reasons"], serde_json::json!(["no policy permits it"]));
    }
}
