//! From Azure's answers and the SDK's failures to kinds.
//!
//! Causes are written here, from the status, Azure's error code and the transport's own words. Texts of the SDK and of
//! answers are left out: they quote URLs, headers and bodies.

use std::error::Error;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::StatusCode;
use azure_core::http::headers::{HeaderName, Headers};

use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind, wire};

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
const RETRY_AFTER: HeaderName = HeaderName::from_static("retry-after");

/// The tier whose blobs must be restored before they can be read.
pub(super) const ARCHIVE: &str = "Archive";

/// An answer that refuses.
pub(super) fn refused(operation: StoreOperation, status: StatusCode, headers: &Headers) -> StoreError {
    let code = plain(headers.get_optional_str(&ERROR_CODE).unwrap_or_default());
    let retry_after = headers.get_optional_str(&RETRY_AFTER).and_then(|text| text.trim().parse().ok());
    let kind = kind(operation, status.into(), &code, retry_after.map(Duration::from_secs));
    StoreError::caused_by(operation, kind, format!("Azure answered {} {code}", u16::from(status)))
}

/// What a status and Azure's error code mean.
fn kind(operation: StoreOperation, status: u16, code: &str, retry_after: Option<Duration>) -> StoreErrorKind {
    let of_blob = matches!(operation, StoreOperation::Head | StoreOperation::Get);
    match (status, code) {
        (304, _) => StoreErrorKind::NotModified,
        (412, _) => StoreErrorKind::PreconditionFailed,
        (401 | 403, _) | (409, "PublicAccessNotPermitted") => StoreErrorKind::Denied,
        (404, "ContainerNotFound") | (404 | 409, "ContainerBeingDeleted") => StoreErrorKind::NoSuchBucket,
        (404, _) if of_blob => StoreErrorKind::NoSuchObject,
        (404, _) => StoreErrorKind::NoSuchBucket,
        (409, "BlobArchived" | "BlobBeingRehydrated") => {
            StoreErrorKind::Archived { storage_class: ARCHIVE.to_owned() }
        }
        (400, _) => StoreErrorKind::Invalid,
        (429, _) | (503, "ServerBusy") => StoreErrorKind::Throttled { retry_after },
        (408 | 504, _) | (500, "OperationTimedOut") => StoreErrorKind::TimedOut,
        (500..=599, _) => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Unexpected,
    }
}

/// A call that ended without a readable answer: the transport broke, or no token could be had.
pub(super) fn failed(operation: StoreOperation, cause: &azure_core::Error) -> StoreError {
    let answer = chain(cause).find_map(|error| match error.downcast_ref::<azure_core::Error>()?.kind() {
        ErrorKind::HttpResponse { status, error_code, .. } => Some((u16::from(*status), error_code.clone())),
        _ => None,
    });
    let signing_in = matches!(cause.kind(), ErrorKind::Credential);
    if let Some((status, code)) = answer {
        let code = plain(code.as_deref().unwrap_or_default());
        let (who, kind) = match (signing_in, status) {
            (true, 400..=428) => ("Entra", StoreErrorKind::NoCredential),
            (true, _) => ("Entra", kind(operation, status, &code, None)),
            (false, _) => ("Azure", kind(operation, status, &code, None)),
        };
        return StoreError::caused_by(operation, kind, format!("{who} answered {status} {code}"));
    }
    let transport = chain(cause).find_map(|error| error.downcast_ref::<wire::SendError>());
    let Some(transport) = transport else {
        let kind = match cause.kind() {
            ErrorKind::Credential => StoreErrorKind::NoCredential,
            ErrorKind::Connection | ErrorKind::Io => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Unexpected,
        };
        return StoreError::caused_by(
            operation,
            kind,
            format!("the Azure SDK gave up: {}", name(cause.kind())),
        );
    };
    let kind =
        if wire::timed_out(transport) { StoreErrorKind::TimedOut } else { StoreErrorKind::Unavailable };
    StoreError::caused_by(operation, kind, root(transport))
}

/// An answer that cannot be what Azure says.
pub(super) fn unexpected(operation: StoreOperation, what: &'static str) -> StoreError {
    StoreError::caused_by(operation, StoreErrorKind::Unexpected, what)
}

/// The innermost words of a transport's failure.
fn root(transport: &(dyn Error + 'static)) -> String {
    chain(transport).last().unwrap_or(transport).to_string()
}

/// An error, what caused it, and so on.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

const fn name(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::HttpResponse { .. } => "an unexpected status",
        ErrorKind::Connection => "no connection",
        ErrorKind::Io => "input or output failed",
        ErrorKind::DataConversion => "an answer that is no such data",
        ErrorKind::Credential => "no token",
        ErrorKind::Other => "the request cannot be sent so",
    }
}

/// An error code without anything that is not a letter or digit.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}
