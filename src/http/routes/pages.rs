//! The pages: the home page for whoever is signed in, the contract and the problems for everybody.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::authn::AuthnError;
use crate::http::problem::{Problem, pages as problem_pages};
use crate::http::state::AppState;
use crate::http::{openapi, pages};

/// The home page; a person who is not signed in is sent to the login and comes back.
///
/// The session cookie is `SameSite=Strict`, so a browser that follows a link from another site, or comes back from
/// the identity provider, does not send it. Such a request is answered with a page that loads the same address once
/// more, now from this site.
pub async fn home(State(state): State<AppState>, request: Request) -> Response {
    if from_another_site(request.headers()) {
        return pages::once_more();
    }
    match state.authenticator.authenticate(request.headers()).await {
        Ok(_) => pages::home(),
        Err(error @ AuthnError::Unavailable { .. }) => Problem::from(error).into_response(),
        Err(_) => Redirect::to("/auth/login?return_to=%2F").into_response(),
    }
}

fn from_another_site(headers: &HeaderMap) -> bool {
    let is =
        |name: &str, value: &str| headers.get(name).is_some_and(|given| given.as_bytes() == value.as_bytes());
    is("sec-fetch-mode", "navigate")
        && (is("sec-fetch-site", "cross-site") || is("sec-fetch-site", "same-site"))
}

/// The contract for people.
pub async fn docs() -> Response {
    match serde_json::to_value(openapi::document()) {
        Ok(document) => pages::docs(&document),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// Explains one kind of problem.
pub async fn problem(Path(slug): Path<String>) -> Response {
    match problem_pages::text(&slug) {
        Some(text) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        None => Problem::not_found().into_response(),
    }
}

/// Style and script of the pages.
pub async fn asset(Path(name): Path<String>) -> Response {
    pages::asset(&name).unwrap_or_else(|| Problem::not_found().into_response())
}
