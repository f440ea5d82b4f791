//! `GET /api/v1/session`.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::api::session::Session;
use crate::domain::principal::Principal;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Answers who the caller is.
pub async fn get(
    _state: AppState,
    principal: Arc<Principal>,
    _request: Request,
) -> Result<Response, Problem> {
    Ok(Json(Session::from(&*principal)).into_response())
}
