//! Searching: which objects, in which order, and what becomes of those that may not be read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::authz::permit::{self, Permit, ReadObject, SearchTarget};
use crate::authz::{Authorizer, Context};
use crate::domain::action::ActionName;
use crate::domain::bucket::{Bucket, BucketId};
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::object::ObjectMeta;
use crate::domain::record::RecordTime;
use crate::domain::reference::Reference;
use crate::domain::time_range::TimeRange;
use crate::logs::allowance::Allowance;
use crate::logs::decode;
use crate::logs::filter::{Filter, FilterError, FilterLimits, Matcher};
use crate::logs::found::{ScanOptions, Write};
use crate::logs::mark::Mark;
use crate::logs::merge::{Order, RunId};
use crate::logs::plan::{self, Candidate, PlanError, PlanLimits, ReadPlan};
use crate::logs::read::{self, Planned, ReadOptions, Reading};
use crate::logs::threads::Threads;
use crate::provider::error::StoreOperation;
use crate::provider::{StoreError, StoreErrorKind};
use crate::service::bucket_logs::BucketLogs;
use crate::service::stores::Stores;

/// The finest that times of records tell.
const A_NANOSECOND: Duration = Duration::from_nanos(1);

/// Bounds of searches.
#[derive(Debug, Clone)]
pub struct SearchLimits {
    /// Scopes of one search.
    pub scopes: usize,
    /// Of the filter.
    pub filter: FilterLimits,
    /// Of finding objects.
    pub plan: PlanLimits,
    /// Of reading them.
    pub read: read::Limits,
    /// How far one object may grow.
    pub decode: decode::Limits,
    /// The longest record.
    pub record_bytes: usize,
    /// Bytes of one object that may be held back to be put in order.
    pub held_bytes: usize,
    /// How far records of one object may stand behind later ones.
    pub disorder: Duration,
    /// How often somebody who follows is told what is new.
    pub follow_every: Duration,
    /// How long one answer to somebody who follows may take.
    pub follow_time: Duration,
    /// Lines of context on each side.
    pub context_lines: usize,
    /// Threads for computing, shared by all searches.
    pub threads: Arc<Threads>,
}

/// What is asked of each object.
#[derive(Debug)]
pub struct SearchAsk {
    /// The span of time.
    pub range: TimeRange,
    /// What is wanted.
    pub filter: Filter,
    /// Whether upper and lower case are the same.
    pub fold_case: bool,
    /// Which way round.
    pub order: Order,
    /// How many records at most.
    pub limit: Option<u64>,
    /// Only the record at this offset, and those around it.
    pub at: Option<u64>,
    /// Records before and after each match.
    pub context: (usize, usize),
    /// Where an earlier answer ended.
    pub after: Option<Bookmark>,
    /// How often to tell how far it is.
    pub progress_every: Option<Duration>,
}

impl SearchAsk {
    /// The span of time in which records lie that were not told yet.
    #[must_use]
    pub fn rest(&self) -> TimeRange {
        let Some(after) = &self.after else { return self.range };
        let rest = match self.order {
            Order::Ascending => TimeRange::new(after.time.max(self.range.from()), self.range.to()),
            Order::Descending => {
                let end = after.time.plus(A_NANOSECOND);
                TimeRange::new(self.range.from(), end.min(self.range.to()))
            }
        };
        // A cursor of another search says nothing of this one.
        rest.unwrap_or(self.range)
    }
}

/// How far a search came, by names that hold for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// The time up to which it came.
    pub time: RecordTime,
    /// The record of that time that was told last; without one, none of that time was.
    pub place: Option<Place>,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its bucket.
    pub bucket: BucketId,
    /// Its object.
    pub key: ObjectKey,
    /// Where it begins.
    pub offset: u64,
}

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
    range: TimeRange,
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
        let planned = plan::plan(&*stores.open(bucket), prefix, range, logs.layouts(&bucket.id), &left).await;
        let planned = planned.map_err(|cause| SearchError { bucket: Arc::clone(bucket), cause })?;
        whole.add(&planned);
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
    may(ActionName::ReadObject, permit::Place::Object(key))
        && may(ActionName::ListObjects, permit::Place::Folder(&folder))
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
        || authorizer
            .question(permit.principal(), action, bucket, permit::Place::Object(key), context)
            .allowed
}

