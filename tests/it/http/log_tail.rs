//! `GET /api/v1/logs/tail`: records as they come.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::app::{Caller, Setup, TestApp, directory};
use crate::harness::azurite::{ACCOUNT, Azurite};
use crate::harness::faults::FaultProxy;
use crate::harness::ministack::ministack;
use crate::http::logs::{gzip, over_root, put_file};

const QUICK: &str = "[search]\nfollow_interval = \"20ms\"\n";

/// An answer under way, read line by line.
struct Following {
    answer: reqwest::Response,
    buffer: Vec<u8>,
}

impl Following {
    async fn begin(caller: &Caller, query: &str) -> Self {
        Self::begin_in(caller, "file-logs", query).await
    }

    async fn begin_in(caller: &Caller, scope: &str, query: &str) -> Self {
        let path = format!("/api/v1/logs/tail?bucket={scope}{query}");
        let request = caller.request(reqwest::Method::GET, &path);
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
async fn of_a_grown_object_only_its_format_and_what_is_new_are_fetched() {
    let (s3, azurite) = (ministack().await, Azurite::shared().await);
    let (aws, container) = (s3.make_bucket().await, azurite.container().await);
    let mut log = b"2026-11-23T10:00:00Z one more line of the pump\n".repeat(100_000);
    s3.put(&aws, "team-a/app.log", log.clone()).await;
    azurite.put(&container, "team-a/app.log", log.clone()).await;
    let (to_s3, to_azure) = (FaultProxy::to(s3.port()), FaultProxy::to(azurite.port()));
    let mut setup = Setup::default()
        .aws("aws-logs", &aws, &format!("http://127.0.0.1:{}", to_s3.port()))
        .azure("azure-logs", &container, &format!("https://127.0.0.1:{}/{ACCOUNT}", to_azure.port()));
    setup.settings += "[search]\nfollow_interval = \"200ms\"\n";
    let app = setup.start().await;
    let ana = app.caller("ana", &["team-a"]);
    let mut in_s3 = Following::begin_in(&ana, "aws-logs/team-a/", "").await;
    let mut in_azure = Following::begin_in(&ana, "azure-logs/team-a/", "&q=new").await;
    for round in 1..3 {
        let before = (to_s3.pulled(), to_azure.pulled());
        log.extend_from_slice(format!("2026-11-23T10:00:0{round}Z new {round}\n").as_bytes());
        s3.put(&aws, "team-a/app.log", log.clone()).await;
        azurite.put(&container, "team-a/app.log", log.clone()).await;
        let wanted = [format!("2026-11-23T10:00:0{round}Z new {round}")];
        assert_eq!(in_s3.records(1).await.0, wanted);
        assert_eq!(in_azure.records(1).await.0, wanted);
        let fetched = (to_s3.pulled() - before.0, to_azure.pulled() - before.1);
        let much = log.len() as u64 / 4;
        assert!(fetched.0 < much && fetched.1 < much, "{fetched:?} of {} bytes", log.len());
    }
}

#[tokio::test]
async fn a_compressed_object_that_grows_and_a_file_that_is_written_anew_are_told_once() {
    let root = directory().join("bucket");
    let app = app(&root, "").await;
    let mut following = Following::begin(&app.caller("ana", &["team-a"]), "").await;
    let two = b"2026-11-23T10:00:01Z one\n2026-11-23T10:00:02Z two\n";
    put_file(&root, "a/new.log.gz", &gzip(two));
    assert_eq!(following.records(2).await.0, ["2026-11-23T10:00:01Z one", "2026-11-23T10:00:02Z two"]);
    put_file(&root, "a/new.log.gz", &[gzip(two), gzip(b"2026-11-23T10:00:03Z three\n")].concat());
    assert_eq!(following.records(1).await.0, ["2026-11-23T10:00:03Z three"]);
    // As a rotation does that copies and truncates.
    put_file(&root, "a/old.log", b"2026-11-23T11:00Z\n");
    assert_eq!(following.records(1).await.0, ["2026-11-23T11:00Z"]);
    append(&root, "a/old.log", "2026-11-23T11:00:01Z four\n");
    assert_eq!(following.records(1).await.0, ["2026-11-23T11:00:01Z four"]);
}

#[tokio::test]
async fn what_is_withheld_stays_withheld_where_it_began_before_somebody_followed() {
    let root = directory().join("bucket");
    put_file(&root, "a/key.log", b"x\n-----BEGIN PRIVATE KEY-----\nMIIone\n");
    let app = app(&root, "[buckets.file-logs.redaction]\ndetectors = [\"token\"]\n").await;
    let mut following = Following::begin(&app.caller("ana", &["team-a"]), "").await;
    append(&root, "a/key.log", "MIItwo\n-----END PRIVATE KEY-----\nbehind it\n");
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "behind it") {
        lines.push(following.until("record").await["line"].as_str().expect("a line").to_owned());
    }
    assert!(lines.iter().all(|line| !line.contains("MII")), "{lines:?}");
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
