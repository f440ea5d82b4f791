//! What can go wrong at a provider: a kind that the program acts on, the operation, and the vendor's cause.

use std::time::Duration;

/// What failed, in terms that no vendor owns.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreErrorKind {
    /// No object bears the key.
    #[error("no such object")]
    NoSuchObject,
    /// The bucket itself is not there.
    #[error("no such bucket at the provider")]
    NoSuchBucket,
    /// The provider refused our credential.
    #[error("the provider refused the credential")]
    Denied,
    /// The object's version is the one that the caller has (304).
    #[error("not modified")]
    NotModified,
    /// The object is not the version that the caller meant (412).
    #[error("precondition failed")]
    PreconditionFailed,
    /// The range lies outside the object.
    #[error("range not satisfiable for {total} bytes")]
    RangeNotSatisfiable {
        /// Size of the object.
        total: u64,
    },
    /// The object must be restored first.
    #[error("archived as {storage_class}")]
    Archived {
        /// The provider's name of the class or tier.
        storage_class: String,
    },
    /// The provider asks us to slow down.
    #[error("throttled")]
    Throttled {
        /// For how long, where it says so.
        retry_after: Option<Duration>,
    },
    /// The provider could not be reached, broke off, or answered 5xx.
    #[error("unavailable")]
    Unavailable,
    /// The provider did not answer within our time limit.
    #[error("timed out")]
    TimedOut,
    /// The circuit breaker is open: recent calls failed, so this one was not made.
    #[error("paused after repeated failures")]
    BreakerOpen {
        /// When the next call may be tried.
        retry_after: Duration,
    },
    /// The concurrency limit's queue is full.
    #[error("too many requests at once for this bucket")]
    Busy,
    /// The request is one that the provider refuses as such: a page token of its own that it no longer takes, a key it cannot have.
    #[error("refused as invalid")]
    Invalid,
    /// The bucket's credential could not be had.
    #[error("no credential")]
    NoCredential,
    /// The provider, or the credential, cannot do this at all.
    #[error("not supported")]
    Unsupported,
    /// The provider answered something that we cannot read, or our set-up is wrong.
    #[error("unexpected answer")]
    Unexpected,
}

impl StoreErrorKind {
    /// Whether the same call may succeed when made again shortly.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable | Self::TimedOut)
    }
}

/// The call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOperation {
    /// Build a client.
    Connect,
    /// List a page.
    List,
    /// Read metadata.
    Head,
    /// Open an object.
    Get,
    /// Read the bytes of an opened object.
    Read,
    /// Make a link.
    Link,
    /// Make a credential for somebody else, or try what one reaches.
    Vend,
}

impl StoreOperation {
    /// The operation's name in messages and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::List => "list",
            Self::Head => "head",
            Self::Get => "get",
            Self::Read => "read",
            Self::Link => "link",
            Self::Vend => "vend",
        }
    }
}

/// An error of a provider. `Display` leaves the cause out; the edge prints the chain once.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", operation.as_str())]
pub struct StoreError {
    /// What failed.
    pub kind: StoreErrorKind,
    /// During which call.
    pub operation: StoreOperation,
    /// The vendor's own error. It must hold no secret: adapters scrub it where a vendor's text could.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error that has no cause behind it.
    #[must_use]
    pub const fn new(operation: StoreOperation, kind: StoreErrorKind) -> Self {
        Self { kind, operation, cause: None }
    }

    /// An error with the vendor's cause.
    pub fn caused_by(
        operation: StoreOperation,
        kind: StoreErrorKind,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, operation, cause: Some(cause.into()) }
    }
}
