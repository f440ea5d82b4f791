//! Liveness, readiness and metrics, and what callers see while a provider is away.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use serde_json::Value;

use crate::harness::app::{Caller, Setup, TestApp};
use crate::harness::azurite::Azurite;
use crate::harness::fake_gcs::FakeGcs;
use crate::harness::faults::Fault;
use crate::harness::four::{self, BUCKETS, CLOUDS};
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

/// What operators read of each bucket: its name, and what is wrong with it.
async fn troubles(app: &TestApp) -> Vec<(String, Value)> {
    let report: Value =
        serde_json::from_str(&operators(&format!("{}/readyz", app.operations)).await).expect("JSON");
    assert_eq!(report["status"], "degraded", "{report}");
    let dependencies = report["dependencies"].as_array().expect("a list");
    let buckets = dependencies.iter().filter(|one| one["kind"] == "bucket");
    buckets
        .map(|one| {
            assert!(one["age_seconds"].is_u64(), "{report}");
            assert_eq!(one["ok"], one["problem"].is_null(), "{report}");
            (one["name"].as_str().expect("a name").to_owned(), one["problem"].clone())
        })
        .collect()
}

/// The answer is this problem, in time, says when to try again, and names no address of ours.
async fn refused(ana: &Caller, method: Method, path: &str, status: u16, slug: &str) {
    let began = Instant::now();
    let answer = ana.send(ana.request(method.clone(), path)).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{path}: {:?}", began.elapsed());
    assert!(answer.headers.contains_key("retry-after"), "{path}");
    if method == Method::HEAD {
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{path}");
    } else {
        answer.problem(status, slug);
    }
    assert!(!answer.text().contains("127.0.0.1"), "{path}: {}", answer.text());
}

fn object(bucket: &str) -> String {
    format!("/api/v1/buckets/{bucket}/objects/team-a/app.log")
}

#[tokio::test]
async fn a_cloud_that_is_away_is_a_clear_problem_in_bounded_time_and_readiness_says_which() {
    let (s3, gcs, azurite) = tokio::join!(Ministack::start(), FakeGcs::start(), Azurite::start());
    let (aws, gcp, container) = (s3.make_bucket().await, gcs.make_bucket().await, azurite.container().await);
    s3.put(&aws, "team-a/app.log", "x").await;
    gcs.put(&gcp, "team-a/app.log", Bytes::from_static(b"x")).await;
    azurite.put(&container, "team-a/app.log", "x").await;
    let app = Setup::default()
        .aws("aws-logs", &aws, s3.endpoint())
        .gcp("gcp-logs", &gcp, gcs.endpoint())
        .azure("azure-logs", &container, &azurite.endpoint())
        .start()
        .await;
    let ana = app.caller("ana", &["team-a"]);
    for bucket in CLOUDS {
        assert_eq!(ana.get(&object(bucket)).await.status, 200, "{bucket}");
    }
    s3.server().stop();
    gcs.stop();
    azurite.stop();
    for bucket in CLOUDS {
        let listing = format!("/api/v1/buckets/{bucket}/objects?prefix=team-a/");
        refused(&ana, Method::GET, &listing, 503, "store-unavailable").await;
        refused(&ana, Method::GET, &object(bucket), 503, "store-unavailable").await;
        refused(&ana, Method::HEAD, &object(bucket), 503, "store-unavailable").await;
    }
    for (bucket, problem) in troubles(&app).await {
        assert_eq!(problem, "unreachable", "{bucket}");
    }
}

#[tokio::test]
async fn a_cloud_that_says_nothing_is_a_timeout_and_does_not_hold_up_the_others() {
    let (app, proxies) = four::behind_proxies(b"x".to_vec()).await;
    let ana = app.caller("ana", &["team-a"]);
    for (silent, proxy) in &proxies {
        proxy.set(Fault::Stall);
        refused(&ana, Method::GET, &object(silent), 504, "store-timeout").await;
        for (bucket, problem) in troubles(&app).await {
            let expected = if bucket == *silent { Value::from("timed-out") } else { Value::Null };
            assert_eq!(problem, expected, "{bucket} while {silent} is silent");
        }
        proxy.set(Fault::None);
    }
}
