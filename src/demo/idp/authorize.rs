//! The authorization endpoint: shows who can log in, and sends the browser back with a code for one of them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::demo::idp::answer::redirect;
use crate::demo::idp::params::Params;
use crate::demo::idp::{Client, Code, Login, Person, State, keys, page};

/// A request that may go on: its client and address are ours, and its parameters are complete.
#[derive(Debug)]
pub struct Ask {
    client: Client,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// The client's own value, given back as it came.
    pub state: Option<String>,
    /// Bound into the ID token.
    pub nonce: Option<String>,
    /// What is asked for.
    pub scope: String,
    /// SHA-256 of the verifier that the token request must show.
    pub challenge: String,
}

impl Ask {
    /// The parameters that the login form carries along.
    pub fn fields(&self) -> Vec<(&'static str, &str)> {
        let mut fields = vec![
            ("client_id", self.client.id()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("response_type", "code"),
            ("scope", self.scope.as_str()),
            ("code_challenge", self.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        fields.extend(self.state.as_deref().map(|value| ("state", value)));
        fields.extend(self.nonce.as_deref().map(|value| ("nonce", value)));
        fields
    }
}

/// `GET`: the page with one button for each person.
pub async fn show(Shared(state): Shared<Arc<State>>, RawQuery(query): RawQuery) -> Response {
    match Params::parse(query.unwrap_or_default().as_bytes()) {
        Ok(params) => ask(&state, &params).map_or_else(|refusal| *refusal, |ask| page::login(&ask)),
        Err(_) => page::error(StatusCode::BAD_REQUEST, "A parameter stands twice or is too long."),
    }
}

/// `POST`: somebody pressed a button.
pub async fn choose(Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    if !from_own_page(&state, &headers) {
        return page::error(StatusCode::FORBIDDEN, "Only the demo's own page can choose a person.");
    }
    let Ok(params) = Params::parse(&body) else {
        return page::error(StatusCode::BAD_REQUEST, "A parameter stands twice or is too long.");
    };
    let ask = match ask(&state, &params) {
        Ok(ask) => ask,
        Err(refusal) => return *refusal,
    };
    match params.find("person").and_then(Person::find) {
        Some(person) => log_in(&state, ask, person),
        None => page::error(StatusCode::BAD_REQUEST, "Choose one of the people on the page."),
    }
}

/// Browsers say where a form was sent from. A program that says nothing is its user's own.
pub fn from_own_page(state: &State, headers: &HeaderMap) -> bool {
    let says = |name: &str, expected: &str| headers.get(name).is_none_or(|value| value == expected);
    says("sec-fetch-site", "same-origin") && says(ORIGIN.as_str(), state.issuer.origin())
}

fn log_in(state: &State, ask: Ask, person: Person) -> Response {
    let now = state.clock.now();
    let (Ok(code), Ok(id)) = (keys::random_name(), keys::random_name()) else {
        return back(state, &ask.redirect_uri, ask.state.as_deref(), "server_error");
    };
    let login = Login { id, person, client: ask.client, scope: ask.scope, at: now };
    let redirect_uri = ask.redirect_uri.clone();
    let held = Code { login, redirect_uri, challenge: ask.challenge, nonce: ask.nonce };
    if state.codes.put(code.clone(), held, now).is_err() {
        return back(state, &ask.redirect_uri, ask.state.as_deref(), "temporarily_unavailable");
    }
    let params =
        [("code", Some(code.as_str())), ("state", ask.state.as_deref()), ("iss", Some(&state.issuer.id()))];
    redirect(&ask.redirect_uri, &params)
}

/// Reads a request. What is wrong with client or address is shown here, everything else goes back to the client.
fn ask(state: &State, params: &Params) -> Result<Ask, Box<Response>> {
    let stop = |why| Err(Box::new(page::error(StatusCode::BAD_REQUEST, why)));
    let Some(client) = Client::of(params) else {
        return stop("This identity provider knows the demo's own clients alone.");
    };
    let redirect_uri = params.find("redirect_uri").unwrap_or_default().to_owned();
    if !client.returns_to(&redirect_uri, &state.issuer) {
        return stop("The address to return to is not the registered one.");
    }
    if let Some(error) = refusal(params) {
        return Err(Box::new(back(state, &redirect_uri, params.find("state"), error)));
    }
    let text = |name| params.find(name).map(str::to_owned);
    Ok(Ask {
        client,
        redirect_uri,
        state: text("state"),
        nonce: text("nonce"),
        scope: text("scope").unwrap_or_default(),
        challenge: text("code_challenge").unwrap_or_default(),
    })
}

/// The error code (RFC 6749, section 4.1.2.1; OpenID Connect Core, section 3.1.2.6), if the request deserves one.
fn refusal(params: &Params) -> Option<&'static str> {
    let scope = params.find("scope").unwrap_or_default();
    let challenge = params.find("code_challenge").unwrap_or_default();
    let plain_mode = params.find("response_mode").is_none_or(|mode| mode == "query");
    // A challenge is SHA-256 in base64url: 43 letters (RFC 7636, section 4.2).
    let challenge_fits =
        challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if !params.is("response_type", "code") {
        Some("unsupported_response_type")
    } else if params.find("request").is_some() {
        Some("request_not_supported")
    } else if params.find("request_uri").is_some() {
        Some("request_uri_not_supported")
    } else if !plain_mode || !params.is("code_challenge_method", "S256") || !challenge_fits {
        Some("invalid_request")
    } else if !scope.split(' ').any(|word| word == "openid") {
        Some("invalid_scope")
    } else if params.find("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
        // Nobody stays logged in here: each login is a press of a button.
        Some("login_required")
    } else {
        None
    }
}

fn back(state: &State, redirect_uri: &str, client_state: Option<&str>, error: &str) -> Response {
    let params = [("error", Some(error)), ("state", client_state), ("iss", Some(&state.issuer.id()))];
    redirect(redirect_uri, &params)
}
