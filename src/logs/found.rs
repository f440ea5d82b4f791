//! The words of scanning: what is asked of an object, and what is found in it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::domain::record::{Position, RecordTime};
use crate::logs::decode;
use crate::logs::filter::Matcher;
use crate::logs::format::Format;
use crate::logs::format::options::FormatOptions;
use crate::logs::redact::across::Across;
use crate::logs::redact::counts::Counts;
use crate::logs::redact::{Redacted, Redactor};

/// A record that was found.
#[derive(Debug, Clone, Copy)]
pub struct Record<'r> {
    /// When it was written, as it says itself.
    pub time: Option<RecordTime>,
    /// The time by which it is ordered: its own, else that of the last record before it that tells one.
    pub ordered: RecordTime,
    /// Where it stands.
    pub position: Position,
    /// Its bytes, as they may be seen.
    pub line: &'r [u8],
    /// What they mean.
    pub format: &'r Format,
    /// Whether it only stands next to one that matches.
    pub context: bool,
}

/// Writes a record out for whoever asked. A record of which nothing is written is not told, and takes no place.
pub type Write = dyn Fn(&Record<'_>, &mut Vec<u8>) + Send + Sync;

/// How an object is scanned.
#[derive(Clone)]
pub struct ScanOptions {
    /// What is wanted.
    pub matcher: Arc<Matcher>,
    /// What is known of the format.
    pub format: Arc<FormatOptions>,
    /// The newest time that a timestamp without a year can be.
    pub newest: RecordTime,
    /// The earliest time that is wanted.
    pub from: RecordTime,
    /// The first time that is not wanted any more.
    pub to: RecordTime,
    /// The time of records before the first that tells one.
    pub fallback: RecordTime,
    /// How far, in nanoseconds, records may stand behind later ones.
    pub disorder_nanos: i64,
    /// Whether records stand in no order at all.
    pub unordered: bool,
    /// Only the record that stands at this offset is wanted, whatever it says and of whichever time it is, and those around it;
    /// in the order in which they stand there.
    pub at: Option<u64>,
    /// Up to which byte the object was told earlier; counted on. What stands before is told no more.
    pub told: Option<Arc<AtomicU64>>,
    /// Whether a last line without an end is left for later, since it may go on.
    pub open_end: bool,
    /// Records to tell before and after each that matches.
    pub context: (usize, usize),
    /// The longest record, in bytes; the rest of a longer one is left out.
    pub record_bytes: usize,
    /// How many bytes may be held back to be put in order.
    pub held_bytes: usize,
    /// How many records are asked for at most.
    pub limit: Option<u64>,
    /// Takes away what whoever asked may not see; records are tried as they may be seen, so that no filter finds out the rest.
    pub redactor: Option<Arc<Redactor>>,
    /// How far the object may grow.
    pub decode: decode::Limits,
    /// Writes records out.
    pub write: Arc<Write>,
}

impl ScanOptions {
    /// A record as it may be seen.
    pub fn shown<'r>(&self, line: &'r [u8], across: &mut Across) -> Redacted<'r> {
        let untouched = || Redacted::untouched(line);
        self.redactor.as_ref().map_or_else(untouched, |redactor| redactor.redact_next(line, across))
    }

    /// A record as it may be seen of which only the beginning is known.
    pub fn shown_beginning<'r>(&self, line: &'r [u8]) -> Redacted<'r> {
        let untouched = || Redacted::untouched(line);
        self.redactor.as_ref().map_or_else(untouched, |redactor| redactor.too_long())
    }
}

impl fmt::Debug for ScanOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScanOptions").field("format", &self.format).finish_non_exhaustive()
    }
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Stored bytes.
    pub stored: u64,
    /// Decoded bytes.
    pub decoded: u64,
    /// Records that were cut because they are too long.
    pub oversize: u64,
    /// Places that were redacted in what was told, by rule.
    pub redacted: Counts,
}

impl ScanStats {
    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.redacted.take_in(&other.redacted);
        Self {
            stored: self.stored.saturating_add(other.stored),
            decoded: self.decoded.saturating_add(other.decoded),
            oversize: self.oversize.saturating_add(other.oversize),
            redacted: self.redacted,
        }
    }
}

/// A record that was written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The time by which it is ordered.
    pub time: RecordTime,
    /// Where it begins in the object.
    pub offset: u64,
    /// Where its text begins in [`Found::bytes`].
    pub start: usize,
    /// Where its text ends.
    pub end: usize,
    /// Whether it only stands next to one that matches.
    pub context: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The records, written out one after the other.
    pub bytes: Vec<u8>,
    /// Where each stands.
    pub records: Vec<Written>,
}

impl Found {
    /// Takes over the records of another, in their order.
    pub fn append(&mut self, other: &Self) {
        for record in &other.records {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(other.bytes.get(record.start..record.end).unwrap_or_default());
            self.records.push(Written { start, end: self.bytes.len(), ..*record });
        }
    }
}
