//! Searches of callers who may read so many bytes, and no more, in a stretch of time.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use crate::harness::app::{Caller, Setup, TestApp, directory};
use crate::harness::site::MovedClock;
use crate::http::logs::{DAY, READER, Search, put_file, search, told};

/// Hours of 200 KB each, with a needle in every second of them.
const HOURS: usize = 6;

const LAYOUT: &str = "[buckets.file-logs.logs]\nlayouts = [\"{yyyy}/{MM}/{dd}/{HH}/*.log\"]\n";

/// How long whoever has read too much waits at most.
const WINDOW: Duration = Duration::from_secs(10);

/// The application, whose callers may read about one hour and a half in each window of time.
async fn app() -> (TestApp, Arc<MovedClock>) {
    app_with(LAYOUT).await
}

async fn app_with(layout: &str) -> (TestApp, Arc<MovedClock>) {
    let root = directory().join("bucket");
    let hay = "one more line of the pump ".repeat(20);
    for hour in 0..HOURS {
        let line = |number: usize| {
            let what = if number == 180 && hour % 2 == 1 { "needle" } else { "hay" };
            format!("2026-11-23T{hour:02}:{:02}:{:02}Z {what} {hay}\n", number / 6, number % 6)
        };
        let lines: String = (0..360).map(line).collect();
        put_file(&root, &format!("2026/11/23/{hour:02}/app.log"), lines.as_bytes());
    }
    over(&root, 300_000, layout).await
}

async fn over(root: &Path, bytes: usize, layout: &str) -> (TestApp, Arc<MovedClock>) {
    let clock = Arc::<MovedClock>::default();
    let setup =
        Setup { policies: READER.to_owned(), clock: Arc::<MovedClock>::clone(&clock), ..Setup::default() };
    let mut setup = setup.file("file-logs", root);
    write!(setup.settings, "[limits]\nsearch_bytes = {bytes}\n").expect("memory");
    setup.settings += "search_bytes_window = \"10s\"\n\
        [search]\nobjects_ahead = 1\nconnections = 1\nfollow_interval = \"20ms\"\nfollow_max_time = \"10s\"\n";
    setup.settings += layout;
    (setup.start().await, clock)
}

/// Goes on, whenever that is allowed again, until everything was told.
async fn to_the_end(ana: &Caller, clock: &MovedClock, query: &str) -> Vec<Search> {
    let mut answers: Vec<Search> = Vec::new();
    let mut cursor = String::new();
    loop {
        clock.advance(WINDOW);
        let found = search(ana, &format!("bucket=file-logs&{query}{cursor}")).await;
        if found.summary["complete"] == true {
            answers.push(found);
            return answers;
        }
        assert_eq!(found.summary["reason"], "allowance", "{}", found.summary);
        cursor = format!("&cursor={}", found.summary["cursor"].as_str().expect("a cursor"));
        answers.push(found);
        assert!(answers.len() < 2 * HOURS, "it never ends");
    }
}

#[tokio::test]
async fn a_search_that_reads_too_much_ends_with_a_cursor_and_the_next_waits() {
    let (app, clock) = app().await;
    let ana = app.caller("ana", &["team-a"]);
    let first = search(&ana, "bucket=file-logs").await;
    assert!(!first.records.is_empty());
    let summary = &first.summary;
    assert_eq!((&summary["complete"], &summary["reason"]), (&json!(false), &json!("allowance")), "{summary}");
    assert!(summary["cursor"].is_string(), "{summary}");
    for path in ["logs", "logs/histogram"] {
        let refused = ana.get(&format!("/api/v1/{path}?{DAY}&bucket=file-logs")).await;
        let wait: u64 = refused.header("retry-after").parse().expect("seconds");
        assert!((1..=10).contains(&wait), "{wait}");
        let problem = refused.problem(429, "rate-limited");
        assert!(problem["detail"].as_str().expect("text").contains("300000 stored bytes"), "{problem}");
    }
    ana.get("/api/v1/logs/tail?bucket=file-logs").await.problem(429, "rate-limited");
    ana.get(&format!("/api/v1/logs/plan?{DAY}&bucket=file-logs")).await.json();
    let another = search(&app.caller("bob", &["team-a"]), "bucket=file-logs/2026/11/23/01/").await;
    assert_eq!(another.summary["complete"], true, "another person is not held up");
    app.caller("eve", &[])
        .get(&format!("/api/v1/logs?{DAY}&bucket=file-logs"))
        .await
        .problem(404, "not-found");
    clock.advance(WINDOW);
    let later = ana.get(&format!("/api/v1/logs/histogram?{DAY}&bucket=file-logs")).await.json();
    let summary = &later["summary"];
    assert_eq!((&summary["complete"], &summary["reason"]), (&json!(false), &json!("allowance")), "{later}");
    assert!(summary["cursor"].is_null(), "a count cannot be gone on with");
}

