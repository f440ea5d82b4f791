//! `POST /api/v1/buckets/{bucket}/links`.

use serde_json::json;

use crate::harness::azurite;
use crate::harness::four::{self, APP_LOG};

#[tokio::test]
async fn a_link_opens_one_object_for_reading_until_it_expires() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in ["aws-logs", "gcp-logs", "azure-logs"] {
        let path = format!("/api/v1/buckets/{bucket}/links");
        let link = ana.post(&path, &json!({"key": "team-a/app.log", "ttl_seconds": 300})).await;
        assert_eq!(link.header("cache-control"), "no-store");
        let link = link.json();
        let url = link["url"].as_str().expect("a URL");
        let client = azurite::client();
        let body = client.get(url).send().await.expect("an answer").text().await.expect("a body");
        assert_eq!(body, APP_LOG, "{bucket}");
        if bucket != "gcp-logs" {
            // fake-gcs-server takes any signature, so what else a link opens is asked of the other two alone.
            let put = client.put(url).body("x").send().await.expect("an answer").status();
            assert!(put.is_client_error(), "{bucket}: {put}");
            let other = url.replace("team-a/app.log", "team-b/secret.log");
            let other = client.get(other).send().await.expect("an answer").status();
            assert!(other.is_client_error(), "{bucket}: {other}");
        }
        assert!(link["expires_at"].as_str().expect("a time").ends_with('Z'));
    }
}

#[tokio::test]
async fn a_link_that_may_not_be_made_is_refused_with_the_reason() {
    let app = four::start().await;
    let (ana, bob) = (app.caller("ana", &["team-a"]), app.caller("bob", &["team-b"]));
    for bucket in ["aws-logs", "gcp-logs", "azure-logs"] {
        let path = format!("/api/v1/buckets/{bucket}/links");
        let key = |key: &str| json!({"key": key});
        ana.post(&path, &key("team-b/secret.log")).await.problem(404, "not-found");
        ana.post(&path, &key("team-a/no-such.log")).await.problem(404, "not-found");
        // Team b may read its objects, but no policy lets it make links.
        bob.post(&path, &key("team-b/secret.log")).await.problem(403, "forbidden");
        ana.post(&path, &json!({"key": "team-a/app.log", "ttl_seconds": 604_800}))
            .await
            .problem(400, "invalid-request");
        ana.post(&path, &json!({"key": "team-a/app.log", "mode": "write"}))
            .await
            .problem(400, "invalid-request");
    }
    let file = ana.post("/api/v1/buckets/file-logs/links", &json!({"key": "team-a/app.log"})).await;
    file.problem(422, "not-supported-by-provider");
}
