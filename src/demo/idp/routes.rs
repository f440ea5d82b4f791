//! The identity provider's routes, and the one check that all of them share: the request names our own host.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State as Shared};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::demo::idp::State;
use crate::demo::idp::{authorize, device, discovery, logout, page, token};

/// The largest form that is read, in bytes.
const MAX_BODY_BYTES: usize = 32 * 1024;

/// Every endpoint below `/demo-idp`.
pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/demo-idp/.well-known/openid-configuration", get(discovery::configuration))
        .route("/demo-idp/jwks", get(discovery::jwks))
        .route("/demo-idp/authorize", get(authorize::show).post(authorize::choose))
        .route("/demo-idp/device-authorization", post(device::begin))
        .route("/demo-idp/device", get(device::show).post(device::choose))
        .route("/demo-idp/token", post(token::issue))
        .route("/demo-idp/revoke", post(logout::revoke))
        .route("/demo-idp/logout", get(logout::by_link).post(logout::by_form))
        .route("/demo-idp/style.css", get(style))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&state), own_host_only))
        .with_state(state)
}

/// Refuses requests for any other host, so that a page elsewhere cannot reach the demo by rebinding a name to loopback.
async fn own_host_only(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let uri_host = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes).or(uri_host);
    if host == Some(state.issuer.authority().as_bytes()) {
        next.run(request).await
    } else {
        let hint = format!("This demo answers at {} alone.", state.issuer.origin());
        page::error(StatusCode::MISDIRECTED_REQUEST, &hint)
    }
}

async fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "max-age=300")];
    (headers, include_str!("pages/style.css")).into_response()
}
