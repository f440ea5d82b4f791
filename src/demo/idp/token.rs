//! The token endpoint: a code and its verifier, a refresh token, or the code of a device, for fresh tokens. Each works once.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::demo::error::DemoError;
use crate::demo::idp::answer::refuse;
use crate::demo::idp::device::{self, Progress};
use crate::demo::idp::params::Params;
use crate::demo::idp::{Client, Code, Login, State, TOKEN_TTL, keys};

/// The grant of a device (RFC 8628, section 3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// `POST`: takes the form of RFC 6749, sections 4.1.3 and 6, and RFC 8628, section 3.4.
pub async fn issue(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    let Ok(params) = Params::parse(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "a parameter stands twice or is too long");
    };
    let Some(client) = Client::of(&params) else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "only the demo's own clients are known");
    };
    match params.find("grant_type") {
        Some("authorization_code") => redeem(&state, client, &params),
        Some("refresh_token") => refresh(&state, client, &params),
        Some(DEVICE_CODE) => of_device(&state, client, &params),
        _ => refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "give a code or a refresh token"),
    }
}

fn redeem(state: &State, client: Client, params: &Params) -> Response {
    let name = params.find("code").unwrap_or_default();
    let Some(code) = state.codes.take(name, state.clock.now()) else { return replayed(state, name) };
    let ours = code.login.client == client && params.is("redirect_uri", &code.redirect_uri);
    if !ours || !verifier_fits(&code, params) {
        return invalid_grant("client, address or verifier is not that of the authorization request");
    }
    grant(state, name, &code.login, code.nonce.as_deref())
}

fn refresh(state: &State, client: Client, params: &Params) -> Response {
    let name = params.find("refresh_token").unwrap_or_default();
    let Some(login) = state.refreshes.take(name, state.clock.now()) else { return replayed(state, name) };
    if login.client != client {
        return invalid_grant("it is another client's");
    }
    grant(state, name, &login, None)
}

fn of_device(state: &State, client: Client, params: &Params) -> Response {
    let name = params.find("device_code").unwrap_or_default();
    let not_yet = |error, why| refuse(StatusCode::BAD_REQUEST, error, why);
    match device::progress(state, client, name) {
        Some(Progress::Chosen(login)) => grant(state, name, &login, None),
        Some(Progress::Pending) => not_yet("authorization_pending", "nobody typed the code in yet"),
        Some(Progress::TooOften) => not_yet("slow_down", "ask less often"),
        None => not_yet("expired_token", "it is unknown, used up or too old"),
    }
}

/// RFC 7636, section 4.6.
fn verifier_fits(code: &Code, params: &Params) -> bool {
    let verifier = params.find("code_verifier").unwrap_or_default();
    let challenge = keys::sha256(verifier.as_bytes());
    let length_fits = (43..=128).contains(&verifier.len());
    length_fits && verify_slices_are_equal(challenge.as_bytes(), code.challenge.as_bytes()).is_ok()
}

/// A name that was used before may be in a thief's hands, so what came of it ends (RFC 9700, section 4.14.2).
fn replayed(state: &State, name: &str) -> Response {
    if let Some(login) = state.spent.take(name, state.clock.now()) {
        state.end(&login);
    }
    invalid_grant("it is unknown, used up or too old")
}

fn invalid_grant(description: &'static str) -> Response {
    refuse(StatusCode::BAD_REQUEST, "invalid_grant", description)
}

fn grant(state: &State, spent: &str, login: &Login, nonce: Option<&str>) -> Response {
    match tokens(state, spent, login, nonce) {
        Ok(response) => response,
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the tokens cannot be signed"),
    }
}

fn tokens(state: &State, spent: &str, login: &Login, nonce: Option<&str>) -> Result<Response, DemoError> {
    let now = state.clock.now();
    let access_token = state.access_token(login.person, login.client, TOKEN_TTL)?;
    let id_token = state.id_token(login, nonce)?;
    let refresh_token = keys::random_name()?;
    let kept = state.spent.put(spent.to_owned(), login.id.clone(), now).is_ok()
        && state.refreshes.put(refresh_token.clone(), login.clone(), now).is_ok();
    if !kept {
        let busy = "too many logins are open";
        return Ok(refuse(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", busy));
    }
    let body = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_TTL.as_secs(),
        "id_token": id_token,
        "refresh_token": refresh_token,
        "scope": login.scope,
    });
    Ok(([(CACHE_CONTROL, "no-store")], Json(body)).into_response())
}
