//! `/healthz` and `/readyz`, for load balancers: no names, no data.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::api::health::Readiness;
use crate::http::readiness::Audience;
use crate::http::state::AppState;

/// Says that the process lives.
pub async fn live() -> &'static str {
    "ok\n"
}

/// Says whether requests can be answered. Buckets that are away make it `degraded`, not unavailable:
/// a load balancer that took every replica out for one cloud's outage would make it everybody's.
pub async fn ready(State(state): State<AppState>) -> Response {
    answer(state.readiness.report(&state, Audience::Public).await)
}

/// The report with its status.
pub fn answer(report: Readiness) -> Response {
    let status =
        if report.status == "unavailable" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(report)).into_response()
}
