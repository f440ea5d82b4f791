//! `POST /api/v1/buckets/{bucket}/links`.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};

use crate::api::links::{Link, LinkRequest};
use crate::authz::permit::{CreateLink, ObjectTarget, Permit};
use crate::domain::key::ObjectKey;
use crate::http::disposition;
use crate::http::extract::{body, target};
use crate::http::guard::Ask;
use crate::http::problem::{Problem, store};
use crate::http::state::AppState;
use crate::service::links::{self, LinkAnswer};

/// The parsed body of a request for a link.
#[derive(Debug)]
pub struct Create {
    ttl: Duration,
}

impl Ask for Create {
    type Target = ObjectTarget;

    async fn load(state: &AppState, request: Request) -> Result<(ObjectTarget, Self), Problem> {
        let uri = request.uri().clone();
        let asked: LinkRequest = body::json(request).await?;
        let key = ObjectKey::parse(&asked.key).map_err(|error| Problem::invalid_field("key", error))?;
        let limits = &state.link_limits;
        let ttl = asked.ttl_seconds.map_or(limits.default_ttl, Duration::from_secs);
        if ttl.is_zero() || ttl > limits.max_ttl {
            let message = format!("expected 1 to {}", limits.max_ttl.as_secs());
            return Err(Problem::invalid_field("ttl_seconds", message));
        }
        let bucket = target::bucket(state, &uri)?;
        Ok((ObjectTarget { bucket, key }, Self { ttl }))
    }
}

/// Makes a link.
pub async fn create(
    state: AppState,
    permit: Permit<CreateLink, ObjectTarget>,
    asked: Create,
) -> Result<Response, Problem> {
    let target = permit.resource();
    let answer = LinkAnswer {
        content_disposition: disposition::attachment(&target.key),
        content_type: "application/octet-stream".to_owned(),
    };
    let link = links::create(&state.stores, &permit, asked.ttl, answer, state.clock.now()).await;
    let link = link.map_err(|error| store::problem(&target.bucket, &error))?;
    let body = Link { url: link.url.expose().clone(), expires_at: link.expires_at.to_string() };
    Ok(Json(body).into_response())
}
