//! `POST /api/v1/decisions`: "may I do this, and why?", for the caller alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::api::decisions::{DecisionRequest, DecisionView};
use crate::authz::permit::Place;
use crate::domain::action::ActionName;
use crate::domain::bucket::BucketId;
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::principal::Principal;
use crate::http::extract::body;
use crate::http::problem::Problem;
use crate::http::state::AppState;

/// Answers whether the caller may, and which policies say so.
pub async fn post(state: AppState, principal: Arc<Principal>, request: Request) -> Result<Response, Problem> {
    let context = state.context(&request);
    let question: DecisionRequest = body::json(request).await?;
    let action = ActionName::parse(&question.action).map_err(|e| Problem::invalid_field("action", e))?;
    let key = question.key.as_deref().map(ObjectKey::parse).transpose();
    let key = key.map_err(|error| Problem::invalid_field("key", error))?;
    let prefix = question.prefix.as_deref().map(Prefix::parse).transpose();
    let prefix = prefix.map_err(|error| Problem::invalid_field("prefix", error))?;
    let place = match (&key, &prefix) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid_field("prefix", "give a key or a prefix, not both"));
        }
        (Some(key), None) => Place::Object(key),
        (None, Some(prefix)) if !prefix.is_folder() => {
            return Err(Problem::invalid_field("prefix", "a prefix is empty or ends in /"));
        }
        (None, Some(prefix)) => Place::Folder(prefix),
        (None, None) => Place::Bucket,
    };
    let id = BucketId::parse(&question.bucket).map_err(|_| Problem::not_found())?;
    let bucket = state.buckets.find(&id).ok_or_else(Problem::not_found)?;
    if !state.authorizer.sees_bucket(&principal, &bucket, &context) {
        return Err(Problem::not_found());
    }
    let decision = state.authorizer.question(&principal, action, &bucket, place, &context);
    let view = DecisionView {
        allowed: decision.allowed,
        determined_by: decision.determined_by,
        errors: decision.errors,
    };
    Ok(Json(view).into_response())
}
