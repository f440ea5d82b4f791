//! From a prefix and a span of time to the objects that can hold its records.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::domain::key::{Delimiter, ObjectKey, Prefix};
use crate::domain::object::ObjectMeta;
use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;
use crate::logs::layout::{Layout, Leaf, Walk, Window};
use crate::provider::error::StoreOperation;
use crate::provider::{Cursor, ListOptions, Listing, MAX_PAGE, ObjectStore, StoreError, StoreErrorKind};

/// Calls to list that are under way at once.
const LISTED_AT_ONCE: usize = 8;

/// How far the clocks of those who write records and of the clouds may be apart.
const CLOCKS_APART: Duration = Duration::from_mins(5);

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
    /// None of its records is this late or later.
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
    /// Of these, those whose keys none of the layouts can read.
    pub other_layout: u64,
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

/// Plans what to read below a prefix. With layouts only the prefixes are listed that can hold records of the span, and only keys
/// that are of one of them count; without any, everything is listed, and told apart by when it was written last. `seen` is told
/// every key that is listed.
///
/// # Errors
/// [`PlanError`] when a limit is passed, or the cloud fails.
pub async fn plan(
    store: &dyn ObjectStore,
    prefix: &Prefix,
    range: TimeRange,
    layouts: &[Layout],
    limits: &PlanLimits,
    seen: &mut (dyn FnMut(&ObjectKey) + Send),
) -> Result<ReadPlan, PlanError> {
    let mut planner = Planner { range, layouts, limits, plan: ReadPlan::default(), found: BTreeMap::new() };
    let mut asks = FuturesUnordered::new();
    let mut waiting = planner.first(prefix)?;
    loop {
        while asks.len() < LISTED_AT_ONCE
            && let Some(ask) = waiting.pop()
        {
            planner.count()?;
            asks.push(ask.list(store));
        }
        let Some(answer) = asks.next().await else { break };
        let (ask, listing) = answer?;
        listing.objects.iter().for_each(|meta| seen(&meta.key));
        planner.take(listing.objects)?;
        for folder in &listing.prefixes {
            let ways = ask.way.as_ref().and_then(|way| way.enter(folder.as_str()));
            waiting.extend(planner.below(ways)?);
        }
        waiting.extend(listing.next.map(|next| Ask { cursor: Some(next), ..ask }));
    }
    planner.plan.objects = planner.found.into_values().collect();
    Ok(planner.plan)
}

/// One call to list.
struct Ask<'l> {
    prefix: Prefix,
    cursor: Option<Cursor>,
    /// The way that goes on in the folders found; `None` where objects are listed.
    way: Option<Walk<'l>>,
}

impl Ask<'_> {
    async fn list(self, store: &dyn ObjectStore) -> Result<(Self, Listing), StoreError> {
        let limit = NonZeroU16::new(MAX_PAGE)
            .ok_or_else(|| StoreError::new(StoreOperation::List, StoreErrorKind::Unexpected))?;
        let delimiter = self.way.is_some().then_some(Delimiter);
        let (prefix, cursor) = (self.prefix.clone(), self.cursor.clone());
        let mut listing = store.list(&ListOptions { prefix, delimiter, limit, cursor }).await?;
        if self.way.is_some() {
            // What lies beside the folders is of another layout.
            listing.objects.clear();
        }
        Ok((self, listing))
    }
}

struct Planner<'l> {
    range: TimeRange,
    layouts: &'l [Layout],
    limits: &'l PlanLimits,
    plan: ReadPlan,
    found: BTreeMap<ObjectKey, Candidate>,
}

impl<'l> Planner<'l> {
    /// What is asked first.
    fn first(&self, prefix: &'l Prefix) -> Result<Vec<Ask<'l>>, PlanError> {
        if self.layouts.is_empty() {
            return Ok(vec![Ask { prefix: prefix.clone(), cursor: None, way: None }]);
        }
        let walks = self.layouts.iter().flat_map(|layout| layout.walk(prefix.as_str(), self.range));
        self.below(walks)
    }

    /// What has to be asked to go on with some ways.
    fn below(&self, walks: impl IntoIterator<Item = Walk<'l>>) -> Result<Vec<Ask<'l>>, PlanError> {
        let most = usize::try_from(self.limits.list_calls).unwrap_or(usize::MAX);
        let mut asks = Vec::new();
        for walk in walks {
            for leaf in walk.descend(most).ok_or_else(|| self.too_many_calls())? {
                let (text, way) = match leaf {
                    Leaf::Objects(text) => (text, None),
                    Leaf::Folders(text, way) => (text, Some(way)),
                };
                // A prefix that no key can have finds nothing.
                if let Ok(prefix) = Prefix::parse(&text) {
                    asks.push(Ask { prefix, cursor: None, way });
                }
            }
        }
        Ok(asks)
    }

    fn count(&mut self) -> Result<(), PlanError> {
        if self.plan.list_calls >= self.limits.list_calls {
            return Err(self.too_many_calls());
        }
        self.plan.list_calls = self.plan.list_calls.saturating_add(1);
        Ok(())
    }

    fn too_many_calls(&self) -> PlanError {
        PlanError::TooLarge { limit: self.limits.list_calls, what: "calls to list objects" }
    }

    fn take(&mut self, objects: Vec<ObjectMeta>) -> Result<(), PlanError> {
        for meta in objects {
            if self.found.contains_key(&meta.key) {
                continue;
            }
            self.plan.listed = self.plan.listed.saturating_add(1);
            let Some(Window { earliest, end }) = self.window(&meta) else {
                self.plan.other_layout = self.plan.other_layout.saturating_add(1);
                continue;
            };
            if !(Window { earliest, end }).meets(self.range) || meta.size_bytes == 0 {
                self.plan.outside = self.plan.outside.saturating_add(1);
                continue;
            }
            if meta.archived {
                self.plan.archived = self.plan.archived.saturating_add(1);
                continue;
            }
            self.plan.bytes = self.plan.bytes.saturating_add(meta.size_bytes);
            self.found.insert(meta.key.clone(), Candidate { meta, earliest, latest: end });
            self.check()?;
        }
        Ok(())
    }

    /// The span of an object's records.
    fn window(&self, meta: &ObjectMeta) -> Option<Window> {
        if !self.layouts.is_empty() {
            return self.layouts.iter().find_map(|layout| layout.window(&meta.key));
        }
        // An object holds nothing that was written after it was.
        let end =
            meta.last_modified.map_or(RecordTime::MAX, |time| RecordTime::from(time).plus(CLOCKS_APART));
        Some(Window { earliest: RecordTime::MIN, end })
    }

    fn check(&self) -> Result<(), PlanError> {
        if self.found.len() > self.limits.objects {
            return Err(PlanError::TooLarge { limit: self.limits.objects as u64, what: "objects" });
        }
        if self.plan.bytes > self.limits.bytes {
            return Err(PlanError::TooLarge { limit: self.limits.bytes, what: "stored bytes" });
        }
        Ok(())
    }
}
