//! `GET /api/v1/logs/histogram`.

use serde_json::Value;

use crate::harness::app::Caller;
use crate::http::logs::{DAY, gzip, over_directory};

const HOUR: &str = "from=2026-11-23T14:00:00Z&to=2026-11-23T15:00:00Z";

async fn histogram(caller: &Caller, query: &str) -> Value {
    let answer = caller.get(&format!("/api/v1/logs/histogram?bucket=file-logs&{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// One record a second, of which every fifth is an error, in two objects.
fn files() -> [(&'static str, Vec<u8>); 2] {
    let line = |second: u32| {
        let level = if second.is_multiple_of(5) { "ERROR" } else { "INFO" };
        format!(
            "{{\"time\":\"2026-11-23T14:{:02}:{:02}Z\",\"level\":\"{level}\"}}\n",
            second / 60,
            second % 60
        )
    };
    let object = |from: u32| (from..3600).step_by(2).map(line).collect::<String>().into_bytes();
    [("a/even.json", object(0)), ("a/odd.json.gz", gzip(&object(1)))]
}

#[tokio::test]
async fn records_are_counted_over_time_and_by_the_values_of_a_field() {
    let app = over_directory(&files(), "").await;
    let ana = app.caller("ana", &["team-a"]);
    let counted = histogram(&ana, &format!("{HOUR}&bars=12&by=level")).await;
    assert_eq!(counted["bar_seconds"], 300.0);
    let bars = counted["bars"].as_array().expect("bars");
    assert_eq!(bars.len(), 12);
    assert_eq!(bars[3]["from"], "2026-11-23T14:15:00Z");
    for bar in bars {
        assert_eq!(
            (&bar["count"], &bar["by"]["ERROR"], &bar["by"]["INFO"]),
            (&300.into(), &60.into(), &240.into())
        );
    }
    assert_eq!(
        (&counted["summary"]["records"], &counted["summary"]["complete"]),
        (&3600.into(), &true.into())
    );
    let errors = histogram(&ana, &format!("{HOUR}&q=level%3DERROR")).await;
    let counts = errors["bars"].as_array().expect("bars").iter().filter_map(|bar| bar["count"].as_u64());
    assert_eq!(counts.sum::<u64>(), 720);
}

#[tokio::test]
async fn a_histogram_that_is_not_whole_says_so_and_one_that_may_not_be_made_is_refused() {
    let mut damaged = gzip(&files()[1].1);
    damaged.truncate(damaged.len() / 2);
    let app = over_directory(&[("a/cut.json.gz", damaged)], "").await;
    let ana = app.caller("ana", &["team-a"]);
    let counted = histogram(&ana, HOUR).await;
    assert_eq!(
        (&counted["summary"]["complete"], &counted["summary"]["reason"]),
        (&false.into(), &"failed".into())
    );
    let refused =
        app.caller("eve", &["others"]).get(&format!("/api/v1/logs/histogram?bucket=file-logs&{DAY}")).await;
    refused.problem(404, "not-found");
    let wrong = ana.get(&format!("/api/v1/logs/histogram?bucket=file-logs&{DAY}&bars=1&q=%28")).await;
    assert_eq!(wrong.problem(400, "invalid-request")["errors"].as_array().expect("errors").len(), 2);
    ana.get(&format!("/api/v1/logs/histogram?bucket=file-logs&{DAY}&limit=1"))
        .await
        .problem(400, "invalid-request");
}
