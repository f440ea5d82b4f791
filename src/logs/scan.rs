//! Finds the records of one object: takes its stored bytes, gives the records that match.
//!
//! Pure, and made to run on the threads for computing. Bytes that cannot match are passed over without being looked at as
//! records: only around a candidate of the filter a record is framed, tried, and its time read.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::domain::record::{Position, RecordTime};
use crate::logs::decode::{DecodeError, Decoder};
use crate::logs::format::{Format, HEAD_BYTES};
use crate::logs::found::{Found, Record, ScanOptions, ScanStats, Written};
use crate::logs::frame::{self, Around, ArrayFrames};
use crate::logs::redact::Redacted;
use crate::logs::redact::across::Across;
use crate::logs::scan::context::{Context, Kept};

mod context;
mod resume;

#[cfg(test)]
mod tests;

/// How far back the time of a record is looked for that tells none itself, in lines.
const LINES_BACK: usize = 16;

/// Scans one object.
#[derive(Debug)]
pub struct Scanner {
    options: Arc<ScanOptions>,
    decoder: Decoder,
    format: Option<Format>,
    array: ArrayFrames,
    /// Decoded bytes that are not done with; begins at a record.
    block: Vec<u8>,
    /// Where the block begins in the object.
    base: u64,
    /// Behind the last element of an array.
    elements_end: u64,
    /// What stands before this was told already.
    told: u64,
    /// The time of the last record before the block.
    last: RecordTime,
    /// The latest time seen.
    latest: RecordTime,
    /// Whether the rest of a record that is too long is passed over.
    skipping: bool,
    around: Context,
    /// What goes on from the lines before that is redacted.
    across: Across,
    stats: ScanStats,
}

impl Scanner {
    /// A scanner at an object's beginning.
    #[must_use]
    pub fn new(options: Arc<ScanOptions>) -> Self {
        Self {
            decoder: Decoder::new(options.decode),
            format: None,
            array: ArrayFrames::default(),
            block: Vec::new(),
            base: 0,
            elements_end: 0,
            told: options.told.as_ref().map_or(0, |told| told.load(Ordering::Relaxed)),
            last: options.fallback,
            latest: options.fallback,
            skipping: false,
            around: Context::default(),
            across: Across::default(),
            stats: ScanStats::default(),
            options,
        }
    }

    /// Takes the next stored bytes.
    ///
    /// # Errors
    /// [`DecodeError`]; what came before the damage was scanned.
    pub fn feed(&mut self, stored: &[u8], found: &mut Found) -> Result<(), DecodeError> {
        let mut input = stored;
        loop {
            let before = self.block.len();
            let outcome = self.decoder.decode(&mut input, &mut self.block);
            self.count(before);
            match outcome {
                Ok(false) => return Ok(()),
                Ok(true) => self.work(false, found),
                Err(error) => {
                    self.end_at_damage(found);
                    return Err(error);
                }
            }
        }
    }

    fn count(&mut self, before: usize) {
        let added = self.block.len().saturating_sub(before) as u64;
        self.stats.decoded = self.stats.decoded.saturating_add(added);
    }

    /// Scans what came before the damage, down to the last line that is whole; of an array, the elements that are.
    fn end_at_damage(&mut self, found: &mut Found) {
        let format = self.format.take().unwrap_or_else(|| self.detected());
        if !format.is_array() {
            let whole = memchr::memrchr(b'\n', &self.block).map_or(0, |newline| newline.saturating_add(1));
            self.block.truncate(whole);
        }
        self.format = Some(format);
        self.work(true, found);
    }

    fn detected(&self) -> Format {
        Format::of(&self.block, &self.options.format, self.options.newest)
    }

    /// Takes note that the object is at its end.
    ///
    /// # Errors
    /// [`DecodeError`] when it should not be.
    pub fn finish(&mut self, found: &mut Found) -> Result<(), DecodeError> {
        let before = self.block.len();
        let outcome = self.decoder.finish(&mut self.block);
        self.count(before);
        match outcome {
            Ok(()) if self.options.open_end => {
                self.end_at_damage(found);
                Ok(())
            }
            Ok(()) => {
                self.work(true, found);
                Ok(())
            }
            Err(error) => {
                self.end_at_damage(found);
                Err(error)
            }
        }
    }

    /// Nothing earlier than this comes any more; `None` while that cannot be said.
    #[must_use]
    pub fn floor(&self) -> Option<RecordTime> {
        let nanos = self.latest.unix_nanos().saturating_sub(self.options.disorder_nanos);
        (!self.options.unordered).then(|| RecordTime::from_unix_nanos(nanos))
    }

