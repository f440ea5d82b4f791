//! Following buckets: what came since somebody looked last.
//!
//! Objects are looked for again and again where the newest lie. One that was not there is read whole; one that has changed is told
//! from where it was told up to, since logs grow at their end. A mark says how far somebody is, so that they can go on at another
//! server: nothing is kept here for anybody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::bucket::{BucketId, Provider};
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::domain::time::Timestamp;
use crate::service::find::{Found, Plan};

/// Objects that were written within this time before the newest are named in a mark; older ones count as told.
const MARKED: Duration = Duration::from_mins(2);

/// The most objects that a mark names.
const MAX_MARKED: usize = 512;

/// How far somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowMark {
    /// When the newest object that they know was written.
    pub newest: Timestamp,
    /// Objects of about that time, by numbers made of their names, and up to which byte they were told.
    pub told: Vec<(u64, u64)>,
}

/// One person's way through the news.
#[derive(Debug, Default)]
pub struct Follow {
    seen: BTreeMap<(BucketId, ObjectKey), Seen>,
    newest: Option<Timestamp>,
}

#[derive(Debug)]
struct Seen {
    /// What it was when it was read last; `None` when that failed.
    meta: Option<ObjectMeta>,
    told: Arc<AtomicU64>,
    /// Whether its last line was told, although it has no end.
    settled: bool,
}

impl Follow {
    /// Begins now, or where a mark says: what is there already counts as told, as far as the mark does not say otherwise.
    #[must_use]
    pub fn begin(plan: &Plan, mark: Option<&FollowMark>) -> Self {
        let mut follow = Self { seen: BTreeMap::new(), newest: mark.map(|mark| mark.newest) };
        for Found { bucket, candidate, .. } in &plan.objects {
            let meta = &candidate.meta;
            // A document of Azure's grows before the two brackets at its end.
            let end = if bucket.provider == Provider::Azure { 2 } else { 0 };
            let there = meta.size_bytes.saturating_sub(end);
            let told = mark.map_or(Some(there), |mark| mark.told_of(&bucket.id, meta));
            // What the mark does not know is news.
            let Some(told) = told else { continue };
            // How far a marked object was told is known, but not whether it has grown since.
            let meta = mark.is_none_or(|mark| mark.is_past(&candidate.meta)).then(|| candidate.meta.clone());
            let seen = Seen { meta, told: Arc::new(AtomicU64::new(told)), settled: false };
            follow.seen.insert((bucket.id.clone(), candidate.meta.key.clone()), seen);
            follow.newest = follow.newest.max(candidate.meta.last_modified);
        }
        follow
    }

    /// What of a plan is to be read now.
    #[must_use]
    pub fn news(&mut self, plan: &Plan) -> Plan {
        let mut before = std::mem::take(&mut self.seen);
        let mut objects = Vec::new();
        for found in &plan.objects {
            let meta = &found.candidate.meta;
            let name = (found.bucket.id.clone(), meta.key.clone());
            let seen = before.remove(&name);
            let (same, told, settled) = match &seen {
                None => (false, Arc::default(), false),
                Some(seen) => (seen.meta.as_ref() == Some(meta), Arc::clone(&seen.told), seen.settled),
            };
            let shrank = |before: &ObjectMeta| meta.size_bytes < before.size_bytes;
            if seen.as_ref().and_then(|seen| seen.meta.as_ref()).is_some_and(shrank) {
                // It was written anew, as by a rotation that copies and truncates.
                told.store(0, Ordering::Relaxed);
            }
            let grows = matches!(found.bucket.provider, Provider::Azure | Provider::File);
            // A line without an end may go on; when the object stays as it is, that was its end.
            let wanted = !same || (grows && !settled && told.load(Ordering::Relaxed) < meta.size_bytes);
            if wanted {
                let open_end = grows && !same;
                objects.push(Found { open_end, told: Some(Arc::clone(&told)), ..found.clone() });
            }
            let settled = same;
            self.newest = self.newest.max(meta.last_modified);
            self.seen.insert(name, Seen { meta: Some(meta.clone()), told, settled });
        }
        Plan { objects, ..Plan::default() }
    }

    /// An object was not read to its end: it is tried again.
    pub fn failed(&mut self, found: &Found) {
        if let Some(seen) = self.seen.get_mut(&(found.bucket.id.clone(), found.candidate.meta.key.clone())) {
            seen.meta = None;
        }
    }

    /// How far they are.
    #[must_use]
    pub fn mark(&self) -> FollowMark {
        let newest = self.newest.unwrap_or(Timestamp::from_unix_seconds(0));
        let since = newest.minus(MARKED);
        let recent = self.seen.iter().filter(|(_, seen)| {
            seen.meta.as_ref().is_none_or(|meta| meta.last_modified.is_none_or(|time| time >= since))
        });
        let told =
            recent.map(|((bucket, key), seen)| (number(bucket, key), seen.told.load(Ordering::Relaxed)));
        FollowMark { newest, told: told.take(MAX_MARKED).collect() }
    }
}

impl FollowMark {
    /// Up to which byte an object was told; `None` when nobody knows it.
    fn told_of(&self, bucket: &BucketId, meta: &ObjectMeta) -> Option<u64> {
        let own = number(bucket, &meta.key);
        let marked = self.told.iter().find(|(number, _)| *number == own).map(|(_, told)| *told);
        marked.or_else(|| self.is_past(meta).then_some(meta.size_bytes))
    }

    /// Whether an object is older than what is marked.
    fn is_past(&self, meta: &ObjectMeta) -> bool {
        meta.last_modified.is_some_and(|time| time < self.newest.minus(MARKED))
    }
}

/// A number for a name, the same everywhere: FNV-1a with 64 bits.
fn number(bucket: &BucketId, key: &ObjectKey) -> u64 {
    let name = bucket.as_str().bytes().chain([b'/']).chain(key.as_str().bytes());
    name.fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
