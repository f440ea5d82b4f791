//! Searches whose end comes early: callers who go away or read slowly, at every cloud.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::harness::faults::Fault;
use crate::harness::four;
use crate::http::logs::{DAY, over_directory, search};

const SIZE: usize = 24 * 1024 * 1024;

/// Lines of one second each, over some hours.
fn log() -> Vec<u8> {
    let rest = "one more line of the pump ".repeat(20);
    let line = |second: usize| {
        format!("2026-11-23T{:02}:{:02}:{:02}Z {rest}\n", second / 3600 % 24, second / 60 % 60, second % 60)
            .into_bytes()
    };
    (0..SIZE / (rest.len() + 22)).flat_map(line).collect()
}

#[tokio::test]
async fn a_caller_who_reads_slowly_slows_the_fetching_and_one_who_hangs_up_ends_it() {
    let (app, proxies) = four::behind_proxies(log()).await;
    let ana = app.caller("ana", &["team-a"]);
    for (bucket, proxy) in &proxies {
        let path = format!("/api/v1/logs?{DAY}&bucket={bucket}/team-a/");
        let mut answer = ana.request(Method::GET, &path).send().await.expect("an answer");
        assert!(answer.chunk().await.expect("bytes").is_some(), "{bucket}");
        // Nothing is asked for any more, so in the end nothing is fetched any more.
        let mut pulled = proxy.pulled();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let now = proxy.pulled();
            if now == pulled {
                break;
            }
            assert!(Instant::now() < deadline, "{bucket}: {now} bytes and no end");
            pulled = now;
        }
        let before = proxy.closed();
        drop(answer);
        // A run that waited long gave its connection back itself.
        until(bucket, || before > 0 || proxy.closed() > 0).await;
        let half = u64::try_from(SIZE / 2).expect("fits");
        assert!(proxy.pulled() < half, "{bucket}: {} bytes were read for nobody", proxy.pulled());
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_while_nothing_was_found_ends_the_fetching_too() {
    let (app, proxies) = four::behind_proxies(log()).await;
    let ana = app.caller("ana", &["team-a"]);
    for (bucket, proxy) in &proxies {
        let path = format!("/api/v1/logs?{DAY}&bucket={bucket}/team-a/&q=chisel");
        let answer = ana.request(Method::GET, &path).send().await.expect("an answer");
        // In the midst of the object, and with nothing to say to the caller, by which it could be noticed.
        until(bucket, || proxy.pulled() > 1024 * 1024).await;
        proxy.set(Fault::Stall);
        let open = proxy.opened() - proxy.closed();
        assert!(open > 0, "{bucket} was read already: {} bytes", proxy.pulled());
        drop(answer);
        until(bucket, || proxy.opened() - proxy.closed() < open).await;
    }
}

/// Waits until something is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !so() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn records_of_one_time_that_are_more_than_may_wait_are_told_all_the_same() {
    // More than the pieces that an object may be ahead, and all of them together, of 128 KiB each.
    let line = format!("2026-11-23T10:00:00Z {}\n", "x".repeat(1000));
    let count = 12 * 1024 * 1024 / line.len();
    let app = over_directory(&[("team-a/app.log", line.repeat(count).into_bytes())], "").await;
    let found = search(&app.caller("ana", &["team-a"]), "bucket=file-logs").await;
    assert_eq!((found.records.len(), &found.summary["complete"]), (count, &true.into()), "{}", found.summary);
}
