//! `GET /api/v1/logs/tail`: records as they come.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::app::{Caller, TestApp, directory};
use crate::http::logs::{gzip, over_root, put_file};

const QUICK: &str = "[search]\nfollow_interval = \"20ms\"\n";

/// An answer under way, read line by line.
struct Following {
    answer: reqwest::Response,
    buffer: Vec<u8>,
}

impl Following {
    async fn begin(caller: &Caller, query: &str) -> Self {
        let request =
            caller.request(reqwest::Method::GET, &format!("/api/v1/logs/tail?bucket=file-logs{query}"));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut following = Self { answer, buffer: Vec::new() };
        // What is there when the first heartbeat comes is no news.
        following.until("heartbeat").await;
        following
    }

    async fn line(&mut self) -> Value {
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return serde_json::from_slice(&line).expect("JSON");
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.answer.chunk()).await;
            let chunk = chunk.expect("in time").expect("an answer").expect("more of it");
            self.buffer.extend_from_slice(&chunk);
        }
    }

    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let line = self.line().await;
            if line["type"] == kind {
                return line;
            }
        }
    }

    /// The lines of so many records, and the cursor behind them.
    async fn records(&mut self, count: usize) -> (Vec<String>, String) {
        let mut found = Vec::new();
        while found.len() < count {
            found.push(self.until("record").await["line"].as_str().expect("a line").to_owned());
        }
        let heartbeat = self.until("heartbeat").await;
        (found, heartbeat["cursor"].as_str().expect("a cursor").to_owned())
    }
}

async fn app(root: &Path, more: &str) -> TestApp {
    put_file(root, "a/old.log", b"2026-11-23T10:00:00Z old\n");
    over_root(root, &format!("{QUICK}{more}")).await
}

fn append(root: &Path, key: &str, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(root.join(key)).expect("the file");
    file.write_all(text.as_bytes()).expect("room");
}

#[tokio::test]
async fn new_objects_and_grown_ones_are_told_once_and_what_was_there_is_not() {
    let root = directory().join("bucket");
    let app = app(&root, "").await;
    let mut following = Following::begin(&app.caller("ana", &["team-a"]), "").await;
    put_file(&root, "a/new.log.gz", &gzip(b"2026-11-23T10:00:01Z one\n2026-11-23T10:00:02Z two\n"));
    assert_eq!(following.records(2).await.0, ["2026-11-23T10:00:01Z one", "2026-11-23T10:00:02Z two"]);
    append(&root, "a/old.log", "2026-11-23T10:00:03Z three\n");
    assert_eq!(following.records(1).await.0, ["2026-11-23T10:00:03Z three"]);
    // A line that is written in two steps is one record.
    append(&root, "a/old.log", "2026-11-23T10:00:04Z four\n2026-11-23T10:00:05Z fi");
    assert_eq!(following.records(1).await.0, ["2026-11-23T10:00:04Z four"]);
    append(&root, "a/old.log", "ve\n");
    let five = following.records(1).await.0;
    assert!(five == ["2026-11-23T10:00:05Z five"] || five == ["2026-11-23T10:00:05Z fi"], "{five:?}");
}

#[tokio::test]
async fn a_cursor_goes_on_without_a_gap_and_without_telling_twice() {
    let root = directory().join("bucket");
    let app = app(&root, "").await;
    let ana = app.caller("ana", &["team-a"]);
    let mut following = Following::begin(&ana, "&q=needle").await;
    append(&root, "a/old.log", "2026-11-23T10:00:01Z needle one\n2026-11-23T10:00:01Z hay\n");
    let (found, cursor) = following.records(1).await;
    assert_eq!(found, ["2026-11-23T10:00:01Z needle one"]);
    drop(following);
    append(&root, "a/old.log", "2026-11-23T10:00:02Z needle two\n");
    put_file(&root, "a/new.log", b"2026-11-23T10:00:03Z needle three\n");
    let path = format!("/api/v1/logs/tail?bucket=file-logs&q=needle&cursor={cursor}");
    let answer = ana.request(reqwest::Method::GET, &path).send().await.expect("an answer");
    let mut following = Following { answer, buffer: Vec::new() };
    assert_eq!(
        following.records(2).await.0,
        ["2026-11-23T10:00:02Z needle two", "2026-11-23T10:00:03Z needle three"]
    );
}

#[tokio::test]
async fn an_answer_ends_after_its_time_and_browsers_get_events() {
    let root = directory().join("bucket");
    let app = app(&root, "follow_max_time = \"300ms\"\n").await;
    let ana = app.caller("ana", &["team-a"]);
    let ended = ana.get("/api/v1/logs/tail?bucket=file-logs").await.text();
    let last: Value = serde_json::from_str(ended.lines().last().expect("lines")).expect("JSON");
    assert_eq!((&last["type"], &last["reason"]), (&"end".into(), &"time".into()));
    assert!(last["cursor"].is_string());
    let events = ana.get_with("/api/v1/logs/tail?bucket=file-logs", "accept", "text/event-stream").await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    let text = events.text();
    let first = text.split("\n\n").next().expect("an event");
    let [id, event, data] = first.lines().collect::<Vec<_>>()[..] else { panic!("{first}") };
    assert!(id.starts_with("id: ") && event == "event: heartbeat" && data.starts_with("data: {"), "{first}");
    let last_id = id.strip_prefix("id: ").expect("an id");
    let again = ana.get_with("/api/v1/logs/tail?bucket=file-logs", "last-event-id", last_id).await;
    assert_eq!(again.status, 200);
    ana.get("/api/v1/logs/tail?bucket=file-logs&cursor=x").await.problem(400, "invalid-request");
    app.caller("eve", &["others"]).get("/api/v1/logs/tail?bucket=file-logs").await.problem(404, "not-found");
}
