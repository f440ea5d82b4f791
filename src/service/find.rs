//! Finding the objects of a search: which are read, and what becomes of those that may not be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::authz::permit::{Permit, Place, ReadObject, SearchTarget};
use crate::authz::{Authorizer, Context};
use crate::domain::action::ActionName;
use crate::domain::bucket::{Bucket, BucketId};
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::record::RecordTime;
use crate::domain::reference::Reference;
use crate::domain::time_range::TimeRange;
use crate::logs::gaps::{Gap, Sequences};
use crate::logs::plan::{self, Candidate, PlanError, PlanLimits, ReadPlan};
use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind};
use crate::service::bucket_logs::BucketLogs;
use crate::service::stores::Stores;

/// An object that is to be read.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its bucket.
    pub bucket: Arc<Bucket>,
    /// What the plan says of it.
    pub candidate: Candidate,
    /// Whether the caller sees all that it says.
    pub sees_all: bool,
    /// Up to which byte it was told earlier, of somebody who follows; counted on while it is read.
    pub told: Option<Arc<AtomicU64>>,
    /// Whether its last line may go on, if it has no end.
    pub open_end: bool,
}

/// What is to be read, and what is not.
#[derive(Debug, Default)]
pub struct Plan {
    /// Objects to read, in order of bucket and key.
    pub objects: Vec<Found>,
    /// Objects that the listings showed.
    pub listed: u64,
    /// Objects that can hold nothing of the span.
    pub outside: u64,
    /// Objects whose keys no layout of their bucket can read.
    pub other_layout: u64,
    /// Objects that have to be restored first.
    pub archived: u64,
    /// Objects that the caller may not read.
    pub withheld: u64,
    /// Calls to list.
    pub list_calls: u64,
    /// Stored bytes to read.
    pub bytes: u64,
    /// Partitions without an object, by bucket, where they were asked for.
    pub gaps: Vec<(BucketId, Gap)>,
    /// Buckets of which nobody can say whether something is missing, and why.
    pub unknown_gaps: Vec<(BucketId, NoGaps)>,
}

/// Why nobody can say whether objects are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoGaps {
    /// The bucket has no layout.
    NoLayout,
    /// The span has more partitions than are looked at.
    TooMany,
}

