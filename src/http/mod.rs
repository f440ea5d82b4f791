//! The edge: routes, guard, problems, headers. The one layer around every route is in `edge`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use tokio::sync::Semaphore;
use url::Url;

use crate::http::client_address::Network;
use crate::http::problem::{Problem, Slug};
use crate::http::state::AppState;
use crate::logs::decode;

pub mod body;
pub mod client_address;
pub mod credential_forms;
pub mod csrf;
pub mod disposition;
pub mod edge;
pub mod extract;
pub mod guard;
pub mod log_lines;
pub mod openapi;
pub mod operations;
pub mod pages;
pub mod problem;
pub mod rates;
pub mod readiness;
pub mod receipts;
pub mod request_id;
pub mod request_line;
pub mod routes;
pub mod searches;
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

/// Builds the service: the route table inside the layer that every request passes.
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
    layered.layer(from_fn_with_state(state.clone(), edge::layer))
}
