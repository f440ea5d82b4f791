//! Vault's AWS, GCP and Azure engines, which OpenBao lacks, with leases of seconds. Written from Vault's published
//! documents: "AWS secrets engine (API)", "Google Cloud secrets engine (API)", "Azure secrets engine (API)",
//! "/sys/leases". What is lent is the test's business.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The token that signs in.
pub const TOKEN: &str = "hvs.SECRET-of-the-engines";

/// What is lent for a path, the how-manieth time.
type Lend = Box<dyn Fn(&str, u64) -> Loan + Send + Sync>;

/// What is lent.
#[derive(Clone)]
pub struct Loan {
    /// The member `data`.
    pub data: Value,
    /// How long the lease lasts; zero for what is not leased.
    pub ttl: u64,
    /// How long it lasts at the most, renewed or not.
    pub max_ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
}

/// How requests are refused.
#[derive(Clone, Copy)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The member `Retry-After`.
    pub retry_after: Option<u32>,
    /// Where: paths that begin with this.
    pub below: &'static str,
}

impl Refusal {
    /// Everything is refused with a status.
    pub fn all(status: u16) -> Self {
        Self { status, retry_after: None, below: "" }
    }
}

struct Lease {
    loan: Loan,
    since: Instant,
    ends: Instant,
}

/// What the double did so far.
#[derive(Default)]
pub struct Book {
    /// Requests of every kind.
    pub calls: u64,
    /// Each path with the capability that Vault wants for how it was asked.
    pub wanted: BTreeSet<(String, &'static str)>,
    /// Sign-ins.
    pub logins: u64,
    /// How often each path was lent.
    pub lent: BTreeMap<String, u64>,
    /// The last body that each path was asked with.
    pub asked: BTreeMap<String, Value>,
    /// Renewals.
    pub renewed: u64,
    /// Leases that were given back.
    pub revoked: u64,
    leases: BTreeMap<String, Lease>,
    refusal: Option<Refusal>,
}

struct Shared {
    book: Mutex<Book>,
    lend: Lend,
}

/// The double; it stops with the value.
pub struct Engines {
    /// Its base URL.
    pub address: String,
    /// Its port.
    pub port: u16,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl Engines {
    /// Starts it with what it lends.
    pub async fn start(lend: impl Fn(&str, u64) -> Loan + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared { book: Mutex::default(), lend: Box::new(lend) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address: format!("http://127.0.0.1:{port}"), port, shared, _server: server }
    }

    /// What it did so far.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.shared.book()
    }

    /// How often a path was lent.
    pub fn lent(&self, path: &str) -> u64 {
        self.book().lent.get(path).copied().unwrap_or_default()
    }

    /// Leases that are out now.
    pub fn out(&self) -> usize {
        self.book().leases.values().filter(|lease| Instant::now() < lease.ends).count()
    }

    /// Answers like this, or as usual.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        self.book().refusal = refusal;
    }

    /// Forgets every lease, as when an operator revokes them, and tells what they were.
    pub fn revoke_all(&self) -> Vec<Value> {
        let leases = std::mem::take(&mut self.book().leases);
        leases.into_values().map(|lease| lease.loan.data).collect()
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no poison")
    }

    fn lend(&self, path: &str, body: Value) -> Response {
        let number = {
            let mut book = self.book();
            book.asked.insert(path.to_owned(), body);
            let count = book.lent.entry(path.to_owned()).or_default();
            *count += 1;
            *count
        };
        let loan = (self.lend)(path, number);
        if loan.ttl == 0 {
            return Json(json!({"lease_id": "", "lease_duration": 0, "renewable": false, "data": loan.data}))
                .into_response();
        }
        let (id, now) = (format!("{path}/{number}"), Instant::now());
        let (ttl, renewable, data) = (loan.ttl, loan.renewable, loan.data.clone());
        let lease = Lease { loan, since: now, ends: now + Duration::from_secs(ttl) };
        self.book().leases.insert(id.clone(), lease);
        Json(json!({"lease_id": id, "lease_duration": ttl, "renewable": renewable, "data": data}))
            .into_response()
    }

    fn renew(&self, body: &Value) -> Response {
        let id = body["lease_id"].as_str().unwrap_or_default();
        let mut book = self.book();
        let now = Instant::now();
        let Some(lease) = book.leases.get_mut(id).filter(|lease| now < lease.ends && lease.loan.renewable)
        else {
            return errors(StatusCode::BAD_REQUEST, "lease not found");
        };
        let last = lease.since + Duration::from_secs(lease.loan.max_ttl);
        lease.ends = (now + Duration::from_secs(lease.loan.ttl)).min(last);
        let left = lease.ends.saturating_duration_since(now).as_secs();
        book.renewed += 1;
        Json(json!({"lease_id": id, "lease_duration": left, "renewable": true, "data": null})).into_response()
    }

    fn revoke(&self, body: &Value) -> Response {
        let mut book = self.book();
        let found = book.leases.remove(body["lease_id"].as_str().unwrap_or_default());
        book.revoked += u64::from(found.is_some());
        StatusCode::NO_CONTENT.into_response()
    }

    fn look_up(&self, body: &Value) -> Response {
        let known = self.book().leases.contains_key(body["lease_id"].as_str().unwrap_or_default());
        if known {
            Json(json!({"data": {"id": body["lease_id"]}})).into_response()
        } else {
            errors(StatusCode::BAD_REQUEST, "invalid lease")
        }
    }
}

fn errors(status: StatusCode, what: &str) -> Response {
    (status, Json(json!({"errors": [what]}))).into_response()
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let path = uri.path().trim_start_matches("/v1/").to_owned();
    let refusal = {
        let mut book = shared.book();
        book.calls += 1;
        let capability = if method == Method::GET { "read" } else { "update" };
        book.wanted.insert((path.clone(), capability));
        book.refusal.filter(|refusal| path.starts_with(refusal.below))
    };
    if let Some(refusal) = refusal {
        let status = StatusCode::from_u16(refusal.status).expect("a status");
        let mut answer = errors(status, "SECRET-path is refused");
        if let Some(seconds) = refusal.retry_after {
            answer.headers_mut().insert("retry-after", seconds.into());
        }
        return answer;
    }
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    if path == "auth/approle/login" {
        shared.book().logins += 1;
        let auth = json!({"client_token": TOKEN, "lease_duration": 3600, "renewable": true});
        return Json(json!({ "auth": auth })).into_response();
    }
    if path == "sys/health" {
        return StatusCode::OK.into_response();
    }
    if headers.get("x-vault-token").is_none_or(|token| token != TOKEN) {
        return errors(StatusCode::FORBIDDEN, "permission denied");
    }
    match (method.as_str(), path.as_str()) {
        (_, "auth/token/lookup-self") => Json(json!({"data": {"id": TOKEN}})).into_response(),
        (_, "auth/token/revoke-self") => StatusCode::NO_CONTENT.into_response(),
        (_, "sys/leases/renew") => shared.renew(&body),
        (_, "sys/leases/revoke") => shared.revoke(&body),
        (_, "sys/leases/lookup") => shared.look_up(&body),
        ("GET" | "POST", path) if is_engine(path) => shared.lend(path, body),
        _ => errors(StatusCode::NOT_FOUND, "no handler for route"),
    }
}

fn is_engine(path: &str) -> bool {
    let segments: Vec<_> = path.split('/').collect();
    matches!(
        segments.as_slice(),
        ["aws", "sts" | "creds", _]
            | ["azure", "creds", _]
            | ["gcp", "roleset" | "static-account" | "impersonated-account", _, "token"]
    )
}