    /// Whether the one record that was wanted is told, with those around it.
    #[must_use]
    pub fn is_content(&self) -> bool {
        self.options.at.is_some() && self.around.hit && self.around.after == 0
    }

    /// What was read so far, without the stored bytes, which it does not know.
    #[must_use]
    pub fn stats(&self) -> ScanStats {
        self.stats.clone()
    }

    fn work(&mut self, end: bool, found: &mut Found) {
        let format = match self.format.take() {
            Some(format) => format,
            None if self.block.len() >= HEAD_BYTES || end => self.detected(),
            None => return,
        };
        let block = std::mem::take(&mut self.block);
        let done = if format.is_array() {
            self.array(&block, &format, found)
        } else if self.options.context == (0, 0) && self.options.at.is_none() {
            self.lines(&block, &format, end, found)
        } else {
            self.every_line(&block, &format, end, found)
        };
        self.block = block;
        let done = self.shorten(done, &format, found);
        self.block.drain(..done);
        self.base = self.base.saturating_add(done as u64);
        self.array.dropped(done);
        if let Some(told) = &self.options.told {
            let reached = if format.is_array() { self.elements_end } else { self.base };
            told.fetch_max(reached, Ordering::Relaxed);
        }
        self.format = Some(format);
    }

    /// Scans a block of lines, from candidate to candidate. Gives how much of it is done.
    fn lines(&mut self, block: &[u8], format: &Format, end: bool, found: &mut Found) -> usize {
        let mut from = self.skip(block);
        let options = Arc::clone(&self.options);
        let mut told = from;
        while let Some(at) = options.matcher.candidate(block, from).filter(|at| *at < block.len()) {
            let (frame, next) = match frame::around(block, from, at, end, format) {
                Around::Whole(frame, next) => (frame, next),
                Around::Open(start) => {
                    self.pass(block, told, start, format);
                    return start;
                }
            };
            from = next;
            let line = block.get(frame.clone()).unwrap_or_default();
            let shown = options.shown(line, &mut self.across);
            if options.matcher.matches(&shown.bytes, format) {
                let time = self.time_at(block, told, frame.start, format);
                self.tell((&shown, line.len()), frame.start, time, (format, false), found);
                told = frame.start;
            }
        }
        let done = if end { block.len() } else { frame::last_start(block, from, format) };
        self.pass(block, told, done, format);
        done
    }

    /// Scans each line of a block, because those around a match are wanted too.
    fn every_line(&mut self, block: &[u8], format: &Format, end: bool, found: &mut Found) -> usize {
        let mut from = self.skip(block);
        while from < block.len() {
            let Around::Whole(frame, next) = frame::around(block, from, from, end, format) else {
                return from;
            };
            let line = block.get(frame.clone()).unwrap_or_default();
            self.each(line, frame.start, format, found);
            from = next;
        }
        from
    }

    /// Scans the objects of an array.
    fn array(&mut self, block: &[u8], format: &Format, found: &mut Found) -> usize {
        while let Some(frame) = self.array.next(block) {
            self.elements_end = self.base.saturating_add(frame.end as u64);
            let line = block.get(frame.clone()).unwrap_or_default();
            if self.options.context != (0, 0) || self.options.at.is_some() {
                self.each(line, frame.start, format, found);
            } else if self.options.matcher.candidate(line, 0).is_some() {
                let options = Arc::clone(&self.options);
                let shown = options.shown(line, &mut self.across);
                if self.options.matcher.matches(&shown.bytes, format) {
                    let time = format.time(line).ok_or(self.last);
                    self.tell((&shown, line.len()), frame.start, time, (format, false), found);
                }
            }
        }
        self.array.needed_from()
    }

    /// Tries one record, and tells it and those around it.
    fn each(&mut self, line: &[u8], start: usize, format: &Format, found: &mut Found) {
        let time = format.time(line).ok_or(self.last);
        let offset = self.base.saturating_add(start as u64);
        let (before, after) = self.options.context;
        let options = Arc::clone(&self.options);
        let shown = options.shown(line, &mut self.across);
        let length = line.len();
        let hit = match self.options.at {
            Some(at) => offset <= at && at < offset.saturating_add(length.max(1) as u64),
            None => self.options.matcher.matches(&shown.bytes, format) && self.wants(time),
        };
        if hit {
            for kept in std::mem::take(&mut self.around.before) {
                self.write((&kept.shown, kept.length), kept.offset, kept.time, (format, true), found);
            }
            self.write((&shown, length), offset, time, (format, false), found);
            (self.around.after, self.around.hit) = (after, true);
        } else if self.around.after > 0 {
            self.around.after = self.around.after.saturating_sub(1);
            self.write((&shown, length), offset, time, (format, true), found);
        } else if before > 0 {
            if self.around.before.len() >= before {
                self.around.before.pop_front();
            }
            let shown = Redacted { bytes: Cow::Owned(shown.bytes.into_owned()), counts: shown.counts };
            self.around.before.push_back(Kept { shown, length, offset, time });
        }
        self.last = time.unwrap_or_else(|inherited| inherited);
        self.latest = self.latest.max(self.last);
    }

