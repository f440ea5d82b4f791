//! `GET /api/v1/buckets/{bucket}/objects`.

use serde_json::{Value, json};

use crate::harness::app::Caller;
use crate::harness::four::{self, BUCKETS, PLAIN_KEYS};

fn keys(page: &Value) -> Vec<String> {
    let objects = page["objects"].as_array().expect("objects");
    objects.iter().map(|object| object["key"].as_str().expect("a key").to_owned()).collect()
}

/// Walks a listing to its end.
async fn walk(caller: &Caller, bucket: &str, query: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut token = String::new();
    for _ in 0..100 {
        let page = caller.get(&format!("/api/v1/buckets/{bucket}/objects?{query}{token}")).await.json();
        all.extend(keys(&page));
        let Some(next) = page["next_page_token"].as_str() else { return all };
        token = format!("&page_token={next}");
    }
    panic!("a listing without end");
}

#[tokio::test]
async fn a_person_is_shown_what_they_may_list_and_the_way_down_to_it() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    let mut visible: Vec<_> = PLAIN_KEYS.iter().map(ToString::to_string).collect();
    visible.sort_unstable();
    for bucket in BUCKETS {
        let list =
            async |query: &str| ana.get(&format!("/api/v1/buckets/{bucket}/objects?{query}")).await.json();
        let root = list("delimiter=/").await;
        assert_eq!((&root["prefixes"], keys(&root).len()), (&json!(["team-a/"]), 0), "{bucket}");
        assert_eq!(list("prefix=team-a&delimiter=/").await["prefixes"], json!(["team-a/"]), "{bucket}");
        let inside = list("prefix=team-a/&delimiter=/").await;
        assert_eq!(inside["prefixes"], json!(["team-a/2026/"]), "{bucket}");
        assert_eq!(keys(&inside).len(), PLAIN_KEYS.len() - 1, "{bucket}");
        assert_eq!(inside["label"], "confidential");
        for query in ["", "prefix=team-a", "prefix=team-a/", "limit=2", "prefix=team-a/&limit=1"] {
            let mut found = walk(&ana, bucket, query).await;
            found.sort_unstable();
            assert_eq!(found, visible, "{bucket} {query}");
        }
        let denied = ana.get(&format!("/api/v1/buckets/{bucket}/objects?prefix=team-b/")).await;
        let denied = denied.problem(403, "forbidden");
        assert_eq!(denied["reasons"], json!(["no policy permits it"]));
    }
}

#[tokio::test]
async fn a_page_token_opens_the_listing_that_it_was_made_for_and_nothing_else() {
    let app = four::start().await;
    let (ana, own) = (app.caller("ana", &["team-a"]), app.caller("own", &["owners"]));
    for bucket in BUCKETS {
        let path = format!("/api/v1/buckets/{bucket}/objects");
        let page = ana.get(&format!("{path}?prefix=team-a/&limit=1")).await.json();
        let token = page["next_page_token"].as_str().expect("a second page").to_owned();
        assert!(ana.get(&format!("{path}?prefix=team-a/&limit=1&page_token={token}")).await.status == 200);

        let other = if bucket == "aws-logs" { "gcp-logs" } else { "aws-logs" };
        let flip = |(at, c)| if at == 20 { if c == 'A' { 'B' } else { 'A' } } else { c };
        let flipped: String = token.chars().enumerate().map(flip).collect();
        for (caller, address) in [
            (&own, format!("{path}?prefix=team-a/&limit=1&page_token={token}")),
            (&ana, format!("{path}?prefix=team-a/2026/&page_token={token}")),
            (&ana, format!("{path}?prefix=team-a/&delimiter=/&page_token={token}")),
            (&ana, format!("/api/v1/buckets/{other}/objects?prefix=team-a/&page_token={token}")),
            (&ana, format!("{path}?prefix=team-a/&page_token={flipped}")),
            (&ana, format!("{path}?prefix=team-a/&page_token=..%2F..%2F")),
        ] {
            caller.get(&address).await.problem(400, "invalid-request");
        }
        ana.get(&format!("{path}?prefix=team-b/&page_token={token}")).await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn parameters_that_are_unknown_repeated_or_out_of_bounds_are_refused_by_name() {
    let app = four::start().await;
    let ana = app.caller("ana", &["team-a"]);
    for query in
        ["limit=0", "limit=1001", "limit=x", "limti=5", "limit=1&limit=2", "delimiter=x", "prefix=%ff"]
    {
        let problem = ana.get(&format!("/api/v1/buckets/file-logs/objects?{query}")).await;
        let problem = problem.problem(400, "invalid-request");
        assert!(!problem["errors"].as_array().expect("errors").is_empty(), "{query}");
    }
}
