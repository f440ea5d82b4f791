//! The pages that the service shows people: home, reference, and their style and script.
//!
//! They have no privileges: whatever the home page shows, its script asks the API for with the person's own session.
//! No script or style stands inside a page, and log text never becomes markup.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY};
use serde_json::Value;

mod asset;
mod html;
mod reference;

#[cfg(test)]
mod tests;

use crate::http::pages::asset::Asset;

const STYLE: Asset = Asset::new("logboom", "css", include_str!("pages/logboom.css"));
const SCRIPT: Asset = Asset::new("home", "js", include_str!("pages/home.js"));
const ICON: Asset = Asset::new("logboom", "svg", include_str!("pages/logboom.svg"));

/// The home page may ask our own origin and nobody else. With trusted types and no policy for them,
/// a browser refuses any text that would become markup or script.
const HOME_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                           connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
                           require-trusted-types-for 'script'; trusted-types 'none'";

/// The reference page runs nothing.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; \
                           frame-ancestors 'none'; base-uri 'none'";

/// `GET /`: the page of a person who is signed in.
pub fn home() -> Response {
    let page = include_str!("pages/home.html").replace("{script}", &SCRIPT.path());
    answer(&framed(&page, "Logboom"), HOME_POLICY)
}

/// A page that loads its own address once more. It stands for a request that another site began, to which the browser
/// did not add the session cookie; the second request begins here and has it.
pub fn once_more() -> Response {
    let page = "<meta http-equiv=\"refresh\" content=\"0\">\n</head>\n<body><main><p role=\"status\">One moment…</p></main></body>";
    let page = framed(page, "Logboom");
    answer(&page, DOCS_POLICY)
}

/// `GET /docs`: the contract for people, from the `OpenAPI` document.
pub fn docs(document: &Value) -> Response {
    let body = reference::render(document);
    let page = include_str!("pages/docs.html").replace("{reference}", &body);
    answer(&framed(&page, "API reference · Logboom"), DOCS_POLICY)
}

/// `GET /assets/{name}`: a style, script or picture; nothing when there is none of that name.
///
/// Pages name assets by their content (`home-0123456789abcdef.js`), so those never change. Under its plain name
/// (`home.js`) an asset is asked for anew each time.
pub fn asset(name: &str) -> Option<Response> {
    let asset = [STYLE, SCRIPT, ICON].into_iter().find(|asset| asset.is_named(name))?;
    let kept = if asset.file_name() == name { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = asset.text().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    // The same for everybody, so a cookie that changes is no reason to fetch it again.
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", asset.hash())) {
        headers.insert(ETAG, tag);
    }
    Some(response)
}

/// Puts a page's own part into what all pages share. The part goes in last, so that no text in it is replaced.
fn framed(page: &str, title: &str) -> String {
    include_str!("pages/frame.html")
        .replace("{title}", title)
        .replace("{style}", &STYLE.path())
        .replace("{icon}", &ICON.path())
        .replace("{page}", page)
}

fn answer(page: &str, policy: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, page.to_owned()).into_response()
}
