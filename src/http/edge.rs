//! The outermost checks and headers: what every request must be, and what every answer carries.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Version};
use http_body::Body;
use tracing::Instrument;

use crate::http::problem::{Problem, Slug};
use crate::http::request_id::RequestId;
use crate::http::state::AppState;
use crate::telemetry::metrics::ProblemLabels;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Paths that a load balancer asks for by address, without our host name.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// What every request passes, outermost first: its id and span, the count, the headers of the answer, the host, the
/// places for requests, the time limit, the net under panics. One function, since each layer of a tower costs every
/// request some allocations.
pub async fn layer(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let span = id.span(request.headers());
    let mut response = id.scope(counted(&state, request, next).instrument(span)).await;
    add_headers(&state, &mut response);
    id.tell(response.headers_mut());
    response
}

/// Counts each answer and writes one line about it.
async fn counted(state: &AppState, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = admitted(state, request, next).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let (took, status) = (began.elapsed(), response.status().as_u16());
    state.metrics.answered(method.as_str(), route, status, took);
    let slug = response.extensions().get::<Slug>().map(|slug| slug.as_str());
    if let Some(slug) = slug {
        state.metrics.problems.get_or_create(&ProblemLabels { slug: slug.to_owned() }).inc();
    }
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let bytes = response.body().size_hint().exact();
    tracing::info!(method = method.as_str(), route, status, problem = slug, bytes, duration_ms, "answered");
    response
}

/// Refuses requests for hosts that are not ours (links and redirects come from configuration, and a request that was
/// meant for somebody else must not be answered as if it were ours), and those beyond what can be handled at once.
async fn admitted(state: &AppState, request: Request, next: Next) -> Response {
    if PROBES.contains(&request.uri().path()) {
        return bounded(state, request, next).await;
    }
    if !names_us(&request, &state.options.hosts) {
        return Problem::new(Slug::MisdirectedRequest, "The request names a host that is not served here")
            .into_response();
    }
    match state.options.in_flight.try_acquire() {
        Ok(_place) => bounded(state, request, next).await,
        Err(_) => Problem::new(Slug::Overloaded, "The server is handling as many requests as it can")
            .retry_after(1)
            .into_response(),
    }
}

/// Ends a request whose answer has not begun within the time limit (bodies under way are not its business), and turns
/// a panic into a 500 problem; the process goes on.
async fn bounded(state: &AppState, request: Request, next: Next) -> Response {
    let limit: Duration = state.options.request_timeout;
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            tracing::error!(panic = panic_text(&*panic), "a handler panicked");
            Problem::new(Slug::Internal, "The request met a defect of ours")
                .hint("Give the request id to the people who run this service")
                .into_response()
        }
        Err(_) => {
            let detail = format!("The answer did not begin within {} s", limit.as_secs());
            Problem::new(Slug::StoreTimeout, detail)
                .hint("Try again, or ask for less at once")
                .into_response()
        }
    }
}

fn names_us(request: &Request, hosts: &[String]) -> bool {
    let mut named = request.headers().get_all(HOST).iter();
    let (header, more) = (named.next(), named.next());
    if more.is_some() {
        return false;
    }
    let target = request.uri().authority().map(Authority::as_str);
    let header = header.map(HeaderValue::to_str);
    let name = match (target, header) {
        (Some(target), Some(Ok(header))) if target == header => target,
        // HTTP/2 carries the host in `:authority` and needs no Host header.
        (Some(target), None) if request.version() == Version::HTTP_2 => target,
        (None, Some(Ok(header))) => header,
        _ => return false,
    };
    hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
}

/// Adds the headers that every answer carries, unless the handler set a stricter one.
fn add_headers(state: &AppState, response: &mut Response) {
    let html =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    let mut add = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    add(X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(REFERRER_POLICY, "no-referrer");
    add(CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    add(
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    add(CACHE_CONTROL, "no-store");
    add(VARY, "Cookie, Authorization");
    if html {
        add(CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    }
    if state.options.public_url.scheme() == "https" {
        add(STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
