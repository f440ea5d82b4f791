//! `POST /api/v1/decisions`.

use serde_json::json;

use crate::harness::four::{self, BUCKETS};

#[tokio::test]
async fn a_person_asks_what_they_may_do_and_reads_why() {
    let app = four::start().await;
    let (ana, eve) = (app.caller("ana", &["team-a"]), app.caller("eve", &[]));
    for bucket in BUCKETS {
        let ask = |key: &str| json!({"action": "ReadObject", "bucket": bucket, "key": key});
        let yes = ana.post("/api/v1/decisions", &ask("team-a/app.log")).await.json();
        assert_eq!(yes, json!({"allowed": true, "determined_by": ["team-a"]}));
        let no = ana.post("/api/v1/decisions", &ask("team-ab/secret.log")).await.json();
        assert_eq!(no, json!({"allowed": false, "determined_by": []}));
        eve.post("/api/v1/decisions", &ask("team-a/app.log")).await.problem(404, "not-found");
    }
    let wrong = json!({"action": "DeleteObject", "bucket": "aws-logs"});
    ana.post("/api/v1/decisions", &wrong).await.problem(400, "invalid-request");
    let wrong = json!({"action": "ListObjects", "bucket": "aws-logs", "principal": "somebody"});
    ana.post("/api/v1/decisions", &wrong).await.problem(400, "invalid-request");
}

#[tokio::test]
async fn clearance_below_a_buckets_label_forbids_and_the_refusal_names_the_policy() {
    let app = four::start().await;
    let mut claims = app.claims("own", &["owners"]);
    claims["clearance"] = json!("internal");
    let token = format!("Bearer {}", app.signed(&claims));
    let anonymous = app.anonymous();
    let request = anonymous.request(reqwest::Method::GET, "/api/v1/buckets");
    let list = anonymous.send(request.header("authorization", token)).await.json();
    assert_eq!(list, json!({"buckets": []}));
}
