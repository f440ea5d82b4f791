//! A site for tests of identity: the application as it is deployed, an identity provider that says whatever a test
//! wants, browsers with a cookie jar, and a clock that tests move.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use http::{HeaderMap, Method};
use logboom::app::{App, Extras};
use logboom::config::Config;
use logboom::config::secret_ref::Environment;
use logboom::domain::time::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::doubles::idp::{Idp, Key};
use crate::harness::servers::unique;

/// The session's cookie.
pub const SESSION: &str = "__Host-logboom-session";
/// The cookie of a login under way.
pub const LOGIN: &str = "__Host-logboom-login";
/// What every reader of the site may see.
pub const LOG: &str = "2026-11-23T14:00:00Z team-a says CANARY-1\n";

/// The system's time and what a test adds to it.
#[derive(Debug, Default)]
pub struct MovedClock(AtomicI64);

impl MovedClock {
    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    /// Goes back to the system's time.
    pub fn reset(&self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(SystemClock.now().unix_millis() + self.0.load(Ordering::SeqCst))
    }
}

/// A site; its folder goes with it.
pub struct Site {
    /// The identity provider.
    pub idp: Idp,
    /// Its key.
    pub key: Key,
    /// The time.
    pub clock: Arc<MovedClock>,
    folder: PathBuf,
    identity: String,
}

/// One running process of the application; it stops with the value.
pub struct Replica {
    /// Where it listens.
    pub origin: String,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Replica {
    /// Starts a process of the application on a listener, with a configuration file.
    pub async fn start(listener: TcpListener, config: &Path, clock: Arc<dyn Clock>) -> Self {
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let config = Config::read(Some(config), &Environment::default());
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let extras = Extras { clock, routes: Router::new() };
        let app = App::build_on(listener, config, extras).await.expect("the application starts");
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(app.run(stop.clone()));
        Self { origin, stop, running }
    }

    /// Ends it and waits for its end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

impl Site {
    /// A site with CyberArk's habits: an issuer with a slash, and no groups unless a test adds them.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// A site with more lines at the end of its configuration.
    pub async fn start_with(more: &str) -> Self {
        let key = Key::new("k1");
        let idp = Idp::start(&key).await;
        let folder = std::env::temp_dir().join(format!("logboom-it-site-{}", unique()));
        std::fs::create_dir_all(folder.join("pay/team-a")).expect("a folder");
        std::fs::create_dir_all(folder.join("policies")).expect("a folder");
        std::fs::write(folder.join("pay/team-a/app.log"), LOG).expect("a log");
        std::fs::write(folder.join("policies/all.cedar"), POLICIES).expect("a policy");
        Self { idp, key, clock: Arc::default(), folder, identity: more.to_owned() }
    }

    /// The configuration file for an address.
    pub fn config(&self, public_url: &str) -> PathBuf {
        let (folder, issuer) = (self.folder.display(), &self.idp.issuer);
        let text = format!(
            r#"
[http]
public_url = "{public_url}"
[state]
url = "sqlite://{folder}/state.db"
[session]
key = "file:{folder}/key"
[policies]
directory = "{folder}/policies"
[credentials.none]
kind = "anonymous"
[buckets.pay]
provider = "file"
name = "{folder}/pay"
owner = "owners"
label = "public"
credential = "none"
[identity]
preset = "cyberark"
issuer = "{issuer}"
client_id = "client"
client_secret = "file:{folder}/secret"
client_auth = "post"
audiences = ["api"]
algorithms = ["ES256"]
allow_loopback_http = true
[identity.claims]
keep_groups = ["engineers", "contractors"]
group_names = {{ "Log Readers" = "engineers" }}
{}
"#,
            self.identity
        );
        std::fs::write(self.folder.join("key"), "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")
            .expect("a key");
        std::fs::write(self.folder.join("secret"), "SECRET-of-the-client").expect("a secret");
        let file = self.folder.join("logboom.toml");
        std::fs::write(&file, text).expect("a configuration");
        file
    }

    /// Starts a process of the application on a free port. All share one state store.
    pub async fn replica(&self) -> Replica {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let clock: Arc<dyn Clock> = Arc::<MovedClock>::clone(&self.clock);
        Replica::start(listener, &self.config(&origin), clock).await
    }

    /// Takes the tables of sessions and logins away, as if the state store had gone.
    pub async fn take_state_store_away(&self) {
        use sqlx::{Connection, Executor};
        let url = format!("sqlite://{}/state.db", self.folder.display());
        let mut store = sqlx::SqliteConnection::connect(&url).await.expect("the state store");
        for statement in ["DROP TABLE sessions", "DROP TABLE login_flows"] {
            store.execute(statement).await.expect("the table goes");
        }
    }

    /// The folder of the site.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Seconds of now.
    pub fn now(&self) -> i64 {
        self.clock.now().unix_seconds()
    }

    /// The claims of an ID token of ana.
    pub fn id_claims(&self, nonce: &str) -> Value {
        let now = self.now();
        json!({"iss": self.idp.issuer, "aud": "client", "sub": "ana", "nonce": nonce, "iat": now, "exp": now + 300,
               "given_name": "Ana Lima", "family_name": "Ana Lima", "name": "Ana Lima", "email_verified": "true",
               "sid": "s-1", "groups": ["engineers"]})
    }

    /// Signs an ID token.
    pub fn id_token(&self, claims: &Value) -> String {
        self.key.sign(&json!({"alg": "ES256", "kid": "k1", "typ": "JWT"}), claims)
    }

    /// The claims of an access token of ana.
    pub fn access_claims(&self) -> Value {
        let now = self.now();
        json!({"iss": self.idp.issuer, "aud": "api", "sub": "ana", "name": "Ana Lima", "iat": now, "exp": now + 300,
               "groups": ["engineers"]})
    }

    /// An access token of ana with other claims.
    pub fn access_token(&self, change: &Value) -> String {
        self.signed(&json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}), change)
    }

