//! Azurite over HTTPS with bearer tokens: Azure's blobs, and a hand that puts them there.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use logboom::domain::time::{Clock, SystemClock};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::OnceCell;

use crate::harness::servers::{Server, answers, free_port, home, unique};
use crate::harness::tls::certificates;

/// The account that Azurite has.
pub const ACCOUNT: &str = "devstoreaccount1";

/// The key of that account, the same in every Azurite.
pub const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// The audience of tokens for storage.
pub const AUDIENCE: &str = "https://storage.azure.com";

/// A running Azurite with nothing in it.
pub struct Azurite {
    server: Server,
    port: u16,
}

impl Azurite {
    /// The one that all tests share; each test takes a container of its own.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Azurite> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// One of its own, for a test that stops it.
    pub async fn start() -> Self {
        let port = free_port();
        let tls = certificates();
        let mut command = Command::new("node");
        command
            .arg(home().join("node/node_modules/azurite/dist/src/blob/main.js"))
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .args([
                "--inMemoryPersistence",
                "--disableTelemetry",
                "--skipApiVersionCheck",
                "--oauth",
                "basic",
            ])
            .arg("--cert")
            .arg(&tls.cert)
            .arg("--key")
            .arg(&tls.key);
        let url = format!("https://127.0.0.1:{port}/");
        let server = Server::start("azurite", command, async || answers(&url).await).await;
        Self { server, port }
    }

    /// Ends it at once.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The account's URL, as a bucket's endpoint.
    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// A new, empty container.
    pub async fn container(&self) -> String {
        let name = format!("it-{}", unique());
        let url = format!("{}/{name}?restype=container", self.endpoint());
        self.call(client().put(url)).await;
        name
    }

    /// Writes a blob.
    pub async fn put(&self, container: &str, key: &str, body: impl Into<Vec<u8>>) {
        self.put_with(container, key, body, &[]).await;
    }

    /// Writes many blobs whose bytes are their own keys.
    pub async fn put_all(&self, container: &str, keys: &[String]) {
        let client = builder().build().expect("a client");
        let write = async |key: &String| self.write(&client, container, key, key.clone().into(), &[]).await;
        futures::stream::iter(keys).for_each_concurrent(16, write).await;
    }

    /// Writes a blob with more headers (`x-ms-blob-content-type`, `x-ms-access-tier`, ...).
    pub async fn put_with(
        &self,
        container: &str,
        key: &str,
        body: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) {
        self.write(&client(), container, key, body.into(), headers).await;
    }

    async fn write(
        &self,
        client: &reqwest::Client,
        container: &str,
        key: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) {
        let mut request = client
            .put(self.url(container, key))
            .header("x-ms-blob-type", "BlockBlob")
            .header("content-length", body.len())
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request).await;
    }

    /// Moves a blob to a tier.
    pub async fn set_tier(&self, container: &str, key: &str, tier: &str) {
        let url = format!("{}?comp=tier", self.url(container, key));
        self.call(client().put(url).header("x-ms-access-tier", tier)).await;
    }

    /// Removes a blob.
    pub async fn delete(&self, container: &str, key: &str) {
        self.call(client().delete(self.url(container, key))).await;
    }

    /// The blob's URL, every byte of its name encoded.
    pub fn url(&self, container: &str, key: &str) -> String {
        format!("{}/{container}/{}", self.endpoint(), utf8_percent_encode(key, NON_ALPHANUMERIC))
    }

    async fn call(&self, request: reqwest::RequestBuilder) {
        let answer = request
            .header("x-ms-version", "2025-11-05")
            .bearer_auth(token(AUDIENCE))
            .send()
            .await
            .expect("Azurite answers");
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap_or_default());
    }
}

/// A client that trusts the test's authority. It keeps no connection, for it may outlive its test's runtime.
pub fn client() -> reqwest::Client {
    builder().pool_max_idle_per_host(0).build().expect("a client")
}

fn builder() -> reqwest::ClientBuilder {
    let ca = reqwest::Certificate::from_pem(&certificates().ca_pem()).expect("a certificate");
    reqwest::Client::builder().tls_certs_merge([ca]).no_proxy()
}

/// An access token as Entra writes them, good for an hour. Azurite reads the claims and believes the signature.
pub fn token(audience: &str) -> String {
    let now = SystemClock.now().unix_seconds();
    let claims = serde_json::json!({
        "aud": audience,
        "iss": "https://sts.windows.net/9c1f6c5e-0000-4000-8000-000000000001/",
        "oid": "9c1f6c5e-0000-4000-8000-000000000002",
        "tid": "9c1f6c5e-0000-4000-8000-000000000001",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
    });
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(serde_json::json!({"alg": "RS256", "typ": "JWT"})), part(claims))
}