    /// The time of a record: its own, else that of the last before it that tells one.
    fn time_at(
        &self,
        block: &[u8],
        from: usize,
        start: usize,
        format: &Format,
    ) -> Result<RecordTime, RecordTime> {
        let line = |start: usize| block.get(start..).unwrap_or_default();
        if let Some(time) = format.time(first_line(line(start))) {
            return Ok(time);
        }
        let before = std::iter::successors(frame::line_before(block, from, start), |start| {
            frame::line_before(block, from, *start)
        });
        let inherited = before.take(LINES_BACK).find_map(|start| format.time(first_line(line(start))));
        Err(inherited.unwrap_or(self.last))
    }

    /// Takes note of the time of the last record of what is done.
    fn pass(&mut self, block: &[u8], from: usize, done: usize, format: &Format) {
        let Some(last) = frame::line_before(block, from, done) else { return };
        let time = self.time_at(block.get(..done).unwrap_or(block), from, last, format);
        self.last = time.unwrap_or_else(|inherited| inherited);
        self.latest = self.latest.max(self.last);
    }

    fn wants(&self, time: Result<RecordTime, RecordTime>) -> bool {
        let time = time.unwrap_or_else(|inherited| inherited);
        self.options.from <= time && time < self.options.to
    }

    fn tell(
        &mut self,
        line: (&Redacted<'_>, usize),
        start: usize,
        time: Result<RecordTime, RecordTime>,
        how: (&Format, bool),
        found: &mut Found,
    ) {
        if self.wants(time) {
            let offset = self.base.saturating_add(start as u64);
            self.write(line, offset, time, how, found);
        }
        self.last = time.unwrap_or_else(|inherited| inherited);
        self.latest = self.latest.max(self.last);
    }

    /// Writes a record out: as it may be seen, and how long it is in its object.
    fn write(
        &mut self,
        (shown, length): (&Redacted<'_>, usize),
        offset: u64,
        time: Result<RecordTime, RecordTime>,
        (format, context): (&Format, bool),
        found: &mut Found,
    ) {
        if offset < self.told {
            return;
        }
        let start = found.bytes.len();
        let position = Position { offset, length: length as u64 };
        let line = &*shown.bytes;
        let ordered = time.unwrap_or_else(|inherited| inherited);
        let record = Record { time: time.ok(), ordered, position, line, format, context };
        (self.options.write)(&record, &mut found.bytes);
        self.stats.redacted.take_in(&shown.counts);
        if found.bytes.len() == start {
            return;
        }
        let time = self.options.at.map_or(ordered, |_| self.options.fallback);
        found.records.push(Written { time, offset, start, end: found.bytes.len(), context });
    }

    /// Passes over the rest of a record that is too long.
    fn skip(&mut self, block: &[u8]) -> usize {
        if !self.skipping {
            return 0;
        }
        match memchr::memchr(b'\n', block) {
            Some(newline) => {
                self.skipping = false;
                newline.saturating_add(1)
            }
            None => block.len(),
        }
    }

    /// Cuts a record that is too long to be waited for. Gives how much of the block is done.
    fn shorten(&mut self, done: usize, format: &Format, found: &mut Found) -> usize {
        let rest = Range { start: done, end: done.saturating_add(self.options.record_bytes) };
        if self.block.len() <= rest.end {
            return done.min(self.block.len());
        }
        self.stats.oversize = self.stats.oversize.saturating_add(1);
        if format.is_array() {
            self.array.give_up();
        } else {
            let head = self.block.get(rest).map(<[u8]>::to_vec).unwrap_or_default();
            if self.options.at.is_some() {
                self.each(&head, done, format, found);
            } else {
                let options = Arc::clone(&self.options);
                let shown = options.shown_beginning(&head);
                if self.options.matcher.matches(&shown.bytes, format) {
                    let time = format.time(&head).ok_or(self.last);
                    self.tell((&shown, head.len()), done, time, (format, false), found);
                }
            }
            self.skipping = true;
        }
        self.block.len()
    }
}

/// A record's first line: that is where its time stands.
fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.get(..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())).unwrap_or(bytes)
}
