//! Counters of one bucket's calls, by operation and outcome. The telemetry room turns them into metrics.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::provider::error::{StoreErrorKind, StoreOperation};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Ok,
    /// The provider said no for a reason that lies in the request: no such object, a condition, a range, an archive tier, a call that it lacks.
    Refused,
    /// The provider refused our credential.
    Denied,
    /// The bucket's credential could not be had.
    NoCredential,
    /// The provider asked us to slow down.
    Throttled,
    /// The provider could not be reached or answered 5xx.
    Unavailable,
    /// A time limit ran out.
    TimedOut,
    /// The breaker was open.
    BreakerOpen,
    /// No slot was free in time.
    Busy,
    /// The provider answered something that we cannot read, or our set-up is wrong.
    Unexpected,
    /// The reader went away before the end of a body.
    Abandoned,
}

impl Outcome {
    /// Every outcome, for those who walk the counters.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Refused,
        Self::Denied,
        Self::NoCredential,
        Self::Throttled,
        Self::Unavailable,
        Self::TimedOut,
        Self::BreakerOpen,
        Self::Busy,
        Self::Unexpected,
        Self::Abandoned,
    ];

    /// The outcome that an error stands for.
    #[must_use]
    pub const fn of(kind: &StoreErrorKind) -> Self {
        match kind {
            StoreErrorKind::NoSuchObject
            | StoreErrorKind::NotModified
            | StoreErrorKind::PreconditionFailed
            | StoreErrorKind::RangeNotSatisfiable { .. }
            | StoreErrorKind::Archived { .. }
            | StoreErrorKind::Invalid
            | StoreErrorKind::Unsupported => Self::Refused,
            StoreErrorKind::NoCredential => Self::NoCredential,
            StoreErrorKind::Denied => Self::Denied,
            StoreErrorKind::Throttled { .. } => Self::Throttled,
            StoreErrorKind::Unavailable => Self::Unavailable,
            StoreErrorKind::TimedOut => Self::TimedOut,
            StoreErrorKind::BreakerOpen { .. } => Self::BreakerOpen,
            StoreErrorKind::Busy => Self::Busy,
            StoreErrorKind::NoSuchBucket | StoreErrorKind::Unexpected => Self::Unexpected,
        }
    }

    /// The outcome's name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::NoCredential => "no_credential",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::BreakerOpen => "breaker_open",
            Self::Busy => "busy",
            Self::Unexpected => "unexpected",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The operations that are counted. Connecting is part of each of them.
pub const OPERATIONS: [StoreOperation; 6] = [
    StoreOperation::List,
    StoreOperation::Head,
    StoreOperation::Get,
    StoreOperation::Read,
    StoreOperation::Link,
    StoreOperation::Vend,
];

/// The counters. Each only grows, except `in_flight`.
#[derive(Debug, Default)]
pub struct Stats {
    calls: [[AtomicU64; Outcome::ALL.len()]; OPERATIONS.len()],
    retries: AtomicU64,
    resumes: AtomicU64,
    in_flight: AtomicUsize,
}

impl Stats {
    /// How many calls of an operation ended in an outcome, retries not counted.
    pub fn calls(&self, operation: StoreOperation, outcome: Outcome) -> u64 {
        self.cell(operation, outcome).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// How many attempts were made beyond the first.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// How often a body that broke off was taken up again.
    pub fn resumes(&self) -> u64 {
        self.resumes.load(Ordering::Relaxed)
    }

    /// Calls and open bodies now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, operation: StoreOperation, outcome: Outcome) {
        if let Some(cell) = self.cell(operation, outcome) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_resume(&self) {
        self.resumes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    fn cell(&self, operation: StoreOperation, outcome: Outcome) -> Option<&AtomicU64> {
        let row = OPERATIONS.iter().position(|known| *known == operation)?;
        let column = Outcome::ALL.iter().position(|known| *known == outcome)?;
        self.calls.get(row)?.get(column)
    }
}
