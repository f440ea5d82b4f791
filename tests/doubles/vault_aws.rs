//! Vault's AWS sign-in (`iam`), which OpenBao lacks. Written from Vault's published documents: "AWS auth method (API)",
//! login, and "AWS auth method", IAM: it decodes the signed request, checks the header that names this Vault, and sends the
//! request to STS itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const TOKEN: &str = "hvs.SECRET-made-by-the-double";

/// The double; it stops with the value.
pub struct VaultAws {
    /// Its base URL.
    pub address: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    sts: String,
    server_id: String,
    callers: Mutex<Vec<String>>,
    given_back: AtomicUsize,
}

impl VaultAws {
    /// Starts it with the STS that it asks and its own name.
    pub async fn start(sts: &str, server_id: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            sts: sts.to_owned(),
            server_id: server_id.to_owned(),
            callers: Mutex::new(Vec::new()),
            given_back: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, _server: server }
    }

    /// Who signed in, as STS named them.
    pub fn callers(&self) -> Vec<String> {
        self.shared.callers.lock().expect("no poison").clone()
    }

    /// How many tokens were given back.
    pub fn given_back(&self) -> usize {
        self.shared.given_back.load(Ordering::SeqCst)
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    if uri.path() == "/v1/auth/aws/login" {
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        return match log_in(&shared, &body).await {
            Ok(caller) => {
                shared.callers.lock().expect("no poison").push(caller);
                let auth =
                    json!({"client_token": TOKEN, "lease_duration": 3600, "renewable": true, "policies": []});
                (StatusCode::OK, Json(json!({"auth": auth, "data": null})))
            }
            Err(why) => (StatusCode::BAD_REQUEST, Json(json!({"errors": [why]}))),
        };
    }
    if uri.path() == "/v1/sys/health" {
        return (StatusCode::OK, Json(json!({"initialized": true, "sealed": false, "standby": false})));
    }
    if headers.get("x-vault-token").is_none_or(|token| token != TOKEN) {
        return (StatusCode::FORBIDDEN, Json(json!({"errors": ["permission denied"]})));
    }
    if uri.path() == "/v1/auth/token/revoke-self" {
        shared.given_back.fetch_add(1, Ordering::SeqCst);
        return (StatusCode::NO_CONTENT, Json(Value::Null));
    }
    (StatusCode::OK, Json(json!({"data": {"word": "timber"}})))
}

fn decoded(body: &Value, member: &str) -> Result<String, String> {
    let text = body[member].as_str().ok_or_else(|| format!("{member} is missing"))?;
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| format!("{member} is not base64"))?;
    String::from_utf8(bytes).map_err(|_| format!("{member} is no text"))
}

async fn log_in(shared: &Shared, body: &Value) -> Result<String, String> {
    if body["role"] != "logboom" {
        return Err("no such role".to_owned());
    }
    if body["iam_http_request_method"] != "POST" {
        return Err("invalid iam_http_request_method; currently only 'POST' is supported".to_owned());
    }
    let url: url::Url =
        decoded(body, "iam_request_url")?.parse().map_err(|_| "iam_request_url is no URL".to_owned())?;
    if url.path() != "/" || url.query().is_some() {
        return Err("iam_request_url asks for something else".to_owned());
    }
    let content = decoded(body, "iam_request_body")?;
    if content != "Action=GetCallerIdentity&Version=2011-06-15" {
        return Err("iam_request_body asks for something else".to_owned());
    }
    let headers: Value = serde_json::from_str(&decoded(body, "iam_request_headers")?)
        .map_err(|_| "iam_request_headers is not JSON".to_owned())?;
    check_server_id(&headers, &shared.server_id)?;
    ask_sts(shared, &url, &content, &headers).await
}

fn value<'a>(headers: &'a Value, wanted: &str) -> Option<&'a str> {
    let found = headers.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    found.1[0].as_str()
}

/// "If not set, the login is refused": the header has to be there, right, and among the signed ones.
fn check_server_id(headers: &Value, server_id: &str) -> Result<(), String> {
    if value(headers, "X-Vault-AWS-IAM-Server-ID") != Some(server_id) {
        return Err("missing or wrong header X-Vault-AWS-IAM-Server-ID".to_owned());
    }
    let authorization = value(headers, "Authorization").ok_or("missing Authorization header")?;
    let signed = authorization.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
    let covered =
        signed.is_some_and(|names| names.split(';').any(|name| name == "x-vault-aws-iam-server-id"));
    if covered { Ok(()) } else { Err("header X-Vault-AWS-IAM-Server-ID is not signed".to_owned()) }
}

async fn ask_sts(shared: &Shared, url: &url::Url, content: &str, headers: &Value) -> Result<String, String> {
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    let mut request = client.post(&shared.sts).body(content.to_owned());
    for (name, values) in headers.as_object().into_iter().flatten() {
        request = request.header(name, values[0].as_str().ok_or("a header without a value")?);
    }
    // The signature covers the name of the STS that the client meant.
    request = request.header("host", url.host_str().ok_or("a URL without a host")?);
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| error.to_string())?;
    let arn = text.split("<Arn>").nth(1).and_then(|rest| rest.split("</Arn>").next());
    match arn {
        Some(arn) if status.is_success() => Ok(arn.to_owned()),
        _ => Err(format!("error making upstream request: received error code {status}")),
    }
}
