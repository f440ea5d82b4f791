//! What stands around matches.

use std::collections::VecDeque;

use crate::domain::record::RecordTime;
use crate::logs::redact::Redacted;

/// What is kept of the records before, and wanted of those behind.
#[derive(Debug, Default)]
pub struct Context {
    /// The records before.
    pub before: VecDeque<Kept>,
    /// How many behind are still wanted.
    pub after: usize,
    /// Whether any matched.
    pub hit: bool,
}

/// A record that is told if one behind it matches.
#[derive(Debug)]
pub struct Kept {
    /// As it may be seen.
    pub shown: Redacted<'static>,
    /// How long it is in its object.
    pub length: usize,
    /// Where it begins.
    pub offset: u64,
    /// Its own time, or the one that it inherits.
    pub time: Result<RecordTime, RecordTime>,
}
