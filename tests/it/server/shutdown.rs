//! A shutdown lets running downloads end, within its time.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::harness::app::{Setup, TestApp, directory};

/// Larger than every buffer on the way.
const SIZE: usize = 48 * 1024 * 1024;

async fn app_with_a_large_object() -> TestApp {
    let root = directory().join("bucket");
    std::fs::create_dir_all(root.join("team-a")).expect("a folder");
    std::fs::write(root.join("team-a/big.log"), vec![b'x'; SIZE]).expect("a file");
    Setup::default().file("file-logs", &root).start().await
}

async fn open(app: &TestApp) -> reqwest::Response {
    let ana = app.caller("ana", &["team-a"]);
    let request = ana.request(Method::GET, "/api/v1/buckets/file-logs/objects/team-a/big.log");
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn a_download_under_way_ends_whole_while_new_callers_are_turned_away() {
    let app = app_with_a_large_object().await;
    let mut download = open(&app).await;
    let mut got = download.chunk().await.expect("bytes").expect("a first chunk").len();
    app.begin_to_stop();
    let (url, stopped) = (app.url.clone(), app.stop());
    let reading = async {
        while let Some(chunk) = download.chunk().await.expect("bytes until the end") {
            got += chunk.len();
        }
        got
    };
    let ((), got) = tokio::join!(stopped, reading);
    assert_eq!(got, SIZE);
    assert!(reqwest::get(format!("{url}/healthz")).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_reader_who_never_reads_holds_a_shutdown_up_no_longer_than_the_drain_time() {
    let app = app_with_a_large_object().await;
    let download = open(&app).await;
    let began = Instant::now();
    app.stop().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(download.bytes().await.is_err(), "a download that was cut is never a short success");
}