/// What is to be found.
#[derive(Debug, Clone, Copy)]
pub struct Find {
    /// The span of time.
    pub range: TimeRange,
    /// Whether gaps are wanted.
    pub gaps: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[error("the objects of bucket {} could not be found", bucket.id)]
pub struct SearchError {
    /// Where.
    pub bucket: Arc<Bucket>,
    /// Why.
    #[source]
    pub cause: PlanError,
}

/// Finds the objects of all scopes. Each is decided on by itself: what a narrower policy withholds is counted, not named.
///
/// # Errors
/// [`SearchError`] with the bucket.
pub async fn plan(
    (stores, authorizer, logs): (&Stores, &Authorizer, &BucketLogs),
    permits: &[Permit<ReadObject, SearchTarget>],
    context: &Context,
    Find { range, gaps }: Find,
    limits: &PlanLimits,
) -> Result<Plan, SearchError> {
    let mut whole = Plan::default();
    let mut found: BTreeMap<(BucketId, ObjectKey), Found> = BTreeMap::new();
    for permit in outermost(permits) {
        let SearchTarget { bucket, prefix, .. } = permit.resource();
        let left = PlanLimits {
            list_calls: limits.list_calls.saturating_sub(whole.list_calls),
            objects: limits.objects.saturating_sub(found.len()),
            bytes: limits.bytes.saturating_sub(whole.bytes),
        };
        let layouts = logs.layouts(&bucket.id);
        let mut sequences = Sequences::default();
        let mut seen = |key: &ObjectKey| {
            if gaps {
                sequences.count(layouts, key, may_read(authorizer, permit, key, context));
            }
        };
        let planned = plan::plan(&*stores.open(bucket), prefix, range, layouts, &left, &mut seen).await;
        let planned = planned.map_err(|cause| SearchError { bucket: Arc::clone(bucket), cause })?;
        whole.add(&planned);
        if gaps {
            let found = match layouts {
                [] => Err(NoGaps::NoLayout),
                _ => sequences.gaps(layouts, prefix, range, context.now.into()).map_err(|_| NoGaps::TooMany),
            };
            whole.add_gaps(&bucket.id, found);
        }
        for candidate in planned.objects {
            if may_read(authorizer, permit, &candidate.meta.key, context) {
                let name = (bucket.id.clone(), candidate.meta.key.clone());
                let sees_all = sees_all(authorizer, permit, &candidate.meta.key, context);
                found.insert(
                    name,
                    Found { bucket: Arc::clone(bucket), candidate, sees_all, told: None, open_end: false },
                );
            } else {
                whole.withheld = whole.withheld.saturating_add(1);
                whole.bytes = whole.bytes.saturating_sub(candidate.meta.size_bytes);
            }
        }
    }
    whole.objects = found.into_values().collect();
    Ok(whole)
}

/// The plan of one record: its object alone, in the version in which it stands there.
///
/// # Errors
/// [`SearchError`] when the object is gone, or is another version by now.
pub async fn single(
    (stores, authorizer): (&Stores, &Authorizer),
    permit: &Permit<ReadObject, SearchTarget>,
    context: &Context,
    reference: &Reference,
) -> Result<Plan, SearchError> {
    let bucket = &permit.resource().bucket;
    let failed = |kind| SearchError {
        bucket: Arc::clone(bucket),
        cause: StoreError::new(StoreOperation::Head, kind).into(),
    };
    if !may_read(authorizer, permit, &reference.key, context) {
        return Err(failed(StoreErrorKind::NoSuchObject));
    }
    let meta = stores.open(bucket).head(&reference.key).await;
    let meta = meta.map_err(|error| SearchError { bucket: Arc::clone(bucket), cause: error.into() })?;
    if reference.version.is_some() && meta.etag != reference.version {
        return Err(failed(StoreErrorKind::PreconditionFailed));
    }
    if meta.archived {
        let storage_class = meta.storage_class.clone().unwrap_or_default();
        return Err(failed(StoreErrorKind::Archived { storage_class }));
    }
    let bytes = meta.size_bytes;
    let candidate = Candidate { meta, earliest: RecordTime::MIN, latest: RecordTime::MAX };
    let sees_all = sees_all(authorizer, permit, &reference.key, context);
    let objects =
        vec![Found { bucket: Arc::clone(bucket), candidate, sees_all, told: None, open_end: false }];
    Ok(Plan { objects, listed: 1, bytes, ..Plan::default() })
}

impl Plan {
    fn add(&mut self, part: &ReadPlan) {
        self.listed = self.listed.saturating_add(part.listed);
        self.outside = self.outside.saturating_add(part.outside);
        self.other_layout = self.other_layout.saturating_add(part.other_layout);
        self.archived = self.archived.saturating_add(part.archived);
        self.list_calls = self.list_calls.saturating_add(part.list_calls);
        self.bytes = self.bytes.saturating_add(part.bytes);
    }

    fn add_gaps(&mut self, bucket: &BucketId, found: Result<Vec<Gap>, NoGaps>) {
        match found {
            Ok(gaps) => self.gaps.extend(gaps.into_iter().map(|gap| (bucket.clone(), gap))),
            Err(why) => self.unknown_gaps.push((bucket.clone(), why)),
        }
    }
}

/// The permits without those whose scope lies within another's, so that nothing is read twice.
fn outermost(
    permits: &[Permit<ReadObject, SearchTarget>],
) -> impl Iterator<Item = &Permit<ReadObject, SearchTarget>> {
    let within = |inner: &SearchTarget, outer: &SearchTarget| {
        inner.bucket.id == outer.bucket.id && inner.prefix.as_str().starts_with(outer.prefix.as_str())
    };
    (0..)
        .zip(permits)
        .filter(move |(at, permit)| {
            let covers = |(other, outer): (usize, &Permit<ReadObject, SearchTarget>)| {
                let (inner, outer) = (permit.resource(), outer.resource());
                // Of two that are the same the first stays.
                within(inner, outer) && (!within(outer, inner) || other < *at)
            };
            !(0..).zip(permits).any(covers)
        })
        .map(|(_, permit)| permit)
}

fn may_read(
    authorizer: &Authorizer,
    permit: &Permit<ReadObject, SearchTarget>,
    key: &ObjectKey,
    context: &Context,
) -> bool {
    let bucket = &permit.resource().bucket;
    let folder = key.ancestors().next().unwrap_or_else(Prefix::root);
    let may = |action, place| authorizer.question(permit.principal(), action, bucket, place, context).allowed;
    may(ActionName::ReadObject, Place::Object(key)) && may(ActionName::ListObjects, Place::Folder(&folder))
}

/// Whether nothing of the object is redacted for the caller.
fn sees_all(
    authorizer: &Authorizer,
    permit: &Permit<ReadObject, SearchTarget>,
    key: &ObjectKey,
    context: &Context,
) -> bool {
    let (bucket, action) = (&permit.resource().bucket, ActionName::ReadUnredacted);
    !bucket.redacted
        || authorizer.question(permit.principal(), action, bucket, Place::Object(key), context).allowed
}
