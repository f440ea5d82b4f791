//! From a prefix and a span of time to the objects that can hold its records.

use std::num::NonZeroU16;

use crate::domain::key::Prefix;
use crate::domain::object::ObjectMeta;
use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;
use crate::provider::error::StoreOperation;
use crate::provider::{ListOptions, MAX_PAGE, ObjectStore, StoreError, StoreErrorKind};

/// How far a plan may go.
#[derive(Debug, Clone, Copy)]
pub struct PlanLimits {
    /// Calls to list.
    pub list_calls: u64,
    /// Objects to read.
    pub objects: usize,
    /// Stored bytes to read.
    pub bytes: u64,
}

/// An object that can hold records of the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The object.
    pub meta: ObjectMeta,
    /// Its earliest record is no earlier.
    pub earliest: RecordTime,
    /// Its latest record is no later.
    pub latest: RecordTime,
}

/// What is to be read below one prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadPlan {
    /// The objects, in key order.
    pub objects: Vec<Candidate>,
    /// Objects that the listings showed.
    pub listed: u64,
    /// Of these, those that can hold nothing of the span.
    pub outside: u64,
    /// Of these, those that have to be restored first.
    pub archived: u64,
    /// Calls to list.
    pub list_calls: u64,
    /// Stored bytes of the objects to read.
    pub bytes: u64,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It would go too far.
    #[error("the search would need more than {limit} {what}")]
    TooLarge {
        /// How many are allowed.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// The cloud could not be asked.
    #[error("the objects could not be listed")]
    Store(#[from] StoreError),
}

/// Plans what to read below a prefix.
///
/// # Errors
/// [`PlanError`] when a limit is passed, or the cloud fails.
pub async fn plan(
    store: &dyn ObjectStore,
    prefix: &Prefix,
    range: TimeRange,
    limits: &PlanLimits,
) -> Result<ReadPlan, PlanError> {
    let page = NonZeroU16::new(MAX_PAGE);
    let page = page.ok_or_else(|| StoreError::new(StoreOperation::List, StoreErrorKind::Unexpected))?;
    let mut plan = ReadPlan::default();
    let mut cursor = None;
    loop {
        if plan.list_calls >= limits.list_calls {
            return Err(PlanError::TooLarge { limit: limits.list_calls, what: "calls to list objects" });
        }
        let options = ListOptions { prefix: prefix.clone(), delimiter: None, limit: page, cursor };
        let listing = store.list(&options).await?;
        plan.list_calls = plan.list_calls.saturating_add(1);
        for meta in listing.objects {
            plan.take(meta, range, limits)?;
        }
        match listing.next {
            Some(next) => cursor = Some(next),
            None => return Ok(plan),
        }
    }
}

impl ReadPlan {
    fn take(&mut self, meta: ObjectMeta, range: TimeRange, limits: &PlanLimits) -> Result<(), PlanError> {
        self.listed = self.listed.saturating_add(1);
        // An object holds nothing that was written after it was.
        let latest = meta.last_modified.map_or(RecordTime::MAX, RecordTime::from);
        if latest < range.from() || meta.size_bytes == 0 {
            self.outside = self.outside.saturating_add(1);
            return Ok(());
        }
        if meta.archived {
            self.archived = self.archived.saturating_add(1);
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(meta.size_bytes);
        self.objects.push(Candidate { meta, earliest: RecordTime::MIN, latest });
        if self.objects.len() > limits.objects {
            return Err(PlanError::TooLarge { limit: limits.objects as u64, what: "objects" });
        }
        if self.bytes > limits.bytes {
            return Err(PlanError::TooLarge { limit: limits.bytes, what: "stored bytes" });
        }
        Ok(())
    }
}
