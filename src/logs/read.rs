//! A search under way: opens objects when their time comes, and hands out their records in order.
//!
//! It works only while somebody asks for the next piece; dropping it stops every read. What is held is bounded: a few pieces
//! of each open object, and as many objects as have records of one time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::domain::bucket::Bucket;
use crate::domain::object::ObjectMeta;
use crate::domain::record::RecordTime;
use crate::logs::allowance::Allowance;
use crate::logs::found::{ScanOptions, ScanStats};
use crate::logs::mark::Mark;
use crate::logs::merge::{Merge, Order, RunId};
use crate::logs::object::{Account, Event, ObjectError, ObjectRead, Shared, Slice};
use crate::logs::threads::Threads;
use crate::provider::Store;

/// How far one search may go.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Objects that are fetched at once.
    pub connections: usize,
    /// Objects that are opened before their time has come.
    pub objects_ahead: usize,
    /// Objects that are open at once, because records of one time may lie in all of them.
    pub open_objects: usize,
    /// Pieces of an object that may be ahead of the merge.
    pub pieces_ahead: usize,
    /// Further pieces, for all objects together, that may wait because an object is not in order by itself.
    pub pieces_unordered: usize,
    /// How long it may take.
    pub wall_time: Duration,
}

/// About so many bytes go out at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Events that may wait to be taken in.
const EVENTS: usize = 256;

/// One object of the plan.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its bucket.
    pub bucket: Arc<Bucket>,
    /// The bucket's store.
    pub store: Store,
    /// The object.
    pub meta: ObjectMeta,
    /// The earliest record that it can hold (the latest, when descending).
    pub floor: RecordTime,
    /// How it is scanned.
    pub scan: Arc<ScanOptions>,
}

/// Why a search ended before all was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As many records as were asked for.
    Limit,
    /// It took too long.
    WallTime,
    /// Whoever asked has read as much as they may for now.
    Allowance,
    /// More objects have records of one time than may be open at once.
    OpenObjects,
}

/// An object that was not read, or not to its end.
#[derive(Debug)]
pub struct Failed {
    /// Its place in the plan.
    pub run: RunId,
    /// Why.
    pub error: ObjectError,
}

/// How far a search is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Objects that are read.
    pub objects: usize,
    /// What was read of all objects.
    pub stats: ScanStats,
}

/// How a search ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// How far it came.
    pub progress: Progress,
    /// Records that were told.
    pub records: u64,
    /// Why it ended early.
    pub cut: Option<Cut>,
    /// How far it came: the record told last, or a later time up to which nothing else was found.
    pub last: Option<Mark>,
    /// Objects with a failure.
    pub failed: Vec<Failed>,
    /// Records that came later than their place in the order.
    pub late: u64,
    /// What was read of each object that ended, where [`ReadOptions::accounts`] are wanted.
    pub accounts: Vec<Account>,
}

/// What a search tells next.
#[derive(Debug)]
pub enum Piece {
    /// Records, as [`ScanOptions`] had them written out.
    Records(Vec<u8>),
    /// How far it is.
    Progress(Progress),
    /// The end; nothing follows.
    End(Ending),
}

/// What to read, beside the plan.
#[derive(Debug)]
pub struct ReadOptions {
    /// Which way round.
    pub order: Order,
    /// How many records at most.
    pub limit: Option<u64>,
    /// Only what comes after this.
    pub after: Option<Mark>,
    /// How often to tell how far it is; `None` for never.
    pub progress_every: Option<Duration>,
    /// Whether each object's part in it is told at the end, with the digest of what was read.
    pub accounts: bool,
    /// Bounds.
    pub limits: Limits,
    /// The threads for computing, shared by all searches.
    pub threads: Arc<Threads>,
    /// What whoever asks may still read.
    pub allowance: Allowance,
}

