//! Searches in buckets whose keys tell the time.

use crate::http::logs::{over_directory, search};

const HOUR: &str = "from=2026-11-23T14:00:00Z&to=2026-11-23T15:00:00Z";

fn hours() -> Vec<(String, Vec<u8>)> {
    let hour = |day: u32, hour: u32| {
        let line = format!("2026-11-{day:02}T{hour:02}:30:00Z from the pump\n");
        (format!("pump/2026/11/{day:02}/{hour:02}/part.log"), line.into_bytes())
    };
    (20..=24).flat_map(|day| (0..24).map(move |of_day| hour(day, of_day))).collect()
}

fn named(files: &[(String, Vec<u8>)]) -> Vec<(&str, Vec<u8>)> {
    files.iter().map(|(key, bytes)| (key.as_str(), bytes.clone())).collect()
}

#[tokio::test]
async fn only_the_hours_asked_for_are_listed_and_read() {
    let layout = "[buckets.file-logs.logs]\nlayouts = [\"{service}/{yyyy}/{MM}/{dd}/{HH}/*.log\"]\n";
    let app = over_directory(&named(&hours()), layout).await;
    let ana = app.caller("ana", &["team-a"]);
    let plan = ana.get(&format!("/api/v1/logs/plan?{HOUR}&bucket=file-logs")).await.json();
    assert_eq!(plan["objects"]["listed"], 1, "{plan}");
    assert_eq!(plan["list_calls"], 2, "the services, and one hour of the only one: {plan}");
    assert_eq!(plan["first"][0]["key"], "pump/2026/11/23/14/part.log");

    let day = search(&ana, "bucket=file-logs").await;
    assert_eq!(day.records.len(), 24);
    assert_eq!(day.summary["objects"]["listed"], 24, "{}", day.summary);
    assert_eq!(day.summary["complete"], true);
}

#[tokio::test]
async fn keys_of_no_layout_are_counted_and_warned_of() {
    let mut files = hours();
    files.push(("pump/2026/11/23/14/notes.txt".to_owned(), b"2026-11-23T14:00:00Z a note\n".to_vec()));
    let layout = "[buckets.file-logs.logs]\nlayouts = [\"pump/{yyyy}/{MM}/{dd}/{HH}/*.log\"]\n";
    let app = over_directory(&named(&files), layout).await;
    let ana = app.caller("ana", &["team-a"]);
    let found = search(&ana, "bucket=file-logs/pump/").await;
    assert_eq!(found.records.len(), 24);
    assert_eq!(found.summary["objects"]["skipped"]["other_layout"], 1, "{}", found.summary);
    let warning = found.summary["warnings"][0]["what"].as_str().expect("a warning");
    assert!(warning.contains("1 objects were not read"), "{warning}");
}

#[tokio::test]
async fn records_that_come_later_than_their_key_says_are_found_with_slack() {
    let late =
        ("pump/2026/11/24/00/part.log".to_owned(), b"2026-11-23T23:59:58Z written at midnight\n".to_vec());
    let template = "[buckets.file-logs.logs]\nlayouts = [\"pump/{yyyy}/{MM}/{dd}/{HH}/*.log\"]\n";
    for (slack, wanted) in [("", 0), ("slack = \"15m\"\n", 1)] {
        let app = over_directory(&named(std::slice::from_ref(&late)), &format!("{template}{slack}")).await;
        let found = search(&app.caller("ana", &["team-a"]), "bucket=file-logs").await;
        assert_eq!(found.records.len(), wanted, "{slack}");
    }
}
