//! The application as it runs in production: the real composition root on a free port, with buckets at all four
//! providers and an identity provider that signs what a test says.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logboom::app::{App, Extras};
use logboom::config::Config;
use logboom::config::secret_ref::Environment;
use logboom::domain::credential::Credential;
use logboom::domain::time::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::doubles::gcs::account;
use crate::doubles::idp::{Idp, Key};
use crate::harness::azurite;
use crate::harness::ministack::Ministack;
use crate::harness::tls::certificates;

/// A key for sealing, as a site makes one.
const SESSION_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The policies of the tests: two teams with a folder each, and whoever owns a bucket.
const POLICIES: &str = r#"
@id("team-a")
permit (principal in Group::"team-a", action, resource)
when { resource in Prefix::"aws-logs/team-a/" || resource in Prefix::"gcp-logs/team-a/"
    || resource in Prefix::"azure-logs/team-a/" || resource in Prefix::"file-logs/team-a/" };
@id("team-b")
permit (principal in Group::"team-b", action in [Action::"ListObjects", Action::"ReadObject"], resource)
when { resource in Prefix::"aws-logs/team-b/" || resource in Prefix::"gcp-logs/team-b/"
    || resource in Prefix::"azure-logs/team-b/" || resource in Prefix::"file-logs/team-b/" };
@id("listers-only-list")
permit (principal in Group::"listers", action == Action::"ListObjects", resource);
"#;

/// A running application. It stops with the value.
pub struct TestApp {
    /// Where callers reach it.
    pub url: String,
    /// Where operators reach it.
    pub operations: String,
    /// Signs whatever a test wants to claim.
    pub key: Arc<Key>,
    /// The issuer's side.
    pub idp: Arc<Idp>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

/// What an application is started with.
pub struct Setup {
    /// Settings beside those that every test needs, as TOML.
    pub settings: String,
    /// Environment variables that the settings refer to.
    pub environment: HashMap<String, String>,
    /// The policies.
    pub policies: String,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The state store.
    pub state: String,
    /// The identity provider of an earlier application, to go on with.
    pub idp: Option<(Arc<Key>, Arc<Idp>)>,
    /// The port of an earlier application; 0 for any.
    pub port: u16,
    /// Settings of `[http.tls]`; plain HTTP when empty.
    pub tls: String,
}

impl Default for Setup {
    fn default() -> Self {
        let environment = HashMap::from([("TEST_SESSION_KEY".to_owned(), SESSION_KEY.to_owned())]);
        Self {
            settings: String::new(),
            environment,
            policies: POLICIES.to_owned(),
            clock: Arc::new(SystemClock),
            state: "sqlite::memory:".to_owned(),
            idp: None,
            port: 0,
            tls: String::new(),
        }
    }
}

impl Setup {
    /// Adds a bucket of S3 with a server's root keys.
    pub fn aws(mut self, id: &str, native: &str, endpoint: &str) -> Self {
        let Credential::AwsKeys { access_key_id, secret_access_key, .. } = Ministack::root() else {
            panic!("root has keys")
        };
        self.environment.insert("TEST_AWS_ID".to_owned(), access_key_id);
        self.environment.insert("TEST_AWS_SECRET".to_owned(), secret_access_key.expose().clone());
        self.credential(
            "aws",
            "aws-keys",
            "access_key_id = \"env:TEST_AWS_ID\"\nsecret_access_key = \"env:TEST_AWS_SECRET\"",
        );
        self.bucket(id, "aws", native, &format!("endpoint = \"{endpoint}\""), "aws")
    }

    /// Adds a bucket of Google Cloud Storage with a service account.
    pub fn gcp(mut self, id: &str, native: &str, endpoint: &str) -> Self {
        let Credential::GcpServiceAccountKey(key) = account::credential() else {
            panic!("a service account")
        };
        self.environment.insert("TEST_GCP_KEY".to_owned(), key.expose().clone());
        self.credential("gcp", "gcp-service-account-key", "key = \"env:TEST_GCP_KEY\"");
        self.bucket(id, "gcp", native, &format!("endpoint = \"{endpoint}\""), "gcp")
    }

