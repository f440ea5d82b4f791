//! The two shapes of an OAuth refusal: a JSON body for programs, parameters on the way back for browsers.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use url::Url;

/// A refusal by the token or revocation endpoint (RFC 6749, section 5.2).
pub fn refuse(status: StatusCode, error: &'static str, description: &'static str) -> Response {
    let body = json!({"error": error, "error_description": description});
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Sends the browser to an address that was registered, with parameters added.
pub fn redirect(to: &str, params: &[(&str, Option<&str>)]) -> Response {
    let Ok(mut url) = Url::parse(to) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let present: Vec<_> = params.iter().filter_map(|(name, value)| value.map(|v| (*name, v))).collect();
    if !present.is_empty() {
        url.query_pairs_mut().extend_pairs(present);
    }
    let headers = [(LOCATION, url.as_str()), (CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];
    (StatusCode::SEE_OTHER, headers).into_response()
}
