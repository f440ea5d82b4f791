//! Counting over time: how many records each stretch of a span has, by the values of a field.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::domain::record::RecordTime;
use crate::domain::time_range::TimeRange;

/// The fewest bars that can be asked for at most.
pub const MIN_BARS: usize = 10;

/// The most bars that a histogram has.
pub const MAX_BARS: usize = 1000;

/// Values that are counted by themselves while records come in; records of further ones are counted together.
const MAX_VALUES: usize = 1000;

/// The longest value that is counted by itself, in bytes.
const MAX_VALUE_BYTES: usize = 256;

/// How many values are told by themselves: the most frequent.
const TOLD_VALUES: usize = 20;

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// All time that records can have are six of them.
const CENTURY: i64 = 36_500 * DAY;

/// Widths that people think in, in nanoseconds.
const WIDTHS: [i64; 21] = [
    MILLISECOND,
    10 * MILLISECOND,
    100 * MILLISECOND,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    30 * DAY,
    365 * DAY,
    3_650 * DAY,
    CENTURY,
];

/// A span cut into stretches of the same width, which begin at round times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bars {
    first: i64,
    width: i64,
    count: usize,
}

impl Bars {
    /// As many as there can be, up to `most` (at least [`MIN_BARS`]), of a width that people think in.
    #[must_use]
    pub fn over(range: TimeRange, most: usize) -> Self {
        let (from, last) = (range.from().unix_nanos(), range.to().unix_nanos().saturating_sub(1));
        let count = |width: i64| {
            let count = last.div_euclid(width).saturating_sub(from.div_euclid(width)).saturating_add(1);
            usize::try_from(count).unwrap_or(usize::MAX)
        };
        let width = WIDTHS.into_iter().find(|width| count(*width) <= most).unwrap_or(CENTURY);
        Self { first: from.div_euclid(width), width, count: count(width) }
    }

    /// The width of each, in nanoseconds.
    #[must_use]
    pub const fn width_nanos(self) -> i64 {
        self.width
    }

    /// Where each begins.
    pub fn starts(self) -> impl Iterator<Item = RecordTime> {
        let start = move |bar: i64| self.first.saturating_add(bar).saturating_mul(self.width);
        (0..).map(start).map(RecordTime::from_unix_nanos).take(self.count)
    }

    fn of(self, time: RecordTime) -> Option<usize> {
        let bar = time.unix_nanos().div_euclid(self.width).checked_sub(self.first)?;
        usize::try_from(bar).ok().filter(|bar| *bar < self.count)
    }
}

/// What one bar holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bar {
    /// Its records.
    pub count: u64,
    /// Its records by the most frequent values of the field.
    pub by: BTreeMap<String, u64>,
    /// Its records with another value.
    pub other: u64,
    /// Its records without the field.
    pub without: u64,
}

/// Counts under way. Taken in from several threads.
#[derive(Debug)]
pub struct Tally {
    bars: Bars,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    bars: Vec<Raw>,
    values: HashMap<String, u32>,
}

#[derive(Debug, Clone, Default)]
struct Raw {
    count: u64,
    by: HashMap<u32, u64>,
    other: u64,
    without: u64,
}

