//! Liveness, readiness and metrics, and what callers see while a provider is away.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::app::Setup;
use crate::harness::four::{self, BUCKETS};
use crate::harness::ministack::Ministack;

async fn operators(address: &str) -> String {
    reqwest::get(address).await.expect("an answer").text().await.expect("a body")
}

#[tokio::test]
async fn readiness_names_buckets_to_operators_alone() {
    let app = four::start().await;
    let public = app.anonymous().get("/readyz").await;
    assert_eq!(public.json()["status"], "ready", "{}", public.text());
    let named = operators(&format!("{}/readyz", app.operations)).await;
    for bucket in BUCKETS {
        assert!(!public.text().contains(bucket));
        assert!(named.contains(bucket), "{named}");
    }
    assert_eq!(app.anonymous().get("/healthz").await.text(), "ok\n");
    app.anonymous().get("/metrics").await.problem(404, "not-found");
    app.caller("ana", &["team-a"]).get("/api/v1/buckets/aws-logs/objects?prefix=team-a/").await.json();
    let metrics = operators(&format!("{}/metrics", app.operations)).await;
    assert!(metrics.contains("logboom_http_requests_total{"), "{metrics}");
    assert!(
        metrics.contains("logboom_store_calls_total{bucket=\"aws-logs\",operation=\"list\",outcome=\"ok\"}"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_store_that_is_away_is_a_clear_problem_in_bounded_time_and_readiness_says_which() {
    let s3 = Ministack::start().await;
    let bucket = s3.make_bucket().await;
    s3.put(&bucket, "team-a/app.log", "x").await;
    let app = Setup::default().aws("aws-logs", &bucket, s3.endpoint()).start().await;
    let ana = app.caller("ana", &["team-a"]);
    let path = "/api/v1/buckets/aws-logs/objects/team-a/app.log";
    assert_eq!(ana.get(path).await.status, 200);

    s3.server().stop();
    for path in [path, "/api/v1/buckets/aws-logs/objects?prefix=team-a/"] {
        let began = Instant::now();
        let away = ana.get(path).await;
        away.problem(503, "store-unavailable");
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        assert!(away.headers.contains_key("retry-after"));
        assert!(!away.text().contains("127.0.0.1"), "no address of ours: {}", away.text());
    }
    let named: Value =
        serde_json::from_str(&operators(&format!("{}/readyz", app.operations)).await).expect("JSON");
    assert_eq!(named["status"], "degraded");
    let dependencies = named["dependencies"].as_array().expect("a list");
    let bucket = dependencies.iter().find(|one| one["name"] == "aws-logs").expect("the bucket");
    assert_eq!((&bucket["ok"], &bucket["problem"]), (&Value::from(false), &Value::from("unreachable")));
    assert!(bucket["age_seconds"].is_u64());
}
