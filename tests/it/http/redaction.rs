//! Buckets that are redacted: what people get who may not see everything, and what those get who may.

use std::path::Path;

use crate::harness::app::{Caller, Setup, TestApp, directory};
use crate::http::logs::{DAY, gzip, put_file, search};

const POLICIES: &str = r#"
@id("readers")
permit (
    principal in Group::"team-a",
    action in [Action::"ListObjects", Action::"ReadObject", Action::"CreateLink"],
    resource
);
@id("owners")
permit (principal in Group::"owners", action, resource);
"#;

const RULES: &str = r#"
[buckets.file-logs.redaction]
detectors = ["email", "token"]
json_paths = ["user.name"]
[buckets.file-logs.redaction.patterns]
ticket = "TKT-[0-9]+"
"#;

const LINES: &str = "{\"time\":\"2026-11-23T10:00:00Z\",\"msg\":\"mail to ana@example.com sent\",\"user\":{\"name\":\"Ana\",\"id\":7}}\n\
                     {\"time\":\"2026-11-23T10:00:01Z\",\"msg\":\"nothing here\"}\n\
                     {\"time\":\"2026-11-23T10:00:02Z\",\"msg\":\"see TKT-4711\",\"password\":\"hunter2\"}\n";

const SECRETS: [&str; 4] = ["ana@example.com", "\"Ana\"", "TKT-4711", "hunter2"];

async fn app() -> TestApp {
    let root = directory().join("bucket");
    put_file(&root, "a/app.json.gz", &gzip(LINES.as_bytes()));
    put_file(&root, "a/plain.json", LINES.as_bytes());
    over(&root).await
}

async fn over(root: &Path) -> TestApp {
    let mut setup = Setup { policies: POLICIES.to_owned(), ..Setup::default() }.file("file-logs", root);
    setup.settings += RULES;
    setup.start().await
}

