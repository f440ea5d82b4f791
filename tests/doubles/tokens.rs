//! The token endpoints of Entra and of Google. Written from their published documents: "OAuth 2.0 client credentials flow on
//! the Microsoft identity platform", "Security Token Service API: token", "generateAccessToken".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::harness::azurite::{AUDIENCE, token};

/// A form, or JSON under the name `json`.
type Asked = BTreeMap<String, String>;

/// The double; it stops with the value.
pub struct Tokens {
    /// Its base URL.
    pub address: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    /// How often a new principal is refused before Entra knows it.
    unknown: usize,
    asked: Mutex<Vec<(String, Asked)>>,
    given: Mutex<Vec<String>>,
}

impl Tokens {
    /// Starts it. Entra refuses each new principal so many times.
    pub async fn start(unknown: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { unknown, asked: Mutex::default(), given: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, _server: server }
    }

    /// What it was asked: paths and forms.
    pub fn asked(&self) -> Vec<(String, Asked)> {
        self.shared.asked.lock().expect("no poison").clone()
    }

    /// Every secret so far: the proofs that it was shown and the tokens that it gave.
    pub fn secrets(&self) -> Vec<String> {
        let asked = self.asked();
        let shown = asked.iter().flat_map(|(_, form)| {
            ["client_secret", "client_assertion", "subject_token"].map(|name| form.get(name).cloned())
        });
        let given = self.shared.given.lock().expect("no poison").clone();
        shown.flatten().chain(given).collect()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    let mut form: Asked = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let path = uri.path().to_owned();
    if path.ends_with(":generateAccessToken") {
        let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        form = BTreeMap::from([("json".to_owned(), body), ("bearer".to_owned(), bearer.to_owned())]);
    }
    let principal = form.get("client_id").cloned().unwrap_or_default();
    let seen = {
        let mut asked = shared.asked.lock().expect("no poison");
        asked.push((path.clone(), form));
        asked.iter().filter(|(_, form)| form.get("client_id") == Some(&principal)).count()
    };
    let given = |token: String| {
        shared.given.lock().expect("no poison").push(token.clone());
        (StatusCode::OK, Json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600})))
    };
    if path.ends_with("/oauth2/v2.0/token") {
        if seen <= shared.unknown {
            let quoted = json!({"error": "unauthorized_client", "error_description": "AADSTS700016: SECRET"});
            return (StatusCode::BAD_REQUEST, Json(quoted));
        }
        return given(token(AUDIENCE));
    }
    if path == "/v1/token" {
        return given("ya29.SECRET-federated".to_owned());
    }
    let expires = "2030-01-01T00:00:00Z";
    let token = "ya29.SECRET-impersonated";
    shared.given.lock().expect("no poison").push(token.to_owned());
    (StatusCode::OK, Json(json!({"accessToken": token, "expireTime": expires})))
}
