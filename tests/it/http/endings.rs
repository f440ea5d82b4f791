//! Reads that cannot go on: archived objects, and callers who hang up.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::harness::app::Setup;
use crate::harness::azurite::Azurite;
use crate::harness::four;
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
async fn a_caller_who_hangs_up_ends_the_read_at_every_cloud() {
    let (app, proxies) = four::behind_proxies(vec![b'x'; SIZE]).await;
    let ana = app.caller("ana", &["team-a"]);
    for (bucket, proxy) in &proxies {
        let path = format!("/api/v1/buckets/{bucket}/objects/team-a/app.log");
        let mut download = ana.request(Method::GET, &path).send().await.expect("an answer");
        assert!(download.chunk().await.expect("bytes").is_some(), "{bucket}");
        let before = proxy.closed();
        drop(download);
        let deadline = Instant::now() + Duration::from_secs(5);
        while proxy.closed() == before {
            assert!(Instant::now() < deadline, "{bucket}: the provider's connection is still open");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let whole = u64::try_from(SIZE).expect("fits");
        assert!(proxy.pulled() < whole, "{bucket}: {} bytes were read for nobody", proxy.pulled());
    }
}
