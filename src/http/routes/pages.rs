//! The pages: the home page for whoever is signed in, the contract and the problems for everybody.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use url::form_urlencoded::Serializer;

use crate::authn::AuthnError;
use crate::http::problem::{Problem, pages as problem_pages};
use crate::http::state::AppState;
use crate::http::{openapi, pages};

/// The longest address of the home page that a login carries along, in bytes.
const MAX_RETURN_BYTES: usize = 2048;

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
        Err(error @ AuthnError::Unavailable(_)) => Problem::from(error).into_response(),
        Err(_) => Redirect::to(&login_for(request.uri())).into_response(),
    }
}

/// The login that comes back to the same bucket and prefix. An address that is too long to carry comes back to the start.
fn login_for(uri: &Uri) -> String {
    let asked = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let place = if asked.len() <= MAX_RETURN_BYTES { asked } else { "/" };
    let query = Serializer::new(String::new()).append_pair("return_to", place).finish();
    format!("/auth/login?{query}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_comes_back_to_the_place_that_was_asked_for() {
        let login = |text: &str| login_for(&text.parse().unwrap());
        assert_eq!(login("/"), "/auth/login?return_to=%2F");
        assert_eq!(
            login("/?bucket=a&prefix=b%2F%26"),
            "/auth/login?return_to=%2F%3Fbucket%3Da%26prefix%3Db%252F%2526"
        );
        assert_eq!(login(&format!("/?prefix={}", "a".repeat(3000))), "/auth/login?return_to=%2F");
    }
}
