//! One application with a bucket at each provider, all four with the same objects.

use std::path::PathBuf;

use bytes::Bytes;

use crate::harness::app::{Setup, TestApp, directory};
use crate::harness::azurite::{ACCOUNT, Azurite};
use crate::harness::fake_gcs::fake_gcs;
use crate::harness::faults::FaultProxy;
use crate::harness::ministack::ministack;

/// The buckets.
pub const BUCKETS: [&str; 4] = ["aws-logs", "gcp-logs", "azure-logs", "file-logs"];

/// Those that are reached through a network.
pub const CLOUDS: [&str; 3] = ["aws-logs", "gcp-logs", "azure-logs"];

/// What stands in `team-a/app.log`.
pub const APP_LOG: &str = "0123456789abcdefghij\n";

/// Keys that every provider can hold, a directory too.
pub const PLAIN_KEYS: [&str; 7] = [
    "team-a/2026/11/x.log",
    "team-a/100%25.log",
    "team-a/a+b c.log",
    "team-a/app.log",
    "team-a/app.log.gz",
    "team-a/q?x#y&z=1;.log",
    "team-a/日本.log",
];

/// Keys that stay hidden from team a.
pub const HIDDEN: [(&str, &str); 3] =
    [("team-ab/secret.log", "CANARY-AB"), ("team-b/secret.log", "CANARY-B"), ("zz/other.log", "CANARY-Z")];

/// The bytes of a visible object.
pub fn content(key: &str) -> Vec<u8> {
    match key {
        "team-a/app.log" => APP_LOG.into(),
        "team-a/app.log.gz" => gzip(APP_LOG.as_bytes()),
        key => format!("this is {key}\n").into_bytes(),
    }
}

/// Starts the application over freshly filled buckets.
pub async fn start() -> TestApp {
    setup().await.start().await
}

/// The settings of [`start`].
pub async fn setup() -> Setup {
    let filled = fill().await;
    let (s3, gcs, azurite) = (ministack().await, fake_gcs().await, Azurite::shared().await);
    Setup::default()
        .aws("aws-logs", &filled.aws, s3.endpoint())
        .gcp("gcp-logs", &filled.gcp, gcs.endpoint())
        .azure("azure-logs", &filled.azure, &azurite.endpoint())
        .file("file-logs", &filled.file)
}

/// A native bucket at each provider.
pub struct Filled {
    /// In S3.
    pub aws: String,
    /// In Google Cloud Storage.
    pub gcp: String,
    /// A container.
    pub azure: String,
    /// A directory.
    pub file: PathBuf,
}

/// Makes buckets with the same objects at all four.
pub async fn fill() -> Filled {
    let (s3, gcs, azurite) = (ministack().await, fake_gcs().await, Azurite::shared().await);
    let (aws, gcp, azure) = (s3.make_bucket().await, gcs.make_bucket().await, azurite.container().await);
    let file = directory().join("bucket");
    let hidden = HIDDEN.iter().map(|(key, canary)| (*key, canary.as_bytes().to_vec()));
    let all = PLAIN_KEYS.iter().map(|key| (*key, content(key))).chain(hidden);
    for (key, bytes) in all {
        s3.put(&aws, key, bytes.clone()).await;
        gcs.put(&gcp, key, Bytes::from(bytes.clone())).await;
        azurite.put(&azure, key, bytes.clone()).await;
        let path: PathBuf = file.join(key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    Filled { aws, gcp, azure, file }
}

/// Starts the application over three clouds, each behind a proxy, with these bytes as `team-a/app.log`.
pub async fn behind_proxies(content: Vec<u8>) -> (TestApp, [(&'static str, FaultProxy); 3]) {
    let (s3, gcs, azurite) = (ministack().await, fake_gcs().await, Azurite::shared().await);
    let (aws, gcp, container) = (s3.make_bucket().await, gcs.make_bucket().await, azurite.container().await);
    s3.put(&aws, "team-a/app.log", content.clone()).await;
    gcs.put(&gcp, "team-a/app.log", Bytes::from(content.clone())).await;
    azurite.put(&container, "team-a/app.log", content).await;
    let proxies = [s3.port(), gcs.port(), azurite.port()].map(FaultProxy::to);
    let [to_s3, to_gcs, to_azure] = proxies.each_ref().map(FaultProxy::port);
    let app = Setup::default()
        .aws("aws-logs", &aws, &format!("http://127.0.0.1:{to_s3}"))
        .gcp("gcp-logs", &gcp, &format!("http://127.0.0.1:{to_gcs}"))
        .azure("azure-logs", &container, &format!("https://127.0.0.1:{to_azure}/{ACCOUNT}"))
        .start()
        .await;
    let [to_s3, to_gcs, to_azure] = proxies;
    (app, [("aws-logs", to_s3), ("gcp-logs", to_gcs), ("azure-logs", to_azure)])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
