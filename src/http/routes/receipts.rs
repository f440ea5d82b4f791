//! `GET /api/v1/receipt-keys`: what receipts are checked with.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;

use crate::http::problem::Problem;
use crate::http::receipts;
use crate::http::state::AppState;

/// The public keys.
pub async fn keys(State(state): State<AppState>) -> Result<Response, Problem> {
    let keys = receipts::keys(&state).await?;
    Ok(([(CACHE_CONTROL, "public, max-age=60")], Json(keys)).into_response())
}
