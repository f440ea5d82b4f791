//! Stands before Vault and remembers every secret that passes, in requests and in answers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::doubles::vault::{Engines, TOKEN};

/// Shorter texts are words, such as the names of methods.
const LEAST: usize = 12;

/// Where the engines that a double plays are mounted; a lease's id begins with it too.
const ENGINES: [&str; 3] = ["aws/", "gcp/", "azure/"];

/// Lines of a PEM document.
const KEY_LINE: usize = 40;

/// The proxy; it stops with the value.
pub struct Tap {
    /// Its base URL.
    pub address: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    target: String,
    engines: Option<String>,
    client: reqwest::Client,
    seen: Mutex<BTreeSet<String>>,
    asked: Mutex<Vec<String>>,
}

impl Tap {
    /// Starts one before the server at a base URL.
    pub async fn before(target: &str) -> Self {
        Self::start(target, None).await
    }

    /// Starts one before a server and the engines that it lacks, so that both look like one.
    pub async fn before_both(target: &str, engines: &Engines) -> Self {
        Self::start(target, Some(engines.address.clone())).await
    }

    async fn start(target: &str, engines: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let client =
            reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            engines,
            client,
            seen: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, _server: server }
    }

    /// Every secret so far: tokens, and each longer text in a body.
    pub fn secrets(&self) -> BTreeSet<String> {
        self.shared.seen.lock().expect("no poison").clone()
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("no poison").clone()
    }
}

async fn pass(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Bytes) {
    shared.asked.lock().expect("no poison").push(uri.path().to_owned());
    let engines = shared.engines.as_ref().filter(|_| is_of_an_engine(uri.path(), &body));
    let target = engines.unwrap_or(&shared.target);
    let mut request = shared.client.request(method, format!("{target}{uri}")).body(body.clone());
    for (name, value) in headers.iter().filter(|(name, _)| name.as_str().starts_with("x-vault")) {
        let token = engines.filter(|_| name == "x-vault-token").map(|_| TOKEN);
        request = request.header(name, token.unwrap_or(value.to_str().expect("text")));
    }
    let answer = request.send().await.expect("the server answers");
    let status = answer.status();
    let answered = answer.bytes().await.expect("a body");
    let mut seen = shared.seen.lock().expect("no poison");
    seen.extend(headers.get("x-vault-token").and_then(|token| token.to_str().ok()).map(str::to_owned));
    for body in [&body, &answered] {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        for member in ["data", "auth", "wrap_info", "lease_id", "secret_id", "token", "jwt"] {
            texts(&body[member], &mut seen);
        }
    }
    drop(seen);
    (status, answered)
}

/// Whether a path or the lease that it is about belongs to the double's engines.
fn is_of_an_engine(path: &str, body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let lease = body["lease_id"].as_str().unwrap_or_default();
    let path = path.trim_start_matches("/v1/");
    ENGINES.iter().any(|engine| path.starts_with(engine) || lease.starts_with(engine))
}

fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() >= LEAST => {
            found.insert(text.clone());
            // A key's document, and the lines of the key in it.
            found.extend(text.lines().filter(|line| line.len() >= KEY_LINE).map(str::to_owned));
            if let Ok(document @ Value::Object(_)) = serde_json::from_str(text) {
                texts(&document["private_key"], found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        // A wrapped key is made to be stored.
        Value::Object(members) => {
            let unwrapped = members.iter().filter(|(name, _)| *name != "ciphertext");
            unwrapped.for_each(|(_, value)| texts(value, found));
        }
        _ => {}
    }
}
