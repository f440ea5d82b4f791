//! What the identity provider says of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::demo::idp::State;

/// The metadata document (OpenID Connect Discovery 1.0, RFC 8414, RFC 9207).
pub async fn configuration(Shared(state): Shared<Arc<State>>) -> Response {
    let at = |path: &str| state.issuer.endpoint(path);
    let document = json!({
        "issuer": state.issuer.id(),
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "device_authorization_endpoint": at("/device-authorization"),
        "jwks_uri": at("/jwks"),
        "revocation_endpoint": at("/revoke"),
        "end_session_endpoint": at("/logout"),
        "scopes_supported": ["openid", "profile", "groups", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "sid", "name", "groups", "clearance"],
    });
    (no_store(), Json(document)).into_response()
}

/// The public key of this run. Not to be kept: the next run has another.
pub async fn jwks(Shared(state): Shared<Arc<State>>) -> Response {
    (no_store(), Json(state.key.jwks())).into_response()
}

const fn no_store() -> [(HeaderName, &'static str); 1] {
    [(CACHE_CONTROL, "no-store")]
}
