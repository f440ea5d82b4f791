//! What operators see on a port of their own: metrics, and readiness with names.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;

use crate::domain::bucket::Bucket;
use crate::http::readiness::Audience;
use crate::http::routes::health;
use crate::http::state::AppState;
use crate::provider::guarded::{OPERATIONS, Outcome};
use crate::service::canary::Finding;
use crate::telemetry::leases::LeaseReading;
use crate::telemetry::metrics::{BucketLabels, StoreLabels, VaultLabels};

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
    for bucket in state.buckets.iter() {
        take_over(&state, bucket);
        if let Some(sighting) = state.canary.sighting(&bucket.id) {
            let labels = BucketLabels { bucket: bucket.id.to_string() };
            let narrow = i64::from(!matches!(sighting.finding, Finding::TooWide { .. }));
            state.metrics.vending_narrow.get_or_create(&labels).set(narrow);
        }
    }
    take_over_vault(&state);
    ([(CONTENT_TYPE, OPENMETRICS)], state.metrics.text()).into_response()
}

/// Copies the counters that the bucket's guard keeps, without those that never moved.
fn take_over(state: &AppState, bucket: &Arc<Bucket>) {
    let guard = state.stores.guard(bucket);
    for (operation, outcome) in OPERATIONS.into_iter().flat_map(|one| Outcome::ALL.map(|other| (one, other)))
    {
        let count = guard.stats().calls(operation, outcome);
        if count > 0 {
            let labels = StoreLabels {
                bucket: bucket.id.to_string(),
                operation: operation.as_str().to_owned(),
                outcome: outcome.as_str().to_owned(),
            };
            state.metrics.store_called(&labels, count);
        }
    }
}

fn take_over_vault(state: &AppState) {
    state.metrics.vault_signed_in.set(state.vault.is_signed_in().map_or(0, i64::from));
    state.metrics.vault_token_seconds.set(i64::try_from(state.vault.token_seconds()).unwrap_or(i64::MAX));
    for lent in state.vault.lent() {
        state.metrics.leases.read(LeaseReading {
            credential: &lent.name,
            age_seconds: lent.age_seconds,
            left_seconds: lent.left_seconds,
        });
        for (outcome, count) in &lent.calls {
            state.metrics.leases.called(&lent.name, outcome, *count);
        }
    }
    for calls in state.vault.calls() {
        let labels = VaultLabels { operation: calls.operation.to_owned(), outcome: calls.outcome.to_owned() };
        state.metrics.vault_called(&labels, calls.count);
    }
}