/// What is known of the field that is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'v> {
    /// Nobody asks.
    NotAsked,
    /// The record does not have it.
    Absent,
    /// Its text.
    Is(&'v str),
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(bars: Bars) -> Self {
        let counts = Counts { bars: vec![Raw::default(); bars.count], values: HashMap::new() };
        Self { bars, counts: Mutex::new(counts) }
    }

    /// Counts a record.
    pub fn add(&self, time: RecordTime, value: Value<'_>) {
        let mut guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { bars, values } = &mut *guard;
        let Some(bar) = self.bars.of(time).and_then(|bar| bars.get_mut(bar)) else { return };
        bar.count = bar.count.saturating_add(1);
        let count = match value {
            Value::NotAsked => return,
            Value::Absent => &mut bar.without,
            Value::Is(text) => match number_of(values, text) {
                Some(number) => bar.by.entry(number).or_default(),
                None => &mut bar.other,
            },
        };
        *count = count.saturating_add(1);
    }

    /// What was counted, bar by bar.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let total = |number: u32| guard.bars.iter().filter_map(|bar| bar.by.get(&number)).sum::<u64>();
        let mut values: Vec<(u64, &String, u32)> =
            guard.values.iter().map(|(text, number)| (total(*number), text, *number)).collect();
        values.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
        let (told, rest) = values.split_at(values.len().min(TOLD_VALUES));
        let bar = |raw: &Raw| Bar {
            count: raw.count,
            by: told
                .iter()
                .filter_map(|(_, text, number)| Some(((*text).clone(), *raw.by.get(number)?)))
                .collect(),
            other: raw.other.saturating_add(rest.iter().filter_map(|(.., number)| raw.by.get(number)).sum()),
            without: raw.without,
        };
        guard.bars.iter().map(bar).collect()
    }
}

fn number_of(values: &mut HashMap<String, u32>, text: &str) -> Option<u32> {
    if let Some(number) = values.get(text) {
        return Some(*number);
    }
    let number = u32::try_from(values.len()).ok()?;
    let room = values.len() < MAX_VALUES && text.len() <= MAX_VALUE_BYTES;
    room.then(|| values.insert(text.to_owned(), number)).map(|_| number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(from: &str, to: &str) -> TimeRange {
        TimeRange::new(RecordTime::parse(from).unwrap(), RecordTime::parse(to).unwrap()).unwrap()
    }

    #[test]
    fn bars_have_widths_that_people_think_in_and_begin_at_round_times() {
        let bars = Bars::over(range("2026-11-23T14:07:12Z", "2026-11-23T16:00:00Z"), 60);
        assert_eq!(bars.width_nanos(), 5 * MINUTE);
        let starts: Vec<String> = bars.starts().map(|start| start.to_string()).collect();
        assert_eq!(starts.first().unwrap(), "2026-11-23T14:05:00Z");
        assert_eq!(starts.last().unwrap(), "2026-11-23T15:55:00Z");
    }

    #[test]
    fn the_most_frequent_values_stand_by_themselves() {
        let tally = Tally::new(Bars::over(range("2026-11-23T14:00:00Z", "2026-11-23T15:00:00Z"), 10));
        let time = RecordTime::parse("2026-11-23T14:10:00Z").unwrap();
        for value in 0..2000_u32 {
            for _ in 0..=u32::from(value < 5) {
                tally.add(time, Value::Is(&value.to_string()));
            }
        }
        tally.add(time, Value::Absent);
        let bars = tally.bars();
        assert_eq!(bars.iter().map(|bar| bar.count).collect::<Vec<_>>(), [0, 2006, 0, 0, 0, 0]);
        let bar = &bars[1];
        assert_eq!((bar.by.len(), bar.by["0"], bar.without), (20, 2, 1));
        assert_eq!(bar.by.values().sum::<u64>() + bar.other + bar.without, bar.count);
    }

    proptest! {
        #[test]
        fn every_time_of_the_span_has_its_bar(from: i64, length in 1_i64.., most in MIN_BARS..=MAX_BARS, part in 0.0..1.0_f64) {
            let range = TimeRange::new(
                RecordTime::from_unix_nanos(from), RecordTime::from_unix_nanos(from.saturating_add(length)),
            );
            let Ok(range) = range else { return Ok(()) };
            let bars = Bars::over(range, most);
            prop_assert!(bars.count <= most && bars.count > 0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any time within will do")]
            let inside = from.saturating_add((length as f64 * part) as i64).min(range.to().unix_nanos() - 1);
            let tally = Tally::new(bars);
            tally.add(RecordTime::from_unix_nanos(inside), Value::NotAsked);
            tally.add(range.from(), Value::NotAsked);
            prop_assert_eq!(tally.bars().iter().map(|bar| bar.count).sum::<u64>(), 2);
        }
    }
}
