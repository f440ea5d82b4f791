//! `oidc-provider`, a certified OpenID Connect server, and a browser that logs people in there.

use std::collections::BTreeMap;
use std::process::Command;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use crate::harness::servers::{self, Server};

/// The audience of its access tokens.
pub const API: &str = "https://logs.example/api";

/// A running server.
pub struct OidcProvider {
    /// Its issuer.
    pub issuer: String,
    _server: Server,
}

impl OidcProvider {
    /// Starts it with these clients.
    pub async fn start(clients: &Value) -> Self {
        let port = servers::free_port();
        let settings = json!({"port": port, "api": API, "clients": clients});
        let mut command = Command::new("node");
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/oidc-provider.mjs"))
            .arg(servers::home().join("node/node_modules"))
            .arg(settings.to_string());
        let issuer = format!("http://127.0.0.1:{port}");
        let document = format!("{issuer}/.well-known/openid-configuration");
        let server =
            Server::start("oidc-provider", command, async || servers::answers(&document).await).await;
        Self { issuer, _server: server }
    }
}

/// The one that every command line logs in to, with the public client `cli`; it starts once.
pub async fn for_command_lines() -> &'static OidcProvider {
    static SHARED: OnceCell<OidcProvider> = OnceCell::const_new();
    let clients = json!([
        {"client_id": "cli", "token_endpoint_auth_method": "none", "application_type": "native",
         "redirect_uris": ["http://127.0.0.1/callback"],
         "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]},
    ]);
    SHARED.get_or_init(async || OidcProvider::start(&clients).await).await
}

/// A browser at the provider, with the cookies of a person who is logged in there.
pub struct Visitor {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// A fresh browser.
    pub fn new() -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        Self { http: http.expect("a client"), cookies: BTreeMap::new() }
    }

    /// Opens an address and sends the login form where there is one; answers where the provider sends the browser at
    /// last, outside its own pages.
    pub async fn log_in(&mut self, page: &Url, person: &str) -> Url {
        let mut at = page.clone();
        for _ in 0..8 {
            let form = if at.path().starts_with("/login/") { Some(format!("login={person}")) } else { None };
            let (location, body) = self.visit(&at, form).await;
            at = at.join(&location.unwrap_or_else(|| panic!("{at} goes on: {body}"))).expect("a URL");
            if at.origin() != page.origin() {
                return at;
            }
        }
        panic!("the login at the provider has no end: {at}")
    }

    /// Opens the page that ends the login there and confirms.
    pub async fn log_out(&mut self, page: &Url) {
        let (_, body) = self.visit(page, None).await;
        let confirm = page.join("/session/end/confirm").expect("a URL");
        let form = format!("xsrf={}&logout=yes", hidden(&body, "xsrf"));
        let (location, body) = self.visit(&confirm, Some(form)).await;
        assert!(location.is_some(), "{body}");
    }

    /// Types in the code of another device, and lets it log in as a person or refuses.
    pub async fn type_in(&mut self, page: &Url, code: &str, person: Option<&str>) {
        let (_, body) = self.visit(page, None).await;
        let form = format!("xsrf={}&user_code={code}", hidden(&body, "xsrf"));
        let (_, body) = self.visit(page, Some(form.clone())).await;
        assert!(body.contains("op.deviceConfirmForm"), "{body}");
        let Some(person) = person else {
            self.visit(page, Some(format!("{form}&abort=yes"))).await;
            return;
        };
        let mut next = (page.clone(), Some(format!("{form}&confirm=yes")));
        for _ in 0..8 {
            let (location, body) = self.visit(&next.0, next.1).await;
            let Some(location) = location else {
                assert!(body.contains("Sign-in Success"), "{body}");
                return;
            };
            let at = next.0.join(&location).expect("a URL");
            let form = at.path().starts_with("/login/").then(|| format!("login={person}"));
            next = (at, form);
        }
        panic!("the login at the provider has no end: {}", next.0)
    }

    async fn visit(&mut self, page: &Url, form: Option<String>) -> (Option<String>, String) {
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self
            .http
            .request(method, page.as_str())
            .header("cookie", pairs.join("; "))
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form.unwrap_or_default()).send().await.expect("an answer");
        for line in answer.headers().get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (name, rest) = line.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer.headers().get("location").map(|value| value.to_str().expect("text").to_owned());
        (location, answer.text().await.expect("a body"))
    }
}

/// The value of a hidden field.
fn hidden(body: &str, name: &str) -> String {
    let (_, rest) = body.split_once(&format!("name=\"{name}\" value=\"")).expect("a form");
    rest.split_once('"').expect("a value").0.to_owned()
}
