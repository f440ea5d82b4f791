//! `GET /api/v1/session` and `GET /api/v1/buckets`.

use crate::harness::four::{self, BUCKETS};

#[tokio::test]
async fn everybody_sees_the_buckets_that_the_policies_give_them_and_no_others() {
    let app = four::start().await;
    let (ana, eve) = (app.caller("ana", &["team-a"]), app.caller("eve", &["somebody-else"]));

    let me = ana.get("/api/v1/session").await.json();
    assert_eq!((me["subject"].as_str(), me["proof"].as_str()), (Some("ana"), Some("bearer")));
    assert_eq!(me["groups"], serde_json::json!(["team-a"]));

    let list = ana.get("/api/v1/buckets").await.json();
    let mut ids: Vec<_> = list["buckets"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|bucket| bucket["id"].as_str())
        .collect();
    ids.sort_unstable();
    let mut all = BUCKETS;
    all.sort_unstable();
    assert_eq!(ids, all);
    assert_eq!(list["buckets"][0]["actions"], serde_json::json!(["ListObjects", "ReadObject", "CreateLink"]));

    assert_eq!(eve.get("/api/v1/buckets").await.json(), serde_json::json!({"buckets": []}));
    for bucket in BUCKETS {
        let path = format!("/api/v1/buckets/{bucket}");
        assert_eq!(ana.get(&path).await.json()["id"], bucket);
        eve.get(&path).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_bucket_that_is_hidden_and_one_that_does_not_exist_look_the_same() {
    let app = four::start().await;
    let eve = app.caller("eve", &[]);
    for rest in ["", "/objects", "/objects/team-a/app.log", "/object?key=team-a/app.log"] {
        let hidden = eve.get(&format!("/api/v1/buckets/aws-logs{rest}")).await.problem(404, "not-found");
        let absent = eve.get(&format!("/api/v1/buckets/no-such{rest}")).await.problem(404, "not-found");
        assert_eq!((&hidden["detail"], &hidden["hint"]), (&absent["detail"], &absent["hint"]), "{rest}");
    }
    for id in ["pay%2F..%2Fx", "PAY", "pay%00", "*", "pay.", &"x".repeat(4096)] {
        eve.get(&format!("/api/v1/buckets/{id}")).await.problem(404, "not-found");
    }
}
