//! Many runs of records, one for each object, become one in order of time; ties go by object, then by place in it.
//!
//! Pure. A run tells up to which time nothing more can come of it (its floor), so a record goes out as soon as no run can
//! bring an earlier one: nobody waits for objects whose time has not come.

use std::collections::{BTreeSet, VecDeque};

use crate::domain::record::RecordTime;

/// In which order records come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first: exactly the other way round.
    Descending,
}

/// What a run brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// When the record was written.
    pub time: RecordTime,
    /// Where it begins in its object.
    pub offset: u64,
    /// The record.
    pub item: T,
}

/// Which run: its place in the order of objects.
pub type RunId = u32;

/// Time, run and offset as numbers that sort in the order of the merge.
type Key = (i64, u32);

#[derive(Debug)]
struct Run<T> {
    /// In order of time and offset.
    waiting: VecDeque<Entry<T>>,
    /// `None` once nothing more comes.
    floor: Option<i64>,
}

/// The merge of some runs.
#[derive(Debug)]
pub struct Merge<T> {
    order: Order,
    runs: Vec<Run<T>>,
    heads: BTreeSet<Key>,
    floors: BTreeSet<Key>,
}

impl<T> Merge<T> {
    /// A merge of runs whose floors are known: for each the earliest time (the latest, when descending) that it can bring.
    pub fn new(order: Order, floors: impl IntoIterator<Item = RecordTime>) -> Self {
        let mut merge = Self { order, runs: Vec::new(), heads: BTreeSet::new(), floors: BTreeSet::new() };
        for (run, floor) in (0..).zip(floors) {
            let floor = merge.by_time(floor);
            merge.runs.push(Run { waiting: VecDeque::new(), floor: Some(floor) });
            merge.floors.insert((floor, merge.by_run(run)));
        }
        merge
    }

    /// Takes an entry of a run. Tells whether it came too late to be in order: below what the run had promised.
    pub fn push(&mut self, id: RunId, entry: Entry<T>) -> bool {
        let (order, rank) = (self.order, self.by_run(id));
        let Some(run) = self.run(id) else { return false };
        let time = by_time(order, entry.time);
        let late = run.floor.is_none_or(|floor| time < floor);
        let place = |entry: &Entry<T>| (by_time(order, entry.time), by_offset(order, entry.offset));
        let own = place(&entry);
        // Entries come nearly in order: the place is at the end or close to it.
        let behind = run.waiting.iter().rev().take_while(|waiting| place(waiting) > own).count();
        let at = run.waiting.len().saturating_sub(behind);
        let before = run.waiting.front().map(|head| by_time(order, head.time));
        run.waiting.insert(at, entry);
        if at == 0 {
            if let Some(before) = before {
                self.heads.remove(&(before, rank));
            }
            self.heads.insert((time, rank));
        }
        late
    }

    /// Nothing before this time comes of the run any more. A floor never goes back.
    pub fn raise(&mut self, id: RunId, floor: RecordTime) {
        let (floor, rank) = (self.by_time(floor), self.by_run(id));
        let Some(Run { floor: Some(known), .. }) = self.run(id) else { return };
        if *known < floor {
            let before = std::mem::replace(known, floor);
            self.floors.remove(&(before, rank));
            self.floors.insert((floor, rank));
        }
    }

    /// Nothing at all comes of the run any more.
    pub fn finish(&mut self, id: RunId) {
        let rank = self.by_run(id);
        let floor = self.run(id).and_then(|run| run.floor.take());
        if let Some(floor) = floor {
            self.floors.remove(&(floor, rank));
        }
    }

    /// The next entry, if it is sure that it is the next.
    pub fn pop(&mut self) -> Option<(RunId, Entry<T>)> {
        let head = *self.heads.first()?;
        if self.floors.first().is_some_and(|floor| head > *floor) {
            return None;
        }
        self.heads.pop_first();
        let (order, id) = (self.order, self.by_run(head.1));
        let run = self.run(id)?;
        let entry = run.waiting.pop_front()?;
        if let Some(next) = run.waiting.front().map(|next| by_time(order, next.time)) {
            self.heads.insert((next, head.1));
        }
        Some((id, entry))
    }

    /// The run on which everything waits: the one that can bring the earliest.
    #[must_use]
    pub fn awaited(&self) -> Option<RunId> {
        self.floors.first().map(|(_, rank)| self.by_run(*rank))
    }

    /// Whether an entry that is there cannot go out before more is known of the run.
    #[must_use]
    pub fn waits_for(&self, id: RunId) -> bool {
        let floor = self.place(id);
        let before_it = self.heads.first().is_some_and(|head| *head < floor);
        !before_it && (self.awaited() == Some(id) || !self.heads.is_empty())
    }

    /// The run's floor as it sorts among all.
    #[must_use]
    pub fn place(&self, id: RunId) -> (i64, u32) {
        let run = usize::try_from(id).ok().and_then(|at| self.runs.get(at));
        (run.and_then(|run| run.floor).unwrap_or(i64::MAX), self.by_run(id))
    }