    /// A token with any header and ana's claims, changed.
    pub fn signed(&self, header: &Value, change: &Value) -> String {
        self.key.sign(header, &changed(self.access_claims(), change))
    }

    /// Lets the token endpoint answer with this ID token, a fresh access token and the refresh token of that name.
    pub fn answer_with(&self, id_token: &str, refresh_token: &str, expires_in: u64) -> [String; 3] {
        let access_token = self.access_token(&json!({}));
        let answer = json!({"access_token": access_token, "token_type": "Bearer", "expires_in": expires_in,
                            "refresh_token": refresh_token, "id_token": id_token});
        self.idp.change(|says| says.token = (200, answer));
        [access_token, refresh_token.to_owned(), id_token.to_owned()]
    }
}

/// Changes members of an object; the word "absent" removes one.
pub fn changed(mut object: Value, change: &Value) -> Value {
    for (name, value) in change.as_object().expect("an object") {
        if value == "absent" {
            object.as_object_mut().expect("an object").remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("JSON: {self:?}"))
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The `Set-Cookie` for a name.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let all = self.headers.get_all("set-cookie").iter();
        all.map(|value| value.to_str().expect("text")).find(|line| line.starts_with(&format!("{name}=")))
    }

    /// Everything of it as one text.
    pub fn text(&self) -> String {
        format!("{:?}\n{}", self.headers, self.body)
    }

    /// Checks that it is this problem.
    #[track_caller]
    pub fn is_problem(&self, status: u16, slug: &str) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!(body["type"], format!("/problems/{slug}"));
        assert!(body["request_id"].as_str().is_some_and(|id| !id.is_empty()));
        self
    }

    /// Checks that nobody was recognised.
    #[track_caller]
    pub fn is_401(&self) {
        self.is_problem(401, "unauthenticated");
        assert_eq!(self.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
}

/// A login under way.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Where the browser was sent.
    pub location: Url,
    /// The state.
    pub state: String,
    /// The nonce.
    pub nonce: String,
}