fn holds_no_secret(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_search_tells_records_as_they_may_be_seen_and_counts_what_is_not_shown() {
    let app = app().await;
    let found = search(&app.caller("ana", &["team-a"]), "bucket=file-logs&fields=user.name,msg").await;
    assert_eq!(found.records.len(), 6);
    assert_eq!(
        (&found.summary["redacted"], &found.summary["complete"]),
        (&8.into(), &true.into()),
        "{}",
        found.summary
    );
    let by = serde_json::json!({ "email": 2, "ticket": 2, "token": 2, "user.name": 2 });
    assert_eq!(found.summary["redacted_by"], by);
    for record in &found.records {
        holds_no_secret(&record.to_string());
    }
    let first: serde_json::Value = serde_json::from_str(found.lines()[0]).expect("JSON stays JSON");
    assert_eq!(first["msg"], "mail to [redacted:email] sent");
    assert_eq!((&first["user"]["name"], &first["user"]["id"]), (&"[redacted:path]".into(), &7.into()));

    let whole = search(&app.caller("ida", &["owners"]), "bucket=file-logs").await;
    assert_eq!(whole.lines().join("\n").matches("hunter2").count(), 2);
    for absent in ["redacted", "redacted_by"] {
        assert!(whole.summary.get(absent).is_none(), "{}", whole.summary);
    }
}

#[tokio::test]
async fn what_a_path_names_leaves_no_line_of_a_document_over_several() {
    let root = directory().join("bucket");
    let document = "{\n \"user\": {\n  \"name\": {\n   \"first\": \"Ana\",\n   \"more\": [\n    \"Sofia\"\n   ]\n  },\n  \"id\": 7\n }\n}\n";
    put_file(&root, "a/document.json", document.as_bytes());
    let app = over(&root).await;
    let ana = app.caller("ana", &["team-a"]);
    let read = ana.get("/api/v1/buckets/file-logs/objects/a/document.json?decode=true").await.json();
    assert_eq!(read, serde_json::json!({ "user": { "name": "[redacted:path]", "id": 7 } }));
    let found = search(&ana, "bucket=file-logs").await;
    assert_eq!((found.lines().len(), found.summary["redacted_by"]["user.name"].as_u64()), (11, Some(5)));
    let told = found.lines().join("\n");
    assert!(!told.contains("Ana") && !told.contains("Sofia") && told.contains("\"id\": 7"), "{told}");
}

#[tokio::test]
async fn no_filter_and_no_count_finds_out_what_is_redacted() {
    let app = app().await;
    let (ana, ida) = (app.caller("ana", &["team-a"]), app.caller("ida", &["owners"]));
    for filter in [
        "hunter2",
        "password%3Dhunter2",
        "user.name%3DAna",
        "msg~ana%40",
        "%2F%5BS-U%5DKT-4%2F",
        "%22TKT-4711%22",
    ] {
        let query = format!("bucket=file-logs&q={filter}");
        assert_eq!(search(&ana, &query).await.records.len(), 0, "{filter}");
        assert_eq!(search(&ida, &query).await.records.len(), 2, "{filter}");
        let counted = ana.get(&format!("/api/v1/logs/histogram?{DAY}&{query}")).await.json();
        assert_eq!(counted["summary"]["records"], 0, "{filter}");
    }
    assert_eq!(search(&ana, "bucket=file-logs&q=%22%5Bredacted%3Aticket%5D%22").await.records.len(), 2);
    let by = ana.get(&format!("/api/v1/logs/histogram?{DAY}&bucket=file-logs&by=password")).await.text();
    holds_no_secret(&by);
    let context = search(&ana, "bucket=file-logs&q=nothing&before=1&after=1").await;
    assert_eq!(context.records.len(), 6);
    context.records.iter().for_each(|record| holds_no_secret(&record.to_string()));
    let reference = context.records[0]["ref"].as_str().expect("a reference");
    let encoded: String = url::form_urlencoded::byte_serialize(reference.as_bytes()).collect();
    holds_no_secret(&ana.get(&format!("/api/v1/logs?around={encoded}&after=2")).await.text());
}

#[tokio::test]
async fn objects_are_read_decoded_and_redacted_and_never_as_they_are_stored() {
    let app = app().await;
    let (ana, ida) = (app.caller("ana", &["team-a"]), app.caller("ida", &["owners"]));
    for key in ["a/app.json.gz", "a/plain.json"] {
        let path = format!("/api/v1/buckets/file-logs/objects/{key}");
        let decoded = ana.get(&format!("{path}?decode=true")).await;
        assert_eq!((decoded.status, decoded.header("x-logboom-redacted")), (200, "true"));
        holds_no_secret(&decoded.text());
        assert_eq!(decoded.text().lines().count(), 3);
        assert!(decoded.text().contains("nothing here"));
        let problem = ana.get(&path).await.problem(403, "redacted");
        assert!(problem["hint"].as_str().expect("a hint").contains("ReadUnredacted"), "{problem}");
        ana.get_with(&path, "range", "bytes=0-9").await.problem(403, "redacted");
        let head = ana.send(ana.request(reqwest::Method::HEAD, &path)).await;
        assert_eq!((head.status, head.header("etag")), (403, ""));
        let head = ana.send(ana.request(reqwest::Method::HEAD, &format!("{path}?decode=true"))).await;
        assert_eq!((head.status, head.header("etag"), head.header("content-length")), (200, "", ""));
        ana.get(&format!("/api/v1/buckets/file-logs/object?key={}", key.replace('/', "%2F")))
            .await
            .problem(403, "redacted");
        assert_eq!(ida.get(&path).await.status, 200);
        assert_eq!(ida.get(&format!("{path}?decode=true")).await.text(), LINES);
    }
}

#[tokio::test]
async fn whoever_may_not_see_everything_gets_no_link_and_is_not_offered_one() {
    let app = app().await;
    let (ana, ida) = (app.caller("ana", &["team-a"]), app.caller("ida", &["owners"]));
    let ask = serde_json::json!({ "key": "a/plain.json" });
    let problem = ana.post("/api/v1/buckets/file-logs/links", &ask).await.problem(403, "forbidden");
    assert!(problem["hint"].as_str().expect("a hint").contains("ReadUnredacted"), "{problem}");
    // A directory has no links for anybody, so the permission alone is seen here.
    ida.post("/api/v1/buckets/file-logs/links", &ask).await.problem(422, "not-supported-by-provider");
    assert_eq!(actions(&ana).await, ["ListObjects", "ReadObject"]);
    assert_eq!(actions(&ida).await, ["ListObjects", "ReadObject", "ReadUnredacted"]);
}

async fn actions(caller: &Caller) -> Vec<String> {
    let bucket = caller.get("/api/v1/buckets/file-logs").await.json();
    serde_json::from_value(bucket["actions"].clone()).expect("actions")
}

#[tokio::test]
async fn a_private_key_and_a_record_that_is_too_long_leave_no_line_in_searches() {
    let root = directory().join("bucket");
    let key = "a word\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\nIIrYSSNQ\n-----END EC PRIVATE KEY-----\nanother word\n";
    put_file(&root, "a/key.txt", key.as_bytes());
    let time = "{\"time\":\"2026-11-23T10:00:00Z\",\"x\":\"";
    let long = format!("{time}{}\"}}\n", "ana@example.com ".repeat(90_000));
    put_file(&root, "b/long.json", long.as_bytes());
    let app = over(&root).await;
    let ana = app.caller("ana", &["team-a"]);
    let found = ana
        .get("/api/v1/logs?bucket=file-logs/a/&from=1970-01-01T00:00:00Z&to=2030-01-01T00:00:00Z")
        .await
        .text();
    assert!(!found.contains("MHcC") && !found.contains("IIrY") && found.contains("another word"), "{found}");
    let long = search(&ana, "bucket=file-logs/b/").await;
    assert_eq!(long.lines(), ["[redacted:line-too-long]"], "{}", long.summary);
    assert_eq!(long.summary["redacted_by"], serde_json::json!({ "line-too-long": 1 }));
}
