//! From S3's answers to kinds of failure. Only S3's own code and request id are kept of an answer:
//! its message and other elements can quote keys, signatures and access key ids.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;

use crate::provider::aws::xml::{self, Name};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire;

/// The most that is read of an error's body, in bytes. S3's own have about 500.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// What S3 said when it said no.
#[derive(Debug, Default)]
struct Refusal {
    code: Option<String>,
    storage_class: Option<String>,
    total: Option<u64>,
}

/// The cause that operators see.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    code: Option<String>,
    request_id: Option<String>,
    region: Option<String>,
}

impl std::error::Error for Answer {}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3 answered {}", self.status.as_u16())?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(region) = &self.region {
            write!(f, ", the bucket lies in region {region}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

/// Reads an answer that is no success.
pub(super) async fn read(operation: StoreOperation, answer: Response<Incoming>) -> StoreError {
    let (head, body) = answer.into_parts();
    let refusal = match wire::read_all(operation, body, MAX_ERROR_BYTES).await {
        Ok(body) => parse(&body),
        // The status says enough; an error page of some proxy may be of any length.
        Err(_) => Refusal::default(),
    };
    let kind = kind(operation, head.status, &head.headers, &refusal);
    let cause = Answer {
        status: head.status,
        code: refusal.code,
        request_id: word(&head.headers, "x-amz-request-id"),
        region: if head.status.is_redirection() { word(&head.headers, "x-amz-bucket-region") } else { None },
    };
    StoreError::caused_by(operation, kind, cause)
}

fn parse(body: &[u8]) -> Refusal {
    let mut refusal = Refusal::default();
    let read = xml::walk(body, |element| match element.name {
        Name::Code => refusal.code = tame(element.text),
        Name::StorageClass => refusal.storage_class = tame(element.text),
        Name::ActualObjectSize => refusal.total = element.text.parse().ok(),
        _ => {}
    });
    // What is no XML is no answer of S3's: the status alone speaks.
    if read.is_ok() { refusal } else { Refusal::default() }
}

fn kind(
    operation: StoreOperation,
    status: StatusCode,
    headers: &HeaderMap,
    refusal: &Refusal,
) -> StoreErrorKind {
    if let Some(kind) = refusal.code.as_deref().and_then(|code| kind_of_code(code, headers, refusal)) {
        return kind;
    }
    match status {
        StatusCode::NOT_MODIFIED => StoreErrorKind::NotModified,
        StatusCode::NOT_FOUND if operation == StoreOperation::List => StoreErrorKind::NoSuchBucket,
        StatusCode::NOT_FOUND => StoreErrorKind::NoSuchObject,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StoreErrorKind::Denied,
        StatusCode::PRECONDITION_FAILED => StoreErrorKind::PreconditionFailed,
        StatusCode::RANGE_NOT_SATISFIABLE => match refusal.total.or_else(|| unsatisfied_total(headers)) {
            Some(total) => StoreErrorKind::RangeNotSatisfiable { total },
            None => StoreErrorKind::Unexpected,
        },
        StatusCode::TOO_MANY_REQUESTS => StoreErrorKind::Throttled { retry_after: retry_after(headers) },
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => StoreErrorKind::TimedOut,
        status if status.is_server_error() => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Unexpected,
    }
}

/// S3's code where it says more than the status does (S3 API reference, "Error responses").
fn kind_of_code(code: &str, headers: &HeaderMap, refusal: &Refusal) -> Option<StoreErrorKind> {
    Some(match code {
        "NoSuchBucket" => StoreErrorKind::NoSuchBucket,
        "NoSuchKey" => StoreErrorKind::NoSuchObject,
        "InvalidObjectState" => StoreErrorKind::Archived {
            storage_class: refusal.storage_class.clone().unwrap_or_else(|| "GLACIER".to_owned()),
        },
        "SlowDown" | "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "TooManyRequests" => {
            StoreErrorKind::Throttled { retry_after: retry_after(headers) }
        }
        "AccessDenied"
        | "AccountProblem"
        | "AllAccessDisabled"
        | "ExpiredToken"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "TokenRefreshRequired" => StoreErrorKind::Denied,
        "InvalidArgument" | "InvalidRequest" | "InvalidURI" | "KeyTooLongError" => StoreErrorKind::Invalid,
        "RequestTimeout" => StoreErrorKind::TimedOut,
        _ => return None,
    })
}

/// The size behind `Content-Range: bytes */N`.
fn unsatisfied_total(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.parse().ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn word(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().and_then(tame)
}

/// A code or id as S3 writes them; anything else is not repeated.
fn tame(text: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}
