//! What a bucket's calls say of its provider: when one last went well, and when and how one last failed.

use std::sync::{Mutex, PoisonError};

use crate::domain::time::Timestamp;
use crate::provider::error::StoreErrorKind;
use crate::provider::guarded::breaker::BreakerState;

/// The health of one bucket's store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreHealth {
    /// When the provider last answered as it should, "no such object" included.
    pub last_success: Option<Timestamp>,
    /// When and how a call last failed.
    pub last_failure: Option<(Timestamp, StoreErrorKind)>,
    /// What the circuit breaker does.
    pub breaker: BreakerState,
}

/// What was last seen of one bucket.
#[derive(Default)]
pub struct Health(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    success: Option<Timestamp>,
    failure: Option<(Timestamp, StoreErrorKind)>,
}

impl Health {
    pub fn view(&self, breaker: BreakerState) -> StoreHealth {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        StoreHealth { last_success: seen.success, last_failure: seen.failure.clone(), breaker }
    }

    pub fn note(&self, now: Timestamp, error: Option<&StoreErrorKind>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match error.map(|kind| (kind, verdict(kind))) {
            None | Some((_, Verdict::Answered)) => seen.success = Some(now),
            Some((kind, Verdict::Failed)) => seen.failure = Some((now, kind.clone())),
            Some((_, Verdict::NotAsked)) => {}
        }
    }
}

enum Verdict {
    Answered,
    Failed,
    NotAsked,
}

const fn verdict(kind: &StoreErrorKind) -> Verdict {
    match kind {
        StoreErrorKind::NoSuchObject
        | StoreErrorKind::NotModified
        | StoreErrorKind::PreconditionFailed
        | StoreErrorKind::RangeNotSatisfiable { .. }
        | StoreErrorKind::Archived { .. }
        | StoreErrorKind::Invalid
        | StoreErrorKind::Unsupported => Verdict::Answered,
        StoreErrorKind::NoSuchBucket
        | StoreErrorKind::Denied
        | StoreErrorKind::NoCredential
        | StoreErrorKind::Throttled { .. }
        | StoreErrorKind::Unavailable
        | StoreErrorKind::TimedOut
        | StoreErrorKind::Unexpected => Verdict::Failed,
        StoreErrorKind::BreakerOpen { .. } | StoreErrorKind::Busy => Verdict::NotAsked,
    }
}