    /// Takes a run to be in order from here on: its next entry may go out.
    pub fn trust(&mut self, id: RunId) {
        let next = self.run(id).and_then(|run| run.waiting.front()).map(|head| head.time);
        if let Some(next) = next {
            self.raise(id, next);
        }
    }

    /// The time that was reached: nothing earlier comes any more (nothing later, when descending). `None` when nothing comes at all.
    #[must_use]
    pub fn reached(&self) -> Option<RecordTime> {
        let (head, floor) = (self.heads.first(), self.floors.first());
        let first = head.into_iter().chain(floor).map(|(time, _)| *time).min();
        first.map(|time| RecordTime::from_unix_nanos(self.turned(time)))
    }

    /// Whether everything came and went.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.floors.is_empty() && self.heads.is_empty()
    }

    fn run(&mut self, id: RunId) -> Option<&mut Run<T>> {
        self.runs.get_mut(usize::try_from(id).ok()?)
    }

    const fn by_time(&self, time: RecordTime) -> i64 {
        self.turned(time.unix_nanos())
    }

    /// Turning twice gives the number back.
    const fn turned(&self, number: i64) -> i64 {
        match self.order {
            Order::Ascending => number,
            Order::Descending => !number,
        }
    }

    const fn by_run(&self, run: RunId) -> u32 {
        match self.order {
            Order::Ascending => run,
            Order::Descending => !run,
        }
    }
}

const fn by_time(order: Order, time: RecordTime) -> i64 {
    match order {
        Order::Ascending => time.unix_nanos(),
        Order::Descending => !time.unix_nanos(),
    }
}

const fn by_offset(order: Order, offset: u64) -> u64 {
    match order {
        Order::Ascending => offset,
        Order::Descending => !offset,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(nanos: i64) -> RecordTime {
        RecordTime::from_unix_nanos(nanos)
    }

    fn entry(time: i64, offset: u64) -> Entry<()> {
        Entry { time: at(time), offset, item: () }
    }

    fn drain(merge: &mut Merge<()>) -> Vec<(i64, RunId, u64)> {
        let mut out = Vec::new();
        while let Some((run, entry)) = merge.pop() {
            out.push((entry.time.unix_nanos(), run, entry.offset));
        }
        out
    }

    #[test]
    fn nothing_goes_out_while_another_run_can_still_bring_something_earlier() {
        let mut merge = Merge::new(Order::Ascending, [at(0), at(0), at(100)]);
        merge.push(0, entry(5, 0));
        assert_eq!(merge.pop(), None);
        assert_eq!(merge.awaited(), Some(0));
        merge.raise(0, at(5));
        assert_eq!(merge.awaited(), Some(1));
        merge.raise(1, at(6));
        assert_eq!(drain(&mut merge), [(5, 0, 0)]);
        merge.push(1, entry(7, 0));
        merge.finish(0);
        merge.finish(1);
        assert_eq!(drain(&mut merge), [(7, 1, 0)], "the third begins later");
        merge.finish(2);
        assert!(merge.is_done());
    }

    #[test]
    fn a_run_that_breaks_its_promise_is_told_and_loses_nothing() {
        let mut merge = Merge::new(Order::Ascending, [at(0)]);
        merge.raise(0, at(10));
        assert!(merge.push(0, entry(9, 0)));
        assert!(!merge.push(0, entry(10, 1)));
        assert_eq!(drain(&mut merge), [(9, 0, 0), (10, 0, 1)]);
    }

    proptest! {
        #[test]
        fn runs_in_any_interleaving_come_out_sorted_and_the_other_way_round_when_descending(
            runs in prop::collection::vec(prop::collection::vec(0_i64..20, 0..12), 1..6),
            turns in prop::collection::vec(0_usize..6, 0..60),
        ) {
            for order in [Order::Ascending, Order::Descending] {
                let mut runs: Vec<VecDeque<(i64, u64)>> =
                    runs.iter().map(|run| run.iter().copied().zip(0..).collect()).collect();
                for run in &mut runs {
                    run.make_contiguous().sort_unstable();
                    if order == Order::Descending {
                        run.make_contiguous().reverse();
                    }
                }
                let mut wanted: Vec<_> = (0..).zip(&runs)
                    .flat_map(|(id, run)| run.iter().map(move |(time, offset)| (*time, id, *offset)))
                    .collect();
                wanted.sort_unstable();
                if order == Order::Descending {
                    wanted.reverse();
                }
                let least = if order == Order::Ascending { at(i64::MIN) } else { at(i64::MAX) };
                let mut merge = Merge::new(order, runs.iter().map(|_| least));
                let mut out = Vec::new();
                let all = 0..runs.len() * 13;
                for turn in turns.iter().copied().chain(all) {
                    let at_run = turn % runs.len();
                    let id = RunId::try_from(at_run).unwrap();
                    match runs[at_run].pop_front() {
                        Some((time, offset)) => {
                            prop_assert!(!merge.push(id, entry(time, offset)));
                            merge.raise(id, at(time));
                        }
                        None => merge.finish(id),
                    }
                    out.extend(drain(&mut merge));
                }
                prop_assert_eq!(&out, &wanted);
                prop_assert!(merge.is_done());
            }
        }
    }
}