    /// Adds a container of Azure Blob Storage with an Entra token.
    pub fn azure(mut self, id: &str, native: &str, endpoint: &str) -> Self {
        let token = azurite::token("https://storage.azure.com");
        self.environment.insert("TEST_AZURE_TOKEN".to_owned(), token);
        self.credential("azure", "azure-access-token", "token = \"env:TEST_AZURE_TOKEN\"");
        let place = format!("account = \"devstoreaccount1\"\nendpoint = \"{endpoint}\"");
        self.bucket(id, "azure", native, &place, "azure")
    }

    /// Adds a directory.
    pub fn file(mut self, id: &str, directory: &Path) -> Self {
        self.credential("none", "anonymous", "");
        self.bucket(id, "file", &directory.display().to_string(), "", "none")
    }

    fn credential(&mut self, name: &str, kind: &str, settings: &str) {
        let head = format!("[credentials.{name}]");
        if !self.settings.contains(&head) {
            write!(self.settings, "\n{head}\nkind = \"{kind}\"\n{settings}\n").expect("memory");
        }
    }

    fn bucket(mut self, id: &str, provider: &str, native: &str, place: &str, credential: &str) -> Self {
        write!(
            self.settings,
            "\n[buckets.{id}]\nprovider = \"{provider}\"\nname = \"{native}\"\nowner = \"owners\"\n\
             label = \"confidential\"\ncredential = \"{credential}\"\n{place}\n"
        )
        .expect("memory");
        self
    }

    /// Starts the application.
    pub async fn start(self) -> TestApp {
        let (key, idp) = if let Some(earlier) = self.idp {
            earlier
        } else {
            let key = Arc::new(Key::new("k1"));
            let idp = Arc::new(Idp::start(&key).await);
            (key, idp)
        };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let dir = directory();
        let policies = dir.join("policies");
        std::fs::create_dir_all(&policies).expect("a directory");
        for (name, text) in [
            ("00-clearance.cedar", include_str!("../../../config/policies/00-clearance.cedar")),
            ("10-owners.cedar", include_str!("../../../config/policies/10-owners.cedar")),
            ("20-tests.cedar", self.policies.as_str()),
        ] {
            std::fs::write(policies.join(name), text).expect("a policy");
        }
        let scheme = if self.tls.is_empty() { "http" } else { "https" };
        let url = format!("{scheme}://127.0.0.1:{port}");
        let settings = settings(&url, &self.state, &policies, &idp.issuer) + &self.tls + &self.settings;
        let file = dir.join("logboom.toml");
        std::fs::write(&file, settings).expect("the settings");
        let config =
            Config::read(Some(&file), &Environment::new(self.environment)).expect("settings that hold");
        let extras = Extras { clock: self.clock, ..Extras::default() };
        let app = App::build_on(listener, config, extras).await.expect("an application");
        let operations = format!("http://{}", app.operations_address().expect("an operators' port"));
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(app.run(stop.clone()));
        TestApp { url, operations, key, idp, stop, running }
    }
}

fn settings(url: &str, state: &str, policies: &Path, issuer: &str) -> String {
    format!(
        r#"
[http]
public_url = "{url}"
operations_listen = "127.0.0.1:0"
header_timeout = "2s"
drain_timeout = "5s"
[state]
url = "{state}"
[session]
key = "env:TEST_SESSION_KEY"
[policies]
directory = "{}"
[telemetry]
filter = "warn"
[stores]
extra_ca = "{}"
header_timeout = "3s"
total_deadline = "6s"
breaker_failures = 50
[identity]
issuer = "{issuer}"
allow_loopback_http = true
client_id = "logboom"
public_client = true
audiences = ["logboom-api"]
algorithms = ["ES256"]
scopes = ["openid", "profile"]
[identity.claims]
clearance = "clearance"
keep_groups = ["team-a", "team-b", "owners", "listers"]
"#,
        policies.display(),
        certificates().ca.display(),
    )
}

/// A directory of this test run that nobody else uses.
pub fn directory() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("logboom-it-{}-app-{number}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
}

impl TestApp {
    /// An access token for a person with groups, cleared for `confidential`.
    pub fn token(&self, subject: &str, groups: &[&str]) -> String {
        self.signed(&self.claims(subject, groups))
    }

