//! Ending a login: by the browser on its way out, or by the client that gives its refresh token back.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::demo::idp::answer::{redirect, refuse};
use crate::demo::idp::params::Params;
use crate::demo::idp::{Client, State, page};

/// `GET`: OpenID Connect RP-Initiated Logout 1.0.
pub async fn by_link(Shared(state): Shared<Arc<State>>, RawQuery(query): RawQuery) -> Response {
    log_out(&state, query.unwrap_or_default().as_bytes())
}

/// `POST`: the same with a form.
pub async fn by_form(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    log_out(&state, &body)
}

/// `POST`: takes a refresh token back (RFC 7009). An unknown one is no error.
pub async fn revoke(Shared(state): Shared<Arc<State>>, body: Bytes) -> Response {
    let Ok(params) = Params::parse(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "a parameter stands twice or is too long");
    };
    let Some(client) = Client::of(&params) else {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", "only the demo's own clients are known");
    };
    let name = params.find("token").unwrap_or_default();
    if let Some(login) = state.refreshes.take(name, state.clock.now()).filter(|login| login.client == client)
    {
        state.end(&login.id);
    }
    StatusCode::OK.into_response()
}

fn log_out(state: &State, text: &[u8]) -> Response {
    let Ok(params) = Params::parse(text) else {
        return page::error(StatusCode::BAD_REQUEST, "A parameter stands twice or is too long.");
    };
    let claims = params
        .find("id_token_hint")
        .and_then(|hint| state.key.open_hint(hint, &state.issuer.id(), Client::Service.id()));
    if let Some(login) = claims.as_ref().and_then(|claims| claims.get("sid")?.as_str()) {
        state.end(login);
    }
    let home = state.issuer.post_logout_redirect_uri();
    match params.find("post_logout_redirect_uri") {
        Some(address) if address == home => redirect(&home, &[("state", params.find("state"))]),
        Some(_) => {
            page::error(StatusCode::BAD_REQUEST, "The address to return to is not the registered one.")
        }
        None => page::signed_out(&home),
    }
}
