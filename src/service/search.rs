//! Searching: what is asked of each object, in which order, and where an answer ended.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::bucket::{Bucket, BucketId};
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;
use crate::logs::allowance::Allowance;
use crate::logs::decode;
use crate::logs::filter::{Filter, FilterError, FilterLimits, Matcher};
use crate::logs::found::{ScanOptions, Write};
use crate::logs::mark::Mark;
use crate::logs::merge::{Order, RunId};
use crate::logs::plan::{Candidate, PlanLimits};
use crate::logs::read::{self, Planned, ReadOptions, Reading};
use crate::logs::threads::Threads;
use crate::service::bucket_logs::BucketLogs;
use crate::service::find::Plan;
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
    /// Objects that one receipt may name.
    pub receipt_objects: usize,
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
    /// Whether each object's part in it is wanted, for a receipt.
    pub accounts: bool,
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
            write: write(&found.bucket, &told_of(meta, found.sees_all)),
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
        accounts: ask.accounts,
        limits: limits.read.clone(),
        threads: Arc::clone(&limits.threads),
        allowance: allowance.clone(),
    };
    Ok(Reading::start(planned, options))
}

/// What whoever reads is told of the object. The tag of the stored bytes, which is often their MD5, would let them try out what is
/// redacted.
fn told_of(meta: &ObjectMeta, sees_all: bool) -> ObjectMeta {
    ObjectMeta { etag: meta.etag.clone().filter(|_| sees_all), ..meta.clone() }
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