/// Begins to read what was planned. `write` makes the writer of an object's records.
///
/// # Errors
/// [`FilterError`] when the filter cannot be made ready.
pub fn read(
    (stores, logs, allowance): (&Stores, &BucketLogs, &Allowance),
    plan: &Plan,
    ask: &SearchAsk,
    limits: &SearchLimits,
    write: impl Fn(&Bucket, &ObjectMeta) -> Arc<Write>,
) -> Result<Reading, FilterError> {
    let matcher = Arc::new(Matcher::new(&ask.filter, ask.fold_case, &limits.filter)?);
    let careful = Arc::new(Matcher::new(&ask.filter, ask.fold_case, &limits.filter)?.without_skipping());
    let planned = plan.objects.iter().map(|found| {
        let Candidate { meta, earliest, latest } = &found.candidate;
        let floor = match ask.order {
            Order::Ascending => (*earliest).max(ask.range.from()),
            // Neither is a time that a record can have.
            Order::Descending => (*latest).min(ask.range.to()).minus(A_NANOSECOND),
        };
        // A bucket that is redacted and has no rules cannot be: configuration makes both of one section.
        let redactor = logs.redactor(&found.bucket.id).filter(|_| !found.sees_all);
        let scan = ScanOptions {
            matcher: Arc::clone(if redactor.is_some() { &careful } else { &matcher }),
            redactor,
            format: logs.format(&found.bucket.id),
            newest: logs.newest(&found.bucket.id, meta),
            from: ask.range.from(),
            to: ask.range.to(),
            fallback: floor,
            disorder_nanos: i64::try_from(limits.disorder.as_nanos()).unwrap_or(i64::MAX),
            unordered: false,
            at: ask.at,
            told: found.told.clone(),
            open_end: found.open_end,
            context: ask.context,
            record_bytes: limits.record_bytes,
            held_bytes: limits.held_bytes,
            // Those before the bookmark are told to nobody, but count here.
            limit: ask.limit.filter(|_| ask.after.is_none()),
            decode: limits.decode,
            write: write(&found.bucket, meta),
        };
        Planned {
            bucket: Arc::clone(&found.bucket),
            store: stores.open(&found.bucket),
            meta: meta.clone(),
            floor,
            scan: Arc::new(scan),
        }
    });
    let planned: Vec<_> = planned.collect();
    let options = ReadOptions {
        order: ask.order,
        limit: ask.limit,
        after: ask.after.as_ref().map(|bookmark| mark(plan, bookmark, ask.order)),
        progress_every: ask.progress_every,
        limits: limits.read.clone(),
        threads: Arc::clone(&limits.threads),
        allowance: allowance.clone(),
    };
    Ok(Reading::start(planned, options))
}

/// The name that holds for good of how far a search came.
#[must_use]
pub fn bookmark(plan: &Plan, mark: Mark) -> Option<Bookmark> {
    let Mark { time, run, offset } = mark;
    let Some(offset) = offset else { return Some(Bookmark { time, place: None }) };
    let found = plan.objects.get(usize::try_from(run).ok()?)?;
    let (bucket, key) = (found.bucket.id.clone(), found.candidate.meta.key.clone());
    Some(Bookmark { time, place: Some(Place { bucket, key, offset }) })
}

fn mark(plan: &Plan, bookmark: &Bookmark, order: Order) -> Mark {
    let time = bookmark.time;
    let Some(Place { bucket, key, offset }) = &bookmark.place else { return Mark::at(time, order) };
    let name = (bucket, key);
    let at = plan.objects.binary_search_by(|found| (&found.bucket.id, &found.candidate.meta.key).cmp(&name));
    let run = |at: usize| RunId::try_from(at).unwrap_or(RunId::MAX);
    match at {
        Ok(at) => Mark { time, run: run(at), offset: Some(*offset) },
        Err(at) => Mark { time, run: run(at), offset: None },
    }
}
