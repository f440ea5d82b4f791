//! `GET /api/v1/buckets` and `GET /api/v1/buckets/{bucket}`: what the caller may see.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::api::buckets::{BucketList, BucketView};
use crate::domain::principal::Principal;
use crate::http::extract::target;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Lists the buckets in which the caller may do anything at all.
pub async fn list(state: AppState, principal: Arc<Principal>, request: Request) -> Result<Response, Problem> {
    let context = state.context(&request);
    let seen = state.buckets.iter().filter_map(|bucket| {
        let actions = state.authorizer.bucket_actions(&principal, bucket, &context);
        (!actions.is_empty()).then(|| BucketView::new(bucket, &actions))
    });
    Ok(Json(BucketList { buckets: seen.collect() }).into_response())
}

/// Shows one bucket, if the caller may do anything in it.
pub async fn get(state: AppState, principal: Arc<Principal>, request: Request) -> Result<Response, Problem> {
    let context = state.context(&request);
    let bucket = target::bucket(&state, request.uri())?;
    let actions = state.authorizer.bucket_actions(&principal, &bucket, &context);
    if actions.is_empty() {
        return Err(Problem::not_found());
    }
    Ok(Json(BucketView::new(&bucket, &actions)).into_response())
}
