//! From Google's answers to kinds of failure. Only the status and Google's own reason word are kept of an answer:
//! its message can quote keys, accounts and tokens.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;

use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire;

/// The most that is read of an error's body, in bytes. Google's own have about 500.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The JSON API's error document ("HTTP status and error codes for JSON").
#[derive(Deserialize)]
struct Document {
    error: Detail,
}

#[derive(Deserialize, Default)]
struct Detail {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

/// The cause that operators see.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    reason: Option<String>,
}

impl std::error::Error for Answer {}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Google Cloud Storage answered {}", self.status.as_u16())?;
        match &self.reason {
            Some(reason) => write!(f, " {reason}"),
            None => Ok(()),
        }
    }
}

/// Reads an answer that is no success.
pub(super) async fn read(operation: StoreOperation, answer: Response<Incoming>) -> StoreError {
    let (head, body) = answer.into_parts();
    // The status says enough where the body cannot be read: an error page of some proxy may be of any length.
    let body = wire::read_all(operation, body, MAX_ERROR_BYTES).await.unwrap_or_default();
    explain(operation, head.status, &head.headers, &body)
}

/// What the answer means.
pub(super) fn explain(
    operation: StoreOperation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> StoreError {
    let detail = serde_json::from_slice::<Document>(body).map_or_else(
        // Answers to `alt=media` are bare text.
        |_| Detail { message: String::from_utf8_lossy(body).into_owned(), errors: Vec::new() },
        |document| document.error,
    );
    let reason = detail.errors.first().map(|entry| entry.reason.as_str()).and_then(tame);
    let kind = kind(operation, status, headers, reason.as_deref(), &detail.message);
    StoreError::caused_by(operation, kind, Answer { status, reason })
}

fn kind(
    operation: StoreOperation,
    status: StatusCode,
    headers: &HeaderMap,
    reason: Option<&str>,
    message: &str,
) -> StoreErrorKind {
    match status {
        StatusCode::NOT_MODIFIED => StoreErrorKind::NotModified,
        StatusCode::BAD_REQUEST => StoreErrorKind::Invalid,
        StatusCode::NOT_FOUND if operation == StoreOperation::List || names_bucket(message) => {
            StoreErrorKind::NoSuchBucket
        }
        StatusCode::NOT_FOUND => StoreErrorKind::NoSuchObject,
        // Some quotas are refused as 403.
        StatusCode::FORBIDDEN if matches!(reason, Some("rateLimitExceeded" | "userRateLimitExceeded")) => {
            StoreErrorKind::Throttled { retry_after: retry_after(headers) }
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StoreErrorKind::Denied,
        StatusCode::PRECONDITION_FAILED => StoreErrorKind::PreconditionFailed,
        StatusCode::RANGE_NOT_SATISFIABLE => match unsatisfied_total(headers) {
            Some(total) => StoreErrorKind::RangeNotSatisfiable { total },
            None => StoreErrorKind::Unexpected,
        },
        StatusCode::TOO_MANY_REQUESTS => StoreErrorKind::Throttled { retry_after: retry_after(headers) },
        StatusCode::REQUEST_TIMEOUT => StoreErrorKind::Unavailable,
        status if status.is_server_error() => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Unexpected,
    }
}

/// Google says 404 for both; its message tells them apart ("The specified bucket does not exist.").
/// A message about an object begins otherwise, whatever its key says ("No such object: bucket/key").
fn names_bucket(message: &str) -> bool {
    message.trim_start().starts_with("The specified bucket does not exist")
}

/// The size behind `Content-Range: bytes */N`.
fn unsatisfied_total(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.parse().ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A reason as Google writes them; anything else is not repeated.
fn tame(text: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric();
    ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}
