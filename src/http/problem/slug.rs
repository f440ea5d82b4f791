//! The stable kinds of problems, each with its status and title: a table.

use http::StatusCode;

/// The stable kinds of problems. Each has a page in `docs/problems/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slug {
    /// 401: nobody is signed in, or the token is not valid.
    Unauthenticated,
    /// 403: known to the caller, but not theirs to use.
    Forbidden,
    /// 403: a page of another site made the browser ask.
    CrossSiteRequest,
    /// 403: a policy could not be evaluated, so the answer is no.
    PolicyError,
    /// 404: not there, or not the caller's to know of.
    NotFound,
    /// 405: the path does not take this method.
    MethodNotAllowed,
    /// 400: the request cannot be understood.
    InvalidRequest,
    /// 400: the login was not begun by this browser, or not in time.
    LoginStateMismatch,
    /// 400: the identity provider's answer does not hold.
    LoginFailed,
    /// 409: the object must be restored before it can be read.
    ObjectArchived,
    /// 416: the range lies outside the object.
    RangeNotSatisfiable,
    /// 412: the object is not the version that the caller means.
    PreconditionFailed,
    /// 403: the stored bytes are not for those who may not see what is redacted.
    Redacted,
    /// 413: the body or the decoded object is over the limit.
    TooLarge,
    /// 421: the request names a host that is not ours.
    MisdirectedRequest,
    /// 422: the object's bytes cannot be decoded as asked.
    NotDecodable,
    /// 422: the provider of this bucket cannot do it.
    NotSupportedByProvider,
    /// 422: vending is not set up for the bucket.
    VendingNotSetUp,
    /// 422: there is no key that signs receipts.
    ReceiptsNotSetUp,
    /// 422: one credential cannot be narrowed to the scope.
    ScopeDoesNotFit,
    /// 422: the search would go further than is allowed.
    SearchTooLarge,
    /// 429: too many requests of this caller.
    RateLimited,
    /// 502: the cloud gave an answer that makes no sense, or refuses our credential.
    StoreMisconfigured,
    /// 503: the cloud is away.
    StoreUnavailable,
    /// 503: the credential of the bucket cannot be had.
    CredentialsUnavailable,
    /// 503: the identity provider cannot be asked.
    IdentityProviderUnavailable,
    /// 503: sessions cannot be read or kept.
    StateStoreUnavailable,
    /// 503: the keys of sessions and page tokens cannot be had.
    VaultUnavailable,
    /// 503: vending is stopped for the bucket.
    VendingStopped,
    /// 503: the server is at its limit or shutting down.
    Overloaded,
    /// 504: the cloud did not answer in time.
    StoreTimeout,
    /// 500: a defect of ours.
    Internal,
}

impl Slug {
    /// Every kind, in the order of their status.
    pub const ALL: [Self; 32] = [
        Self::InvalidRequest,
        Self::LoginStateMismatch,
        Self::LoginFailed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::CrossSiteRequest,
        Self::PolicyError,
        Self::Redacted,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::ObjectArchived,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::RangeNotSatisfiable,
        Self::MisdirectedRequest,
        Self::NotDecodable,
        Self::NotSupportedByProvider,
        Self::VendingNotSetUp,
        Self::ReceiptsNotSetUp,
        Self::ScopeDoesNotFit,
        Self::SearchTooLarge,
        Self::RateLimited,
        Self::Internal,
        Self::StoreMisconfigured,
        Self::StoreUnavailable,
        Self::CredentialsUnavailable,
        Self::IdentityProviderUnavailable,
        Self::StateStoreUnavailable,
        Self::VaultUnavailable,
        Self::VendingStopped,
        Self::Overloaded,
        Self::StoreTimeout,
    ];

    /// The slug, its status and its title.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table, one row for each kind")]
    pub const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => ("invalid-request", StatusCode::BAD_REQUEST, "The request is not valid"),
            Self::LoginStateMismatch => {
                ("login-state-mismatch", StatusCode::BAD_REQUEST, "This login was not begun in this browser")
            }
            Self::LoginFailed => ("login-failed", StatusCode::BAD_REQUEST, "The login did not succeed"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "Sign in first"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "You may not do this"),
            Self::CrossSiteRequest => {
                ("cross-site-request", StatusCode::FORBIDDEN, "Another site made this request")
            }
            Self::PolicyError => ("policy-error", StatusCode::FORBIDDEN, "A policy could not be evaluated"),
            Self::Redacted => ("redacted", StatusCode::FORBIDDEN, "The bucket is redacted for you"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "This path does not take that method")
            }
            Self::ObjectArchived => ("object-archived", StatusCode::CONFLICT, "The object is archived"),
            Self::PreconditionFailed => {
                ("precondition-failed", StatusCode::PRECONDITION_FAILED, "The object has changed")
            }
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Over the size limit"),
            Self::RangeNotSatisfiable => (
                "range-not-satisfiable",
                StatusCode::RANGE_NOT_SATISFIABLE,
                "The range is outside the object",
            ),
            Self::MisdirectedRequest => {
                ("misdirected-request", StatusCode::MISDIRECTED_REQUEST, "This host is not served here")
            }
            Self::NotDecodable => {
                ("not-decodable", StatusCode::UNPROCESSABLE_ENTITY, "The object cannot be decoded")
            }
            Self::NotSupportedByProvider => (
                "not-supported-by-provider",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The bucket's provider cannot do this",
            ),
            Self::VendingNotSetUp => {
                ("vending-not-set-up", StatusCode::UNPROCESSABLE_ENTITY, "Vending is not set up")
            }
            Self::ReceiptsNotSetUp => {
                ("receipts-not-set-up", StatusCode::UNPROCESSABLE_ENTITY, "Receipts are not set up")
            }
            Self::ScopeDoesNotFit => {
                ("scope-does-not-fit", StatusCode::UNPROCESSABLE_ENTITY, "One credential does not reach it")
            }
            Self::SearchTooLarge => {
                ("search-too-large", StatusCode::UNPROCESSABLE_ENTITY, "The search would go too far")
            }
            Self::RateLimited => ("rate-limited", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something broke on our side"),
            Self::StoreMisconfigured => {
                ("store-misconfigured", StatusCode::BAD_GATEWAY, "The bucket is not set up correctly")
            }
            Self::StoreUnavailable => {
                ("store-unavailable", StatusCode::SERVICE_UNAVAILABLE, "The storage is not available")
            }
            Self::CredentialsUnavailable => (
                "credentials-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The bucket's credential is not available",
            ),
            Self::IdentityProviderUnavailable => (
                "identity-provider-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The identity provider is not available",
            ),
            Self::StateStoreUnavailable => (
                "state-store-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The state store is not available",
            ),
            Self::VaultUnavailable => {
                ("vault-unavailable", StatusCode::SERVICE_UNAVAILABLE, "Vault is not available")
            }
            Self::VendingStopped => {
                ("vending-stopped", StatusCode::SERVICE_UNAVAILABLE, "Vending is stopped")
            }
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "The server is at its limit"),
            Self::StoreTimeout => {
                ("store-timeout", StatusCode::GATEWAY_TIMEOUT, "The storage did not answer in time")
            }
        }
    }

    /// The slug alone.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.parts().0
    }
}
