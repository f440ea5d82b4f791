//! The edge: routes, guard, problems, headers. Every layer stands on this page, outermost first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use url::Url;

use crate::http::client_address::Network;
use crate::http::problem::{Problem, Slug};
use crate::http::state::AppState;
use crate::logs::decode;
use crate::telemetry::metrics::ProblemLabels;

pub mod body;
pub mod client_address;
pub mod csrf;
pub mod disposition;
pub mod edge;
pub mod extract;
pub mod guard;
pub mod openapi;
pub mod operations;
pub mod pages;
pub mod problem;
pub mod rates;
pub mod readiness;
pub mod request_id;
pub mod request_line;
pub mod routes;
pub mod server;
pub mod state;
pub mod streams;
pub mod table;
pub mod tls;

/// Settings of the edge.
#[derive(Debug)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where operators find metrics and detailed readiness; nowhere when absent.
    pub operations_listen: Option<SocketAddr>,
    /// The one address under which callers know this service.
    pub public_url: Url,
    /// Values of `Host` that are ours, port included where it is not the scheme's own.
    pub hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// The most requests that are handled at once.
    pub in_flight: Arc<Semaphore>,
    /// Time until an answer begins.
    pub request_timeout: Duration,
    /// The largest request body in bytes.
    pub max_body_bytes: usize,
    /// Limits of `?decode=true`.
    pub decode: decode::Limits,
    /// Limits of connections.
    pub server: server::Limits,
}

/// Builds the service: the route table inside its layers.
pub fn service(state: &AppState, more: Router) -> Router {
    let (router, _) = table::routes().finish();
    let layered = router
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async {
            Problem::new(Slug::MethodNotAllowed, "This path does not take that method")
        })
        .layer(DefaultBodyLimit::max(state.options.max_body_bytes))
        .with_state(state.clone())
        .merge(more);
    // A layer that is added later stands further out.
    layered
        .layer(from_fn_with_state(state.clone(), edge::in_time))
        .layer(from_fn_with_state(state.clone(), edge::bounded))
        .layer(from_fn(edge::no_panic))
        .layer(from_fn_with_state(state.clone(), edge::our_host_only))
        .layer(from_fn_with_state(state.clone(), edge::headers))
        .layer(from_fn_with_state(state.clone(), counted))
        .layer(from_fn(request_id::layer))
}

/// Counts each answer and writes one line about it.
async fn counted(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let took = began.elapsed();
    state.metrics.answered(method.as_str(), route, response.status().as_u16(), took);
    let slug = response.extensions().get::<Slug>().map(|slug| slug.as_str());
    if let Some(slug) = slug {
        state.metrics.problems.get_or_create(&ProblemLabels { slug: slug.to_owned() }).inc();
    }
    tracing::info!(
        method = method.as_str(),
        route,
        status = response.status().as_u16(),
        problem = slug,
        duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    response.into_response()
}
