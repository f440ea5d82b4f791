//! The id that ties an answer to its log lines, and the W3C trace context around it.
//!
//! The id is always our own. A caller's `X-Request-Id` is kept in the log under a name of its own, when its form is harmless.

use std::future::Future;

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;

/// The header that carries our id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task answers; empty outside of one.
#[must_use]
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// The id and the trace of one request.
#[derive(Debug)]
pub struct RequestId {
    id: String,
    trace: TraceContext,
}

impl RequestId {
    /// An id of our own, and the trace that the caller names or a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { id: hex(random()), trace: TraceContext::of(headers) }
    }

    /// The span of the request's log lines.
    #[must_use]
    pub fn span(&self, headers: &HeaderMap) -> Span {
        tracing::info_span!(
            "request",
            request_id = %self.id,
            trace_id = %self.trace.trace_id,
            caller_request_id = caller_id(headers),
        )
    }

    /// Runs a request under its id, for [`current`].
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        CURRENT.scope(self.id.clone(), future).await
    }

    /// Tells the caller.
    pub fn tell(&self, headers: &mut HeaderMap) {
        headers.extend(HeaderValue::from_str(&self.id).ok().map(|value| (X_REQUEST_ID, value)));
        let trace = HeaderValue::from_str(&self.trace.outgoing());
        headers.extend(trace.ok().map(|value| (TRACEPARENT, value)));
    }
}

fn caller_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (text.len() <= 64 && text.bytes().all(harmless)).then_some(text)
}

/// The trace that a request belongs to, and our own span in it.
#[derive(Debug, PartialEq, Eq)]
struct TraceContext {
    trace_id: String,
    span_id: String,
    flags: String,
}

impl TraceContext {
    fn of(headers: &HeaderMap) -> Self {
        let incoming = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(parse);
        let (trace_id, flags) = incoming.unwrap_or_else(|| (hex(random()), "01".to_owned()));
        let span_id = hex(random()).split_at(16).0.to_owned();
        Self { trace_id, span_id, flags }
    }

    fn outgoing(&self) -> String {
        format!("00-{}-{}-{}", self.trace_id, self.span_id, self.flags)
    }
}

/// Reads trace id and flags of a version 00 `traceparent`.
fn parse(text: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return None };
    let hexadecimal = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let valid = *version == "00"
        && hexadecimal(trace, 32)
        && !zero(trace)
        && hexadecimal(parent, 16)
        && !zero(parent)
        && hexadecimal(flags, 2);
    valid.then(|| ((*trace).to_owned(), (*flags).to_owned()))
}

fn random() -> u128 {
    let mut bytes = [0_u8; 16];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => u128::from_be_bytes(bytes),
        // Only uniqueness matters here, so a failing generator costs a readable id, not the answer.
        Err(_) => 0,
    }
}

fn hex(value: u128) -> String {
    format!("{value:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_formed_traceparent_is_carried_on_with_a_span_of_ours() {
        let mut headers = HeaderMap::new();
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        headers.insert(TRACEPARENT, HeaderValue::from_static(given));
        let out = TraceContext::of(&headers).outgoing();
        assert!(out.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && out.ends_with("-00"), "{out}");
        assert!(!out.contains("00f067aa0ba902b7"));
    }

    #[test]
    fn a_malformed_traceparent_begins_a_new_trace() {
        for bad in ["", "00-0-0-0", "00-4BF92F3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", "x\"}{"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_callers_id_is_kept_only_when_it_is_harmless() {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("abc-1"));
        assert_eq!(caller_id(&headers), Some("abc-1"));
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("a\"} {\"actor\":1"));
        assert_eq!(caller_id(&headers), None);
    }
}
