//! Searches in buckets whose records a site describes.

use crate::http::logs::{Search, over_directory, search, told};

fn times(found: &Search) -> Vec<&str> {
    found.records.iter().map(|record| record["time"].as_str().unwrap_or("none")).collect()
}

#[tokio::test]
async fn records_are_put_in_order_by_times_as_the_site_describes_them() {
    let files = [
        ("a/a.log", b"23/11/2026 01:00:01 one\n  of two lines\n23/11/2026 01:00:03 three\n".to_vec()),
        ("a/b.log", b"[main] 23/11/2026 01:00:02 two\n22/11/2026 23:59:59 not of this day\n".to_vec()),
        ("a/c.log", b"2026-11-23T00:00:04+00:00 of another kind\n".to_vec()),
    ];
    let described =
        "[buckets.file-logs.logs]\ntime_format = \"%d/%m/%Y %H:%M:%S\"\nrecord_time_zone = \"+01:00\"\n";
    let app = over_directory(&files, described).await;
    let found = search(&app.caller("ana", &["team-a"]), "bucket=file-logs").await;
    let wanted =
        ["2026-11-23T00:00:01Z", "2026-11-23T00:00:02Z", "2026-11-23T00:00:03Z", "2026-11-23T00:00:04Z"];
    assert_eq!(times(&found), wanted, "{:?}", found.records);
    assert_eq!(found.lines()[0], "23/11/2026 01:00:01 one\n  of two lines");
}

#[tokio::test]
async fn the_time_of_json_is_read_where_the_site_says_it_stands() {
    let line = |millis: u64, id: u8| {
        format!("{{\"time\":\"2020-01-01T00:00:00Z\",\"event\":{{\"id\":{id},\"created\":{millis}}}}}\n")
    };
    // Noon of 2026-11-23, and of the day after.
    let lines = [line(1_795_435_200_250, 1), line(1_795_521_600_000, 2)].concat();
    let described = "[buckets.file-logs.logs]\nformat = \"json\"\ntime_field = \"event.created\"\ntime_format = \"epoch-ms\"\n";
    let app = over_directory(&[("a/a.json", lines.into_bytes())], described).await;
    let found = search(&app.caller("ana", &["team-a"]), "bucket=file-logs&fields=event.id").await;
    assert_eq!(times(&found), ["2026-11-23T12:00:00.25Z"], "{:?}", found.records);
    assert_eq!(found.records[0]["fields"]["event.id"], 1);
}

#[tokio::test]
async fn lines_without_a_year_are_found_on_both_sides_of_new_year() {
    let files = [
        ("2026/12/31/a.log", b"Dec 31 23:59:58 h one\nJan  1 00:00:01 h three\n".to_vec()),
        ("2027/01/01/a.log", b"Dec 31 23:59:59 h two\nJan  1 00:00:02 h four\n".to_vec()),
    ];
    let layout = "[buckets.file-logs.logs]\nlayouts = [\"{yyyy}/{MM}/{dd}/*.log\"]\nslack = \"1m\"\n";
    let app = over_directory(&files, layout).await;
    let ana = app.caller("ana", &["team-a"]);
    let night = "from=2026-12-31T23:59:00Z&to=2027-01-01T00:01:00Z";
    let found = told(&ana.get(&format!("/api/v1/logs?{night}&bucket=file-logs")).await);
    let wanted =
        ["2026-12-31T23:59:58Z", "2026-12-31T23:59:59Z", "2027-01-01T00:00:01Z", "2027-01-01T00:00:02Z"];
    assert_eq!(times(&found), wanted, "{:?}", found.records);
    // A record that is opened again has the same time.
    let reference = found.records[1]["ref"].as_str().expect("a reference");
    let around = url::form_urlencoded::byte_serialize(reference.as_bytes()).collect::<String>();
    let again = told(&ana.get(&format!("/api/v1/logs?around={around}")).await);
    assert_eq!(times(&again), ["2026-12-31T23:59:59Z"]);
}

#[tokio::test]
async fn records_without_a_time_are_told_in_both_orders() {
    let app = over_directory(&[("a.log", b"one\ntwo\nthree\n".to_vec())], "").await;
    let ana = app.caller("ana", &["team-a"]);
    for (order, wanted) in [("asc", ["one", "two", "three"]), ("desc", ["three", "two", "one"])] {
        let found = search(&ana, &format!("bucket=file-logs&order={order}")).await;
        assert_eq!(found.lines(), wanted, "{order}");
        assert_eq!(times(&found), ["none"; 3]);
    }
}
