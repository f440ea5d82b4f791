//! What operators see on a port of their own: metrics, and readiness with names.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;

use crate::http::readiness::Audience;
use crate::http::routes::health;
use crate::http::state::AppState;

/// The media type of the Prometheus text format (`OpenMetrics` 1.0).
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The operators' service.
pub fn service(state: AppState) -> Router {
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn ready(State(state): State<AppState>) -> Response {
    health::answer(state.readiness.report(&state, Audience::Operators).await)
}

async fn metrics(State(state): State<AppState>) -> Response {
    ([(CONTENT_TYPE, OPENMETRICS)], state.metrics.text()).into_response()
}
