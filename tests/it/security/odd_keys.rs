//! Keys as a cloud allows them: each is read as it is written, and none becomes more than a key.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::harness::app::{Answer, Setup, TestApp};
use crate::harness::azurite::Azurite;
use crate::harness::fake_gcs::fake_gcs;
use crate::harness::ministack::ministack;

const CLOUDS: [&str; 3] = ["aws-logs", "gcp-logs", "azure-logs"];

/// Keys that no directory holds, or that mean something elsewhere.
const ODD: [&str; 11] = [
    "team-a/a//b.log",
    "team-a//lead.log",
    "team-a/%2Ftext.log",
    "team-a/%2e%2e/team-b/secret.log",
    "team-a/ both ends ",
    "team-a/'\"*[x]{y}~,;=.log",
    "team-a/🪵-שלום.log",
    "team-a/e\u{301}.log",
    "team-a/x.html",
    "team-a/x.svg",
    "team-a/con",
];

/// An object that a browser would run if it were let.
const SCRIPT: &str = "<html><script>alert(1)</script>";

async fn app(keys: &[&str]) -> TestApp {
    let (s3, gcs, azurite) = (ministack().await, fake_gcs().await, Azurite::shared().await);
    let (aws, gcp, container) = (s3.make_bucket().await, gcs.make_bucket().await, azurite.container().await);
    let hidden = ["team-ab/secret.log", "team-a", "team-b/secret.log"];
    for (key, text) in keys.iter().map(|key| (*key, SCRIPT)).chain(hidden.map(|key| (key, "CANARY"))) {
        let bytes = format!("{text} {key}").into_bytes();
        s3.put(&aws, key, bytes.clone()).await;
        gcs.put(&gcp, key, bytes.clone().into()).await;
        azurite.put(&container, key, bytes).await;
    }
    Setup::default()
        .aws("aws-logs", &aws, s3.endpoint())
        .gcp("gcp-logs", &gcp, gcs.endpoint())
        .azure("azure-logs", &container, &azurite.endpoint())
        .start()
        .await
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()
}

fn is_inert(answer: &Answer, at: &str) {
    let kind = answer.header("content-type");
    assert!(matches!(kind, "application/octet-stream" | "text/plain; charset=utf-8"), "{at}: {kind}");
    assert!(answer.header("content-disposition").starts_with("attachment"), "{at}");
    assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'", "{at}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{at}");
    assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{at}");
    let cache = answer.header("cache-control");
    assert!(cache.contains("no-store") || cache.contains("private"), "{at}: {cache}");
}

#[tokio::test]
async fn every_key_of_a_cloud_is_read_as_it_is_listed_and_runs_nowhere() {
    let app = app(&ODD).await;
    let ana = app.caller("ana", &["team-a"]);
    let mut expected = ODD.map(ToOwned::to_owned);
    expected.sort_unstable();
    for bucket in CLOUDS {
        let page = ana.get(&format!("/api/v1/buckets/{bucket}/objects?limit=1000")).await.json();
        let objects = page["objects"].as_array().expect("objects").clone();
        let mut listed: Vec<_> = objects.iter().filter_map(|one| one["key"].as_str()).collect();
        listed.sort_unstable();
        assert_eq!(listed, expected, "{bucket}");
        for key in listed {
            let (path, parameter) =
                (format!("objects/{}", encoded(key)), format!("object?key={}", encoded(key)));
            for address in [path, parameter] {
                let answer = ana.get(&format!("/api/v1/buckets/{bucket}/{address}")).await;
                let at = format!("{bucket} {key:?} {address}");
                assert_eq!((answer.status, answer.text()), (200, format!("{SCRIPT} {key}")), "{at}");
                is_inert(&answer, &at);
            }
        }
    }
}

#[tokio::test]
async fn a_prefix_ends_where_it_ends() {
    let app = app(&["team-a/app.log"]).await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in CLOUDS {
        for query in
            ["prefix=team-a&delimiter=/", "prefix=team-a", "prefix=", "delimiter=/", "prefix=team-ab"]
        {
            let answer = ana.get(&format!("/api/v1/buckets/{bucket}/objects?{query}")).await;
            assert!(matches!(answer.status, 200 | 403), "{bucket} {query}: {}", answer.text());
            let text = answer.text();
            assert!(!text.contains("secret.log") && !text.contains("\"team-a\""), "{bucket} {query}: {text}");
            assert!(answer.status == 403 || !text.contains("team-ab"), "{bucket} {query}: {text}");
        }
        for key in ["team-ab/secret.log", "team-a"] {
            ana.get(&format!("/api/v1/buckets/{bucket}/objects/{key}")).await.problem(404, "not-found");
        }
    }
}

#[tokio::test]
async fn a_file_name_in_a_header_is_only_a_file_name() {
    let long = format!("team-a/{}", "n".repeat(900));
    let keys = [
        "team-a/a\"; filename=\"evil.exe",
        "team-a/x.html;.log",
        "team-a/\u{202e}gpj.exe",
        "team-a/日本.log",
        long.as_str(),
    ];
    let app = app(&keys).await;
    let ana = app.caller("ana", &["team-a"]);
    for (bucket, key) in CLOUDS.iter().flat_map(|bucket| keys.map(|key| (bucket, key))) {
        let path = format!("/api/v1/buckets/{bucket}/objects/{}?download=true", encoded(key));
        let answer = ana.get(&path).await;
        assert_eq!(answer.status, 200, "{bucket} {key:?}: {}", answer.text());
        let value = answer.header("content-disposition");
        let name = value.strip_prefix("attachment; filename=\"").expect("a file name");
        let (ascii, extended) = name.split_once("\"; filename*=UTF-8''").expect("both names");
        assert!(!ascii.contains(['"', '/', '\\', ';']) && ascii.len() <= 255, "{bucket}: {value}");
        assert!(!extended.contains(['"', '/', ';', ' ']) && !extended.contains("%E2%80%AE"), "{value}");
        assert!(!answer.headers.contains_key("set-cookie"), "{bucket}");
    }
}

#[tokio::test]
async fn no_invented_ending_of_an_address_is_answered_and_nothing_is_kept_by_a_shared_cache() {
    let app = app(&["team-a/app.js"]).await;
    let ana = app.caller("ana", &["team-a"]);
    for path in ["/api/v1/session/x.css", "/api/v1/session;.css", "/api/v1/session%0a.css"] {
        let answer = ana.get(path).await;
        answer.problem(404, "not-found");
        assert!(!answer.text().contains("\"ana\""), "{path}");
    }
    for path in ["/api/v1/session", "/api/v1/buckets", "/api/v1/buckets/aws-logs/objects/team-a/app.js"] {
        let answer = ana.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let cache = answer.header("cache-control");
        assert!(cache.contains("no-store") || cache.contains("private"), "{path}: {cache}");
        app.anonymous().get(path).await.problem(401, "unauthenticated");
    }
}