/// A search under way.
#[derive(Debug)]
pub struct Reading {
    options: ReadOptions,
    deadline: Instant,
    next_progress: Instant,
    plan: Vec<Planned>,
    /// Objects that are not open yet, the last first.
    queue: Vec<RunId>,
    merge: Merge<Slice>,
    open: BTreeMap<RunId, Open>,
    shared: Shared,
    events: mpsc::Receiver<Event>,
    /// Owns the reads: dropped, it ends them.
    tasks: JoinSet<()>,
    /// Places given beyond [`Limits::pieces_ahead`].
    extra: usize,
    /// Whether an object waits for more than may be read.
    spent: bool,
    /// What was read of objects that ended.
    ended: ScanStats,
    /// `None` after the end was told.
    ending: Option<Ending>,
}

#[derive(Debug)]
struct Open {
    places: Arc<Semaphore>,
    stats: ScanStats,
    /// Whether it waits for a place.
    full: bool,
}

impl Reading {
    /// Begins. The plan is in order of bucket and key.
    #[must_use]
    pub fn start(plan: Vec<Planned>, options: ReadOptions) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let merge = Merge::new(options.order, plan.iter().map(|planned| planned.floor));
        let mut queue: Vec<RunId> = (0..).zip(&plan).map(|(run, _)| run).collect();
        queue.sort_by_key(|run| std::cmp::Reverse(merge.place(*run)));
        let now = Instant::now();
        let connections = Arc::new(Semaphore::new(options.limits.connections.max(1)));
        let (threads, allowance) = (Arc::clone(&options.threads), options.allowance.clone());
        let shared = Shared { threads, allowance, connections, events: sender };
        let ending = Ending { last: options.after, ..Ending::default() };
        Self {
            deadline: now + options.limits.wall_time,
            next_progress: now + options.progress_every.unwrap_or_default(),
            options,
            plan,
            queue,
            merge,
            open: BTreeMap::new(),
            shared,
            events,
            tasks: JoinSet::new(),
            extra: 0,
            spent: false,
            ended: ScanStats::default(),
            ending: Some(ending),
        }
    }

    /// What comes next; `None` after the end.
    pub async fn next(&mut self) -> Option<Piece> {
        let mut out = Vec::new();
        loop {
            while let Ok(event) = self.events.try_recv() {
                self.take(event);
            }
            let finished = self.tell(&mut out)?;
            if !out.is_empty() {
                return Some(Piece::Records(out));
            }
            if finished {
                return self.end();
            }
            if self.spent {
                self.cut(Cut::Allowance);
                continue;
            }
            self.open_more();
            if self.relieve() {
                // More can be told now, and nobody else would say so.
                continue;
            }
            if let Some(progress) = self.wait().await {
                return Some(Piece::Progress(progress));
            }
        }
    }

    /// Waits for something new. Gives what is to be told meanwhile.
    async fn wait(&mut self) -> Option<Progress> {
        let due = self.options.progress_every.map(|every| (self.next_progress, every));
        let until = due.map_or(self.deadline, |(next, _)| next.min(self.deadline));
        if let Ok(Some(event)) = timeout_at(until, self.events.recv()).await {
            self.take(event);
            return None;
        }
        let now = Instant::now();
        if now >= self.deadline {
            self.cut(Cut::WallTime);
            return None;
        }
        let (_, every) = due?;
        self.next_progress = now + every;
        Some(self.progress())
    }

    /// Writes out what is sure to come next. Tells whether nothing follows it; `None` when the end was told before.
    fn tell(&mut self, out: &mut Vec<u8>) -> Option<bool> {
        let ending = self.ending.as_mut()?;
        while ending.cut.is_none() && out.len() < PIECE_BYTES {
            let Some((run, entry)) = self.merge.pop() else { break };
            let mark = Mark { time: entry.time, run, offset: Some(entry.offset) };
            if self.options.after.is_some_and(|after| !mark.is_after(after, self.options.order)) {
                continue;
            }
            out.extend_from_slice(entry.item.bytes());
            ending.records = ending.records.saturating_add(u64::from(!entry.item.context));
            ending.last = Some(mark);
            if self.options.limit == Some(ending.records) && !self.merge.is_done() {
                ending.cut = Some(Cut::Limit);
            }
        }
        Some(ending.cut.is_some() || self.merge.is_done())
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Found { run, entries, floor, stats } => {
                let late =
                    entries.into_iter().filter_map(|entry| self.merge.push(run, entry).then_some(())).count();
                if let Some(ending) = &mut self.ending {
                    ending.late = ending.late.saturating_add(late as u64);
                }
                if let Some(floor) = floor {
                    self.merge.raise(run, floor);
                }
                if let Some(open) = self.open.get_mut(&run) {
                    (open.stats, open.full) = (stats, false);
                }
            }
            Event::Full { run } => {
                if let Some(open) = self.open.get_mut(&run) {
                    open.full = true;
                }
            }
            Event::Ended { run, stats, outcome: Err(ObjectError::Spent), .. } => {
                // It is not at its end, so what would come behind it stays where it is.
                self.open.remove(&run);
                self.ended = std::mem::take(&mut self.ended).plus(&stats);
                self.spent = true;
            }
            Event::Ended { run, stats, outcome, digest } => {
                self.merge.finish(run);
                self.open.remove(&run);
                self.ended = std::mem::take(&mut self.ended).plus(&stats);
                if let Some(ending) = &mut self.ending {
                    ending.accounts.extend(digest.map(|digest| Account {
                        run,
                        stored: stats.stored,
                        digest,
                    }));
                    ending.progress.objects = ending.progress.objects.saturating_add(1);
                    ending.failed.extend(outcome.err().map(|error| Failed { run, error }));
                }
            }
        }
    }

    /// Opens objects: some ahead of need, and all that the next record has to wait for.
    fn open_more(&mut self) {
        while let Some(run) = self.queue.last().copied() {
            let ahead = self.open.len() < self.options.limits.objects_ahead;
            if !ahead && !self.merge.waits_for(run) {
                return;
            }
            if self.open.len() >= self.options.limits.open_objects {
                if self.open.values().all(|open| open.full) {
                    self.cut(Cut::OpenObjects);
                }
                return;
            }
            self.queue.pop();
            self.open(run);
        }
    }

    fn open(&mut self, run: RunId) {
        let planned = usize::try_from(run).ok().and_then(|at| self.plan.get(at));
        let Some(planned) = planned else { return };
        let places = Arc::new(Semaphore::new(self.options.limits.pieces_ahead.max(1)));
        let object = ObjectRead {
            run,
            store: Arc::clone(&planned.store),
            meta: planned.meta.clone(),
            scan: Arc::clone(&planned.scan),
            order: self.options.order,
            places: Arc::clone(&places),
            digest: self.options.accounts,
        };
        self.tasks.spawn(object.run(self.shared.clone()));
        self.open.insert(run, Open { places, stats: ScanStats::default(), full: false });
    }

    /// Lets the object go on for which everything waits, when it has told as much as it may: it is not in order by itself.
    /// Tells whether what it told already may go out now.
    fn relieve(&mut self) -> bool {
        let Some(run) = self.merge.awaited() else { return false };
        let Some(open) = self.open.get_mut(&run) else { return false };
        if !open.full || open.places.available_permits() > 0 {
            return false;
        }
        if self.extra < self.options.limits.pieces_unordered {
            self.extra = self.extra.saturating_add(1);
            open.full = false;
            open.places.add_permits(1);
            return false;
        }
        let before = self.merge.place(run);
        self.merge.trust(run);
        self.merge.place(run) != before
    }

    fn cut(&mut self, why: Cut) {
        if let Some(ending) = &mut self.ending {
            ending.cut = ending.cut.or(Some(why));
        }
    }

    fn progress(&self) -> Progress {
        let stats = self.open.values().fold(self.ended.clone(), |sum, open| sum.plus(&open.stats));
        let objects = self.ending.as_ref().map_or(0, |ending| ending.progress.objects);
        Progress { objects, stats }
    }

    fn end(&mut self) -> Option<Piece> {
        let progress = self.progress();
        self.tasks.abort_all();
        let ending = self.ending.take()?;
        // Where little is found, the time that was reached is far beyond the record told last.
        let reached = self.merge.reached().filter(|_| ending.cut != Some(Cut::Limit));
        let reached = reached.map(|time| Mark::at(time, self.options.order));
        let last = match (ending.last, reached) {
            (Some(last), Some(reached)) if !reached.is_after(last, self.options.order) => Some(last),
            (last, reached) => reached.or(last),
        };
        Some(Piece::End(Ending { progress, last, ..ending }))
    }
}