#[tokio::test]
async fn a_search_comes_to_its_end_in_several_steps_although_little_is_found() {
    let (app, clock) = app().await;
    let ana = app.caller("ana", &["team-a"]);
    for (query, wanted) in [
        ("q=needle", [1, 3, 5].to_vec()),
        ("q=needle&order=desc", [5, 3, 1].to_vec()),
        ("q=nothing", Vec::new()),
    ] {
        let answers = to_the_end(&ana, &clock, query).await;
        assert!(answers.len() > 2, "{query}: {}", answers.len());
        let hours: Vec<usize> = answers
            .iter()
            .flat_map(|answer| &answer.records)
            .map(|record| {
                record["key"]
                    .as_str()
                    .expect("a key")
                    .split('/')
                    .nth(3)
                    .expect("an hour")
                    .parse()
                    .expect("a number")
            })
            .collect();
        assert_eq!(hours, wanted, "{query}");
        let last = &answers.last().expect("an answer").summary;
        assert!(
            last["objects"]["listed"].as_u64() < Some(HOURS as u64),
            "only what is left is looked at: {last}"
        );
    }
}

#[tokio::test]
async fn whoever_follows_more_than_they_may_read_is_told_where_to_go_on() {
    let (app, _) = app_with("").await;
    let ana = app.caller("ana", &["team-a"]);
    // A cursor from before everything that lies there, so that all of it is news.
    let path = "/api/v1/logs/tail?bucket=file-logs&cursor=ZjEgMA";
    let answer = ana.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let last: serde_json::Value =
        serde_json::from_str(answer.text().lines().last().expect("lines")).expect("JSON");
    assert_eq!((&last["type"], &last["reason"]), (&json!("end"), &json!("allowance")), "{last}");
    assert_eq!(last["cursor"], "ZjEgMA", "what was not told is told from there");
}

#[tokio::test]
async fn without_a_limit_nobody_is_held_up() {
    let files = [("a.log", b"2026-11-23T10:00:00Z x\n".repeat(30_000))];
    let root = directory().join("bucket");
    for (key, bytes) in &files {
        put_file(&root, key, bytes);
    }
    let mut setup = Setup { policies: READER.to_owned(), ..Setup::default() }.file("file-logs", &root);
    setup.settings += "[limits]\nsearch_bytes = 0\n";
    let app = setup.start().await;
    let ana = app.caller("ana", &["team-a"]);
    for _ in 0..2 {
        let found = told(&ana.get(&format!("/api/v1/logs?{DAY}&bucket=file-logs&q=nothing")).await);
        assert_eq!(found.summary["complete"], true);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn wherever_a_search_is_cut_all_steps_together_tell_each_record_once_and_in_order(
        objects in prop::collection::vec((0..5_u8, prop::collection::vec(0..40_u8, 0..40)), 1..10), more in 1..2000_usize,
        descending: bool, needle: bool,
    ) {
        let root = directory().join("bucket");
        let mut wanted = Vec::new();
        let mut hours = [0_usize; 5];
        for (number, (hour, seconds)) in objects.iter().enumerate() {
            let mut seconds = seconds.clone();
            seconds.sort_unstable();
            let key = format!("2026/11/23/{hour:02}/{number}.log");
            let line = |at: usize, second: &u8| {
                let what = if at.is_multiple_of(7) { "needle" } else { "hay" };
                format!("2026-11-23T{hour:02}:00:{second:02}Z {what} {number} {at}")
            };
            let lines: Vec<_> = seconds.iter().enumerate().map(|(at, second)| line(at, second)).collect();
            let text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
            hours[usize::from(*hour)] += text.len();
            put_file(&root, &key, text.as_bytes());
            wanted.extend(lines.into_iter().enumerate().map(|(at, line)| ((*hour, seconds[at], key.clone(), at), line)));
        }
        wanted.sort_unstable();
        if descending {
            wanted.reverse();
        }
        let wanted: Vec<_> =
            wanted.into_iter().map(|(_, line)| line).filter(|line| !needle || line.contains("needle")).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            // An hour at least can be read in each step.
            let (app, clock) = over(&root, hours.iter().max().expect("hours") + more, LAYOUT).await;
            let query = format!(
                "order={}{}", if descending { "desc" } else { "asc" }, if needle { "&q=needle" } else { "" },
            );
            let answers = to_the_end(&app.caller("ana", &["team-a"]), &clock, &query).await;
            let found: Vec<_> = answers.iter().flat_map(Search::lines).collect();
            assert_eq!(found, wanted, "{query} in {} steps", answers.len());
        });
    }
}