impl Flow {
    /// A parameter of the redirect.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// A browser with its cookies. It remembers all that it saw.
#[derive(Clone)]
pub struct Browser {
    origin: String,
    http: reqwest::Client,
    /// The cookie jar.
    pub cookies: BTreeMap<String, String>,
    /// Every answer as text.
    pub seen: Vec<String>,
}

impl Browser {
    /// A fresh browser.
    pub fn at(replica: &Replica) -> Self {
        Self::to(&replica.origin)
    }

    /// A fresh browser for an address.
    pub fn to(origin: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        let origin = origin.to_owned();
        Self { origin, http: http.expect("a client"), cookies: BTreeMap::new(), seen: Vec::new() }
    }

    /// The same browser, whose requests a load balancer sends elsewhere.
    #[must_use]
    pub fn moved_to(mut self, replica: &Replica) -> Self {
        self.origin.clone_from(&replica.origin);
        self
    }

    /// A second browser with the same cookies.
    #[must_use]
    pub fn copy(&self) -> Self {
        let (origin, http) = (self.origin.clone(), self.http.clone());
        Self { origin, http, cookies: self.cookies.clone(), seen: Vec::new() }
    }

    /// Sends a request with the cookies of the jar and these headers.
    pub async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        let response = request.body(body.to_owned()).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.text().await.expect("a body") };
        self.keep_cookies(&answer);
        self.seen.push(answer.text());
        answer
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (pair, attributes) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a cookie");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A plain GET.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// A GET with an access token.
    pub async fn get_with(&mut self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, &[("authorization", &format!("Bearer {token}"))], "").await
    }

    /// Who the service says it is talking to.
    pub async fn session(&mut self) -> Answer {
        self.get("/api/v1/session").await
    }

    /// A POST as a page of ours sends it.
    pub async fn post(&mut self, path: &str, body: &str) -> Answer {
        let headers = [
            ("sec-fetch-site", "same-origin"),
            ("x-logboom-csrf", "1"),
            ("content-type", "application/json"),
        ];
        self.send(Method::POST, path, &headers, body).await
    }

    /// A POST of an identity provider: a form, no cookie of a browser.
    pub async fn post_form(&mut self, path: &str, name: &str, value: &str) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, path, &headers, &body).await
    }

    /// Begins a login.
    pub async fn begin(&mut self, query: &str) -> Flow {
        let answer = self.get(&format!("/auth/login{query}")).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        let location = Url::parse(answer.header("location")).expect("a URL");
        let mut flow = Flow { location, state: String::new(), nonce: String::new() };
        flow.state = flow.parameter("state").expect("a state");
        flow.nonce = flow.parameter("nonce").expect("a nonce");
        flow
    }

    /// Comes back from the identity provider.
    pub async fn call_back(&mut self, parameters: &[(&str, &str)]) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        self.get(&format!("/auth/callback?{query}")).await
    }

    /// A whole login of ana, her ID token changed by the test.
    pub async fn try_login(&mut self, site: &Site, change: &Value) -> Answer {
        let flow = self.begin("").await;
        let claims = changed(site.id_claims(&flow.nonce), change);
        site.answer_with(&site.id_token(&claims), "r-1", 300);
        self.call_back(&[("code", "code-1"), ("state", &flow.state), ("iss", &site.idp.issuer)]).await
    }

    /// A whole login that succeeds.
    pub async fn log_in(&mut self, site: &Site, change: &Value) {
        let answer = self.try_login(site, change).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        assert!(self.cookies.contains_key(SESSION));
    }
}

const POLICIES: &str = r#"
@id("engineers-read")
permit (principal in Group::"engineers", action, resource);
@id("contractors-never")
forbid (principal in Group::"contractors", action, resource);
"#;
