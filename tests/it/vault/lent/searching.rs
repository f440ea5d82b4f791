//! A search whose Vault goes away while it runs.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde_json::Value;

use crate::doubles::vault::{Engines, Refusal};
use crate::harness::app::{Setup, TestApp};
use crate::harness::ministack::ministack;
use crate::http::logs::{DAY, READER};
use crate::vault::eventually;
use crate::vault::lent::{bucket, by_role, credential, lent_keys, operators};

const HOURS: usize = 24;

/// The lines of an hour: more than a search keeps of what nobody takes.
fn hour(hour: usize) -> Vec<u8> {
    let rest = "one more line of the saw ".repeat(40);
    let line = |second: usize| {
        format!("2026-11-23T{hour:02}:{:02}:{:02}Z {rest}\n", second / 60, second % 60).into_bytes()
    };
    (0..3600).flat_map(line).collect()
}

/// A service whose bucket has an object for each hour, and a credential that lasts so many seconds.
async fn hours(ttl: u64) -> (Engines, TestApp) {
    let native = ministack().await.make_bucket().await;
    for number in 0..HOURS {
        let key = format!("team-a/2026/11/23/{number:02}/app.log");
        ministack().await.put(&native, &key, hour(number)).await;
    }
    let session = ministack().await.session(&native).await;
    let engines = Engines::start(move |_, _| lent_keys(&session, ttl, false)).await;
    let place = format!(
        "endpoint = \"{}\"\n[buckets.aws-logs.logs]\nlayouts = [\"team-a/{{yyyy}}/{{MM}}/{{dd}}/{{HH}}/*\"]",
        ministack().await.endpoint()
    );
    let settings = by_role(&format!("http://127.0.0.1:{}", engines.port))
        + &credential("aws", "vault-aws", "role = \"SECRET-role\"")
        + &bucket("aws", &native, &place)
        + "\n[search]\nobjects_ahead = 2\nconnections = 4\n";
    let setup = Setup { settings, policies: READER.to_owned(), ..Setup::default() };
    (engines, setup.start().await)
}

/// The lines of an answer whose first bytes were taken already.
async fn rest(first: Bytes, mut answer: reqwest::Response) -> Vec<Value> {
    let mut all = first.to_vec();
    while let Some(chunk) = answer.chunk().await.expect("the answer ends as one") {
        all.extend_from_slice(&chunk);
    }
    let lines = all.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON on each line")).collect()
}

#[tokio::test]
async fn a_search_that_outlives_its_vault_and_its_credential_tells_what_it_read_and_names_the_rest() {
    let (engines, app) = hours(6).await;
    let ana = app.caller("ana", &["team-a"]);
    let path = format!("/api/v1/logs?{DAY}&bucket=aws-logs/team-a/");
    let mut answer = ana.request(Method::GET, &path).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let first = answer.chunk().await.expect("bytes").expect("records");
    engines.refuse(Some(Refusal::all(503)));
    // Nobody takes the rest before the credential is over.
    let over = "logboom_credential_held{credential=\"aws\"} 0\n";
    eventually(async || operators(&app, "/metrics").await.contains(over).then_some(())).await;
    let mut lines = rest(first, answer).await;

    let summary = lines.pop().expect("a summary");
    assert_eq!((&summary["type"], &summary["complete"]), (&"summary".into(), &false.into()), "{summary}");
    let failed = summary["objects"]["skipped"]["failed"].as_u64().expect("a count");
    assert!(failed > 10, "{summary}");
    // An object whose connection was given back while nobody took its records stays where it was.
    assert_eq!(lines.len() / 3600 + usize::try_from(failed).expect("few"), HOURS, "{summary}");
    let times: Vec<&str> = lines.iter().filter_map(|line| line["time"].as_str()).collect();
    assert!(times.is_sorted());
    let warnings = summary["warnings"].as_array().expect("a list");
    let named = |number: usize| format!("team-a/2026/11/23/{number:02}/app.log");
    for number in lines.len() / 3600..HOURS {
        let of = warnings.iter().find(|warning| warning["key"] == named(number)).expect("each is named");
        assert!(of.to_string().contains("credential"), "{of}");
    }
    for hidden in ["SECRET", "/sts/", "127.0.0.1", "approle"] {
        assert!(!summary.to_string().contains(hidden), "{summary}");
    }

    // The next one is refused as a whole, and works when Vault is there again.
    ana.get(&path).await.problem(503, "credentials-unavailable");
    engines.refuse(None);
    eventually(async || (ana.get(&path).await.status == 200).then_some(())).await;
    app.stop().await;
}

#[tokio::test]
async fn a_search_does_not_notice_a_vault_that_is_away_for_less_than_its_credential_lasts() {
    let (engines, app) = hours(3600).await;
    let ana = app.caller("ana", &["team-a"]);
    let path = format!("/api/v1/logs?{DAY}&bucket=aws-logs/team-a/");
    let mut answer = ana.request(Method::GET, &path).send().await.expect("an answer");
    let first = answer.chunk().await.expect("bytes").expect("records");
    engines.refuse(Some(Refusal::all(503)));
    let whole = tokio::time::timeout(Duration::from_mins(1), rest(first, answer)).await;
    let lines = whole.expect("in time");
    let summary = lines.last().expect("a summary");
    assert_eq!((&summary["complete"], lines.len()), (&true.into(), HOURS * 3600 + 1), "{summary}");
    app.stop().await;
}
