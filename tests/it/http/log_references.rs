//! References: a record that a search told, opened again.

use serde_json::Value;

use crate::harness::app::{Caller, directory};
use crate::http::logs::{gzip, over_directory, over_root, put_file, search, told};

fn lines(of: &str, count: u32) -> Vec<u8> {
    let line = |n: u32| format!("2026-11-23T10:{:02}:{:02}Z {of} {n}\n", n / 60, n % 60);
    (0..count).map(line).collect::<String>().into_bytes()
}

fn query(reference: &str, more: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(reference.as_bytes()).collect();
    format!("/api/v1/logs?around={encoded}{more}")
}

async fn around(caller: &Caller, reference: &str, more: &str) -> (Vec<String>, Value) {
    let found = told(&caller.get(&query(reference, more)).await);
    (found.lines().into_iter().map(str::to_owned).collect(), found.summary)
}

#[tokio::test]
async fn a_record_is_opened_again_with_those_around_it_as_they_stand_there() {
    // The second stands out of order, and the filter that found it says nothing of its neighbours.
    let text = b"2026-11-23T10:00:05Z first\n2026-11-23T10:00:01Z needle\n  at main.rs:1\n2026-11-23T10:00:06Z last\n";
    let app =
        over_directory(&[("a/#odd@\"key.gz", gzip(text)), ("a/plain.log", lines("other", 9))], "").await;
    let ana = app.caller("ana", &["team-a"]);
    let found = search(&ana, "bucket=file-logs&q=needle").await;
    let reference = found.records[0]["ref"].as_str().expect("a reference");
    let needle = "2026-11-23T10:00:01Z needle\n  at main.rs:1";
    assert_eq!(around(&ana, reference, "").await.0, [needle]);
    let (lines, summary) = around(&ana, reference, "&before=2&after=1").await;
    assert_eq!(lines, ["2026-11-23T10:00:05Z first", needle, "2026-11-23T10:00:06Z last"]);
    assert_eq!((&summary["records"], &summary["complete"]), (&1.into(), &true.into()), "{summary}");
}

#[tokio::test]
async fn a_record_of_every_object_of_an_array_and_of_a_large_object_is_found() {
    let events = br#"{"Records":[{"eventTime":"2026-11-23T10:00:00Z","n":1},{"eventTime":"2026-11-23T10:00:01Z","n":2},{"eventTime":"2026-11-23T10:00:02Z","n":3}]}"#;
    let app =
        over_directory(&[("a/trail.json.gz", gzip(events)), ("a/long.log", lines("x", 3000).repeat(40))], "")
            .await;
    let ana = app.caller("ana", &["team-a"]);
    let second = search(&ana, "bucket=file-logs/a/trail&q=n%3D2").await;
    let (lines, _) = around(&ana, second.records[0]["ref"].as_str().expect("a reference"), "&after=1").await;
    assert_eq!(lines.len(), 2);
    assert!(lines[0].ends_with("\"n\":2}") && lines[1].ends_with("\"n\":3}"), "{lines:?}");

    let many = search(&ana, "bucket=file-logs/a/long&q=%22x%202999%22").await;
    let last = many.records.last().expect("a record");
    let (lines, summary) = around(&ana, last["ref"].as_str().expect("a reference"), "&before=1").await;
    assert_eq!(lines.len(), 2, "{summary}");
    assert!(lines[1].ends_with("x 2999"), "{lines:?}");
    let first = many.records.iter().min_by_key(|record| record["offset"].as_u64()).expect("a record");
    let (_, summary) = around(&ana, first["ref"].as_str().expect("a reference"), "").await;
    assert!(summary["bytes"]["stored"].as_u64() < Some(1_000_000), "it stops when it is told: {summary}");
}

#[tokio::test]
async fn a_reference_opens_nothing_that_was_replaced_or_is_not_permitted() {
    let root = directory().join("bucket");
    put_file(&root, "a/app.log", &lines("x", 5));
    let app = over_root(&root, "").await;
    let ana = app.caller("ana", &["team-a"]);
    let found = search(&ana, "bucket=file-logs").await;
    let reference = found.records[2]["ref"].as_str().expect("a reference").to_owned();
    app.caller("eve", &["others"]).get(&query(&reference, "")).await.problem(404, "not-found");
    put_file(&root, "a/app.log", &lines("y", 5));
    ana.get(&query(&reference, "")).await.problem(412, "precondition-failed");
    std::fs::remove_file(root.join("a/app.log")).expect("a file");
    ana.get(&query(&reference, "")).await.problem(404, "not-found");
    let wrong = ana.get("/api/v1/logs?around=x&bucket=file-logs&q=y").await.problem(400, "invalid-request");
    let fields: Vec<_> =
        wrong["errors"].as_array().expect("errors").iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["around", "q", "bucket"]);
}
