//! Why Vault did not give what was asked: its kind decides what the caller is told and whether it is tried again.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};

/// The longest wait that an answer may ask of us.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VaultErrorKind {
    /// The configuration cannot work.
    Setting,
    /// No connection, a broken one, or no answer in time.
    Unreachable,
    /// Vault is sealed, not initialized or in maintenance (503, 501, 472).
    Sealed,
    /// A standby that does not answer reads (473), lags behind (412), or points elsewhere (307).
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

impl VaultErrorKind {
    /// A stable word for metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Unreachable => "unreachable",
            Self::Sealed => "sealed",
            Self::Standby => "standby",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unexpected => "unexpected",
        }
    }
}

/// A failure of Vault. Neither path nor answer is in it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct VaultError {
    /// The kind.
    pub kind: VaultErrorKind,
    /// How long to wait before the next try: Vault's word, or ours while signing in fails.
    pub retry_after: Option<Duration>,
    /// Whether it failed while signing in, so that no path was asked for at all.
    pub signing_in: bool,
    what: String,
}

impl VaultError {
    pub(super) fn new(kind: VaultErrorKind, what: impl Into<String>) -> Self {
        Self { kind, retry_after: None, signing_in: false, what: what.into() }
    }

    pub(super) fn setting(what: &str) -> Self {
        Self::new(VaultErrorKind::Setting, format!("Vault cannot be used: {what}"))
    }

    /// The answer is not what Vault documents.
    #[must_use]
    pub fn unexpected() -> Self {
        Self::new(VaultErrorKind::Unexpected, "Vault's answer is not of the expected form")
    }

    /// A request that cannot be put together, such as one with a token that fits into no header.
    pub(super) fn unbuilt() -> Self {
        Self::setting("a request to it cannot be built")
    }

    /// Something of ours that a sign-in needs is not there.
    pub(super) fn missing(what: String) -> Self {
        Self::new(VaultErrorKind::Setting, what)
    }

    pub(super) fn late() -> Self {
        Self::new(VaultErrorKind::Unreachable, "Vault did not answer in time")
    }

    pub(super) fn closed() -> Self {
        Self::new(VaultErrorKind::Unreachable, "the client of Vault is closed")
    }

    /// The same failure, told as one of a sign-in.
    pub(super) fn while_signing_in(self, method: &str) -> Self {
        let what = format!("cannot sign in to Vault by {method}: {}", self.what);
        Self { signing_in: true, what, ..self }
    }

    pub(super) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    pub(super) fn unreachable(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::late();
        }
        let what = format!("Vault cannot be reached: {}", deepest(&error.without_url()));
        Self::new(VaultErrorKind::Unreachable, what)
    }

    pub(super) fn refused(status: StatusCode, headers: &HeaderMap) -> Self {
        let kind = kind(status);
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        Self { retry_after, ..Self::new(kind, format!("Vault answered {}", status.as_u16())) }
    }
}

fn kind(status: StatusCode) -> VaultErrorKind {
    match status.as_u16() {
        403 => VaultErrorKind::Denied,
        404 => VaultErrorKind::NotFound,
        429 => VaultErrorKind::Throttled,
        412 | 473 | 300..=399 => VaultErrorKind::Standby,
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn refused(status: u16) -> VaultErrorKind {
        VaultError::refused(StatusCode::from_u16(status).unwrap(), &HeaderMap::new()).kind
    }

    #[test]
    fn each_status_that_vault_documents_has_its_kind() {
        for (kind, statuses) in [
            (VaultErrorKind::Denied, vec![403]),
            (VaultErrorKind::NotFound, vec![404]),
            (VaultErrorKind::Throttled, vec![429]),
            (VaultErrorKind::Sealed, vec![472, 501, 503]),
            (VaultErrorKind::Standby, vec![307, 412, 473]),
            (VaultErrorKind::Refused, vec![400, 405]),
            (VaultErrorKind::Failed, vec![500, 502]),
        ] {
            for status in statuses {
                assert_eq!(refused(status), kind, "{status}");
            }
        }
    }

    #[test]
    fn a_wait_that_vault_asks_for_is_bounded() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        let seven = VaultError::refused(StatusCode::TOO_MANY_REQUESTS, &headers);
        assert_eq!(seven.retry_after, Some(Duration::from_secs(7)));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("99999999"));
        let long = VaultError::refused(StatusCode::TOO_MANY_REQUESTS, &headers);
        assert_eq!(long.retry_after, Some(LONGEST_WAIT));
    }
}
