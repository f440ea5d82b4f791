//! Why Vault did not give what was asked: its kind decides what the caller is told and whether it is tried again.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use rustify::errors::ClientError;

/// The longest wait that an answer may ask of us.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VaultErrorKind {
    /// The configuration cannot work.
    Setting,
    /// No connection, a broken one, or no answer in time.
    Unreachable,
    /// Vault is sealed, not initialized or in maintenance (503, 501, 472).
    Sealed,
    /// A standby that does not answer reads (473), or one that points elsewhere (307).
    Standby,
    /// Too many requests (429).
    Throttled,
    /// The token is not valid, or its policies do not allow the path (403).
    Denied,
    /// Nothing at the path (404), or the engine is not mounted.
    NotFound,
    /// Vault refused the request as it stands (other 4xx).
    Refused,
    /// Vault failed (other 5xx).
    Failed,
    /// The answer is too large or not of the documented form.
    Unexpected,
}

/// A failure of Vault. Neither path nor answer is in it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct VaultError {
    /// The kind.
    pub kind: VaultErrorKind,
    /// How long Vault asks to wait.
    pub retry_after: Option<Duration>,
    what: String,
}

impl VaultError {
    pub(super) fn new(kind: VaultErrorKind, what: impl Into<String>) -> Self {
        Self { kind, retry_after: None, what: what.into() }
    }

    pub(super) fn setting(what: &str) -> Self {
        Self::new(VaultErrorKind::Setting, format!("Vault cannot be used: {what}"))
    }

    /// The answer is not what Vault documents.
    #[must_use]
    pub fn unexpected() -> Self {
        Self::new(VaultErrorKind::Unexpected, "Vault's answer is not of the expected form")
    }

    pub(super) fn unreachable(error: reqwest::Error) -> Self {
        let what = if error.is_timeout() {
            "Vault did not answer in time".to_owned()
        } else {
            format!("Vault cannot be reached: {}", deepest(&error.without_url()))
        };
        Self::new(VaultErrorKind::Unreachable, what)
    }

    pub(super) fn refused(status: StatusCode, headers: &HeaderMap) -> Self {
        let kind = kind(status);
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        Self { kind, retry_after, what: format!("Vault answered {}", status.as_u16()) }
    }

    /// What came through `rustify`: our own transport's error, or a request that could not be built.
    pub(super) fn from_transport(error: ClientError) -> Self {
        match error {
            ClientError::GenericError { source } => {
                source.downcast().unwrap_or_else(|_| Self::setting("a request cannot be built"))
            }
            _ => Self::setting("a request cannot be built"),
        }
    }
}

fn kind(status: StatusCode) -> VaultErrorKind {
    match status.as_u16() {
        403 => VaultErrorKind::Denied,
        404 => VaultErrorKind::NotFound,
        429 => VaultErrorKind::Throttled,
        473 | 300..=399 => VaultErrorKind::Standby,
        472 | 501 | 503 => VaultErrorKind::Sealed,
        400..=499 => VaultErrorKind::Refused,
        _ => VaultErrorKind::Failed,
    }
}

/// The last cause tells most ("connection refused"); those above it repeat the request.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(cause) = current.source() {
        current = cause;
    }
    current.to_string()
}
