//! An identity provider that says and signs whatever a test wants, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// An EC P-256 key pair.
pub struct Key {
    encoding: EncodingKey,
    /// Its public half.
    pub jwk: Value,
}

impl Key {
    /// A fresh key.
    pub fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let encoding = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("a document").as_ref());
        // An uncompressed point: 04, x, y.
        let (_, point) = pair.public_key().as_ref().split_at(1);
        let (x, y) = point.split_at(32);
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": BASE64.encode(x), "y": BASE64.encode(y)});
        Self { encoding, jwk }
    }

    /// Signs any header and claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.encoding, Algorithm::ES256);
        format!("{signed}.{}", signature.expect("a signature"))
    }
}

/// What it says; tests change it at any time.
pub struct Says {
    /// The discovery document.
    pub discovery: Value,
    /// The keys.
    pub jwks: Value,
    /// Status and body of the token endpoint.
    pub token: (u16, Value),
    /// Status and body of the endpoint for logins on another device.
    pub device: (u16, Value),
    /// Each path that was asked, with the body.
    pub asked: Vec<(String, String)>,
    /// Whether it answers 503 to everything.
    pub away: bool,
    /// How long it takes for an answer.
    pub pause: Duration,
}

/// The provider; it stops with the value.
pub struct Idp {
    /// Its issuer, with CyberArk's slash at the end.
    pub issuer: String,
    says: Arc<Mutex<Says>>,
    _server: JoinSet<()>,
}

impl Idp {
    /// Starts it on a free port with one key.
    pub async fn start(key: &Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let issuer = format!("{origin}/logboom/");
        let discovery = json!({
            "issuer": issuer, "jwks_uri": format!("{origin}/keys"),
            "authorization_endpoint": format!("{origin}/authorize"), "token_endpoint": format!("{origin}/token"),
            "end_session_endpoint": format!("{origin}/end"), "revocation_endpoint": format!("{origin}/revoke"),
            "code_challenge_methods_supported": ["S256"], "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": true,
        });
        let jwks = json!({"keys": [key.jwk]});
        let says = Says {
            discovery,
            jwks,
            token: (400, json!({"error": "invalid_grant"})),
            device: (400, json!({"error": "unauthorized_client"})),
            asked: Vec::new(),
            away: false,
            pause: Duration::ZERO,
        };
        let says = Arc::new(Mutex::new(says));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&says));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { issuer, says, _server: server }
    }

    /// Changes what it says.
    pub fn change(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().expect("no poison"));
    }

    /// Everything that was asked: paths and bodies.
    pub fn asked_at_all(&self) -> Vec<(String, String)> {
        self.says.lock().expect("no poison").asked.clone()
    }

    /// The bodies that a path was asked with.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let says = self.says.lock().expect("no poison");
        says.asked.iter().filter(|(asked, _)| asked == path).map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(State(says): State<Arc<Mutex<Says>>>, uri: Uri, body: String) -> (StatusCode, Json<Value>) {
    let pause = says.lock().expect("no poison").pause;
    tokio::time::sleep(pause).await;
    let mut says = says.lock().expect("no poison");
    says.asked.push((uri.path().to_owned(), body));
    if says.away {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({})));
    }
    let (status, body) = match uri.path() {
        "/logboom/.well-known/openid-configuration" => (200, says.discovery.clone()),
        "/keys" => (200, says.jwks.clone()),
        "/token" => says.token.clone(),
        "/device" => says.device.clone(),
        "/revoke" => (200, json!({})),
        _ => (404, json!({})),
    };
    (StatusCode::from_u16(status).expect("a status"), Json(body))
}
