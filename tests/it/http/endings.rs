//! Reads that cannot go on: archived objects, and callers who hang up.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::harness::app::Setup;
use crate::harness::azurite::Azurite;
use crate::harness::faults::FaultProxy;
use crate::harness::ministack::ministack;

/// Larger than every buffer on the way.
const SIZE: usize = 24 * 1024 * 1024;

#[tokio::test]
async fn an_archived_object_is_listed_and_its_refusal_says_how_to_restore_it() {
    let (s3, azurite) = (ministack().await, Azurite::shared().await);
    let (bucket, container) = (s3.make_bucket().await, azurite.container().await);
    s3.put_in_class(&bucket, "team-a/cold.log", b"cold", "DEEP_ARCHIVE").await;
    azurite.put(&container, "team-a/cold.log", "cold").await;
    azurite.set_tier(&container, "team-a/cold.log", "Archive").await;
    let app = Setup::default()
        .aws("aws-logs", &bucket, s3.endpoint())
        .azure("azure-logs", &container, &azurite.endpoint())
        .start()
        .await;
    let ana = app.caller("ana", &["team-a"]);
    for (bucket, how) in
        [("aws-logs", "aws s3api restore-object"), ("azure-logs", "az storage blob set-tier")]
    {
        let page = ana.get(&format!("/api/v1/buckets/{bucket}/objects?prefix=team-a/")).await.json();
        assert_eq!(page["objects"][0]["archived"], true, "{bucket}: {page}");
        let refused = ana.get(&format!("/api/v1/buckets/{bucket}/objects/team-a/cold.log")).await;
        let problem = refused.problem(409, "object-archived");
        assert!(problem["hint"].as_str().expect("a hint").contains(how), "{bucket}: {problem}");
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_ends_the_read_at_the_provider() {
    let s3 = ministack().await;
    let bucket = s3.make_bucket().await;
    s3.put(&bucket, "team-a/big.log", vec![b'x'; SIZE]).await;
    let proxy = FaultProxy::to(s3.port());
    let endpoint = format!("http://127.0.0.1:{}", proxy.port());
    let app = Setup::default().aws("aws-logs", &bucket, &endpoint).start().await;
    let ana = app.caller("ana", &["team-a"]);
    let request = ana.request(Method::GET, "/api/v1/buckets/aws-logs/objects/team-a/big.log");
    let mut download = request.send().await.expect("an answer");
    assert!(download.chunk().await.expect("bytes").is_some());
    let before = proxy.closed();
    drop(download);
    let deadline = Instant::now() + Duration::from_secs(5);
    while proxy.closed() == before {
        assert!(Instant::now() < deadline, "the provider's connection is still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let whole = u64::try_from(SIZE).expect("fits");
    assert!(proxy.pulled() < whole, "{} bytes were read for nobody", proxy.pulled());
}
