//! A span of time.

use crate::domain::record::RecordTime;

/// From a time up to, but without, a later one. It cannot be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    from: RecordTime,
    to: RecordTime,
}

/// The end does not come after the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the end has to come after the beginning")]
pub struct EmptyRange;

impl TimeRange {
    /// From one time up to another.
    ///
    /// # Errors
    /// [`EmptyRange`] when nothing lies between them.
    pub fn new(from: RecordTime, to: RecordTime) -> Result<Self, EmptyRange> {
        if from < to { Ok(Self { from, to }) } else { Err(EmptyRange) }
    }

    /// The first time that is in it.
    #[must_use]
    pub const fn from(self) -> RecordTime {
        self.from
    }

    /// The first time behind it.
    #[must_use]
    pub const fn to(self) -> RecordTime {
        self.to
    }
}