    /// The claims of an access token that this application takes.
    pub fn claims(&self, subject: &str, groups: &[&str]) -> Value {
        let now = SystemClock.now().unix_seconds();
        json!({
            "iss": self.idp.issuer, "sub": subject, "aud": "logboom-api", "iat": now, "exp": now + 600,
            "name": subject, "groups": groups, "clearance": "confidential",
        })
    }

    /// Signs claims as an access token.
    pub fn signed(&self, claims: &Value) -> String {
        self.key.sign(&json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}), claims)
    }

    /// A caller with an access token.
    pub fn caller(&self, subject: &str, groups: &[&str]) -> Caller {
        self.bearer(&self.token(subject, groups))
    }

    /// A caller with this access token.
    pub fn bearer(&self, token: &str) -> Caller {
        Caller::new(&self.url, Some(("authorization", format!("Bearer {token}"))))
    }

    /// What an operator reads at a path of their port.
    pub async fn operators_text(&self, path: &str) -> String {
        let answer = reqwest::get(format!("{}{path}", self.operations)).await.expect("an answer");
        answer.text().await.expect("a body")
    }

    /// A caller with the cookie of a session, after a login as a browser makes it.
    pub async fn browser(&self, subject: &str, groups: &[&str]) -> Caller {
        let anonymous = self.anonymous();
        let begun = anonymous.get("/auth/login").await;
        let place = url::Url::parse(begun.header("location")).expect("a URL");
        let sent: HashMap<_, _> = place.query_pairs().into_owned().collect();
        let mut claims = self.claims(subject, groups);
        claims["aud"] = "logboom".into();
        claims["nonce"] = sent["nonce"].clone().into();
        let id_token = self.key.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims);
        let tokens = json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 600, "id_token": id_token});
        self.idp.change(|says| says.token = (200, tokens));
        let callback = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("code", "c"), ("state", &sent["state"]), ("iss", &self.idp.issuer)])
            .finish();
        let cookie =
            |answer: &Answer| answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let finished =
            anonymous.get_with(&format!("/auth/callback?{callback}"), "cookie", &cookie(&begun)).await;
        assert_eq!(finished.status, 303, "{}", finished.text());
        Caller::new(&self.url, Some(("cookie", cookie(&finished))))
    }

    /// A caller without any proof.
    pub fn anonymous(&self) -> Caller {
        Caller::new(&self.url, None)
    }

    /// Begins to stop, as SIGTERM does.
    pub fn begin_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops as SIGTERM does, and waits until everything is drained.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Caller {
    client: reqwest::Client,
    url: String,
    proof: Option<(&'static str, String)>,
}

impl Caller {
    fn new(url: &str, proof: Option<(&'static str, String)>) -> Self {
        let ca = reqwest::Certificate::from_pem(&certificates().ca_pem()).expect("a certificate");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.tls_certs_only([ca]).pool_max_idle_per_host(0).build().expect("a client");
        Self { client, url: url.to_owned(), proof }
    }

    /// Begins a request. The path goes out as it is written, as far as a URL can carry it.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.proof {
            Some((name, value)) => request.header(*name, value),
            None => request,
        }
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(reqwest::Method::GET, path)).await
    }

    /// Sends a GET with one header.
    pub async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        self.send(self.request(reqwest::Method::GET, path).header(name, value)).await
    }

    /// Sends a POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(reqwest::Method::POST, path).json(body)).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("a whole body").to_vec();
        Answer { status, headers, body }
    }
}

/// An answer, read whole.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The JSON body of a 200.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The problem, which must have this status and slug.
    #[track_caller]
    pub fn problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(problem["type"], format!("/problems/{slug}"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }

    /// A header, empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
